"""Positions of devices that nobody assigned, matched with a timetable: what was known when.

Three ways to ask. *As it happens*: at each position, what could be said then. *At a
number of positions*: one answer for each drive, so many positions after 400 m of
movement. *In hindsight*: the whole day at once, as the archive's legs are made.

Guarantees: all devices are known together, for each trip is driven once; the first two
use nothing that comes later. Does not: read files.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from homeroute_analytics.attribution.answer import Answer, Known, answer
from homeroute_analytics.attribution.claims import SURE, Claims
from homeroute_analytics.attribution.day_legs import attribute
from homeroute_analytics.attribution.drives import MOVED_M
from homeroute_analytics.attribution.fits import Day
from homeroute_analytics.attribution.from_files import Ping
from homeroute_analytics.attribution.track import Positions, positions, track
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
    """An answer for every position, from it and what all devices told before."""
    drives = list(_drives(devices, day))
    asked = [
        (float(arrive_s), n, fix)
        for n, drive in enumerate(drives)
        for fix, arrive_s in enumerate(drive.known.track.arrive_s)
    ]
    found = {
        (n, fix): answer(drives[n].known, fix, claims, sure=sure)
        for n, fix, claims in claims_at([drive.known for drive in drives], asked)
    }
    for n, drive in enumerate(drives):
        fix = -1
        for ping, belongs in zip(drive.pings, drive.known.track.fix_of.tolist(), strict=True):
            fix = belongs if belongs >= 0 else fix
            yield matched(ping, found[n, fix])


def at_positions(
    devices: Mapping[str, Sequence[Ping]], day: Day, count: int, sure: float = SURE
) -> Iterator[Matched]:
    """One answer for each drive: ``count`` positions after 400 m, or its last one.

    From those, and what all devices told before the last of them.
    """
    drives = list(_drives(devices, day))
    asked: dict[int, tuple[Ping, Known]] = {}
    for n, drive in enumerate(drives):
        since = _under_way(drive.known)
        last = len(drive.pings) if since is None else min(since + count, len(drive.pings))
        told = _positions(drive.known.track.device, drive.pings[:last])
        asked[n] = (
            drive.pings[last - 1],
            Known(day, track(told, day.roads.plane), drive.known.owner),
        )
    times = [(ping.time_s, n, len(known.track) - 1) for n, (ping, known) in asked.items()]
    answers = {
        n: answer(asked[n][1], fix, claims, sure=sure)
        for n, fix, claims in claims_at([drive.known for drive in drives], times)
    }
    for n in range(len(drives)):
        yield matched(asked[n][0], answers[n])


@dataclass(frozen=True, slots=True)
class _Drive:
    """A device's positions between two silences, and what is known of them."""

    pings: Sequence[Ping]
    known: Known


def _drives(devices: Mapping[str, Sequence[Ping]], day: Day) -> Iterator[_Drive]:
    for device, rows in devices.items():
        for n, pings in enumerate(_stretches(rows)):
            way = track(_positions(device, pings), day.roads.plane)
            yield _Drive(pings, Known(day, way, f"{device} {n}"))


def claims_at(
    knowns: Sequence[Known], asked: Iterable[tuple[float, int, int]]
) -> Iterator[tuple[int, int, Claims]]:
    """For each time asked, in order, its two numbers, and what all drives may be by then.

    Of each the last fix it had left by then counts: nothing that came later.
    """
    left = sorted(
        (float(depart_s), n, fix)
        for n, known in enumerate(knowns)
        for fix, depart_s in enumerate(known.track.depart_s)
    )
    claims, stale, at = Claims(), dict[int, int](), 0
    for time_s, n, number in sorted(asked):
        while at < len(left) and left[at][0] <= time_s:
            stale[left[at][1]] = left[at][2]
            at += 1
        for other, last in stale.items():
            knowns[other].claim(claims, last)
        stale.clear()
        yield n, number, claims


def _under_way(known: Known) -> int | None:
    """The first position 400 m along any trip's road: the way to its start does not count."""
    since = known.track.moving_since(MOVED_M)
    begun = [
        states[0].fix
        for steps in known.followed.values()
        for states in steps
        if any(state.progress_m >= MOVED_M and state.evidence > 0 for state in states)
    ]
    if since is None or not begun:
        return since
    return max(since, int(np.flatnonzero(known.track.fix_of == min(begun))[0]))


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
