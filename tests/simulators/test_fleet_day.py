"""A morning of gateways, step by step: what they show is what the world planned."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from homeroute_analytics.legs import instant_ms
from homeroute_simulators import truth
from homeroute_simulators.course import Course
from homeroute_simulators.gateway import BusGateway
from homeroute_simulators.gpsd import Fix, Receiver
from homeroute_simulators.itinerary import school_days
from homeroute_simulators.link import Link
from homeroute_simulators.logbook import Logbook
from homeroute_simulators.planned_drive import PlannedDrive
from homeroute_simulators.radio import Radio
from homeroute_simulators.truth_facts import Facts
from homeroute_simulators.wifi import SSID
from homeroute_simulators.world import World, world

STEP_MS = 10_000


@dataclass(slots=True)
class Seen:
    """What the gateways showed: fixes in degrees by device, and what they told the truth."""

    fixes: dict[str, list[Fix]] = field(default_factory=lambda: defaultdict(list))
    records: list[truth.Record] = field(default_factory=list)

    def drives(self) -> list[truth.Drive]:
        return [record for record in self.records if isinstance(record, truth.Drive)]


class Noting(Receiver):
    """A receiver that keeps what it reports."""

    def __init__(self, fixes: list[Fix]) -> None:
        super().__init__()
        self._fixes = fixes

    def report(self, fix: Fix | None) -> None:
        if fix is not None:
            self._fixes.append(fix)
        super().report(fix)


def morning(
    folder: Path, place: World, day: date, devices: Iterable[str], hours: tuple[float, float]
) -> Seen:
    """Those buses' gateways, moved in steps of 10 s between these hours of a day."""
    start_ms, end_ms = (
        instant_ms(day, round(hour * 3600), ZoneInfo(place.district.timezone)) for hour in hours
    )
    wanted, seen = set(devices), Seen()
    drives = school_days(place, start_ms, end_ms)

    async def story() -> None:
        with truth.Recorder(folder / "truth.gz") as recorder:
            recorder.run(seed=7, version="0", district="d", timezone="UTC", made_by="fleet")
            for bus in place.district.buses:
                if bus.device not in wanted:
                    continue
                home = place.district.routes[0].shape
                course = Course(bus, drives.get(bus.device, ()), Radio(place.district), home)
                facts = Facts(recorder, bus.device, SSID, start_ms)
                own = folder / bus.device
                own.mkdir()
                gateway = BusGateway(
                    course,
                    own,
                    Link("127.0.0.1", 1),
                    random.Random(1),
                    district=place.district,
                    at_ms=start_ms,
                    facts=facts,
                )
                gateway.receiver = Noting(seen.fixes[bus.device])
                await gateway.open()
                book = Logbook(recorder, course, start_ms)
                for at_ms in range(start_ms + STEP_MS, end_ms + 1, STEP_MS):
                    gateway.advance(at_ms, STEP_MS / 1000)
                    book.note(at_ms)
                book.close(end_ms)
                facts.power_off(end_ms)
                await gateway.close()

    asyncio.run(story())
    seen.records = list(truth.read(folder / "truth.gz"))
    return seen


def expected(planned: PlannedDrive) -> truth.Drive:
    return truth.Drive(
        device=planned.bus.device,
        trip=planned.trip.name,
        route=planned.trip.route.label,
        start_ms=planned.depart_ms,
        end_ms=planned.arrive_ms,
    )


@pytest.fixture(scope="module")
def ours() -> World:
    return world(7)


@pytest.fixture(scope="module")
def swapped(ours: World) -> PlannedDrive:
    """A morning drive of a substitute."""
    drives = (d for day in ours.calendar.days() for d in ours.drives(day))
    return next(d for d in drives if d.substitute and d.trip.period == "AM")


@pytest.mark.slow
def test_a_mornings_truth_is_the_planned_drives_and_its_fixes_lie_on_their_roads(
    tmp_path: Path, ours: World, swapped: PlannedDrive
) -> None:
    day, devices = swapped.day, {swapped.bus.device, swapped.trip.bus.device}
    seen = morning(tmp_path, ours, day, devices, (6.5, 9.5))
    planned = [d for d in ours.drives(day) if d.bus.device in devices and d.trip.period == "AM"]
    assert any(d.trip.name == swapped.trip.name for d in planned)
    wanted = [expected(d) for d in planned]
    assert sorted(seen.drives(), key=str) == sorted(wanted, key=str)

    for drive in planned:
        during = [
            fix
            for fix in seen.fixes[drive.bus.device]
            if drive.depart_ms <= fix.time.timestamp() * 1000 < drive.arrive_ms
        ]
        assert len(during) >= (drive.arrive_ms - drive.depart_ms) // STEP_MS - 1
        for fix in during:
            there = drive.at(round(fix.time.timestamp() * 1000))
            east_m, north_m = ours.district.projection.metres(fix.lat, fix.lon)
            assert np.hypot(east_m - there.east_m, north_m - there.north_m) < 12.0
            assert abs(fix.speed_mps - there.speed_mps) < 1.0


def test_those_aboard_are_those_whose_stay_was_planned(tmp_path: Path, ours: World) -> None:
    day = date(2026, 11, 16)
    device = ours.drives(day)[0].bus.device
    seen = morning(tmp_path, ours, day, [device], (6.5, 7.75))
    end_ms = instant_ms(day, round(7.75 * 3600), ZoneInfo(ours.district.timezone))
    stays = sorted(
        (stay.client.mac, stay.came_ms, stay.went_ms)
        for drive in ours.drives(day)
        if drive.bus.device == device and drive.depart_ms < end_ms
        for stay in drive.stays
    )
    told = sorted(
        (r.client, r.start_ms, r.end_ms) for r in seen.records if isinstance(r, truth.Session)
    )
    assert len(told) == len(stays) > 5
    for (mac, came_ms, went_ms), (client, start_ms, ended_ms) in zip(stays, told, strict=True):
        assert client == mac
        assert 0 <= start_ms - came_ms < STEP_MS
        assert 0 <= ended_ms - went_ms < STEP_MS


def test_a_drive_that_the_run_begins_or_ends_in_is_told_as_far_as_it_was_in_it(
    tmp_path: Path, ours: World
) -> None:
    day = date(2026, 11, 16)
    drive = ours.drives(day)[0]
    midnight_ms = instant_ms(day, 0, ZoneInfo(ours.district.timezone))
    begin_h, end_h = (
        ((drive.depart_ms + minutes * 60_000) // 1000 * 1000 - midnight_ms) / 3_600_000
        for minutes in (3, 6)
    )
    seen = morning(tmp_path, ours, day, [drive.bus.device], (begin_h, end_h))
    (told,) = seen.drives()
    assert told.trip == drive.trip.name
    assert drive.depart_ms < told.start_ms < told.end_ms < drive.arrive_ms
    assert told.end_ms - told.start_ms == 180_000


def test_on_a_holiday_nothing_drives_and_nobody_is_aboard(tmp_path: Path, ours: World) -> None:
    device = ours.district.buses[0].device
    seen = morning(tmp_path, ours, date(2026, 11, 26), [device], (6.5, 9.0))
    kinds = {record.WHAT for record in seen.records}
    assert kinds == {"run", "uplink", "minute", "end"}
    assert all(r.active == 0 for r in seen.records if isinstance(r, truth.Minute))
    assert max(fix.speed_mps for fix in seen.fixes[device]) < 1.0
