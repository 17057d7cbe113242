"""A simulated district's timetable as the files a real one would import.

A GTFS zip for each feed (the founded district's changes in mid-year), ``fleet.csv``,
``assignments.csv``, ``calendar.csv``. As in life the feed knows holidays and not snow,
and of the days on which another bus drives a share is told to nobody.

Guarantees: the same world and days, the same bytes; what is imported from these files
says of roads, stops and times what the world does, to the second and the metre. Does
not: write excursions, which are in no timetable.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from homeroute_simulators.district import SECOND_FEED, Bus, Route, Trip
from homeroute_simulators.drive import DWELL_S, on_trip
from homeroute_simulators.seeds import source
from homeroute_simulators.world import World
from homeroute_simulators.world_day import drivers

TOLD_SHARE = 0.5
"""Of days on which two buses are exchanged, those that somebody writes down. Assumed."""

SCHOOL_BUS = "712"
ZIP_DATE = (1980, 1, 1, 0, 0, 0)
CALENDAR_KINDS = {"snow": "snow", "early_release": "early_release"}
"""Of the world's days those that a feed does not know, as the importer calls them."""


@dataclass(frozen=True, slots=True)
class TimetableFiles:
    """What was written. Each feed takes force on its day; there may be no calendar.csv."""

    feeds: tuple[tuple[Path, date], ...]
    fleet: Path
    assignments: Path
    calendar: Path | None


@dataclass(frozen=True, slots=True)
class _Part:
    """The days on which one feed is in force, each with its services."""

    trips: tuple[Trip, ...]
    days: dict[date, frozenset[str]]


def write(world: World, folder: Path, first_day: date, last_day: date) -> TimetableFiles:
    """Write the timetable of those days, both inclusive. Raises OSError.

    Raises ValueError where no bus drives on any of them.
    """
    parts = _parts(world, first_day, last_day)
    if not parts:
        raise ValueError(f"no bus is scheduled from {first_day} to {last_day}")
    folder.mkdir(parents=True, exist_ok=True)
    feeds = []
    for number, part in enumerate(parts, start=1):
        path = folder / f"feed-{number}.zip"
        _write_zip(path, _feed(world, part))
        feeds.append((path, min(part.days)))
    begin = feeds[0][1]
    vehicles = {bus.device: vehicle(bus) for bus in world.district.buses}
    fleet = folder / "fleet.csv"
    rows: list[Sequence[Any]] = [(device, name, begin) for device, name in vehicles.items()]
    fleet.write_text(_csv(("device", "vehicle", "from"), rows), encoding="utf-8")
    assignments = folder / "assignments.csv"
    names = ("vehicle", "trip", "from", "to", "weekdays")
    assignments.write_text(_csv(names, _assigned(world, parts, begin)), encoding="utf-8")
    calendar = None
    if exceptions := _exceptions(world, parts):
        calendar = folder / "calendar.csv"
        text = _csv(("day", "kind", "periods", "shift"), exceptions)
        calendar.write_text(text, encoding="utf-8")
    return TimetableFiles(tuple(feeds), fleet, assignments, calendar)


def vehicle(bus: Bus) -> str:
    """What the district calls the bus itself: the number on its side."""
    return f"V{bus.device.rpartition('-')[2]}"


def _parts(world: World, first_day: date, last_day: date) -> list[_Part]:
    """The days a feed would list, cut where the timetable changes."""
    parts: list[_Part] = []
    changed: bool | None = None
    waiting: list[date] = []
    for offset in range((last_day - first_day).days + 1):
        day = first_day + timedelta(offset)
        services = world.calendar.services(day)
        if world.calendar.kind_of(day) == "snow":
            # Nobody knew of the snow when the feed was made.
            waiting.append(day)
            continue
        if not services:
            continue
        if (SECOND_FEED in services) != changed or not parts:
            changed = SECOND_FEED in services
            parts.append(_Part(_trips_of(world, changed=changed), {}))
        parts[-1].days.update(dict.fromkeys(waiting, services))
        waiting.clear()
        parts[-1].days[day] = services
    return [part for part in map(_running, parts) if part.trips]


def _running(part: _Part) -> _Part:
    """Without the trips of services that run on none of its days: a feed has no place for them."""
    services = frozenset().union(*part.days.values())
    return replace(part, trips=tuple(trip for trip in part.trips if trip.service in services))


def _trips_of(world: World, *, changed: bool) -> tuple[Trip, ...]:
    later = world.district.later_trips
    return later if changed and later else world.district.trips


def _feed(world: World, part: _Part) -> dict[str, str]:
    """The files of one feed's zip."""
    district = world.district
    books = _Books(world)
    for trip in part.trips:
        books.enter(trip)
    routes = {trip.route.label: trip.route for trip in part.trips}
    days = [(service, day) for day, on in part.days.items() for service in sorted(on)]
    return {
        "agency.txt": _csv(
            ("agency_name", "agency_url", "agency_timezone"),
            [(district.title, f"https://{district.name}.example", district.timezone)],
        ),
        "routes.txt": _csv(
            ("route_id", "route_short_name", "route_long_name", "route_type"),
            [(label, r.number, r.name, SCHOOL_BUS) for label, r in routes.items()],
        ),
        "trips.txt": _csv(
            ("route_id", "service_id", "trip_id", "direction_id", "shape_id"), books.trips
        ),
        "stops.txt": _csv(("stop_id", "stop_name", "stop_lat", "stop_lon"), books.stops.values()),
        "shapes.txt": _csv(
            ("shape_id", "shape_pt_sequence", "shape_pt_lat", "shape_pt_lon"), books.points
        ),
        "stop_times.txt": _csv(
            ("trip_id", "stop_sequence", "stop_id", "arrival_time", "departure_time"), books.calls
        ),
        "calendar_dates.txt": _csv(
            ("service_id", "date", "exception_type"),
            [(service, f"{day:%Y%m%d}", 1) for service, day in days],
        ),
    }


class _Books:
    """The rows of a feed's files, filled trip by trip; what trips share is written once."""

    def __init__(self, world: World) -> None:
        self.trips: list[Sequence[Any]] = []
        self.points: list[Sequence[Any]] = []
        self.calls: list[Sequence[Any]] = []
        self.stops: dict[object, Sequence[Any]] = {}
        self._projection = world.district.projection
        self._shapes: dict[object, str] = {}

    def enter(self, trip: Trip) -> None:
        """One trip, its road, stops and calls."""
        shape = self._shape(trip.route, inbound=trip.inbound)
        direction = 0 if trip.inbound else 1
        self.trips.append((trip.route.label, trip.service, trip.name, direction, shape))
        for seq, (stop, arrives_s, leaves_s) in enumerate(self._clocked(trip), start=1):
            times = (_clock(trip.depart_s + at_s) for at_s in (arrives_s, leaves_s))
            self.calls.append((trip.name, seq, stop, *times))

    def _shape(self, route: Route, *, inbound: bool) -> str:
        key = route.label, inbound, route.shape.corners
        if key not in self._shapes:
            way = "in" if inbound else "out"
            name = f"{route.number}-{way}-{len(self._shapes) + 1}"
            self._shapes[key] = name
            corners = route.shape.corners if inbound else route.shape.corners[::-1]
            for seq, corner in enumerate(corners, start=1):
                self.points.append((name, seq, *self._degrees(corner.east_m, corner.north_m)))
        return self._shapes[key]

    def _clocked(self, trip: Trip) -> Iterable[tuple[str, int, int]]:
        """Stop, arrival and departure (s after the trip's) in driving order."""
        stops = [self._stop(trip.route, number) for number in range(len(trip.route.stops))]
        reached = on_trip(trip).stop_times_s
        order = range(len(stops)) if trip.inbound else reversed(range(len(stops)))
        for at, number in enumerate(order):
            if trip.clock_s is not None:
                yield stops[number], *trip.clock_s[at]
            else:
                arrives_s = round(reached[number])
                ends = at in {0, len(stops) - 1}
                yield stops[number], arrives_s, arrives_s + (0 if ends else round(DWELL_S))

    def _stop(self, route: Route, number: int) -> str:
        stop = route.stops[number]
        there = route.shape.place(stop.along_m)
        lat, lon = self._degrees(there.east_m, there.north_m)
        row = self.stops.setdefault(
            (stop.name, lat, lon), (f"S{len(self.stops) + 1}", stop.name, lat, lon)
        )
        return str(row[0])

    def _degrees(self, east_m: float, north_m: float) -> tuple[str, str]:
        lat, lon = self._projection.degrees(np.array([east_m]), np.array([north_m]))
        # A tenth of a metre.
        return f"{lat[0]:.6f}", f"{lon[0]:.6f}"


def _assigned(world: World, parts: Sequence[_Part], begin: date) -> list[Sequence[Any]]:
    """Who drives what: each trip its bus, and the exchanges that somebody wrote down."""
    of_trip = {trip.name: trip.bus for part in parts for trip in part.trips}
    every = "1111111"
    rows: list[Sequence[Any]] = [
        (vehicle(bus), name, begin, "", every) for name, bus in of_trip.items()
    ]
    for part in parts:
        for day, services in part.days.items():
            if world.calendar.kind_of(day) == "snow":
                continue
            if source(world.district.seed, "told exchange", day).random() >= TOLD_SHARE:
                continue
            instead = drivers(world.district, day)
            rows += [
                (vehicle(instead[trip.bus.device]), trip.name, day, day, every)
                for trip in part.trips
                if trip.service in services and instead[trip.bus.device] != trip.bus
            ]
    return rows


def _exceptions(world: World, parts: Sequence[_Part]) -> list[Sequence[Any]]:
    """Snow and early releases, the afternoon's shift the same for every bus."""
    rows: list[Sequence[Any]] = []
    for part in parts:
        shifts = {t.early_s - t.depart_s for t in part.trips if t.early_s is not None}
        periods = " ".join(sorted({t.period for t in part.trips if t.early_s is not None}))
        for day in part.days:
            kind = CALENDAR_KINDS.get(world.calendar.kind_of(day))
            if kind == "snow":
                rows.append((day, kind, "", ""))
            elif kind is not None:
                (shift_s,) = shifts
                minutes = abs(shift_s) // 60
                sign = "-" if shift_s < 0 else "+"
                rows.append((day, kind, periods, f"{sign}{minutes // 60}:{minutes % 60:02}"))
    return rows


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _csv(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    return text.getvalue()


def _write_zip(path: Path, files: dict[str, str]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            member = zipfile.ZipInfo(name, ZIP_DATE)
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, text)
