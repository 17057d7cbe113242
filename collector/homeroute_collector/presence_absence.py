"""What an absence means: an outage, a parked bus, summer, or nothing one can say.

Guarantees: pure. Silence is an outage only where the device was expected to be
heard. A bus that has been off all night is not offline in the first second of its
trip, but once it has been expected for as long as silence takes to count; one that
was live and falls silent on its trip, or just before, is offline at once.

| the timetable | a silent bus is |
| --- | --- |
| none was ever in force | offline, as silence alone says |
| current, on its run | offline; one that was off before, after the silence limit |
| current, outside its runs (holidays too) | parked |
| ended, and nothing new | unscheduled |

A hotspot follows no timetable: it is parked until its own limit, then offline.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from homeroute_collector.schedule import Schedule

State = Literal["unknown", "online", "degraded", "offline", "parked", "unscheduled", "retired"]
STATES: tuple[State, ...] = get_args(State)

ABSENT: tuple[State, ...] = ("offline", "parked", "unscheduled")
"""What a device that is not heard may be, once somebody has listened for it."""

HOTSPOT_SILENT_MS = 96 * 3_600_000
"""A lent hotspot is off for a long weekend before it is called offline."""


@dataclass(frozen=True, slots=True)
class Absence:
    """A device that is not heard. ``since_ms``: when it last was, or died.

    ``limit_ms``: how long it must have been expected before its absence counts.
    ``listened``: whether the collector listened for that long. ``before``: the
    state so far.
    """

    device: str
    kind: str
    since_ms: int
    limit_ms: int
    listened: bool
    before: State


def absent(
    absence: Absence,
    now_ms: int,
    schedule: Schedule | None,
    hotspot_silent_ms: int = HOTSPOT_SILENT_MS,
) -> State:
    """The state of a device that is not heard."""
    if not absence.listened and absence.before not in ABSENT:
        return "unknown"
    if absence.kind == "hotspot":
        return "offline" if now_ms - absence.since_ms > hotspot_silent_ms else "parked"
    if schedule is None:
        return absence.before if absence.before in ABSENT else "offline"
    if schedule.calendar == "none":
        return "offline"
    if schedule.calendar == "ended":
        return "unscheduled"
    expected_ms = schedule.expected_since(absence.device, now_ms)
    if expected_ms is None:
        return "parked"
    waited = now_ms - expected_ms > absence.limit_ms
    return absence.before if absence.before in ABSENT and not waited else "offline"
