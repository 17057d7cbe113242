"""Clock hours of a place, as stretches of absolute time.

Guarantees: the stretches cover the range asked for without gap or overlap, also
across daylight saving (the hour that happens twice is two stretches of the same
name) and in zones that are not whole hours from UTC. Uses the zones Python
knows, so that no database extension decides what an hour is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

STEP_MS = 900_000
"""Every zone has changed its offset only at whole quarters of a UTC hour since 1972."""


@dataclass(frozen=True, slots=True)
class Hour:
    """``start_ms`` inclusive to ``end_ms`` exclusive lie in clock hour ``hour``, 0 to 23."""

    start_ms: int
    end_ms: int
    hour: int


def local_hours(start_ms: int, end_ms: int, timezone: str) -> list[Hour]:
    """Cut a range of time at the hours of a zone's clocks; both ends are clipped."""
    zone = ZoneInfo(timezone)
    hours: list[Hour] = []
    name: tuple[object, ...] = ()
    at = start_ms
    while at < end_ms:
        until = min((at // STEP_MS + 1) * STEP_MS, end_ms)
        local = datetime.fromtimestamp(at // 1000, UTC).astimezone(zone)
        # The offset belongs to the name: 01:30 before and after the clocks go back differ.
        now = (local.date(), local.hour, local.utcoffset())
        if now == name:
            hours[-1] = Hour(hours[-1].start_ms, until, local.hour)
        else:
            hours.append(Hour(at, until, local.hour))
        name, at = now, until
    return hours
