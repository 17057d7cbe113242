"""A school-routing program's two CSVs, routes and stops, as a :class:`~.records.Feed`.

ROUTES has a row for each run (a route driven in one part of the day), STOPS one for each
stop of a run. Both are found by the names such programs give their columns, or a
mapping's. Roads are straight from stop to stop, for these exports have none.

Guarantees: as :mod:`~homeroute_analytics.feeds.gtfs`. Does not: know holidays: every one
of the run's weekdays from its first to its last day is a school day, and calendar.csv
takes days away.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from homeroute_analytics.feeds import mapping, roads
from homeroute_analytics.feeds.csvfile import CsvFile
from homeroute_analytics.feeds.mapping import ColumnMapping, Row
from homeroute_analytics.feeds.plain import weekdays
from homeroute_analytics.feeds.problems import Problems, quoted
from homeroute_analytics.feeds.records import Feed, Route, Stop, Trip, period_of
from homeroute_analytics.legs import Period
from homeroute_analytics.timetable import Call, Shape

ROUTES = {
    "route": ("route id", "route number", "route no", "route name", "route code", "rte"),
    "run": ("run id", "run number", "run name", "trip", "trip id", "tier"),
    "title": ("description", "route description", "run description", "long name"),
    "period": ("session", "am/pm", "time of day", "tod", "shift"),
    "direction": ("to/from", "run type", "route type", "inbound/outbound"),
    "school": ("school name", "school code", "campus", "facility", "destination"),
    "area": ("zone", "region", "district area", "neighborhood", "cluster"),
    "locale": ("locale code", "urban/rural", "urbanicity"),
    "weekdays": ("days", "days of week", "operating days", "frequency"),
    "from": ("start date", "effective date", "begin date", "first day", "from date"),
    "to": ("end date", "expiration date", "last day", "to date"),
    "vehicle": ("bus", "bus number", "bus no", "vehicle number", "vehicle id", "unit"),
}
STOPS = {
    "route": ROUTES["route"],
    "run": ROUTES["run"],
    "period": ROUTES["period"],
    "seq": ("sequence", "stop sequence", "stop order", "stop number", "stop no", "order", "seq no"),
    "stop": ("stop id", "stop code", "location id", "loc id"),
    "name": ("stop name", "stop description", "location", "description", "address", "intersection"),
    "lat": ("latitude", "y", "stop lat", "lat dd", "y coord", "gps lat"),
    "lon": ("longitude", "x", "long", "lng", "stop lon", "lon dd", "x coord", "gps lon"),
    "time": ("stop time", "arrival", "arrival time", "scheduled time", "time at stop", "arrive"),
    "departs": ("departure", "departure time", "depart", "leave time"),
}

PERIODS: Mapping[str, Period] = {
    **dict.fromkeys(("AM", "A", "MORNING", "TO SCHOOL", "TO"), "AM"),
    **dict.fromkeys(("MID", "MIDDAY", "MID-DAY", "NOON", "KINDER"), "MID"),
    **dict.fromkeys(("PM", "P", "AFTERNOON", "FROM SCHOOL", "FROM"), "PM"),
}

DAYS_BOUND = 800
"""A run that claims to be driven for longer than two school years is a mistake."""

RunKey = tuple[str, str, str]


@dataclass(slots=True)
class _Run:
    """A row of ROUTES, and its stops as they come: (order, line, row)."""

    line: int
    row: Row
    trip: str
    days: frozenset[date]
    bits: int
    stops: list[tuple[float, int, Row]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Routing:
    """A feed, and (vehicle, trip, weekdays' bits) where the export names vehicles."""

    feed: Feed
    crews: tuple[tuple[str, str, int], ...]


def read(
    routes: CsvFile,
    stops: CsvFile,
    told: ColumnMapping,
    *,
    first_day: date | None,
    last_day: date | None,
) -> Routing:
    """Both files as a feed. ``first_day`` and ``last_day`` are of runs that name none.

    Raises :class:`FeedError`. The feed's time zone is left to the district's.
    """
    problems = Problems()
    runs = _runs(routes, told.of("routes"), first_day, last_day, problems)
    _stops(stops, told.of("stops"), runs, problems)
    made = _Making(stops.name, problems)
    trips = []
    for run in runs.values():
        if not run.stops:
            if problems.clean(stops.name):
                problems.add(routes.name, run.line, "run", f"{quoted(run.trip)} has no stop")
        elif (trip := made.trip(run)) is not None:
            trips.append(trip)
    if not runs and problems.clean(routes.name):
        problems.add(routes.name, 0, "", "no run below the names of the columns")
    problems.check()
    named = {trip.route for trip in trips}
    feed = Feed(
        format="routes",
        name=f"{routes.name} {stops.name}",
        agency="",
        timezone="",
        routes=tuple(r for r in _routes(runs.values()) if r.route in named),
        stops=tuple(made.stops[name] for name in sorted(made.stops)),
        shapes=tuple(made.shapes[name] for name in sorted(made.shapes)),
        trips=tuple(sorted(trips, key=lambda trip: trip.trip)),
        services=made.days,
        notes=(*routes.notes, *stops.notes, "no roads in this export: straight lines"),
    )
    crews = sorted(
        (run.row["vehicle"], run.trip, run.bits) for run in runs.values() if run.row["vehicle"]
    )
    return Routing(feed, tuple(crews))


def _runs(
    file: CsvFile,
    told: ColumnMapping,
    first_day: date | None,
    last_day: date | None,
    problems: Problems,
) -> dict[RunKey, _Run]:
    found: dict[RunKey, _Run] = {}
    names: dict[str, int] = {}
    for line, row in mapping.rows(file, ROUTES, ("route",), told):
        if not row["route"]:
            problems.add(file.name, line, "route", "it is empty")
        period = _period(row["period"], file, line, problems)
        bits = weekdays(row["weekdays"])
        if bits is None:
            problems.add(file.name, line, "weekdays", f"{quoted(row['weekdays'])} is none")
        span = []
        for name, default in (("from", first_day), ("to", last_day)):
            day = default
            if row[name]:
                day = problems.day(row[name], file=file.name, line=line, column=name)
            elif default is None:
                what = "it is empty; say a day here, or --from and --until for all"
                problems.add(file.name, line, name, what)
            span.append(day)
        trip = row["run"] or "-".join(part for part in (row["route"], period) if part)
        before = names.setdefault(trip, line)
        if before != line:
            problems.add(file.name, line, "run", f"{quoted(trip)} stands twice: line {before} too")
        days = _days(span, bits or 0, file, line, problems)
        found[row["route"], row["run"], period] = _Run(
            line, row | {"period": period}, trip, days, bits or 0
        )
    return found


def _period(text: str, file: CsvFile, line: int, problems: Problems) -> str:
    """The period of a cell, '' where it is silent."""
    if text and text.upper() not in PERIODS:
        problems.add(file.name, line, "period", f"{quoted(text)} is none; want AM, MID or PM")
    return PERIODS.get(text.upper(), "")


def _days(
    span: list[date | None], bits: int, file: CsvFile, line: int, problems: Problems
) -> frozenset[date]:
    first, last = span
    if first is None or last is None:
        return frozenset()
    if last < first or (last - first).days > DAYS_BOUND:
        what = f"{last} is before {first}, or over {DAYS_BOUND} days after it"
        problems.add(file.name, line, "to", what)
        return frozenset()
    every = (first + timedelta(n) for n in range((last - first).days + 1))
    return frozenset(day for day in every if bits >> day.weekday() & 1)


def _stops(
    file: CsvFile, told: ColumnMapping, runs: Mapping[RunKey, _Run], problems: Problems
) -> None:
    """Give each run its stops. A stop names its run, or its route and the part of the day."""
    by_run = {run.row["run"]: run for run in runs.values() if run.row["run"]}
    by_route: dict[str, list[_Run]] = defaultdict(list)
    for run in runs.values():
        by_route[run.row["route"]].append(run)
    for line, row in mapping.rows(file, STOPS, ("lat", "lon"), told):
        period = _period(row["period"], file, line, problems)
        mine = [by_run[row["run"]]] if row["run"] in by_run else by_route.get(row["route"], [])
        if len(mine) > 1:
            mine = [run for run in mine if run.row["period"] == period]
        if len(mine) != 1:
            what = f"{quoted(row['run'] or row['route'])} is no run of the other file, or several"
            problems.add(file.name, line, "run" if row["run"] else "route", what)
            continue
        order: float | None = float(line)
        if row["seq"]:
            order = problems.real(row["seq"], 0, 1e6, file=file.name, line=line, column="seq")
        mine[0].stops.append((order or 0.0, line, row))


def _routes(runs: Iterable[_Run]) -> Iterator[Route]:
    seen: set[str] = set()
    for run in runs:
        row = run.row
        if row["route"] not in seen:
            seen.add(row["route"])
            title = row["title"] if row["title"] != row["route"] else ""
            yield Route(
                row["route"], row["route"], title, row["area"], row["locale"], row["school"]
            )


@dataclass(slots=True)
class _Making:
    """Trips of runs; stops, shapes and services are kept as they come."""

    file: str
    problems: Problems
    stops: dict[str, Stop] = field(default_factory=dict)
    shapes: dict[str, Shape] = field(default_factory=dict)
    days: dict[str, frozenset[date]] = field(default_factory=dict)

    def trip(self, run: _Run) -> Trip | None:
        """The trip of a run; None, and problems, of one that cannot be driven."""
        run.stops.sort(key=lambda stop: stop[:2])
        names, points, arrives, departs = [], [], [], []
        for _, line, row in run.stops:
            lat = self._real(row["lat"], 90, line, "lat")
            lon = self._real(row["lon"], 180, line, "lon")
            times = [
                self.problems.clock_s(row[name], file=self.file, line=line, column=name)
                if row[name]
                else None
                for name in ("time", "departs")
            ]
            if lat is None or lon is None:
                return None
            names.append(self._stop(row, lat, lon))
            points.append((lat, lon))
            arrives.append(times[1] if times[0] is None else times[0])
            departs.append(times[0] if times[1] is None else times[1])
        if not self._judged(run, arrives, departs):
            return None
        road = roads.shape(run.row["route"], points)
        if road is None:
            self._say(run.stops[0][1], "stop", f"run {quoted(run.trip)} goes nowhere")
            return None
        self.shapes[road.shape] = road
        clocks = [math.nan if s is None else float(s) for s in arrives]
        along_m = roads.along(road, points, [None] * len(points), clocks)
        times_s = roads.filled_s(arrives, departs, along_m)
        service = self._service(run.days)
        period: Period = PERIODS.get(run.row["period"]) or period_of(times_s[0][1])
        return Trip(
            trip=run.trip,
            route=run.row["route"],
            service=service,
            shape=road.shape,
            direction=run.row["direction"].lower() or {"AM": "to", "PM": "from"}.get(period, ""),
            period=period,
            calls=tuple(
                Call(name, at_s[0], at_s[1], metres)
                for name, at_s, metres in zip(names, times_s, along_m, strict=True)
            ),
        )

    def _judged(self, run: _Run, arrives: list[int | None], departs: list[int | None]) -> bool:
        """Whether a run's times can be driven; a problem if not."""
        lines = [line for _, line, _ in run.stops]
        if len(lines) < 2:
            self._say(lines[0], "stop", f"run {quoted(run.trip)} has one stop alone")
            return False
        for at, word in ((0, "first"), (-1, "last")):
            if arrives[at] is None:
                self._say(lines[at], "time", f"the {word} stop of run {quoted(run.trip)} needs one")
                return False
        last_s = -1
        for line, arrive_s, depart_s in zip(lines, arrives, departs, strict=True):
            if arrive_s is None or depart_s is None:
                continue
            if arrive_s < last_s or depart_s < arrive_s:
                self._say(line, "time", f"run {quoted(run.trip)} is earlier here than before")
                return False
            last_s = depart_s
        return True

    def _stop(self, row: Row, lat: float, lon: float) -> str:
        """The stop's id: its own, or of its name and place."""
        stop = row["stop"] or f"{roads.slug(row['name'])}@{lat:.5f},{lon:.5f}"
        known = self.stops.setdefault(stop, Stop(stop, row["name"] or stop, lat, lon))
        if (known.lat, known.lon) == (lat, lon):
            return stop
        # The same id at two places is two stops: such ids number a run's own.
        other = f"{stop}@{lat:.5f},{lon:.5f}"
        self.stops.setdefault(other, Stop(other, row["name"] or stop, lat, lon))
        return other

    def _service(self, days: frozenset[date]) -> str:
        for name, theirs in self.days.items():
            if theirs == days:
                return name
        name = f"days-{len(self.days) + 1}"
        self.days[name] = days
        return name

    def _real(self, text: str, bound: float, line: int, column: str) -> float | None:
        return self.problems.real(text, -bound, bound, file=self.file, line=line, column=column)

    def _say(self, line: int, column: str, what: str) -> None:
        self.problems.add(self.file, line, column, what)
