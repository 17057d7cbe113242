"""A day of the world: complete, feasible, and not too orderly."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from itertools import pairwise

import pytest

from homeroute_simulators.planned_drive import PlannedDrive
from homeroute_simulators.world import World, world

DAY = date(2026, 11, 18)


@pytest.fixture(scope="module")
def ours() -> World:
    return world(7, buses=40)


@pytest.fixture(scope="module")
def year(ours: World) -> list[PlannedDrive]:
    return [planned for day in ours.calendar.days()[::4] for planned in ours.drives(day)]


def by_bus(drives: list[PlannedDrive]) -> dict[tuple[date, str], list[PlannedDrive]]:
    days = defaultdict(list)
    for planned in sorted(drives, key=lambda one: one.depart_ms):
        days[planned.day, planned.bus.device].append(planned)
    return days


def test_every_scheduled_trip_is_driven_once(ours: World) -> None:
    driven = [one.trip.name for one in ours.drives(DAY) if not one.excursion]
    assert sorted(driven) == sorted(trip.name for trip in ours.trips(DAY))


def test_buses_drive_one_two_or_three_tiers(ours: World) -> None:
    mornings: dict[str, int] = defaultdict(int)
    for trip in ours.trips(DAY):
        mornings[trip.bus.device] += trip.period == "AM"
    assert set(mornings.values()) == {1, 2, 3}


def test_no_bus_is_on_two_drives_at_once_all_year(year: list[PlannedDrive]) -> None:
    for drives in by_bus(year).values():
        for before, after in pairwise(drives):
            # Two minutes: the gateway runs a minute past a drive and from a minute before it.
            assert before.arrive_ms + 120_000 < after.depart_ms


def test_no_mac_is_on_a_bus_twice_at_once(year: list[PlannedDrive]) -> None:
    for planned in year:
        macs = [stay.client.mac for stay in planned.stays]
        assert len(set(macs)) == len(macs)


def test_a_year_has_substitutes_excursions_and_delays(year: list[PlannedDrive]) -> None:
    substitutes = sum(one.substitute for one in year) / len(year)
    assert 0.002 < substitutes < 0.05
    excursions = [one for one in year if one.excursion]
    assert excursions
    assert all(one.trip.period == "MID" for one in excursions)
    delays_s = [(one.depart_ms - one.scheduled_ms) / 1000 for one in year]
    assert all(0 <= delay_s <= 480 for delay_s in delays_s)
    assert 40 < sum(delays_s) / len(delays_s) < 80


def test_an_early_release_sends_everybody_home_earlier(ours: World) -> None:
    early = min(ours.calendar.year().early)  # type: ignore[attr-defined]
    home = {one.trip.name: one for one in ours.drives(early) if one.trip.period == "PM"}
    assert home
    for one in home.values():
        assert one.trip.early_s == one.trip.depart_s - 3 * 3600
    assert (
        max(one.arrive_ms for one in home.values())
        < min(one.depart_ms for one in ours.drives(DAY) if one.trip.period == "PM")
        + 86_400_000 * (early - DAY).days
        + 3_600_000
    )


def test_nobody_drives_in_snow_on_holidays_on_weekends_and_in_summer(ours: World) -> None:
    snow = min(ours.calendar.year().snow)  # type: ignore[attr-defined]
    for day in (snow, date(2026, 11, 26), date(2026, 11, 21), date(2026, 7, 10)):
        assert ours.drives(day) == ()


def test_after_the_feed_change_some_routes_have_other_stops_and_times(ours: World) -> None:
    district = ours.district
    before = {trip.name: trip for trip in district.trips}
    changed = [t for t in district.later_trips if t.route.stops != before[t.name].route.stops]
    assert 0 < len(changed) < len(before) / 2
    for trip in district.later_trips:
        assert all(0 <= r.stop < r.to == len(trip.route.stops) - 1 for r in trip.riders)
    assert ours.trips(ours.calendar.days()[-1]) == district.later_trips


def test_riders_board_and_alight_where_they_live_and_learn(year: list[PlannedDrive]) -> None:
    for planned in year[:60]:
        school = len(planned.trip.route.stops) - 1
        for ride in planned.rides:
            if planned.excursion:
                continue
            end = ride.alights if planned.trip.inbound else ride.boards
            assert end == school
        assert len(planned.stays) == sum(len(ride.rider.clients) for ride in planned.rides)
        for stay in planned.stays:
            assert planned.depart_ms - 60_000 < stay.came_ms < stay.went_ms
            assert stay.went_ms < planned.arrive_ms + 60_000


def test_a_rotating_client_shows_another_mac_each_day(ours: World) -> None:
    def rotating(day: date) -> set[str]:
        stays = (stay for one in ours.drives(day) for stay in one.stays)
        return {stay.client.mac for stay in stays if stay.client.rotates}

    assert rotating(DAY)
    assert not rotating(DAY) & rotating(date(2026, 11, 19))
