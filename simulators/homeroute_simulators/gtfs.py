"""Reads the buses of a GTFS zip: routes, trips, stops, shapes, services. Nothing else of it.

Route types 3 and 700 to 716 are buses (712 is School Bus). Zips in the wild are
forgiven: byte order marks, blanks, unsorted rows, a folder around the files, times past
24:00, stops without times, trips without shapes.

Guarantees: what is read hangs together; :class:`FeedError` names the file and the
reason. Does not: read frequencies.txt; a trip there is driven once.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

BUS_TYPES = frozenset({3, *range(700, 717)})
BOUND_BYTES = 1 << 30
"""A file that would unpack to more is refused."""

Row = dict[str, str]
LatLon = tuple[float, float]


class FeedError(Exception):
    """A zip that cannot be read as a feed: says the file and the reason."""


@dataclass(frozen=True, slots=True)
class FeedStop:
    """A stop; degrees."""

    name: str
    lat: float
    lon: float


@dataclass(frozen=True, slots=True)
class Call:
    """A trip at a stop; seconds after noon minus 12 h."""

    stop: FeedStop
    arrive_s: int
    depart_s: int


@dataclass(frozen=True, slots=True)
class FeedTrip:
    """A trip of a bus route, with two calls or more. ``shape`` is empty when there is none."""

    name: str
    route: str
    number: str
    title: str
    service: str
    shape: tuple[LatLon, ...]
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class Feed:
    """``services`` says on which days each runs."""

    agency: str
    timezone: str
    trips: tuple[FeedTrip, ...]
    services: dict[str, frozenset[date]]


def read(path: Path) -> Feed:
    """The buses of a feed. Raises :class:`FeedError`, OSError."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _feed(archive)
    except zipfile.BadZipFile as error:
        raise FeedError(f"{path}: {error}; want a GTFS zip") from None
    except KeyError as error:
        raise FeedError(f"{path}: a file has no column {error}") from None


def _feed(archive: zipfile.ZipFile) -> Feed:
    agency = next(_rows(archive, "agency.txt"), None)
    if agency is None:
        raise FeedError("agency.txt: no agency")
    routes = {
        row["route_id"]: row
        for row in _rows(archive, "routes.txt")
        if _whole("routes.txt", row, "route_type") in BUS_TYPES
    }
    trips = [row for row in _rows(archive, "trips.txt") if row["route_id"] in routes]
    if not trips:
        raise FeedError("trips.txt: no trip of a bus route (route types 3, 700 to 716)")
    shapes = _shapes(archive, {row.get("shape_id", "") for row in trips})
    calls = _calls(archive, {row["trip_id"] for row in trips}, _stops(archive))
    return Feed(
        agency=agency.get("agency_name", ""),
        timezone=agency.get("agency_timezone", ""),
        trips=tuple(
            FeedTrip(
                name=row["trip_id"],
                route=row["route_id"],
                number=routes[row["route_id"]].get("route_short_name") or row["route_id"],
                title=routes[row["route_id"]].get("route_long_name", ""),
                service=row["service_id"],
                shape=shapes.get(row.get("shape_id", ""), ()),
                calls=calls[row["trip_id"]],
            )
            for row in trips
            if len(calls.get(row["trip_id"], ())) >= 2
        ),
        services=_services(archive, {row["service_id"] for row in trips}),
    )


def _rows(archive: zipfile.ZipFile, name: str, *, wanted: bool = True) -> Iterator[Row]:
    found = [member for member in archive.infolist() if member.filename.split("/")[-1] == name]
    if not found:
        if wanted:
            raise FeedError(f"{name}: not in the zip")
        return
    if found[0].file_size > BOUND_BYTES:
        raise FeedError(f"{name}: unpacks to {found[0].file_size} bytes, over {BOUND_BYTES}")
    with archive.open(found[0]) as raw:
        # utf-8-sig: many exporters put a byte order mark before the first name.
        reader = csv.reader(io.TextIOWrapper(raw, encoding="utf-8-sig", newline=""))
        try:
            names = [each.strip() for each in next(reader, [])]
            for values in reader:
                if any(values):
                    padded = values + [""] * (len(names) - len(values))
                    yield dict(zip(names, (v.strip() for v in padded), strict=False))
        except (UnicodeDecodeError, csv.Error) as error:
            raise FeedError(f"{name}: {error}") from None


def _stops(archive: zipfile.ZipFile) -> dict[str, FeedStop]:
    return {
        row["stop_id"]: FeedStop(
            row.get("stop_name", "") or row["stop_id"],
            _real("stops.txt", row, "stop_lat"),
            _real("stops.txt", row, "stop_lon"),
        )
        for row in _rows(archive, "stops.txt")
        if row.get("stop_lat") and row.get("stop_lon")
    }


def _shapes(archive: zipfile.ZipFile, wanted: set[str]) -> dict[str, tuple[LatLon, ...]]:
    name = "shapes.txt"
    points: dict[str, list[tuple[int, float, float]]] = defaultdict(list)
    for row in _rows(archive, name, wanted=False):
        if row["shape_id"] in wanted:
            order = _whole(name, row, "shape_pt_sequence")
            lat, lon = _real(name, row, "shape_pt_lat"), _real(name, row, "shape_pt_lon")
            points[row["shape_id"]].append((order, lat, lon))
    return {
        shape: tuple((lat, lon) for _, lat, lon in sorted(listed))
        for shape, listed in points.items()
    }


def _calls(
    archive: zipfile.ZipFile, wanted: set[str], stops: dict[str, FeedStop]
) -> dict[str, tuple[Call, ...]]:
    name = "stop_times.txt"
    listed: dict[str, list[tuple[int, str, str, str]]] = defaultdict(list)
    for row in _rows(archive, name):
        if row["trip_id"] in wanted and row["stop_id"] in stops:
            arrive = row.get("arrival_time") or row.get("departure_time", "")
            depart = row.get("departure_time") or arrive
            order = _whole(name, row, "stop_sequence")
            listed[row["trip_id"]].append((order, row["stop_id"], arrive, depart))
    return {
        trip: tuple(_timed(stops, sorted(calls)))
        for trip, calls in listed.items()
        if len(calls) >= 2
    }


def _timed(stops: dict[str, FeedStop], calls: list[tuple[int, str, str, str]]) -> Iterator[Call]:
    """Calls with their times; those without lie evenly between their neighbours with one."""
    known = [at for at, call in enumerate(calls) if call[2]]
    if not known or known[0] != 0 or known[-1] != len(calls) - 1:
        raise FeedError("stop_times.txt: a trip's first and last stop need times")
    for before, after in zip(known, [*known[1:], known[-1]], strict=True):
        leaves_s, reaches_s = clock_s(calls[before][3]), clock_s(calls[after][2])
        yield Call(stops[calls[before][1]], clock_s(calls[before][2]), leaves_s)
        for at in range(before + 1, after):
            time_s = leaves_s + (reaches_s - leaves_s) * (at - before) // (after - before)
            yield Call(stops[calls[at][1]], time_s, time_s)


def clock_s(text: str) -> int:
    """Seconds of ``H:MM:SS``, which may be past 24:00:00. Raises :class:`FeedError`."""
    parts = text.split(":")
    if len(parts) != 3 or not all(part.isdigit() for part in parts):
        raise FeedError(f"stop_times.txt: {text!r} is no time; want HH:MM:SS")
    hours, minutes, seconds = map(int, parts)
    return hours * 3600 + minutes * 60 + seconds


def _services(archive: zipfile.ZipFile, wanted: set[str]) -> dict[str, frozenset[date]]:
    days: dict[str, set[date]] = {service: set() for service in wanted}
    names = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    for row in _rows(archive, "calendar.txt", wanted=False):
        if row["service_id"] in wanted:
            weekdays = {number for number, name in enumerate(names) if row.get(name) == "1"}
            day, last = (
                _day("calendar.txt", row["start_date"]),
                _day("calendar.txt", row["end_date"]),
            )
            while day <= last:
                if day.weekday() in weekdays:
                    days[row["service_id"]].add(day)
                day += timedelta(days=1)
    for row in _rows(archive, "calendar_dates.txt", wanted=False):
        if row["service_id"] in wanted:
            day = _day("calendar_dates.txt", row["date"])
            theirs = days[row["service_id"]]
            theirs.add(day) if row.get("exception_type") == "1" else theirs.discard(day)
    return {service: frozenset(theirs) for service, theirs in days.items()}


def _day(name: str, text: str) -> date:
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        raise FeedError(f"{name}: {text!r} is no day; want YYYYMMDD") from None


def _whole(name: str, row: Row, column: str) -> int:
    return int(_real(name, row, column))


def _real(name: str, row: Row, column: str) -> float:
    try:
        return float(row[column])
    except (KeyError, ValueError):
        raise FeedError(f"{name}: {column} {row.get(column)!r} is no number") from None
