"""Which drives each bus of a fleet has before it, by its device. Pure.

Guarantees: a world's days are driven as the world has them; the endless day is
made of the same drives with the same riders, at other times. Does not: invent one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from homeroute_simulators.course import AROUND_MS, empty_run_s
from homeroute_simulators.planned_drive import PlannedDrive
from homeroute_simulators.radio import SERVICE_FLOOR_DBM, Radio
from homeroute_simulators.world import World

SOON = 4
"""Every so many buses, one starts just before a hollow, so that something happens soon."""


def school_days(world: World, start_ms: int, end_ms: int) -> dict[str, list[PlannedDrive]]:
    """Each bus's drives that begin before the end, from the day before the start on.

    What it drove before the start says where it stands then. A world keeps a bus from
    being in two places on one day; a drive that comes too soon after the night before,
    in another's place, is left out.
    """
    zone = ZoneInfo(world.district.timezone)
    first, last = (datetime.fromtimestamp(ms / 1000, zone).date() for ms in (start_ms, end_ms))
    drives: dict[str, list[PlannedDrive]] = {}
    for number in range(-1, (last - first).days + 1):
        for planned in world.drives(first + timedelta(days=number)):
            if planned.depart_ms - AROUND_MS < end_ms:
                drives.setdefault(planned.bus.device, []).append(planned)
    return {device: list(_one_at_a_time(own)) for device, own in drives.items()}


def _one_at_a_time(drives: list[PlannedDrive]) -> Iterator[PlannedDrive]:
    free_ms = 0
    for planned in sorted(drives, key=lambda planned: planned.depart_ms):
        if planned.depart_ms >= free_ms:
            yield planned
            free_ms = planned.arrive_ms


def last_driven(world: World, time_ms: int) -> date:
    """That time's day when buses drive on it, else the last before. ValueError: none in a year."""
    today = datetime.fromtimestamp(time_ms / 1000, ZoneInfo(world.district.timezone)).date()
    for number in range(366):
        day = today - timedelta(days=number)
        if world.trips(day):
            return day
    raise ValueError(f"nothing is driven on {today} or in the year before it")


def endless(world: World, day: date, now_ms: int) -> Mapping[str, Iterator[PlannedDrive]]:
    """A day's drives one right after the other, over and over, each bus on its first one now.

    Of each bus the drives over one route follow each other, so that little is driven
    empty. Buses are spread over their first drives, some just before a hollow.
    """
    own: dict[str, list[PlannedDrive]] = {}
    for planned in world.drives(day):
        own.setdefault(planned.bus.device, []).append(planned)
    radio = Radio(world.district)
    found: dict[str, Iterator[PlannedDrive]] = {}
    for index, (device, drives) in enumerate(sorted(own.items())):
        routes = {planned.trip.route.label: number for number, planned in enumerate(drives)}
        drives.sort(key=lambda planned: (routes[planned.trip.route.label], planned.depart_ms))
        since_s = drives[0].drive.duration_s * index / len(own)
        if not index % SOON:
            since_s = _before_a_hollow_s(radio, drives[0], ahead_s=8.0 + 3.0 * index)
        found[device] = _over_and_over(drives, now_ms - round(since_s * 1000))
    return found


def _over_and_over(drives: list[PlannedDrive], depart_ms: int) -> Iterator[PlannedDrive]:
    before: PlannedDrive | None = None
    while True:
        for planned in drives:
            if before is not None:
                between_s = empty_run_s(before, planned)
                depart_ms = before.arrive_ms + 2 * AROUND_MS + round(between_s * 1000)
            before = planned.moved(depart_ms - planned.depart_ms)
            yield before


def _before_a_hollow_s(radio: Radio, planned: PlannedDrive, *, ahead_s: float) -> float:
    """Seconds after its departure that are so many before it first has no service; else 0."""
    seconds = np.arange(0.0, planned.drive.duration_s)
    along = planned.drive.along_m(seconds)
    signal = radio.on_road(planned.drive.route.shape, along, planned.bus.carrier)
    dead = seconds[signal < SERVICE_FLOOR_DBM]
    return max(0.0, float(dead[0]) - ahead_s) if len(dead) else 0.0
