"""A world as canonical text: so that two machines can compare theirs by one hash. Pure.

Guarantees: every name and number that matters, in one order, numbers rounded to
what any of their readers can tell apart (tenths of a metre and of a decibel,
milliseconds). Does not: say it in few words.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from datetime import date

import numpy as np

from homeroute_simulators.planned_drive import PlannedDrive
from homeroute_simulators.radio import Radio
from homeroute_simulators.roads import Shape
from homeroute_simulators.world import World

RADIO_STEP_M = 1_700.0
RADIO_REACH = 6


def of_world(world: World) -> str:
    """The district, its timetable and its school year, a line each thing."""
    district = world.district
    lines = [
        *district.routes,
        *district.buses,
        *district.hotspots,
        *district.trips,
        *district.later_trips,
        *district.zones,
        *((day.isoformat(), world.calendar.kind_of(day)) for day in world.calendar.days()),
    ]
    return "".join(f"{_line(line)}\n" for line in lines)


def of_drives(drives: Sequence[PlannedDrive]) -> str:
    """What really happens on a day, a line a drive."""
    return "".join(f"{_line(drive)}\n" for drive in drives)


def of_radio(radio: Radio) -> str:
    """A sample of the field of both carriers, a line a place."""
    return "".join(f"{line}\n" for line in _radio(radio))


def _radio(radio: Radio) -> Iterator[str]:
    steps = np.arange(-RADIO_REACH, RADIO_REACH + 1) * RADIO_STEP_M
    east, north = (each.ravel() for each in np.meshgrid(steps, steps))
    prairie = radio.signal_dbm(east, north, "prairie")
    bluestem = radio.signal_dbm(east, north, "bluestem")
    for e, n, one, other in zip(
        *(column.tolist() for column in (east, north, prairie, bluestem)), strict=True
    ):
        yield f"{e:.1f} {n:.1f} {one:.1f} {other:.1f}"


def _line(thing: object) -> str:
    return json.dumps(_plain(thing), separators=(",", ":"))


def _plain(thing: object) -> object:
    if isinstance(thing, float):
        return round(thing, 1)
    if isinstance(thing, date):
        return thing.isoformat()
    if isinstance(thing, Shape):
        return _plain(thing.corners)
    if isinstance(thing, tuple):
        return [_plain(each) for each in thing]
    if is_dataclass(thing):
        told = (field.name for field in fields(thing) if field.compare)
        return [type(thing).__name__, *(_plain(getattr(thing, name)) for name in told)]
    return thing
