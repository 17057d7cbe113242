"""Which vehicle drives a trip on a day, and which device rides in it. Pure, once read.

Of several rows for a trip and day the newest ``first_day`` wins, then a row of that one
day alone, then the newest import: a substitute for one day is a row of one day. Of a
device's rows the newest wins likewise, so that a device is in one vehicle; of a
vehicle's devices the newest.

Guarantees: a day's answer depends on the rows alone, not on their order. Does not:
know who really drove.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from homeroute_analytics.samples import Query

_FLEET = """
SELECT device, vehicle, first_day, last_day, imported_ms FROM fleet
WHERE first_day <= $2 AND (last_day IS NULL OR last_day >= $1)
"""
_ASSIGNMENTS = """
SELECT trip, vehicle, first_day, last_day, imported_ms, weekdays FROM assignments
WHERE first_day <= $2 AND (last_day IS NULL OR last_day >= $1)
"""


@dataclass(frozen=True, slots=True)
class Crews:
    """Rows of both tables, oldest first, so that a later one overrules."""

    fleet: tuple[tuple[Any, ...], ...]
    assignments: tuple[tuple[Any, ...], ...]

    def devices(self, day: date) -> dict[str, str]:
        """Of each vehicle the device that rides in it that day."""
        vehicles: dict[str, str] = {}
        for device, vehicle, first, last, _ in self.fleet:
            if first <= day and (last is None or day <= last):
                # Taken out first, so that the newest row also stands last.
                vehicles.pop(device, None)
                vehicles[device] = vehicle
        return {vehicle: device for device, vehicle in vehicles.items()}

    def on(self, day: date) -> dict[str, tuple[str, str | None]]:
        """Of each trip that is assigned that day its vehicle, and the device in it."""
        devices = self.devices(day)
        bit = 1 << day.weekday()
        found = {}
        for trip, vehicle, first, last, _, weekdays in self.assignments:
            if first <= day and (last is None or day <= last) and weekdays & bit:
                found[trip] = vehicle, devices.get(vehicle)
        return found


async def crews(query: Query, first_day: date, last_day: date) -> Crews:
    """Who is told to drive what between those days, both inclusive."""
    fleet = await query(_FLEET, [first_day, last_day])
    assignments = await query(_ASSIGNMENTS, [first_day, last_day])
    return Crews(tuple(sorted(fleet, key=_age)), tuple(sorted(assignments, key=_age)))


def _age(row: tuple[Any, ...]) -> tuple[date, bool, int, str, str]:
    """First day, one day alone, import; then names, so that the order is one."""
    return row[2], row[3] == row[2], row[4], row[0], row[1]
