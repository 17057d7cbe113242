"""What buses drive at any hour, as the timetable of that day: so they are scheduled trips.

Guarantees: every drive of the plan is a trip of its own, due when the drive was due,
on its day; other days are as they were; kept up for as long as buses drive. Does not: put
excursions into it, which are in no timetable; store it: whoever calls knows where to.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import takewhile
from pathlib import Path
from zoneinfo import ZoneInfo

from homeroute_analytics.imports import Document
from homeroute_analytics.legs import instant_ms
from homeroute_simulators import world_timetable
from homeroute_simulators.district import Trip
from homeroute_simulators.itinerary import endless
from homeroute_simulators.planned_drive import PlannedDrive
from homeroute_simulators.school_calendar import Calendar, DayKind
from homeroute_simulators.world import World

AHEAD_MS = 86_400_000
"""How far ahead it looks."""

RENEWED_S = AHEAD_MS / 2000
"""How often :func:`keep` looks again, for buses that drive longer than that."""

Take = Callable[[Sequence[tuple[Document, date | None]], date], Awaitable[None]]
"""Stores documents in this order, feeds from their day on; the other day is today."""


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


async def keep(
    world: World,
    day: date,
    began_ms: int,
    take: Take,
    *,
    folder: Path,
    now_ms: Callable[[], int],
    every_s: float = RENEWED_S,
) -> None:
    """Have what ``endless(world, day, began_ms)`` drives stored as a timetable, until cancelled.

    It takes force on the day it is; past days keep theirs. Files are written into ``folder``.
    Raises what ``take`` raises.
    """
    zone = ZoneInfo(world.district.timezone)

    def read(at_ms: int, today: date) -> list[tuple[Document, date | None]]:
        live = scheduled(world, endless(world, day, began_ms), at_ms)
        return world_timetable.documents(live, today, date(today.year + 1, 12, 31), folder=folder)

    while True:
        at_ms = now_ms()
        today = datetime.fromtimestamp(at_ms / 1000, zone).date()
        # In a thread: hundreds of trips along their roads take a while to write.
        await take(await asyncio.to_thread(read, at_ms, today), today)
        await asyncio.sleep(every_s)


def scheduled(world: World, drives: Mapping[str, Iterator[PlannedDrive]], now_ms: int) -> World:
    """The world whose timetable says these drives, of today and for a day ahead.

    They may be endless, and may have begun on any day before.
    """
    zone = ZoneInfo(world.district.timezone)
    today = datetime.fromtimestamp(now_ms / 1000, zone).date()
    trips: list[Trip] = []
    services: dict[date, set[str]] = defaultdict(set)
    for own in drives.values():
        for planned in takewhile(lambda each: each.depart_ms < now_ms + AHEAD_MS, own):
            if planned.excursion:
                continue
            due = datetime.fromtimestamp(planned.scheduled_ms / 1000, zone)
            # Not the one before, however early: what is looked at live is the calendar's today.
            day = due.date()
            if day < today:
                continue
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
