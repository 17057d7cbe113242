"""The past: planned alike for the same seed, true to the wire, and not too clean."""

from __future__ import annotations

from collections import Counter
from datetime import date
from itertools import pairwise

import pytest

from homeroute_simulators import history
from homeroute_simulators.district import District
from homeroute_simulators.history import PastDrive
from homeroute_simulators.history_sending import Sent
from homeroute_simulators.radio import Radio
from homeroute_simulators.school_calendar import EveryWeekday
from homeroute_simulators.world import World, found
from homeroute_wire.batch import RawBatch, decode
from homeroute_wire.measurements import FROM_DEVICES

TODAY = date(2026, 11, 18)
DAYS = history.school_days(TODAY, 10)


def anew(seed: int = 7) -> World:
    return World(found(seed), EveryWeekday(DAYS[0]))


@pytest.fixture(scope="module")
def world() -> World:
    return anew()


@pytest.fixture(scope="module")
def district(world: World) -> District:
    return world.district


@pytest.fixture(scope="module")
def plan(world: World) -> list[PastDrive]:
    return history.plan(world, DAYS)


def batches(district: District, past: PastDrive) -> list[Sent]:
    return history.batches(past, Radio(district), definition="0123456789ab", version="0.1.0")


def decoded(district: District, past: PastDrive) -> list[RawBatch]:
    return [decode(sent.payload) for sent in batches(district, past)]


def test_school_days_are_the_last_weekdays_before_today() -> None:
    assert len(DAYS) == 10
    assert max(DAYS) < TODAY
    assert all(day.weekday() < 5 for day in DAYS)
    assert sorted(set(DAYS)) == DAYS


def test_the_same_seed_and_days_give_the_same_plan_and_the_same_bytes(
    district: District, plan: list[PastDrive]
) -> None:
    assert history.plan(anew(), DAYS) == plan
    assert batches(found(7), plan[5]) == batches(district, plan[5])


def test_a_day_is_the_same_whichever_days_are_asked_for_with_it(
    world: World, plan: list[PastDrive]
) -> None:
    alone = history.plan(world, [DAYS[3]])
    assert sorted(map(repr, alone)) == sorted(repr(p) for p in plan if p.planned.day == DAYS[3])


def test_two_weeks_hold_a_substitute_a_gateway_that_was_off_a_dark_agent_and_late_batches(
    district: District, plan: list[PastDrive]
) -> None:
    planned = [past.planned for past in plan]
    assert sum(not one.excursion for one in planned) == 10 * len(district.trips)
    assert any(one.substitute for one in planned)
    assert any(past.heard == 0.0 for past in plan)
    assert any(0.0 < past.heard < 1.0 for past in plan)
    assert [past.late for past in plan] == sorted(past.late for past in plan)
    assert any(past.late for past in plan)


@pytest.mark.parametrize("seed", range(12))
def test_whatever_the_weeks_one_wednesday_has_a_substitute(seed: int) -> None:
    days = history.school_days(date.fromordinal(TODAY.toordinal() + 31 * seed), 10)
    plan = history.plan(anew(seed), days)
    assert {past.planned.substitute for past in plan} == {True, False}


def test_no_bus_is_on_two_drives_at_once(plan: list[PastDrive]) -> None:
    drives = sorted((p.planned for p in plan), key=lambda p: (p.bus.device, p.depart_ms))
    for before, after in pairwise(drives):
        if before.bus.device == after.bus.device:
            assert before.arrive_ms < after.depart_ms


def test_every_stream_is_known_beforehand_and_used_once(
    world: World, plan: list[PastDrive]
) -> None:
    streams = Counter(past.stream(world.district.seed) for past in plan)
    assert max(streams.values()) == 1
    assert set(streams) < history.streams(world, DAYS)


def test_a_drive_tells_every_measurement_a_bus_samples(
    district: District, plan: list[PastDrive]
) -> None:
    past = next(past for past in plan if past.heard == 1.0)
    seen = {name for raw in decoded(district, past) for name in raw.measurements}
    expected = {name for name, spec in FROM_DEVICES.items() if "bus" in spec.kinds}
    assert seen == expected - {"filter_check"}


def test_times_increase_strictly_within_every_series(
    district: District, plan: list[PastDrive]
) -> None:
    for past in plan[:24]:
        last: dict[tuple[object, ...], int] = {}
        for raw in decoded(district, past):
            for name, columns in raw.measurements.items():
                tags = [column.name for column in FROM_DEVICES[name].tags]
                for row, time_ms in enumerate(columns.times_ms):
                    series = (name, *(columns.values[tag][row] for tag in tags))
                    assert time_ms > last.get(series, 0)
                    last[series] = time_ms


def test_counts_agree_with_one_another(district: District, plan: list[PastDrive]) -> None:
    raw = decoded(district, plan[0])
    for batch in raw:
        wifi = batch.measurements["wifi"].values
        for clients, peak, randomized in zip(
            wifi["clients"], wifi["clients_peak"], wifi["randomized"], strict=True
        ):
            assert randomized <= clients <= peak
        activity = batch.measurements["activity"].values
        strict, default, loose, active = (
            activity[name]
            for name in (
                "learning_clients_strict",
                "learning_clients",
                "learning_clients_loose",
                "active_clients",
            )
        )
        for row in zip(strict, default, loose, active, strict=True):
            assert list(row) == sorted(row)
    associated = sum(sum(b.measurements["wifi"].values["associated"]) for b in raw)
    sessions = {c for b in raw for c in b.measurements.get("session", EMPTY).values["client"]}
    assert associated == len(sessions) == len(plan[0].planned.stays)


def test_a_hollow_is_dark_on_every_pass(district: District, plan: list[PastDrive]) -> None:
    drives = [past for past in plan if past.planned.trip.route.number == "12" and past.heard == 1.0]
    for past in drives[:8]:
        states = [
            state
            for raw in decoded(district, past)
            for state in raw.measurements["uplink"].values["state"]
        ]
        assert 0 in states
        assert states.count(2) > 0.6 * len(states)


def test_an_agent_that_went_dark_tells_less_and_a_gateway_that_was_off_nothing(
    district: District, plan: list[PastDrive]
) -> None:
    off = next(past for past in plan if past.heard == 0.0)
    assert batches(district, off) == []
    dark = next(past for past in plan if 0.0 < past.heard < 1.0)
    last_ms = max(t for raw in decoded(district, dark) for t in raw.measurements["uplink"].times_ms)
    assert last_ms < dark.planned.arrive_ms


def test_hotspots_publish_daily_totals_and_nothing_else(district: District) -> None:
    for hotspot in district.hotspots:
        sent = history.hotspot_batches(district, hotspot, DAYS)
        assert len(sent) == 10
        for batch in map(decode, (s.payload for s in sent)):
            assert batch.kind == "hotspot"
            assert set(batch.measurements) == {"usage"}


class _Empty:
    values: dict[str, list[int]] = {"client": []}  # noqa: RUF012 - never written


EMPTY = _Empty()
