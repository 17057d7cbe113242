"""The timetable as the archive keeps it: feeds, calendar, fleet and assignments.

A feed is one version of a district's routes, shapes, stops and trips, and is in
force from ``first_day`` to ``last_day``. A shape's name ends in a hash of its
geometry, so that an unchanged road keeps its name, and its segments theirs,
across feeds. All tables are effective-dated; nothing is overwritten but by an
import of the same days.

Guarantees: times are seconds after noon minus 12 hours of the service day, as in
GTFS, and become instants only with a day and a zone. Shapes and stops say where
children wait: they stay in the archive, are never sent to devices, and stand on
no public page. Does not: read files (:mod:`homeroute_analytics.feeds`), or say who
drove what (:mod:`homeroute_analytics.legs`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from homeroute_analytics.legs import Period

SEGMENT_M = 250.0
"""Length of a segment along the shape: 10 s sampling sees each up to 25 m/s (DESIGN section 6)."""

DDL = (
    """CREATE TABLE IF NOT EXISTS feeds (
        feed INTEGER PRIMARY KEY, format VARCHAR NOT NULL, name VARCHAR NOT NULL,
        sha256 VARCHAR NOT NULL, timezone VARCHAR NOT NULL,
        first_day DATE NOT NULL, last_day DATE NOT NULL, imported_ms BIGINT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS feed_routes (
        feed INTEGER, route VARCHAR, label VARCHAR, area VARCHAR, locale VARCHAR, school VARCHAR,
        PRIMARY KEY (feed, route))""",
    """CREATE TABLE IF NOT EXISTS feed_stops (
        feed INTEGER, stop VARCHAR, name VARCHAR, lat DOUBLE, lon DOUBLE,
        PRIMARY KEY (feed, stop))""",
    # One row a shape: it is read whole or not at all. along_m[0] is 0.
    """CREATE TABLE IF NOT EXISTS feed_shapes (
        feed INTEGER, shape VARCHAR, lat DOUBLE[], lon DOUBLE[], along_m DOUBLE[],
        PRIMARY KEY (feed, shape))""",
    """CREATE TABLE IF NOT EXISTS feed_trips (
        feed INTEGER, trip VARCHAR, route VARCHAR, service VARCHAR, shape VARCHAR,
        direction VARCHAR, period VARCHAR, start_s INTEGER, end_s INTEGER,
        PRIMARY KEY (feed, trip))""",
    """CREATE TABLE IF NOT EXISTS feed_calls (
        feed INTEGER, trip VARCHAR, seq INTEGER, stop VARCHAR,
        arrive_s INTEGER, depart_s INTEGER, along_m DOUBLE, PRIMARY KEY (feed, trip, seq))""",
    # The calendar, expanded: a row for every day a service runs.
    """CREATE TABLE IF NOT EXISTS feed_services (
        feed INTEGER, service VARCHAR, day DATE, PRIMARY KEY (feed, service, day))""",
    # What the feed does not know: snow, early release. `periods` are those it changes.
    """CREATE TABLE IF NOT EXISTS calendar_days (
        day DATE, kind VARCHAR NOT NULL, periods VARCHAR NOT NULL, shift_s INTEGER NOT NULL,
        note VARCHAR, imported_ms BIGINT NOT NULL, PRIMARY KEY (day))""",
    # Which device rides in which vehicle. last_day NULL: until further notice.
    """CREATE TABLE IF NOT EXISTS fleet (
        device VARCHAR, vehicle VARCHAR, first_day DATE, last_day DATE, imported_ms BIGINT,
        PRIMARY KEY (device, first_day))""",
    # Which vehicle drives which trip. Of several rows for a trip and day the newest first_day
    # wins: a substitute for one day is a row of one day. weekdays: a bit each, Monday is 1.
    """CREATE TABLE IF NOT EXISTS assignments (
        vehicle VARCHAR, trip VARCHAR, first_day DATE, last_day DATE, weekdays TINYINT,
        imported_ms BIGINT, PRIMARY KEY (trip, first_day, vehicle))""",
    # What people said of devices: retired, replaced, the idle ladder's program.
    """CREATE TABLE IF NOT EXISTS device_lives (
        device VARCHAR PRIMARY KEY, retired_day DATE, replaced_by VARCHAR, noted_ms BIGINT)""",
    # A carrier's or an MDM's export: hotspots that cannot run an agent.
    """CREATE TABLE IF NOT EXISTS imported_usage (
        device VARCHAR, day DATE, carrier VARCHAR, down_bytes BIGINT, up_bytes BIGINT,
        source VARCHAR, imported_ms BIGINT, PRIMARY KEY (device, day))""",
)
"""The archive's tables of the timetable, empty lists and NULL where a feed is silent."""


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
    ``device`` is whom the assignment table names, None when nobody.
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


def segment_name(shape: str, index: int) -> str:
    """The name of the segment that begins ``index * SEGMENT_M`` along the shape."""
    return f"{shape}:{index:03d}"
