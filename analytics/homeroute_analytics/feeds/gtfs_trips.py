"""The calls, roads and trips of a GTFS zip, put together. Pure.

Guarantees: a trip's calls are in driving order with times and metres that never fall;
patterns that call alike are placed along their road once. Does not: open a zip.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from homeroute_analytics.feeds import roads
from homeroute_analytics.feeds.csvfile import CsvFile
from homeroute_analytics.feeds.problems import FeedError, Problem, Problems, quoted
from homeroute_analytics.feeds.records import Route, Stop, Trip, period_of
from homeroute_analytics.timetable import Call, Shape

CALLS_BOUND, POINTS_BOUND = 3_000_000, 3_000_000
"""Calls and points of shapes that are kept; a big city's buses have two million calls."""

TOLD_WITHIN_M = 150.0
"""A feed's own distance is a hint only where it leads so near to its stop: feeds mix units."""


@dataclass(frozen=True, slots=True)
class TripRow:
    """A row of trips.txt."""

    line: int
    trip: str
    route: str
    service: str
    shape: str
    direction: str


@dataclass(frozen=True, slots=True)
class CallRow:
    """A row of stop_times.txt; seconds and the feed's own distance, None where it is silent."""

    seq: int
    line: int
    stop: str
    arrive_s: int | None
    depart_s: int | None
    told: float | None


@dataclass(slots=True)
class Line:
    """A shape's points in order, and the feed's own distances, NaN where it is silent."""

    points: list[roads.LatLon] = field(default_factory=list)
    told: list[float] = field(default_factory=list)

    def hints(
        self, road: Shape, stops: Sequence[roads.LatLon], told: Sequence[float | None]
    ) -> list[float | None]:
        """Metres along for each stop as the feed tells it; None where that makes no sense."""
        silent: list[float | None] = [None] * len(stops)
        if all(metres is None for metres in told):
            return silent
        own = np.array(self.told)
        known = ~np.isnan(own)
        if known.sum() < 2 or (np.diff(own[known]) < 0).any():
            return silent
        metres = np.interp(
            [math.nan if value is None else value for value in told],
            own[known],
            roads.measured(self.points)[known],
        )
        lat, lon = (np.interp(metres, road.along_m, axis) for axis in (road.lat, road.lon))
        at = np.array(stops)
        north = (at[:, 0] - lat) * roads.METRES_PER_DEGREE
        east = (at[:, 1] - lon) * roads.METRES_PER_DEGREE * np.cos(np.radians(at[:, 0]))
        near = np.hypot(north, east) < TOLD_WITHIN_M  # of NaN: no
        return [float(m) if ok else None for m, ok in zip(metres, near, strict=True)]


def calls(
    file: CsvFile, trips: Mapping[str, TripRow], stops: Mapping[str, Stop], problems: Problems
) -> dict[str, list[CallRow]]:
    """The calls of those trips, in driving order, judged."""
    found: dict[str, list[CallRow]] = defaultdict(list)
    whole_stops = problems.clean("stops.txt")
    name = file.name
    known: dict[str, int] = {}
    columns = ["trip_id", "stop_id", "stop_sequence", "arrival_time", "departure_time"]
    count = 0
    for line, row in file.rows(columns, ["shape_dist_traveled"]):
        trip, stop, order, arrives, departs, told = row
        if trip not in trips:
            continue
        count += 1
        if count > CALLS_BOUND:
            raise FeedError([Problem(name, line, "", f"over {CALLS_BOUND} calls of buses")])
        seq = problems.whole(order, file=name, line=line, column="stop_sequence")
        if stop not in stops and whole_stops:
            what = f"{quoted(stop)} is not in stops.txt, or has no place there"
            problems.add(name, line, "stop_id", what)
        times: list[int | None] = []
        for column, text in (("arrival_time", arrives), ("departure_time", departs)):
            value = known.get(text)
            if value is None and text:
                value = problems.clock_s(text, file=name, line=line, column=column)
                if value is not None:
                    known[text] = value
            times.append(value)
        arrive_s, depart_s = times
        if seq is not None:
            found[trip].append(
                CallRow(
                    seq,
                    line,
                    stop,
                    depart_s if arrive_s is None else arrive_s,
                    arrive_s if depart_s is None else depart_s,
                    _hint(told),
                )
            )
    for trip, listed in found.items():
        listed.sort(key=lambda call: call.seq)
        _judge(name, trip, listed, problems)
    return found


def _judge(name: str, trip: str, listed: Sequence[CallRow], problems: Problems) -> None:
    """What is wrong with a trip's calls, once they are in order."""
    last_s = -1
    before: CallRow | None = None
    for call in listed:
        if before is not None and before.seq == call.seq:
            what = f"{call.seq} stands twice in trip {quoted(trip)}, also in line {before.line}"
            problems.add(name, call.line, "stop_sequence", what)
        before = call
        if call.arrive_s is None or call.depart_s is None:
            continue
        if call.arrive_s < last_s:
            what = f"trip {quoted(trip)} arrives before it left the stop before"
            problems.add(name, call.line, "arrival_time", what)
        if call.depart_s < call.arrive_s:
            what = f"trip {quoted(trip)} departs before it arrives"
            problems.add(name, call.line, "departure_time", what)
        last_s = call.depart_s
    for end, word in ((listed[0], "first"), (listed[-1], "last")):
        if end.arrive_s is None and problems.clean(name):
            what = f"the {word} stop of trip {quoted(trip)} needs a time"
            problems.add(name, end.line, "arrival_time", what)


def lines(file: CsvFile | None, wanted: Collection[str], problems: Problems) -> dict[str, Line]:
    """The points of those shapes, in order."""
    if file is None:
        return {}
    name = file.name
    rows: dict[str, list[tuple[int, float, float, float]]] = defaultdict(list)
    columns = ["shape_id", "shape_pt_lat", "shape_pt_lon", "shape_pt_sequence"]
    count = 0
    for line, (shape, lat_text, lon_text, order, told) in file.rows(
        columns, ["shape_dist_traveled"]
    ):
        if shape not in wanted or not shape:
            continue
        count += 1
        if count > POINTS_BOUND:
            raise FeedError([Problem(name, line, "", f"over {POINTS_BOUND} points")])
        lat = problems.real(lat_text, -90, 90, file=name, line=line, column="shape_pt_lat")
        lon = problems.real(lon_text, -180, 180, file=name, line=line, column="shape_pt_lon")
        seq = problems.whole(order, file=name, line=line, column="shape_pt_sequence")
        if lat is not None and lon is not None and seq is not None:
            hint = _hint(told)
            rows[shape].append((seq, lat, lon, math.nan if hint is None else hint))
    found: dict[str, Line] = {}
    for shape, points in rows.items():
        points.sort(key=lambda point: point[0])
        found[shape] = Line([(lat, lon) for _, lat, lon, _ in points], [p[3] for p in points])
    return found


def _hint(text: str) -> float | None:
    """A distance, or None of what is none: a hint is never an error."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def trips(
    rows: Mapping[str, TripRow],
    called: Mapping[str, Sequence[CallRow]],
    lines_of: Mapping[str, Line],
    stops: Mapping[str, Stop],
    routes: Mapping[str, Route],
    notes: list[str],
) -> tuple[tuple[Trip, ...], tuple[Shape, ...]]:
    """Trips with two calls or more that go somewhere, by id, and their shapes, by name."""
    building = _Building(lines_of, stops, routes)
    found = []
    short = 0
    # By line, so that which trip names a shared road does not hang on its id.
    for row in sorted(rows.values(), key=lambda row: row.trip):
        trip = building.trip(row, called.get(row.trip, ()))
        if trip is None:
            short += 1
        else:
            found.append(trip)
    if short:
        notes.append(f"{short} trips left out that have under two stops, or go nowhere")
    if building.straight:
        notes.append(f"{building.straight} patterns without a shape: straight from stop to stop")
    shapes = {shape.shape: shape for shape in building.shapes()}
    return tuple(found), tuple(shapes[name] for name in sorted(shapes))


@dataclass(slots=True)
class _Building:
    """Roads and patterns, each made once."""

    lines_of: Mapping[str, Line]
    stops: Mapping[str, Stop]
    routes: Mapping[str, Route]
    straight: int = 0
    made: dict[object, Shape | None] = field(default_factory=dict)
    placed: dict[object, tuple[float, ...]] = field(default_factory=dict)

    def shapes(self) -> Iterable[Shape]:
        return (shape for shape in self.made.values() if shape is not None)

    def trip(self, row: TripRow, called: Sequence[CallRow]) -> Trip | None:
        if len(called) < 2:
            return None
        names = tuple(call.stop for call in called)
        points = [(self.stops[name].lat, self.stops[name].lon) for name in names]
        road, told = self._road(row, names, points, [call.told for call in called])
        if road is None:
            return None
        pattern = road.shape, names, tuple(told)
        if pattern not in self.placed:
            at_s = [math.nan if c.arrive_s is None else float(c.arrive_s) for c in called]
            self.placed[pattern] = roads.along(road, points, told, at_s)
        along_m = self.placed[pattern]
        arrive_s, depart_s = [c.arrive_s for c in called], [c.depart_s for c in called]
        times = roads.filled_s(arrive_s, depart_s, along_m)
        if times[-1][0] <= times[0][1]:
            return None
        return Trip(
            trip=row.trip,
            route=row.route,
            service=row.service,
            shape=road.shape,
            direction=row.direction,
            period=period_of(times[0][1]),
            calls=tuple(
                Call(name, arrives, departs, metres)
                for name, (arrives, departs), metres in zip(names, times, along_m, strict=True)
            ),
        )

    def _road(
        self,
        row: TripRow,
        names: tuple[str, ...],
        points: list[roads.LatLon],
        told: Sequence[float | None],
    ) -> tuple[Shape | None, list[float | None]]:
        """The road of a trip, and where along it the feed says its stops lie."""
        line = self.lines_of.get(row.shape)
        if line is not None:
            key: object = row.route, row.shape
            if key not in self.made:
                self.made[key] = roads.shape(self._name(row), line.points)
            if (road := self.made[key]) is not None:
                return road, line.hints(road, points, told)
        key = row.route, names
        if key not in self.made:
            self.straight += 1
            self.made[key] = roads.shape(self._name(row), points)
        return self.made[key], [None] * len(names)

    def _name(self, row: TripRow) -> str:
        route = self.routes[row.route]
        return route.number or route.title
