"""Positions of devices that nobody assigned, matched with a timetable: what was known when.

Three ways to ask. *As it happens*: at each position, what could be said then, of this
device alone. *At a number of positions*: one answer for each drive, so many positions
after 400 m of movement. *In hindsight*: the whole day of all devices at once, each trip
given once, as the archive's legs are made.

Guarantees: the first two use nothing that comes later, and no other device. Does not:
read files.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from homeroute_analytics.attribution.answer import MOVED_M, SURE, Answer, answer
from homeroute_analytics.attribution.day_legs import attribute
from homeroute_analytics.attribution.fits import Day
from homeroute_analytics.attribution.from_files import Ping
from homeroute_analytics.attribution.trace import follow
from homeroute_analytics.attribution.track import Positions, Track, positions, track
from homeroute_analytics.legs import Leg
from homeroute_analytics.timetable import ScheduledTrip

DAY_BEGINS = timedelta(hours=3)
"""Buses that run past midnight still belong to yesterday."""

SILENCE_S = 900.0
"""After so long a silence another drive begins."""


@dataclass(frozen=True, slots=True)
class Matched:
    """One answer: ``route``, ``direction`` and ``trip`` are None where nothing is sure.

    ``rule`` says why, ``late_s`` and ``lateral_m`` how well the best candidate fits.
    """

    device: str
    written: str
    route: str | None
    direction: str | None
    trip: str | None
    confidence: float
    trip_confidence: float
    late_s: float | None
    lateral_m: float | None
    rule: str


Trips = Callable[[date], Sequence[ScheduledTrip]]
"""The trips of a service day."""


def service_days(
    devices: Mapping[str, Sequence[Ping]], timezone: str
) -> dict[date, dict[str, list[Ping]]]:
    """Every service day's positions, by device; both in order."""
    zone = ZoneInfo(timezone)
    found: dict[date, dict[str, list[Ping]]] = defaultdict(lambda: defaultdict(list))
    for device, rows in sorted(devices.items()):
        for ping in rows:
            day = (datetime.fromtimestamp(ping.time_s, zone) - DAY_BEGINS).date()
            found[day][device].append(ping)
    return dict(sorted(found.items()))


def as_it_happens(
    devices: Mapping[str, Sequence[Ping]], day: Day, sure: float = SURE
) -> Iterator[Matched]:
    """An answer for every position, from it and those before it."""
    for device, rows in devices.items():
        for drive in _stretches(rows):
            way = track(_positions(device, drive), day.roads.plane)
            followed = follow(way, day.roads, day.allowed)
            known: dict[int, Answer] = {}
            fix = -1
            for ping, belongs in zip(drive, way.fix_of.tolist(), strict=True):
                fix = belongs if belongs >= 0 else fix
                if fix not in known:
                    known[fix] = answer(day, way, followed, fix, sure=sure)
                yield matched(ping, known[fix])


def at_positions(
    devices: Mapping[str, Sequence[Ping]], day: Day, count: int, sure: float = SURE
) -> Iterator[Matched]:
    """One answer for each drive: ``count`` positions after 400 m, or its last one."""
    for device, rows in devices.items():
        for drive in _stretches(rows):
            told = _positions(device, drive)
            since = _under_way(day, track(told, day.roads.plane))
            last = len(drive) if since is None else min(since + count, len(drive))
            way = track(told.until(last), day.roads.plane)
            yield matched(drive[last - 1], answer(day, way, sure=sure))


def _under_way(day: Day, way: Track) -> int | None:
    """The first position 400 m along any trip's road: the way to its start does not count."""
    since = way.moving_since(MOVED_M)
    begun = [
        states[0].fix
        for steps in follow(way, day.roads, day.allowed).values()
        for states in steps
        if any(state.progress_m >= MOVED_M and state.evidence > 0 for state in states)
    ]
    if since is None or not begun:
        return since
    return max(since, int(np.flatnonzero(way.fix_of == min(begun))[0]))


def in_hindsight(
    devices: Mapping[str, Sequence[Ping]], trips: Sequence[ScheduledTrip], sure: float = SURE
) -> Iterator[Matched]:
    """For every position the leg it is on, when the whole day of all devices is known."""
    told = [_positions(device, rows) for device, rows in devices.items()]
    found = attribute(trips, told, least=sure)
    routes = {trip.trip: trip.route for trip in trips}
    legs: dict[str, list[Leg]] = defaultdict(list)
    for made in found.legs:
        legs[made.device].append(made)
    for device, rows in devices.items():
        for ping in rows:
            at_ms = ping.time_s * 1000
            on = [leg for leg in legs[device] if leg.start_ms <= at_ms < leg.end_ms]
            if not on:
                yield Matched(
                    device, ping.written, None, None, None, 0.0, 0.0, None, None, "on no leg"
                )
            for leg in on:
                yield Matched(
                    device=device,
                    written=ping.written,
                    route=routes[leg.trip],
                    direction=leg.direction,
                    trip=leg.trip,
                    confidence=leg.confidence,
                    trip_confidence=leg.confidence,
                    late_s=leg.lateness_s,
                    lateral_m=leg.lateral_m,
                    rule=leg.reason or "",
                )


def matched(ping: Ping, found: Answer) -> Matched:
    """An answer as a row."""
    fit, sure = found.fit, found.assigned
    trip = fit.trip if fit is not None and sure else None
    return Matched(
        device=ping.device,
        written=ping.written,
        route=trip.route if trip else None,
        direction=trip.direction if trip else None,
        trip=trip.trip if trip else None,
        confidence=round(found.confidence, 3),
        trip_confidence=round(found.trip_confidence, 3),
        late_s=round(fit.late_s, 1) if fit else None,
        lateral_m=round(fit.lateral_m, 1) if fit else None,
        rule=found.rule,
    )


def _positions(device: str, rows: Sequence[Ping]) -> Positions:
    return positions(
        device,
        np.array([ping.time_s for ping in rows]),
        np.array([ping.lat for ping in rows]),
        np.array([ping.lon for ping in rows]),
    )


def _stretches(rows: Sequence[Ping]) -> Iterator[Sequence[Ping]]:
    """The positions between silences. A place of 0, 0 is none a receiver would mean."""
    rows = [ping for ping in rows if ping.lat or ping.lon]
    begin = 0
    for n in range(1, len(rows) + 1):
        if n == len(rows) or rows[n].time_s - rows[n - 1].time_s > SILENCE_S:
            if n > begin:
                yield rows[begin:n]
            begin = n
