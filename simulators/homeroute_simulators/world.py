"""The world of a seed: a district, its calendar, and what really happens on each of its days.

Guarantees: everything follows from the seed; a day is the same whichever days
are asked for with it; no bus is on two drives at once; no client's MAC is on a
bus twice at once. Does not: know of devices' faults, or what anyone measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from homeroute_simulators.district import District, Trip
from homeroute_simulators.founding import found
from homeroute_simulators.planned_drive import PlannedDrive
from homeroute_simulators.school_calendar import Calendar, SchoolCalendar
from homeroute_simulators.world_day import drives_of

__all__ = ["FIRST_YEAR", "World", "found", "world"]

FIRST_YEAR = 2026


@dataclass(frozen=True, slots=True)
class World:
    """A district and its calendar."""

    district: District
    calendar: Calendar

    def trips(self, day: date) -> tuple[Trip, ...]:
        """The timetable of that day: none on a holiday, in snow, in summer."""
        services = self.calendar.services(day)
        every = (*self.district.trips, *self.district.later_trips)
        return tuple(trip for trip in every if trip.service in services)

    def drives(self, day: date) -> tuple[PlannedDrive, ...]:
        """What really happens that day, by departure and bus."""
        return drives_of(self.district, day, self.calendar.kind_of(day), self.trips(day))


def world(seed: int, *, buses: int = 12, first_year: int = FIRST_YEAR) -> World:
    """A founded district with a school year that begins in August of ``first_year``."""
    return World(found(seed, buses=buses), SchoolCalendar(seed, first_year))
