"""A bus's way through its days: the planned drives, and nothing made up between them."""

from __future__ import annotations

from datetime import date
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from homeroute_analytics.legs import instant_ms
from homeroute_simulators.course import EMPTY_MPS, Course
from homeroute_simulators.district import Bus
from homeroute_simulators.itinerary import SOON, endless, last_driven, school_days
from homeroute_simulators.planned_drive import PlannedDrive
from homeroute_simulators.radio import SERVICE_FLOOR_DBM, Radio
from homeroute_simulators.reception import receive
from homeroute_simulators.school_calendar import EveryWeekday
from homeroute_simulators.world import World, found, world

DAY = date(2026, 11, 18)
DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def ours() -> World:
    return world(7, buses=40)


def at(place: World, day: date, hours: float) -> int:
    return instant_ms(day, round(hours * 3600), ZoneInfo(place.district.timezone))


def whole_day(place: World, day: date) -> dict[str, list[PlannedDrive]]:
    return school_days(place, at(place, day, 0), at(place, day, 24))


def course(place: World, bus: Bus, drives: list[PlannedDrive]) -> Course:
    return Course(bus, drives, Radio(place.district), place.district.routes[0].shape)


def busiest(drives: dict[str, list[PlannedDrive]], day: date = DAY) -> list[PlannedDrive]:
    """The drives of the bus with the most of them that day."""
    own = ([one for one in each if one.day == day] for each in drives.values())
    return max(own, key=len)


def test_a_day_of_the_fleet_is_the_worlds_day(ours: World) -> None:
    planned = [d for own in whole_day(ours, DAY).values() for d in own if d.day == DAY]
    assert sorted(d.name for d in planned) == sorted(d.name for d in ours.drives(DAY))
    assert {d.bus.device for d in planned} == {bus.device for bus in ours.district.buses}


def test_a_range_over_midnight_has_both_days_and_ends_where_it_ends(ours: World) -> None:
    friday = date(2026, 11, 20)
    monday_morning = school_days(ours, at(ours, friday, 14), at(ours, friday, 24 * 3 + 8))
    days = {d.day for own in monday_morning.values() for d in own}
    assert days == {date(2026, 11, 19), friday, date(2026, 11, 23)}
    for own in monday_morning.values():
        assert [d.depart_ms for d in own] == sorted(d.depart_ms for d in own)
        assert all(d.depart_ms < at(ours, friday, 24 * 3 + 8) + 60_000 for d in own)


def test_nothing_drives_on_a_holiday_and_a_bus_stands_where_it_ended(ours: World) -> None:
    thanksgiving = date(2026, 11, 26)
    start_ms, end_ms = at(ours, thanksgiving, 0), at(ours, thanksgiving, 24)
    drives = school_days(ours, start_ms, end_ms)
    assert not [d for own in drives.values() for d in own if d.arrive_ms > start_ms]
    alone = course(ours, ours.district.buses[0], [])
    for time_ms in range(start_ms, end_ms, 3_600_000):
        assert alone.driving(time_ms) is None
        assert alone.moment(time_ms).speed_mps == 0.0
        assert alone.moment(time_ms).aboard == ()
        assert -140.0 <= alone.air(time_ms)[0] < -40.0


def test_between_drives_a_bus_is_empty_and_never_jumps(ours: World) -> None:
    drives = busiest(whole_day(ours, DAY))
    assert len(drives) >= 4
    its = course(ours, drives[0].bus, drives)
    before = its.moment(drives[0].depart_ms - 120_000)
    for time_ms in range(drives[0].depart_ms - 116_000, drives[-1].arrive_ms + 120_000, 4000):
        now = its.moment(time_ms)
        assert np.hypot(now.east_m - before.east_m, now.north_m - before.north_m) < 80.0
        assert 0.0 <= now.heading_deg <= 360.0
        if its.near(time_ms) is None:
            assert now.aboard == ()
        before = now


def test_a_drive_is_driven_as_planned_with_its_riders_in_its_air(ours: World) -> None:
    drives = busiest(whole_day(ours, DAY))
    its, radio = course(ours, drives[0].bus, drives), Radio(ours.district)
    for planned in drives:
        reception, most = receive(radio, planned), 0
        for time_ms in range(planned.depart_ms, planned.arrive_ms, 10_000):
            assert its.driving(time_ms) is planned
            assert its.moment(time_ms) == planned.at(time_ms)
            assert its.air(time_ms) == reception.at(time_ms)
            most = max(most, len(its.moment(time_ms).aboard))
        assert most > 0
        assert its.driving(planned.arrive_ms) is None


def test_long_after_a_drive_its_last_bad_second_does_not_last(ours: World) -> None:
    drives = [next(d for d in ours.drives(DAY) if receive(Radio(ours.district), d).bad.any())]
    its = course(ours, drives[0].bus, drives)
    after = [its.air(drives[0].arrive_ms + minutes * 60_000) for minutes in (2, 30, 600)]
    assert len(set(after)) == 1
    assert not after[0][1]


def test_a_substitute_drives_the_others_route(ours: World) -> None:
    swapped = next(
        one for day in ours.calendar.days() for one in ours.drives(day) if one.substitute
    )
    own = whole_day(ours, swapped.day)[swapped.bus.device]
    its = course(ours, swapped.bus, own)
    middle_ms = (swapped.depart_ms + swapped.arrive_ms) // 2
    assert its.moment(middle_ms).road is swapped.trip.route.shape
    assert swapped.trip.bus != swapped.bus
    routes = {t.route.label for t in ours.trips(swapped.day) if t.bus == swapped.bus}
    assert swapped.trip.route.label not in routes


def test_an_excursion_leaves_every_road_of_the_timetable(ours: World) -> None:
    away = next(one for day in ours.calendar.days() for one in ours.drives(day) if one.excursion)
    its = course(ours, away.bus, whole_day(ours, away.day)[away.bus.device])
    there = its.moment(away.arrive_ms - 1)
    gaps = []
    for route in ours.district.routes:
        east, north = route.shape.at(np.arange(0.0, route.shape.length_m, 50.0))
        gaps.append(np.hypot(east - there.east_m, north - there.north_m).min())
    assert min(gaps) > 100.0


def test_a_bus_that_has_no_time_for_its_empty_run_is_there_all_the_same(ours: World) -> None:
    first = ours.drives(DAY)[0]
    other = next(d for d in ours.drives(DAY) if d.begins != first.ends)
    soon = other.moved(first.arrive_ms + 180_000 - other.depart_ms)
    its = course(ours, first.bus, [first, soon])
    its.moment(first.depart_ms)
    there = its.moment(soon.depart_ms - 60_000)
    assert (there.east_m, there.north_m) == (soon.begins.east_m, soon.begins.north_m)


# -- a demonstration's endless day


def test_on_any_day_at_any_hour_every_bus_of_a_demonstration_is_on_a_drive() -> None:
    place = World(found(7), EveryWeekday(date(2026, 8, 17)))
    radio = Radio(place.district)
    for number, hour in ((0, 3), (3, 12), (5, 22), (6, 22), (40, 0)):
        now_ms = at(place, date(2026, 12, 20), 24 * number + hour)
        day = last_driven(place, now_ms)
        assert place.drives(day)
        drives = endless(place, day, now_ms)
        assert set(drives) == {bus.device for bus in place.district.buses}
        firsts = [next(own) for own in drives.values()]
        assert all(d.depart_ms <= now_ms < d.arrive_ms for d in firsts)
        assert len({d.depart_ms for d in firsts}) == len(firsts)
        soon = []
        for index, (_, first) in enumerate(sorted((d.bus.device, d) for d in firsts)):
            if index % SOON == 0:
                along = first.drive.along_m(np.arange(60.0) + (now_ms - first.depart_ms) / 1000)
                road = first.trip.route.shape
                signal = radio.on_road(road, along, first.bus.carrier)
                soon.append(signal.min() < SERVICE_FLOOR_DBM <= signal[0])
        assert sum(soon) >= 2


def test_an_endless_day_repeats_the_same_drives_and_leaves_time_between_them() -> None:
    place = World(found(7), EveryWeekday(date(2026, 8, 17)))
    now_ms = at(place, DAY, 22)
    device, drives = max(
        endless(place, DAY, now_ms).items(),
        key=lambda item: sum(d.bus.device == item[0] for d in place.drives(DAY)),
    )
    own = [d for d in place.drives(DAY) if d.bus.device == device]
    three = list(islice(drives, 3 * len(own)))
    assert sorted(d.name for d in three) == sorted(3 * [d.name for d in own])
    assert [d.name for d in three[: len(own)]] == [d.name for d in three[len(own) : 2 * len(own)]]
    for before, after in pairwise(three):
        assert after.depart_ms >= before.arrive_ms + 120_000
        assert after.depart_ms < before.arrive_ms + 120_000 + 60_000 / EMPTY_MPS * 1000
        assert (
            after.drive.duration_s == next(d for d in own if d.name == after.name).drive.duration_s
        )
