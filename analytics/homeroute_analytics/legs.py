"""Legs: which stretch of a device's day belongs to which trip.

A leg is what the server believes; it is joined with raw points when asked and
never written into them, so a better belief repairs history by replacing legs.

Guarantees: times are milliseconds since 1970 UTC and right across daylight
saving; storing the same legs twice changes nothing, and a day replaced has the new
legs and no others; a day whose legs are changed without its aggregates is no longer
sealed from that transaction on, so that it is rolled up again and not published before.
Does not: decide anything (:mod:`homeroute_analytics.attribution` does).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from homeroute_analytics.samples import Query

Period = Literal["AM", "MID", "PM"]

Transaction = Callable[[Callable[[Any, Any], object]], Awaitable[object]]
"""Runs a function of a connection (and of what else the writer knows) in one transaction."""

DDL = """
CREATE TABLE IF NOT EXISTS legs (
    device      VARCHAR NOT NULL,
    service_day DATE    NOT NULL,
    route       VARCHAR NOT NULL,
    trip        VARCHAR NOT NULL,
    period      VARCHAR NOT NULL,
    start_ms    BIGINT  NOT NULL,
    end_ms      BIGINT  NOT NULL,
    source      VARCHAR NOT NULL,
    confidence  DOUBLE  NOT NULL,
    direction   VARCHAR,
    shape       VARCHAR,
    lateness_s  DOUBLE,
    lateral_m   DOUBLE,
    covered     DOUBLE,
    reason      VARCHAR,
    PRIMARY KEY (device, service_day, trip)
)
"""
"""The archive's table of legs. ``end_ms`` is exclusive."""

UPGRADES = tuple(
    f"ALTER TABLE legs ADD COLUMN IF NOT EXISTS {name} {kind}"
    for name, kind in (
        ("direction", "VARCHAR"),
        ("shape", "VARCHAR"),
        ("lateness_s", "DOUBLE"),
        ("lateral_m", "DOUBLE"),
        ("covered", "DOUBLE"),
        ("reason", "VARCHAR"),
    )
)
"""What an archive of the first version lacks."""

_KINDS = (
    "VARCHAR", "DATE", "VARCHAR", "VARCHAR", "VARCHAR", "BIGINT", "BIGINT", "VARCHAR", "DOUBLE",
    "VARCHAR", "VARCHAR", "DOUBLE", "DOUBLE", "DOUBLE", "VARCHAR",
)  # fmt: skip

_COLUMNS = (
    "device, service_day, route, trip, period, start_ms, end_ms, source, confidence, "
    "direction, shape, lateness_s, lateral_m, covered, reason"
)

_STORE = f"""
INSERT OR REPLACE INTO legs ({_COLUMNS})
SELECT {", ".join(f"unnest(?::{kind}[])" for kind in _KINDS)}
"""

DRIVES = """
drives AS (
    SELECT device, service_day, route, trip, period, start_ms,
           least(end_ms, lead(start_ms, 1, end_ms) OVER device_legs) AS end_ms
    FROM legs
    WINDOW device_legs AS (PARTITION BY device ORDER BY start_ms, trip)
)
"""
"""SQL of ``drives``, for a WITH: legs cut so that no two of a device overlap: the later counts."""

# Whoever changes a day's legs takes away, with the same stroke, that its aggregates are of them.
_UNSEAL = "UPDATE rollup_days SET sealed = false WHERE sealed AND list_contains(?::DATE[], day)"

_FORGET = """
DELETE FROM legs WHERE service_day = ? AND (device, trip) IN (
    SELECT (unnest(?::VARCHAR[]), unnest(?::VARCHAR[])))
"""

MONDAY_TO_FRIDAY = frozenset(range(5))


@dataclass(frozen=True, slots=True)
class Leg:
    """A stretch of one device's service day on one trip.

    ``start_ms`` inclusive, ``end_ms`` exclusive. ``source`` says where the
    belief comes from: ``assignment``, of the table, and ``gps``, of positions alone;
    ``confidence`` is 0 to 1. ``lateness_s`` is the mean against the timetable,
    ``lateral_m`` the mean distance off the ``shape``, ``covered`` the share of it that
    positions speak for: None where no position came. ``reason`` says why in words.
    """

    device: str
    service_day: date
    route: str
    trip: str
    period: Period
    start_ms: int
    end_ms: int
    source: str = "assignment"
    confidence: float = 1.0
    direction: str | None = None
    shape: str | None = None
    lateness_s: float | None = None
    lateral_m: float | None = None
    covered: float | None = None
    reason: str | None = None

    def between(self, start_ms: int, end_ms: int) -> Leg:
        """The same leg with other ends."""
        return replace(self, start_ms=start_ms, end_ms=end_ms)

    def row(self) -> tuple[Any, ...]:
        """As the table has it."""
        return (
            self.device, self.service_day, self.route, self.trip, self.period, self.start_ms,
            self.end_ms, self.source, self.confidence, self.direction, self.shape,
            self.lateness_s, self.lateral_m, self.covered, self.reason,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Assignment:
    """A row of the assignment table: this device drives this trip on these days.

    ``start_s`` and ``end_s`` are seconds after noon minus 12 hours, as in GTFS:
    on an ordinary day seconds after midnight, possibly past 24 h. ``weekdays``
    counts Monday as 0. Both dates are inclusive; None leaves that side open.
    """

    device: str
    route: str
    trip: str
    period: Period
    start_s: int
    end_s: int
    weekdays: frozenset[int] = MONDAY_TO_FRIDAY
    first_day: date | None = None
    last_day: date | None = None

    def __post_init__(self) -> None:
        """Refuse a drive that ends before it starts."""
        if not self.start_s < self.end_s:
            raise ValueError(
                f"assignment of {self.device} to trip {self.trip}: "
                f"ends at {self.end_s} s, not after its start at {self.start_s} s"
            )

    def runs_on(self, day: date) -> bool:
        """Whether the trip is driven by this device on that service day."""
        return (
            day.weekday() in self.weekdays
            and (self.first_day is None or self.first_day <= day)
            and (self.last_day is None or day <= self.last_day)
        )


def from_assignments(
    assignments: Iterable[Assignment], days: Iterable[date], timezone: str
) -> list[Leg]:
    """The legs of these service days, by device and start.

    ``timezone`` is an IANA name; an unknown one raises ZoneInfoNotFoundError.
    """
    zone = ZoneInfo(timezone)
    table = list(assignments)
    legs = [
        Leg(
            row.device,
            day,
            row.route,
            row.trip,
            row.period,
            instant_ms(day, row.start_s, zone),
            instant_ms(day, row.end_s, zone),
        )
        for day in days
        for row in table
        if row.runs_on(day)
    ]
    return sorted(legs, key=lambda leg: (leg.device, leg.start_ms, leg.trip))


def instant_ms(day: date, seconds: int, zone: ZoneInfo) -> int:
    """Milliseconds since 1970 of ``seconds`` after noon minus 12 h of a service day."""
    noon = datetime.combine(day, time(12), zone)
    return round((noon.timestamp() - timedelta(hours=12).total_seconds() + seconds) * 1000)


def put(connection: Any, legs: Sequence[Leg]) -> None:
    """Put legs into the archive; one of the same device, service day and trip is replaced.

    Within the caller's transaction. Their days' aggregates are no longer of their legs: the
    days are not sealed until they are rolled up.
    """
    if legs:
        connection.execute(_STORE, _columns(legs))
        connection.execute(_UNSEAL, [sorted({leg.service_day for leg in legs})])


_STORED = f"""
SELECT {_COLUMNS} FROM legs WHERE service_day = ? ORDER BY device, start_ms, trip
"""  # noqa: S608 - names of ours


async def stored(query: Query, day: date) -> list[Leg]:
    """The legs of a service day, by device and start."""
    return [Leg(*row) for row in await query(_STORED, [day])]


@dataclass(frozen=True, slots=True)
class Changes:
    """What turns a day's legs into others: legs to be written, and (device, trip) removed."""

    written: tuple[Leg, ...]
    removed: tuple[tuple[str, str], ...]


def changes(before: Iterable[Leg], after: Iterable[Leg]) -> Changes:
    """What is there already is left as it is, so that a second run writes nothing."""
    known = {(leg.device, leg.trip): leg for leg in before}
    wanted = {(leg.device, leg.trip): leg for leg in after}
    return Changes(
        tuple(leg for key, leg in wanted.items() if known.get(key) != leg),
        tuple(key for key in known if key not in wanted),
    )


def put_day(connection: Any, day: date, legs: Iterable[Leg]) -> None:
    """Make these the legs of that day, as :func:`put`; where they are, nothing is changed."""
    found = changes((Leg(*row) for row in connection.execute(_STORED, [day]).fetchall()), legs)
    if found.removed:
        devices, trips = zip(*found.removed, strict=True)
        connection.execute(_FORGET, [day, list(devices), list(trips)])
        connection.execute(_UNSEAL, [[day]])
    put(connection, found.written)


def _columns(legs: Sequence[Leg]) -> list[list[Any]]:
    return [list(column) for column in zip(*(leg.row() for leg in legs), strict=True)]
