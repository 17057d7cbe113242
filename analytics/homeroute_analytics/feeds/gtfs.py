"""Reads the buses of a GTFS zip into a :class:`~.records.Feed`.

Route types 3 and 700 to 716 are buses (712 is School Bus). Forgiven, as zips in the
wild need it: a folder around the files, unsorted rows, times past 24:00, stops without
times, trips without shapes (straight lines from stop to stop), holes in
shape_dist_traveled, calendars only in calendar_dates.txt, and what
:mod:`~homeroute_analytics.feeds.csvfile` forgives.

Guarantees: what is read hangs together, or :class:`FeedError` names file, line and
column of several things that are wrong; bounded in bytes and rows. Does not: read
frequencies.txt (a trip there is driven once, and a note says so), or follow blocks.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from homeroute_analytics.feeds import gtfs_trips
from homeroute_analytics.feeds.csvfile import ZIP, CsvFile
from homeroute_analytics.feeds.gtfs_services import services_of
from homeroute_analytics.feeds.gtfs_trips import TripRow
from homeroute_analytics.feeds.problems import FeedError, Problem, Problems, quoted
from homeroute_analytics.feeds.records import Feed, Route, Stop

BUS_TYPES = frozenset({3, *range(700, 717)})

BOUND_BYTES = 1 << 30
"""A zip whose files would unpack to more together is refused."""

MEMBERS_BOUND = 10_000

FILES = (
    *("agency.txt", "routes.txt", "trips.txt", "stops.txt", "stop_times.txt"),
    *("shapes.txt", "calendar.txt", "calendar_dates.txt", "frequencies.txt"),
)


def read(path: Path) -> Feed:
    """The buses of a feed. Raises :class:`FeedError`, OSError."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _Reading(_files(path, archive)).feed(path.name)
    except (zipfile.BadZipFile, EOFError, RuntimeError):
        with path.open("rb") as file:
            cut = file.read(len(ZIP)) == ZIP
        what = (
            "damaged, or cut short on its way; fetch it anew" if cut else "no zip; want a GTFS zip"
        )
        raise FeedError([Problem(path.name, 0, "", what)]) from None


def _files(path: Path, archive: zipfile.ZipFile) -> dict[str, CsvFile]:
    """The feed's files by name: those nearest to the top, all in one folder."""
    members = archive.infolist()
    if len(members) > MEMBERS_BOUND:
        raise FeedError([Problem(path.name, 0, "", f"over {MEMBERS_BOUND} files in the zip")])
    folders = [m.filename.rpartition("/")[0] for m in members if _name(m) == "stop_times.txt"]
    folder = min(folders, key=lambda f: (f.count("/") + bool(f), f), default="")
    chosen = {
        _name(member): member
        for member in members
        if _name(member) in FILES and member.filename.rpartition("/")[0] == folder
    }
    size = sum(member.file_size for member in chosen.values())
    if size > BOUND_BYTES:
        raise FeedError([Problem(path.name, 0, "", f"unpacks to {size} bytes, over {BOUND_BYTES}")])
    return {
        name: CsvFile(name, lambda member=member: archive.open(member))  # type: ignore[misc]
        for name, member in chosen.items()
    }


def _name(member: zipfile.ZipInfo) -> str:
    return member.filename.rpartition("/")[2].lower()


@dataclass(slots=True)
class _Reading:
    files: dict[str, CsvFile]
    problems: Problems = field(default_factory=Problems)
    notes: list[str] = field(default_factory=list)

    def feed(self, name: str) -> Feed:
        for needed in ("routes.txt", "trips.txt", "stops.txt", "stop_times.txt"):
            if needed not in self.files:
                self.problems.add(needed, 0, "", "not in the zip")
        if "calendar.txt" not in self.files and "calendar_dates.txt" not in self.files:
            self.problems.add("calendar.txt", 0, "", "neither it nor calendar_dates.txt is there")
        self.problems.check()
        agency, timezone = self._agency()
        routes = self._routes()
        stops = self._stops()
        rows = self._trips(routes)
        if not rows and self.problems.clean("routes.txt") and self.problems.clean("trips.txt"):
            what = "no trip of a bus route (route types 3, 700 to 716)"
            self.problems.add("trips.txt", 0, "", what)
        services = services_of(self.files, rows.values(), self.problems)
        calls = gtfs_trips.calls(self.files["stop_times.txt"], rows, stops, self.problems)
        shaped = {row.shape for row in rows.values()}
        lines = gtfs_trips.lines(self.files.get("shapes.txt"), shaped, self.problems)
        self.problems.check()
        trips, shapes = gtfs_trips.trips(rows, calls, lines, stops, routes, self.notes)
        running = {trip.service for trip in trips}
        kept = {service: days for service, days in services.items() if service in running}
        if not trips:
            self.problems.add("stop_times.txt", 0, "", "no bus trip has two stops")
        elif not any(kept.values()):
            self.problems.add("calendar.txt", 0, "", "no bus trip runs on any day")
        self.problems.check()
        if "frequencies.txt" in self.files:
            self.notes.append("frequencies.txt is not read: each trip there is driven once")
        called = {call.stop for trip in trips for call in trip.calls}
        return Feed(
            format="gtfs",
            name=name,
            agency=agency,
            timezone=timezone,
            routes=tuple(routes[route] for route in sorted({trip.route for trip in trips})),
            stops=tuple(stops[stop] for stop in sorted(called)),
            shapes=shapes,
            trips=trips,
            services=kept,
            notes=(*(note for file in self.files.values() for note in file.notes), *self.notes),
        )

    def _agency(self) -> tuple[str, str]:
        """The name and the time zone of the first agency."""
        name = "agency.txt"
        if name not in self.files:
            self.problems.add(name, 0, "", "not in the zip; it says the time zone")
            return "", ""
        row = next(self.files[name].rows(["agency_timezone"], ["agency_name"]), None)
        if row is None:
            self.problems.add(name, 0, "", "no agency")
            return "", ""
        line, (timezone, agency) = row
        try:
            ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            what = f"{quoted(timezone)} is unknown; want one like America/Chicago"
            self.problems.add(name, line, "agency_timezone", what)
        return agency, timezone

    def _routes(self) -> dict[str, Route]:
        name = "routes.txt"
        found: dict[str, Route] = {}
        others = 0
        columns = ["route_id", "route_type"], ["route_short_name", "route_long_name"]
        for line, (route, kind, number, title) in self.files[name].rows(*columns):
            sort = self.problems.whole(kind, file=name, line=line, column="route_type")
            if sort in BUS_TYPES:
                if route in found:
                    self.problems.add(name, line, "route_id", f"{quoted(route)} stands twice")
                found[route] = Route(route, number or ("" if title else route), title)
            elif sort is not None:
                others += 1
        if others:
            self.notes.append(f"routes.txt: {others} routes that are no buses left out")
        return found

    def _stops(self) -> dict[str, Stop]:
        """Stops by id; those without a place are left to the calls to miss."""
        name = "stops.txt"
        found: dict[str, Stop] = {}
        columns = ["stop_id", "stop_lat", "stop_lon"], ["stop_name"]
        for line, (stop, lat_text, lon_text, title) in self.files[name].rows(*columns):
            if not lat_text and not lon_text:
                continue  # a node of a station: nobody boards there
            lat = self.problems.real(lat_text, -90, 90, file=name, line=line, column="stop_lat")
            lon = self.problems.real(lon_text, -180, 180, file=name, line=line, column="stop_lon")
            if stop in found:
                self.problems.add(name, line, "stop_id", f"{quoted(stop)} stands twice")
            if lat is not None and lon is not None:
                found[stop] = Stop(stop, title or stop, lat, lon)
        return found

    def _trips(self, routes: dict[str, Route]) -> dict[str, TripRow]:
        name = "trips.txt"
        found: dict[str, TripRow] = {}
        columns = ["route_id", "service_id", "trip_id"], ["shape_id", "direction_id"]
        for line, (route, service, trip, shape, direction) in self.files[name].rows(*columns):
            if route not in routes:
                continue  # no bus
            if trip in found:
                self.problems.add(name, line, "trip_id", f"{quoted(trip)} stands twice")
            found[trip] = TripRow(line, trip, route, service, shape, direction)
        return found
