"""What buses drive at any hour, as the timetable of that day: so they are scheduled trips. Pure.

Guarantees: every drive of the plan is a trip of its own, due when the drive was due,
on its day; other days are as they were. Does not: put excursions into it, which
are in no timetable; look farther ahead than :data:`AHEAD_MS`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import takewhile
from zoneinfo import ZoneInfo

from homeroute_analytics.legs import instant_ms
from homeroute_simulators.district import Trip
from homeroute_simulators.planned_drive import PlannedDrive
from homeroute_simulators.school_calendar import Calendar, DayKind
from homeroute_simulators.world import World

AHEAD_MS = 86_400_000
"""Nobody watches buses drive in circles for longer than a day."""


@dataclass(frozen=True, slots=True)
class _Instead:
    """A calendar with other services on some days."""

    usual: Calendar
    instead: Mapping[date, frozenset[str]]

    def days(self) -> tuple[date, ...]:
        """The usual ones and these."""
        return tuple(sorted({*self.usual.days(), *self.instead}))

    def kind_of(self, day: date) -> DayKind:
        """These are school days."""
        return "school" if day in self.instead else self.usual.kind_of(day)

    def services(self, day: date) -> frozenset[str]:
        """Those given instead, else the usual ones."""
        return self.instead.get(day) or self.usual.services(day)


def scheduled(world: World, drives: Mapping[str, Iterator[PlannedDrive]], now_ms: int) -> World:
    """The world whose timetable says these drives, from now on for a day; they may be endless."""
    zone = ZoneInfo(world.district.timezone)
    trips: list[Trip] = []
    services: dict[date, set[str]] = defaultdict(set)
    for own in drives.values():
        for planned in takewhile(lambda each: each.depart_ms < now_ms + AHEAD_MS, own):
            if planned.excursion:
                continue
            due = datetime.fromtimestamp(planned.scheduled_ms / 1000, zone)
            # Not the one before, however early: what is looked at live is the calendar's today.
            day = due.date()
            service = f"live-{day.isoformat()}"
            services[day].add(service)
            trips.append(
                replace(
                    planned.trip,
                    name=f"{planned.trip.name}-{due:%a-%H%M}",
                    service=service,
                    depart_s=round((planned.scheduled_ms - instant_ms(day, 0, zone)) / 1000),
                    early_s=None,
                )
            )
    instead = {day: frozenset(names) for day, names in services.items()}
    district = replace(world.district, trips=(*world.district.trips, *trips))
    return World(district, _Instead(world.calendar, instead))
