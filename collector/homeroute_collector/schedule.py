"""When a device is expected to be heard: the timetable as presence and alerts need it.

Guarantees: pure and small. The timetable comes in from outside, as runs of
yesterday, today and tomorrow; the collector knows no feed, no route table and no
calendar. Two trips less than :data:`LAYOVER_MS` apart are one run, for a bus
between its tiers keeps its gateway on.

Does not: read the archive, or refresh itself. None in place of a schedule: nobody
has told one, and states that only a timetable can give stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Calendar = Literal["none", "current", "ended"]
"""``none``: no calendar has ever been in force. ``ended``: one was, none is."""

LAYOVER_MS = 30 * 60_000
"""A pause between trips that is no reason to switch a gateway off."""


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of time in which a bus is on the road by the timetable; the end exclusive."""

    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """What the timetable says of the days around now.

    ``runs``: of each device that the fleet table knows, in order, joined; empty
    where it drives nothing. ``district``: of all trips together; they stand for a
    device that the fleet table does not know. ``ends_ms``: when the last known
    calendar ends, None where there is none. ``retired``: devices that are no more.
    ``installed``: devices that people say ride in a vehicle, heard or not.
    """

    calendar: Calendar = "none"
    runs: Mapping[str, tuple[Run, ...]] = field(default_factory=dict)
    district: tuple[Run, ...] = ()
    ends_ms: int | None = None
    retired: frozenset[str] = frozenset()
    installed: frozenset[str] = frozenset()

    def expected_since(self, device: str, now_ms: int) -> int | None:
        """Since when the device has been expected to be heard; None when it is not now."""
        return since(self.runs.get(device, self.district), now_ms)

    def drives(self, now_ms: int) -> bool:
        """Whether any trip of the district is being driven."""
        return since(self.district, now_ms) is not None


NO_TIMETABLE = Schedule()
"""Nothing was ever imported: silence alone decides."""


def since(runs: Iterable[Run], now_ms: int) -> int | None:
    """The start of the run that is going on; None when there is none."""
    return next((run.start_ms for run in runs if run.start_ms <= now_ms < run.end_ms), None)


def joined(runs: Iterable[Run], layover_ms: int = LAYOVER_MS) -> tuple[Run, ...]:
    """The same times as few runs, in order: what overlaps or nearly touches is one."""
    found: list[Run] = []
    for run in sorted(runs, key=lambda run: (run.start_ms, run.end_ms)):
        if found and run.start_ms - found[-1].end_ms <= layover_ms:
            found[-1] = Run(found[-1].start_ms, max(found[-1].end_ms, run.end_ms))
        else:
            found.append(run)
    return tuple(found)
