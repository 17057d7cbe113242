"""A feed becomes a world: its buses, roads and times, whatever exporters do to the files."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from homeroute_simulators.drive import on_trip
from homeroute_simulators.gtfs_world import world_from_gtfs
from homeroute_simulators.itinerary import _one_at_a_time, school_days
from homeroute_simulators.radio import Radio
from homeroute_simulators.reception import receive
from tests.analytics.feed_files import FEED, HOLIDAY, MONDAY, SATURDAY, zipped
from tests.simulators.world_text import of_drives, of_world


def test_stops_lie_along_the_road_in_the_order_called_at_even_where_it_meets_itself(
    tmp_path: Path,
) -> None:
    world = world_from_gtfs(zipped(tmp_path / "feed.zip"), 7)
    route = next(route for route in world.district.routes if route.number == "12")
    along = [stop.along_m for stop in route.stops]
    # The first and the last stop are the same place.
    assert along[0] == 0.0
    assert along[-1] == pytest.approx(route.shape.length_m, abs=0.2)
    assert along[1] == pytest.approx(1_113.2, abs=0.5)


def test_a_trip_without_a_shape_is_driven_straight_from_stop_to_stop(tmp_path: Path) -> None:
    world = world_from_gtfs(zipped(tmp_path / "feed.zip", {"shapes.txt": None}), 7)
    for route in world.district.routes:
        assert len(route.shape.corners) == len(route.stops)
        for stop, corner in zip(route.stops, route.shape.corners, strict=True):
            there = route.shape.place(stop.along_m)
            assert np.hypot(there.east_m - corner.east_m, there.north_m - corner.north_m) < 0.2


def test_a_drive_keeps_the_feeds_times_past_midnight_and_never_jumps(tmp_path: Path) -> None:
    world = world_from_gtfs(zipped(tmp_path / "feed.zip"), 7)
    drives = {one.trip.name: one for one in world.drives(MONDAY)}
    assert set(drives) == {"am1", "am2", "night"}
    night = drives["night"]
    # 24:50 of Monday is 00:50 on Tuesday.
    told = datetime(2026, 11, 3, 0, 50, tzinfo=ZoneInfo("America/Denver"))
    assert night.scheduled_ms == round(told.timestamp() * 1000)
    for trip in world.district.trips:
        driven = on_trip(trip)
        assert (np.diff(driven.knots_s) > 0).all()
        speeds = np.abs(np.diff(driven.knots_m) / np.diff(driven.knots_s))
        assert speeds.max() < 15.0
        assert driven.duration_s == trip.clock_s[-1][0]  # type: ignore[index]


def test_services_run_on_their_days_and_not_on_their_exceptions(tmp_path: Path) -> None:
    world = world_from_gtfs(zipped(tmp_path / "feed.zip"), 7)
    assert world.drives(HOLIDAY) == ()
    assert [one.trip.name for one in world.drives(SATURDAY)] == ["sat1"]
    assert world.calendar.kind_of(SATURDAY) == "service"
    assert world.calendar.kind_of(HOLIDAY) == "no_service"
    assert len(world.calendar.days()) == 10


def test_a_bus_out_past_midnight_is_not_the_one_that_leaves_soon_after(tmp_path: Path) -> None:
    early = "dawn,01:00:00,01:00:00,a,1\ndawn,01:20:00,01:20:00,d,2\n"
    changed: dict[str, str | bytes | None] = {
        "trips.txt": FEED["trips.txt"] + "r2,wk,dawn,\n",
        "stop_times.txt": FEED["stop_times.txt"] + early,
    }
    world = world_from_gtfs(zipped(tmp_path / "feed.zip", changed), 7)
    bus = {trip.name: trip.bus.device for trip in world.district.trips}
    # The night's trip of Monday ends at 01:10 of Tuesday, when Tuesday's first is on its way.
    assert bus["night"] != bus["dawn"]
    zone = ZoneInfo("America/Denver")
    begin, end = (datetime(2026, 11, day, tzinfo=zone).timestamp() * 1000 for day in (2, 4))
    drives = school_days(world, round(begin), round(end))
    names = sorted(one.trip.name for own in drives.values() for one in own)
    assert names == ["am1", "am1", "am2", "am2", "dawn", "dawn", "night"]
    for own in drives.values():
        assert all(a.arrive_ms + 120_000 < b.depart_ms for a, b in pairwise(own))


def test_a_drive_too_soon_after_the_night_before_is_left_out(tmp_path: Path) -> None:
    world = world_from_gtfs(zipped(tmp_path / "feed.zip"), 7)
    night = next(one for one in world.drives(MONDAY) if one.trip.name == "night")
    soon = replace(night.moved(600_000), day=date(2026, 11, 3))
    assert list(_one_at_a_time([soon, night])) == [night]


def test_no_bus_is_on_two_trips_at_once_and_too_few_buses_leave_trips_out(tmp_path: Path) -> None:
    path = zipped(tmp_path / "feed.zip")
    world = world_from_gtfs(path, 7)
    assert len(world.district.buses) == 2
    for day in world.calendar.days():
        last: dict[str, int] = {}
        for one in world.drives(day):
            assert last.get(one.bus.device, 0) < one.depart_ms
            last[one.bus.device] = one.arrive_ms
    one_bus = world_from_gtfs(path, 7, buses=1)
    assert {trip.name for trip in one_bus.district.trips} == {"am1", "night", "sat1"}
    assert (world.district.left_out, one_bus.district.left_out) == (0, 1)


def test_a_feeds_world_has_riders_hollows_and_a_reception(tmp_path: Path) -> None:
    world = world_from_gtfs(zipped(tmp_path / "feed.zip"), 7)
    assert (world.district.name, world.district.title) == ("bluff-county", "Bluff County")
    radio = Radio(world.district)
    for one in world.drives(MONDAY):
        assert one.rides
        assert all(ride.boards < ride.alights for ride in one.rides)
        assert (receive(radio, one).signal_dbm < -120.0).any()


def test_the_same_zip_and_seed_make_the_same_world(tmp_path: Path) -> None:
    path = zipped(tmp_path / "feed.zip")
    one, other, another = (world_from_gtfs(path, seed) for seed in (7, 7, 8))
    assert of_world(one) == of_world(other) != of_world(another)
    assert of_drives(one.drives(MONDAY)) == of_drives(other.drives(MONDAY))
    assert all(a.along_m <= b.along_m for r in one.district.routes for a, b in pairwise(r.stops))
