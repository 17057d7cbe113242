"""Legs: which stretch of a device's day belongs to which trip.

A leg is what the server believes; it is joined with raw points when asked and
never written into them, so a better belief repairs history by replacing legs.

Guarantees: times are milliseconds since 1970 UTC and right across daylight
saving; storing the same legs twice changes nothing. Does not: look at GPS, or
read a timetable feed: here a leg comes from the assignment table alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

Period = Literal["AM", "MID", "PM"]

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
    PRIMARY KEY (device, service_day, trip)
)
"""
"""The archive's table of legs. ``end_ms`` is exclusive."""

_STORE = """
INSERT OR REPLACE INTO legs
SELECT unnest(?::VARCHAR[]), unnest(?::DATE[]), unnest(?::VARCHAR[]), unnest(?::VARCHAR[]),
       unnest(?::VARCHAR[]), unnest(?::BIGINT[]), unnest(?::BIGINT[]), unnest(?::VARCHAR[]),
       unnest(?::DOUBLE[])
"""

MONDAY_TO_FRIDAY = frozenset(range(5))


@dataclass(frozen=True, slots=True)
class Leg:
    """A stretch of one device's service day on one trip.

    ``start_ms`` inclusive, ``end_ms`` exclusive. ``source`` says where the
    belief comes from (``assignment``, later ``gps``), ``confidence`` is 0 to 1.
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


async def store(
    execute: Callable[[str, Sequence[Any]], Awaitable[object]], legs: Sequence[Leg]
) -> None:
    """Put legs into the archive; one of the same device, service day and trip is replaced.

    ``execute`` runs one statement on the archive's writer.
    """
    if not legs:
        return
    columns = zip(
        *(
            (
                leg.device,
                leg.service_day.isoformat(),
                leg.route,
                leg.trip,
                leg.period,
                leg.start_ms,
                leg.end_ms,
                leg.source,
                leg.confidence,
            )
            for leg in legs
        ),
        strict=True,
    )
    await execute(_STORE, [list(column) for column in columns])
