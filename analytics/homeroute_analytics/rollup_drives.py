"""Which trips a day had, and who drove each when. Pure.

A trip is one drive, whoever drives it: where two devices claim the same moment of it,
the surer leg counts; where two legs of one device overlap, the later start does.

Guarantees: no moment of a device lies in two trips, none of a trip with two devices; a
trip nobody drove is there. Does not: doubt a leg.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

from homeroute_analytics.hours import Hour
from homeroute_analytics.legs import Leg
from homeroute_analytics.timetable import ScheduledTrip


@dataclass(frozen=True, slots=True)
class Day:
    """A service day: its local midnights, its clock hours, and the time it is known until."""

    day: date
    start_ms: int
    end_ms: int
    until_ms: int
    hours: tuple[Hour, ...]

    def inside(self, time_ms: int) -> int:
        """A time within the day, so that a day can be deleted by its time."""
        return min(max(time_ms, self.start_ms), self.end_ms - 1)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a trip that one device drove."""

    device: str
    start_ms: int
    end_ms: int


@dataclass(slots=True)
class Drive:
    """One trip of the day: as scheduled, and who drove it when."""

    trip: str
    route: str
    period: str
    start_ms: int
    end_ms: int
    scheduled: ScheduledTrip | None
    device: str = ""
    source: str = "none"
    stretches: list[Stretch] = field(default_factory=list)


def drives(legs: Sequence[Leg], trips: Iterable[ScheduledTrip], day: Day) -> list[Drive]:
    """Every trip that was scheduled to begin by now, or driven."""
    found = {
        trip.trip: Drive(
            trip.trip,
            trip.label,
            trip.period,
            trip.start_ms,
            min(trip.end_ms, day.until_ms),
            trip,
            trip.device or "",
        )
        for trip in trips
        if trip.start_ms < day.until_ms
    }
    ends: dict[tuple[str, int, str], int] = {}
    following: dict[str, int] = {}
    for leg in sorted(legs, key=lambda leg: (leg.start_ms, leg.trip), reverse=True):
        ends[leg.device, leg.start_ms, leg.trip] = min(
            leg.end_ms, following.get(leg.device, leg.end_ms)
        )
        following[leg.device] = leg.start_ms
    for leg in sorted(legs, key=lambda leg: (-leg.confidence, leg.start_ms, leg.device)):
        end_ms = ends[leg.device, leg.start_ms, leg.trip]
        drive = found.setdefault(
            leg.trip, Drive(leg.trip, leg.route, leg.period, leg.start_ms, leg.end_ms, None)
        )
        parts = [*_without(leg.start_ms, end_ms, drive.stretches)]
        if not parts:
            continue
        if not drive.stretches:
            drive.device, drive.source, drive.route = leg.device, leg.source, leg.route
        drive.stretches += [Stretch(leg.device, start, end) for start, end in parts]
    for drive in found.values():
        drive.stretches.sort(key=lambda stretch: stretch.start_ms)
    return list(found.values())


def _without(start: int, end: int, taken: Iterable[Stretch]) -> Iterator[tuple[int, int]]:
    for other in sorted(taken, key=lambda stretch: stretch.start_ms):
        if other.end_ms <= start or other.start_ms >= end:
            continue
        if other.start_ms > start:
            yield start, other.start_ms
        start = max(start, other.end_ms)
    if start < end:
        yield start, end
