"""A feed becomes a world: its buses, roads and times, whatever exporters do to the files."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from homeroute_simulators.drive import on_trip
from homeroute_simulators.gtfs import FeedError, clock_s, read
from homeroute_simulators.gtfs_world import world_from_gtfs
from homeroute_simulators.itinerary import _one_at_a_time, school_days
from homeroute_simulators.radio import Radio
from homeroute_simulators.reception import receive
from homeroute_simulators.world_text import of_drives, of_world

FEED = {
    "agency.txt": "agency_name,agency_url,agency_timezone\nBluff County,http://a.example,"
    "America/Denver\n",
    "routes.txt": "route_id,route_short_name,route_long_name,route_type\n"
    "r1,12,Heron Creek,712\nr2,,Night Line,3\nr3,T,Tram,0\n",
    "trips.txt": "route_id,service_id,trip_id,shape_id\n"
    "r1,wk,am1,s1\nr1,wk,am2,s1\nr2,wk,night,\nr3,wk,tram,\nr2,sat,sat1,\n",
    "stops.txt": "stop_id,stop_name,stop_lat,stop_lon\n"
    "a,Alder,40.00,-105.00\nb,Bramble,40.01,-105.00\nc,Cinder,40.01,-105.02\nd,,40.02,-105.02\n",
    # Not in order, and the road comes back to where it began.
    "shapes.txt": "shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence\n"
    "s1,40.01,-105.00,2\ns1,40.00,-105.00,1\ns1,40.01,-105.02,3\ns1,40.00,-105.02,4\n"
    "s1,40.00,-105.00,5\n",
    "stop_times.txt": "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
    "am1,07:00:00,07:00:00,a,1\nam1,07:05:00,07:05:30,b,2\nam1,07:10:00,07:10:00,c,3\n"
    "am1,07:20:00,07:20:00,a,9\n"
    "am2,07:10:00,07:10:00,a,1\nam2,,,b,2\nam2,07:20:00,07:20:00,c,3\n"
    "am2,07:30:00,07:30:00,a,9\n"
    "night,24:50:00,24:50:00,a,1\nnight,24:50:00,24:50:00,b,2\nnight, 25:10:00,25:10:00,d,3\n"
    "tram,08:00:00,08:00:00,a,1\ntram,08:10:00,08:10:00,d,2\n"
    "sat1,09:00:00,09:00:00,a,1\nsat1,09:15:00,09:15:00,d,2\n",
    "calendar.txt": "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,"
    "start_date,end_date\nwk,1,1,1,1,1,0,0,20261102,20261113\n",
    "calendar_dates.txt": "service_id,date,exception_type\nwk,20261111,2\nsat,20261107,1\n",
}
MONDAY, HOLIDAY, SATURDAY = date(2026, 11, 2), date(2026, 11, 11), date(2026, 11, 7)


def zipped(
    path: Path,
    changed: Mapping[str, str | None] | None = None,
    *,
    folder: str = "",
    bom: bool = True,
) -> Path:
    files = {**FEED, **(changed or {})}
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            if text is not None:
                archive.writestr(folder + name, ("\ufeff" if bom else "") + text)
    return path


def test_buses_of_a_feed_are_read_and_trams_left(tmp_path: Path) -> None:
    feed = read(zipped(tmp_path / "feed.zip"))
    assert [trip.name for trip in feed.trips] == ["am1", "am2", "night", "sat1"]
    assert (feed.agency, feed.timezone) == ("Bluff County", "America/Denver")
    assert [trip.number for trip in feed.trips] == ["12", "12", "r2", "r2"]
    assert len(feed.services["wk"]) == 9
    assert feed.services["sat"] == {SATURDAY}


def test_a_feed_is_read_alike_without_marks_with_line_feeds_and_in_a_folder(tmp_path: Path) -> None:
    plain = read(zipped(tmp_path / "plain.zip", bom=False))
    windows = {name: text.replace("\n", "\r\n") for name, text in FEED.items()}
    assert read(zipped(tmp_path / "folder.zip", windows, folder="export/")) == plain


def test_a_stop_without_a_time_lies_between_its_neighbours(tmp_path: Path) -> None:
    calls = read(zipped(tmp_path / "feed.zip")).trips[1].calls
    assert [call.arrive_s - calls[0].depart_s for call in calls] == [0, 300, 600, 1200]


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
    changed: dict[str, str | None] = {
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


def test_what_is_wrong_with_a_feed_is_said_with_its_file(tmp_path: Path) -> None:
    path = tmp_path / "feed.zip"
    path.write_text("no zip")
    with pytest.raises(FeedError, match="want a GTFS zip"):
        read(path)
    wrong: list[tuple[dict[str, str | None], str]] = [
        ({"stop_times.txt": None}, "stop_times.txt: not in the zip"),
        ({"routes.txt": "route_id,route_type\nr1,0\n"}, "no trip of a bus route"),
        ({"routes.txt": "route_id,route_type\nr1,bus\n"}, "route_type 'bus' is no number"),
        ({"trips.txt": "route_id,trip_id\nr1,am1\n"}, "no column 'service_id'"),
        ({"stop_times.txt": FEED["stop_times.txt"].replace("24:50:00", "late")}, "'late' is no"),
        ({"calendar.txt": FEED["calendar.txt"].replace("20261113", "Nov")}, "'Nov' is no day"),
        ({"agency.txt": FEED["agency.txt"].replace("Denver", "Nowhere")}, "Nowhere' is unknown"),
    ]
    for changed, said in wrong:
        with pytest.raises(FeedError, match=said):
            world_from_gtfs(zipped(path, changed), 7)


def test_clock_times_may_be_short_or_past_midnight() -> None:
    assert (clock_s("7:05:09"), clock_s("25:00:00")) == (25_509, 90_000)
