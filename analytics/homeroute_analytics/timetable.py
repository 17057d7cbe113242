"""The timetable as everybody reads it: the trips of a day, exceptions applied, devices named.

Guarantees: times are right across daylight saving; a snow day has no trips, an early
release has its afternoon shifted; a trip names the device whose vehicle is assigned to
it that day, None where nobody said. Does not: say who really drove
(:mod:`homeroute_analytics.legs`), or read files (:mod:`homeroute_analytics.feeds`).
The tables and which feed is in force: :mod:`homeroute_analytics.timetable_tables`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from homeroute_analytics.crews import crews
from homeroute_analytics.legs import Period, instant_ms
from homeroute_analytics.samples import Query

SEGMENT_M = 250.0
"""Length of a segment along the shape: 10 s sampling sees each up to 25 m/s (DESIGN section 6)."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A road as a line: degrees WGS 84, and metres from its start at each point.

    ``shape`` is ``name@hash``; ``along_m`` never decreases and begins with 0.
    """

    shape: str
    lat: tuple[float, ...]
    lon: tuple[float, ...]
    along_m: tuple[float, ...]

    @property
    def length_m(self) -> float:
        """Metres from end to end."""
        return self.along_m[-1] if self.along_m else 0.0


@dataclass(frozen=True, slots=True)
class Call:
    """One stop of a trip, in seconds of the service day and metres along the shape."""

    stop: str
    arrive_s: int
    depart_s: int
    along_m: float


@dataclass(frozen=True, slots=True)
class ScheduledTrip:
    """One trip of one service day as the timetable has it, exceptions applied.

    ``start_ms`` inclusive and ``end_ms`` exclusive are the first departure and the
    last arrival. ``calls`` are in driving order; their seconds are already shifted.
    ``vehicle`` is what the assignment table names and ``device`` what rides in it that
    day, each None where nobody said. ``shift_s`` is how much later than the feed has it.
    """

    feed: int
    trip: str
    route: str
    label: str
    period: Period
    direction: str
    service_day: date
    start_ms: int
    end_ms: int
    shape: Shape
    calls: tuple[Call, ...]
    device: str | None = None
    vehicle: str | None = None
    shift_s: int = 0


def segment_name(shape: str, index: int) -> str:
    """The name of the segment that begins ``index * SEGMENT_M`` along the shape."""
    return f"{shape}:{index:03d}"


WARN_DAYS = 14
"""So long before the calendar ends it is said (DESIGN section 6)."""

CANCELLING = frozenset({"no_school", "snow"})
"""Kinds of days on which the periods named do not run at all."""

_HOURS = """
SELECT s.feed, s.day, t.trip, t.period, t.start_s, t.end_s
FROM feed_services s JOIN feed_trips t USING (feed, service) WHERE s.day BETWEEN ? AND ?
"""
_ROADS = """
SELECT feed, trip, route, label, direction, shape,
       call_stop, call_arrive_s, call_depart_s, call_along_m
FROM feed_trips JOIN feed_routes USING (feed, route)
SEMI JOIN (SELECT feed, service FROM feed_services WHERE day BETWEEN $1 AND $2) AS running
    USING (feed, service)
WHERE list_contains($3, feed)
"""


@dataclass(frozen=True, slots=True)
class Drive:
    """The hours of a :class:`ScheduledTrip`, whose words these are, without its road."""

    feed: int
    trip: str
    period: Period
    service_day: date
    start_ms: int
    end_ms: int
    device: str | None
    vehicle: str | None
    shift_s: int


@dataclass(frozen=True, slots=True)
class CalendarEnd:
    """The last day any feed has a service, and how many days that is from today."""

    last_day: date
    days_left: int

    @property
    def near(self) -> bool:
        """Whether it is time to import the next feed."""
        return self.days_left <= WARN_DAYS


async def drives(query: Query, first_day: date, last_day: date, timezone: str) -> list[Drive]:
    """The hours of every trip of those service days, both inclusive: :func:`load` without roads.

    Reads no shape and no stop, so that it can be asked every minute. ``timezone`` is the
    district's, for feeds that name none. Raises ZoneInfoNotFoundError.
    """
    feeds = await query("SELECT feed, first_day, last_day, timezone FROM feeds", [])
    zones = {row[0]: ZoneInfo(row[3] or timezone) for row in feeds}
    days = (first_day + timedelta(n) for n in range((last_day - first_day).days + 1))
    force = {day: in_force(feeds, day) for day in days}
    exceptions = {
        day: _Exception(kind, frozenset(p for p in periods.split(",") if p), shift_s)
        for day, kind, periods, shift_s in await query(
            "SELECT day, kind, periods, shift_s FROM calendar_days WHERE day BETWEEN ? AND ?",
            [first_day, last_day],
        )
    }
    table = await crews(query, first_day, last_day)
    crew_of = {day: table.on(day) for day in force}
    found = []
    for feed, day, trip, period, start_s, end_s in await query(_HOURS, [first_day, last_day]):
        exception = exceptions.get(day)
        shift_s = 0 if exception is None else exception.shift_of(period)
        if force[day] != feed or shift_s is None:
            continue
        vehicle, device = crew_of[day].get(trip, (None, None))
        start_ms, end_ms = (
            instant_ms(day, seconds + shift_s, zones[feed]) for seconds in (start_s, end_s)
        )
        found.append(Drive(feed, trip, period, day, start_ms, end_ms, device, vehicle, shift_s))
    return sorted(found, key=lambda drive: (drive.start_ms, drive.trip))


async def load(query: Query, first_day: date, last_day: date, timezone: str) -> list[ScheduledTrip]:
    """Every trip of those service days, both inclusive, by start and trip.

    ``timezone`` is the district's, for feeds that name none. Raises
    ZoneInfoNotFoundError.
    """
    hours = await drives(query, first_day, last_day, timezone)
    feeds = sorted({drive.feed for drive in hours})
    if not feeds:
        return []
    shapes = {
        (feed, name): Shape(name, tuple(lat), tuple(lon), tuple(along))
        for feed, name, lat, lon, along in await query(
            "SELECT feed, shape, lat, lon, along_m FROM feed_shapes WHERE list_contains(?, feed)",
            [feeds],
        )
    }
    rows = {row[:2]: row[2:] for row in await query(_ROADS, [first_day, last_day, feeds])}
    # What several days share is made once.
    calls: dict[tuple[int, str, int], tuple[Call, ...]] = {}
    found = []
    for drive in hours:
        route, label, direction, shape, *called = rows[drive.feed, drive.trip]
        key = drive.feed, drive.trip, drive.shift_s
        if key not in calls:
            calls[key] = _calls(called, drive.shift_s)
        found.append(
            ScheduledTrip(
                feed=drive.feed,
                trip=drive.trip,
                route=route,
                label=label,
                period=drive.period,
                direction=direction,
                service_day=drive.service_day,
                start_ms=drive.start_ms,
                end_ms=drive.end_ms,
                shape=shapes[drive.feed, shape],
                calls=calls[key],
                device=drive.device,
                vehicle=drive.vehicle,
                shift_s=drive.shift_s,
            )
        )
    return found


def _calls(called: list[Any], shift_s: int) -> tuple[Call, ...]:
    """Of a trip's lists of stops, arrivals, departures and metres."""
    return tuple(
        Call(stop, arrive_s + shift_s, depart_s + shift_s, along_m)
        for stop, arrive_s, depart_s, along_m in zip(*called, strict=True)
    )


async def scheduled_between(
    query: Query, from_ms: int, until_ms: int, timezone: str
) -> list[ScheduledTrip]:
    """The trips that are under way at any moment from ``from_ms`` until before ``until_ms``.

    For what is scheduled now, with a margin: ``now_ms - margin_ms, now_ms + margin_ms``.
    """
    zone = ZoneInfo(timezone)
    # A service day may reach far into the next one, and zones of feeds may differ.
    first = datetime.fromtimestamp(from_ms / 1000, zone).date() - timedelta(days=2)
    last = datetime.fromtimestamp(until_ms / 1000, zone).date() + timedelta(days=1)
    trips = await load(query, first, last, timezone)
    return [trip for trip in trips if trip.start_ms < until_ms and trip.end_ms > from_ms]


async def calendar_end(query: Query, today: date) -> CalendarEnd | None:
    """Until when buses are scheduled, feeds to come included; None where no feed ever was."""
    feeds = await query("SELECT feed, first_day, last_day, timezone FROM feeds", [])
    days = await query("SELECT DISTINCT feed, day FROM feed_services", [])
    found = [day for feed, day in days if in_force(feeds, day) == feed]
    if not found:
        return None
    return CalendarEnd(max(found), (max(found) - today).days)


def in_force(feeds: Iterable[tuple[Any, ...]], day: date) -> int | None:
    """The feed of that day, of rows that begin with feed, first and last day."""
    begun = [(first, feed, last) for feed, first, last, *_ in feeds if first <= day]
    if not begun:
        return None
    _, feed, last = max(begun)
    return int(feed) if day <= last else None


@dataclass(frozen=True, slots=True)
class _Exception:
    """A day of the calendar's own; no ``periods`` are all of them."""

    kind: str
    periods: frozenset[str]
    shift_s: int

    def shift_of(self, period: str) -> int | None:
        """How much later a trip of that period runs; None: not at all."""
        if self.periods and period not in self.periods:
            return 0
        return None if self.kind in CANCELLING else self.shift_s
