"""Coverage against a model that walks second by second."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import UTC, date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeroute_analytics import legs
from homeroute_analytics.coverage import Cell, Coverage, by_route_hour, movement
from homeroute_analytics.hours import local_hours
from homeroute_analytics.legs import Leg
from tests.analytics.rows import MemoryArchive

CHICAGO = ZoneInfo("America/Chicago")
DAY = date(2026, 9, 14)
STATES = {0: "no_service", 1: "connected", 2: "usable"}


def leg(device: str, route: str, trip: str, start: int, end: int, period: str = "AM") -> Leg:
    return Leg(device, DAY, route, trip, period, start * 1000, end * 1000)  # type: ignore[arg-type]


def at(hour: int, minute: int = 0, second: int = 0) -> int:
    """Seconds since 1970 of a Chicago wall clock on the test's day."""
    return int(datetime(2026, 9, 14, hour, minute, second, tzinfo=CHICAGO).timestamp())


def coverage(
    archive: MemoryArchive,
    rows: list[Leg],
    start: int,
    end: int,
    timezone: str = "America/Chicago",
    period: str | None = None,
) -> Coverage:
    async def run() -> Coverage:
        legs.put(archive.db, rows)
        return await by_route_hour(
            archive.query,
            start_ms=start * 1000,
            end_ms=end * 1000,
            timezone=timezone,
            period=period,
        )

    return asyncio.run(run())


def steady(start: int, end: int, state: int = 2, every: int = 10) -> dict[int, int]:
    return dict.fromkeys(range(start, end, every), state)


def test_a_trip_sampled_throughout_is_fully_reported_and_usable() -> None:
    archive = MemoryArchive()
    archive.uplink("bus-1", steady(at(7, 30), at(8, 30)))
    result = coverage(archive, [leg("bus-1", "4", "t1", at(7, 30), at(8, 30))], at(0), at(23))
    assert [(c.route, c.hour, c.usable_s, c.reported_share) for c in result.cells] == [
        ("4", 7, 1800.0, 1.0),
        ("4", 8, 1800.0, 1.0),
    ]
    assert (result.total.trips, result.total.days, result.total.samples) == (1, 1, 360)
    assert result.unassigned.reported_s == 0


def test_silence_is_unreported_and_neither_good_nor_bad() -> None:
    archive = MemoryArchive()
    archive.uplink("bus-1", steady(at(7), at(7, 15)) | steady(at(7, 45), at(8), state=0))
    (cell,) = coverage(archive, [leg("bus-1", "4", "t", at(7), at(8))], at(0), at(23)).cells
    assert (cell.usable_s, cell.no_service_s, cell.unreported_s) == (900.0, 900.0, 1800.0)
    assert (cell.usable_share, cell.reported_share) == (0.5, 0.5)


def test_the_last_sample_before_silence_is_worth_what_the_one_before_it_was() -> None:
    archive = MemoryArchive()
    archive.uplink("bus-1", steady(at(7), at(7, 1), every=1))
    (cell,) = coverage(archive, [leg("bus-1", "4", "t", at(7), at(8))], at(0), at(23)).cells
    assert cell.reported_s == 60.0


def test_a_lone_sample_is_worth_the_cadence() -> None:
    archive = MemoryArchive()
    archive.uplink("bus-1", {at(7): 1})
    (cell,) = coverage(archive, [leg("bus-1", "4", "t", at(7), at(8))], at(0), at(23)).cells
    assert (cell.connected_s, cell.usable_s, cell.samples) == (10.0, 0.0, 1)


def test_a_leg_without_a_sample_is_scheduled_and_has_no_share() -> None:
    (cell,) = coverage(MemoryArchive(), [leg("bus-1", "4", "t", at(7), at(8))], at(0), at(23)).cells
    assert (cell.scheduled_s, cell.reported_share, cell.usable_share) == (3600.0, 0.0, None)
    assert (cell.trips, cell.trips_scheduled, cell.days) == (0, 1, 0)


def test_time_on_no_leg_is_unassigned_and_visible() -> None:
    archive = MemoryArchive()
    archive.uplink("bus-1", steady(at(6), at(9)))
    archive.uplink("bus-9", steady(at(12), at(12, 30), state=0))
    result = coverage(archive, [leg("bus-1", "4", "t", at(7), at(8))], at(0), at(23))
    assert (result.unassigned.usable_s, result.unassigned.no_service_s) == (7200.0, 1800.0)
    assert (result.unassigned.scheduled_s, result.unassigned.reported_share) == (0.0, None)
    assert result.total.usable_s == 3600.0


def test_overlapping_legs_count_each_second_once_for_the_later_start() -> None:
    archive = MemoryArchive()
    archive.uplink("bus-1", steady(at(7), at(8)))
    overlapping = [
        leg("bus-1", "4", "t1", at(7), at(7, 40)),
        leg("bus-1", "5", "t2", at(7, 30), at(8)),
    ]
    result = coverage(archive, overlapping, at(0), at(23))
    assert {c.route: c.usable_s for c in result.routes} == {"4": 1800.0, "5": 1800.0}
    assert result.total.scheduled_s == 3600.0


def test_a_leg_that_starts_before_the_range_is_clipped() -> None:
    archive = MemoryArchive()
    archive.uplink("bus-1", steady(at(7), at(8)))
    result = coverage(archive, [leg("bus-1", "4", "t", at(7), at(8))], at(7, 30), at(7, 45))
    assert (result.total.usable_s, result.total.scheduled_s) == (900.0, 900.0)
    assert result.unassigned.reported_s == 0


def test_a_hotspot_is_never_counted_among_buses() -> None:
    archive = MemoryArchive()
    archive.uplink("home-1", steady(at(7), at(8)), kind="hotspot")
    result = coverage(archive, [], at(0), at(23))
    assert result.unassigned == Cell(None, None)


def test_a_period_keeps_only_its_legs_and_does_not_turn_the_others_into_unassigned() -> None:
    archive = MemoryArchive()
    archive.uplink("bus-1", steady(at(7), at(8)) | steady(at(15), at(16), state=0))
    rows = [
        leg("bus-1", "4", "am", at(7), at(8), "AM"),
        leg("bus-1", "4", "pm", at(15), at(16), "PM"),
    ]
    result = coverage(archive, rows, at(0), at(23), period="AM")
    assert [c.hour for c in result.cells] == [7]
    assert result.total.usable_share == 1.0
    assert result.unassigned.reported_s == 0


def test_routes_come_worst_first_and_those_without_data_last() -> None:
    archive = MemoryArchive()
    archive.uplink("bus-1", steady(at(7), at(8)))
    archive.uplink("bus-2", steady(at(7), at(8), state=1))
    rows = [
        leg(f"bus-{n}", route, f"t{n}", at(7), at(8))
        for n, route in ((1, "good"), (2, "bad"), (3, "dark"))
    ]
    result = coverage(archive, rows, at(0), at(23))
    assert [c.route for c in result.routes] == ["bad", "good", "dark"]


def test_the_hour_that_happens_twice_counts_both_times() -> None:
    start = int(datetime(2026, 11, 1, 0, tzinfo=CHICAGO).timestamp())
    archive = MemoryArchive()
    archive.uplink("bus-1", steady(start, start + 4 * 3600))
    result = coverage(
        archive, [leg("bus-1", "4", "t", start, start + 4 * 3600)], start, start + 5 * 3600
    )
    assert {c.hour: c.usable_s for c in result.cells} == {0: 3600.0, 1: 7200.0, 2: 3600.0}


def test_the_hour_that_never_happens_is_not_there() -> None:
    start = int(datetime(2026, 3, 8, 1, tzinfo=CHICAGO).timestamp())
    archive = MemoryArchive()
    archive.uplink("bus-1", steady(start, start + 2 * 3600))
    result = coverage(archive, [leg("bus-1", "4", "t", start, start + 7200)], start, start + 9000)
    assert {c.hour: c.usable_s for c in result.cells} == {1: 3600.0, 3: 3600.0}


def test_moving_on_no_leg_is_told_apart_from_standing_there() -> None:
    archive = MemoryArchive()
    archive.position("bus-1", dict.fromkeys(range(at(7), at(8), 10), 9.0))
    archive.position("bus-1", dict.fromkeys(range(at(9), at(10), 10), 0.3))
    archive.position("bus-1", dict.fromkeys(range(at(11), at(11, 30), 10), 9.0))
    legs.put(archive.db, [leg("bus-1", "4", "t", at(7), at(8))])
    moved = asyncio.run(movement(archive.query, start_ms=at(0) * 1000, end_ms=at(23) * 1000))
    assert (moved.moving_s, moved.unassigned_s) == (5400.0, 1800.0)
    assert moved.unassigned_share == pytest.approx(1 / 3)


def test_nothing_at_all_is_an_empty_answer() -> None:
    assert coverage(MemoryArchive(), [], at(0), at(1)) == Coverage(
        (), (), Cell(None, None), Cell(None, None)
    )


ZONES = ("America/Chicago", "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns", "UTC")
# The hours around three changes of the clocks, and an ordinary day.
BASES = (1772956800, 1793512800, 1775300400, 1789365600)


@st.composite
def districts(
    draw: st.DrawFn,
) -> tuple[int, int, str, dict[str, dict[int, int]], list[Leg]]:
    base = draw(st.sampled_from(BASES)) - 1800
    length = 7200
    samples = {}
    rows = []
    for device in ("bus-1", "bus-2"):
        steps = draw(st.lists(st.sampled_from((1, 2, 9, 10, 11, 14, 15, 16, 40, 700)), max_size=40))
        times = [base - 40 + draw(st.integers(0, 60))]
        for step in steps:
            times.append(times[-1] + step)
        states = draw(st.lists(st.integers(0, 2), min_size=len(times), max_size=len(times)))
        samples[device] = dict(zip(times, states, strict=True))
        for number in range(draw(st.integers(0, 3))):
            start = base + draw(st.integers(-600, length))
            end = start + draw(st.sampled_from((3, 20, 300, 2400)))
            route = draw(st.sampled_from(("4", "5")))
            rows.append(leg(device, route, f"{device}-{number}", start, end))
    start = base + draw(st.integers(-20, 900))
    end = start + draw(st.integers(1, length))
    return start, end, draw(st.sampled_from(ZONES)), samples, rows


def second_by_second(
    start: int, end: int, timezone: str, samples: dict[str, dict[int, int]], rows: list[Leg]
) -> dict[tuple[str | None, int], dict[str, int]]:
    """Walk every second of every device; the naive reading of coverage's docstring."""
    zone = ZoneInfo(timezone)
    sums: dict[tuple[str | None, int], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for device, known in samples.items():
        times = sorted(known)
        worth = {}
        befores = {b: b - a for a, b in pairwise(times)}
        afters = {a: b - a for a, b in pairwise(times)}
        for t in times:
            after, before = afters.get(t, 99), befores.get(t, 99)
            worth[t] = after if after <= 15 else before if before <= 15 else 10
        for second in range(start, end):
            on = [r for r in rows if r.device == device]
            on.sort(key=lambda r: (r.start_ms, r.trip))
            started = [r for r in on if r.start_ms <= second * 1000]
            now = started[-1] if started and second * 1000 < started[-1].end_ms else None
            hour = datetime.fromtimestamp(second, UTC).astimezone(zone).hour
            cell = sums[now.route if now else None, hour]
            if now:
                cell["scheduled"] += 1
            if second in known:
                cell["samples"] += 1
            last = max((t for t in times if t <= second), default=None)
            if last is not None and second < last + worth[last]:
                cell[STATES[known[last]]] += 1
    return sums


@pytest.mark.slow
@settings(max_examples=80)
@given(districts())
def test_coverage_agrees_with_walking_second_by_second(
    district: tuple[int, int, str, dict[str, dict[int, int]], list[Leg]],
) -> None:
    start, end, timezone, samples, rows = district
    archive = MemoryArchive()
    for device, known in samples.items():
        archive.uplink(device, known)
    result = coverage(archive, rows, start, end, timezone)
    expected = second_by_second(start, end, timezone, samples, rows)
    routes = {key: cell for key, cell in expected.items() if key[0] is not None}
    assert {
        (c.route, c.hour): (c.usable_s, c.connected_s, c.no_service_s, c.scheduled_s, c.samples)
        for c in result.cells
    } == {
        key: tuple(
            cell[name] for name in ("usable", "connected", "no_service", "scheduled", "samples")
        )
        for key, cell in routes.items()
    }
    outside = [cell for key, cell in expected.items() if key[0] is None]
    assert result.unassigned.usable_s == sum(c["usable"] for c in outside)
    assert result.unassigned.no_service_s == sum(c["no_service"] for c in outside)
    assert result.total.reported_s == sum(
        cell[name] for cell in routes.values() for name in STATES.values()
    )


@given(
    st.sampled_from(ZONES),
    st.sampled_from(BASES),
    st.integers(-100_000, 100_000),
    st.integers(0, 200_000),
)
def test_local_hours_cover_a_range_without_gap_or_overlap(
    timezone: str, base: int, shift: int, length: int
) -> None:
    start = (base + shift) * 1000
    hours = local_hours(start, start + length, timezone)
    edges = [h.start_ms for h in hours] + [start + length]
    assert edges[0] == start
    assert all(h.end_ms == after for h, after in zip(hours, edges[1:], strict=True))
    for hour in hours:
        for instant in (hour.start_ms, hour.end_ms - 1):
            local = datetime.fromtimestamp(instant / 1000, UTC).astimezone(ZoneInfo(timezone))
            assert local.hour == hour.hour
