"""A district's day of positions as legs: what was driven, and what was only planned.

Guarantees: no trip is on two devices, and no device on two trips at once; a drive that
fits no trip, or two routes alike, is on no leg; a trip that was assigned to a device
that told nothing keeps a leg of the timetable, so that its silence is seen, unless
another drove it. Does not: read or write the archive (:mod:`.days`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from homeroute_analytics.attribution.choose import choose
from homeroute_analytics.attribution.claims import SURE, shares_of
from homeroute_analytics.attribution.drives import (
    Drive,
    drives,
    trimmed,
    unseen_after,
    unseen_before,
)
from homeroute_analytics.attribution.fits import Clock, Day, Fit, clock
from homeroute_analytics.attribution.track import Positions, Reals, Track, track
from homeroute_analytics.legs import Leg
from homeroute_analytics.timetable import ScheduledTrip

ASSIGNED_NATS = 4.0
"""For the trip the assignment table names: a table is right oftener than not."""

OTHERS_NATS = 1.0
"""Against a trip the table gives to another device."""

HELD_NATS = 2.0
"""For the trip that this drive is already said to be: a label does not flap."""

UNSEEN_CONFIDENCE = 0.6
"""Of a leg that only the assignment table speaks for. Assumed."""

TOLD = 0.4
"""With positions in fewer of a trip's scheduled minutes its device was silent about it."""

NEAR_END_M = 300.0
"""So near an end of the shape the bus is taken to have begun or ended there."""

LIKELY_MPS, MOST_ROUNDING_S = 8.0, 60.0
"""How the last metres to an end are dated: at a bus's speed in town, a minute at most."""

LOOKAHEAD_S = 75.0
"""A leg under way is drawn so far beyond the present: the next run draws it on."""


@dataclass(frozen=True, slots=True)
class Attributed:
    """The legs of a day, by device and start; and the drives that are on none."""

    legs: tuple[Leg, ...]
    unassigned: tuple[Drive, ...]


Held = Mapping[str, str]
"""The trip each device is said to be on, while it is under way."""


def attribute(
    trips: Sequence[ScheduledTrip],
    told: Iterable[Positions],
    *,
    now_s: float | None = None,
    held: Held | None = None,
    taken: frozenset[str] = frozenset(),
    least: float = SURE,
) -> Attributed:
    """The legs of one service day.

    ``least``: a drive whose best route and direction have a smaller share is on none.
    ``now_s`` is given while the day is not over: nothing later is guessed at. Trips in
    ``taken`` are someone's already.
    """
    day = Day(trip for trip in trips if trip.trip not in taken)
    positions = tuple(told)
    times = {each.device: each.time_s for each in positions}
    tracks = {each.device: track(each, day.roads.plane) for each in positions}
    found = [drive for each in tracks.values() for drive in trimmed(drives(day, each, now_s=now_s))]
    worths = [_worths(drive, held or {}) for drive in found]
    shares = shares_of([(drive.device, worth) for drive, worth in zip(found, worths, strict=True)])
    legs: list[Leg] = []
    unassigned: list[Drive] = []
    for drive, share, trip in zip(found, shares, choose(worths), strict=True):
        fit = next((f for f in drive.fits if f.trip.trip == trip), None)
        sure = 0.0
        if fit is not None:
            # The route and direction's, whichever of its trips it is.
            sure = drive.by_route(share)[fit.trip.route, fit.trip.direction]
        if fit is None or sure < least:
            unassigned.append(drive)
        else:
            legs.append(_leg(drive, fit, tracks[drive.device], sure, now_s))
    legs += _unseen(day.trips, {leg.trip for leg in legs}, times, now_s)
    return Attributed(_one_at_a_time(legs), tuple(unassigned))


def _worths(drive: Drive, held: Held) -> dict[str, float]:
    worths = {}
    for fit, nats in zip(drive.fits, drive.nats, strict=True):
        owner = fit.trip.device
        if owner is not None:
            nats += ASSIGNED_NATS if owner == drive.device else -OTHERS_NATS  # noqa: PLW2901
        if drive.going and held.get(drive.device) == fit.trip.trip:
            nats += HELD_NATS  # noqa: PLW2901
        worths[fit.trip.trip] = nats
    return worths


def _leg(drive: Drive, fit: Fit, way: Track, sure: float, now_s: float | None) -> Leg:
    timetable = clock(fit.trip)
    start_s, seen_start = _begin(drive, fit, way, timetable)
    end_s, seen_end = _end(drive, fit, way, timetable, now_s)
    if end_s <= start_s:
        start_s, end_s = drive.start_s, drive.end_s
    assigned = fit.trip.device == drive.device
    who = (
        "assigned"
        if assigned
        else "assigned to nobody"
        if fit.trip.device is None
        else f"assigned to {fit.trip.device}"
    )
    reason = (
        f"{who}; {fit.lateral_m:.0f} m off the road over {100 * fit.covered:.0f}% of it, "
        f"{fit.late_s / 60:+.1f} min"
    )
    if not (seen_start and seen_end):
        reason += (
            "; "
            + (
                "start and end"
                if not (seen_start or seen_end)
                else "end"
                if seen_start
                else "start"
            )
            + " not seen"
        )
    return Leg(
        device=drive.device,
        service_day=fit.trip.service_day,
        route=fit.trip.label,
        trip=fit.trip.trip,
        period=fit.trip.period,
        start_ms=round(start_s * 1000),
        end_ms=round(end_s * 1000),
        source="assignment" if assigned else "gps",
        confidence=round(min(sure, 0.99), 3),
        shape=fit.trip.shape.shape,
        direction=fit.trip.direction,
        lateness_s=round(fit.late_s, 1),
        lateral_m=round(fit.lateral_m, 1),
        covered=round(fit.covered, 3),
        reason=reason,
    )


def _begin(drive: Drive, fit: Fit, way: Track, timetable: Clock) -> tuple[float, bool]:
    fix, along_m = fit.path[0]
    if along_m <= NEAR_END_M or not unseen_before(way, fix):
        behind_s = along_m / LIKELY_MPS if along_m <= NEAR_END_M else 0.0
        return drive.start_s - min(behind_s, MOST_ROUNDING_S), along_m <= NEAR_END_M
    return min(drive.start_s, float(timetable.due_s[0]) + fit.late_s), False


def _end(
    drive: Drive, fit: Fit, way: Track, timetable: Clock, now_s: float | None
) -> tuple[float, bool]:
    fix, along_m = fit.path[-1]
    left_m = fit.trip.shape.length_m - along_m
    if drive.going and now_s is not None and left_m > NEAR_END_M / 4:
        return now_s + LOOKAHEAD_S, True
    if left_m <= NEAR_END_M or not unseen_after(way, fix):
        ahead_s = left_m / LIKELY_MPS if left_m <= NEAR_END_M else 0.0
        return drive.end_s + min(ahead_s, MOST_ROUNDING_S), left_m <= NEAR_END_M
    due_s = float(timetable.due_s[-1]) + fit.late_s
    return max(drive.end_s, due_s), False


def _unseen(
    trips: Iterable[ScheduledTrip],
    driven: set[str],
    times: Mapping[str, Reals],
    now_s: float | None,
) -> Iterable[Leg]:
    """Legs of assigned trips whose device told nothing around their time."""
    for trip in trips:
        start_s, end_s = trip.start_ms / 1000, trip.end_ms / 1000
        if trip.device is None or trip.trip in driven or (now_s is not None and now_s < start_s):
            continue
        if _told(times.get(trip.device), start_s, end_s if now_s is None else min(end_s, now_s)):
            continue
        yield Leg(
            device=trip.device,
            service_day=trip.service_day,
            route=trip.label,
            trip=trip.trip,
            period=trip.period,
            start_ms=trip.start_ms,
            end_ms=trip.end_ms,
            source="assignment",
            confidence=UNSEEN_CONFIDENCE,
            shape=trip.shape.shape,
            direction=trip.direction,
            reason="assigned; no position came, and no other bus was seen on it: by the timetable",
        )


def _told(times: Reals | None, begin_s: float, end_s: float) -> bool:
    """Whether positions came in enough of that time: then it is they that speak."""
    if times is None:
        return False
    within = times[(times >= begin_s) & (times < end_s)]
    minutes = len(np.unique(within // 60.0))
    return minutes >= TOLD * max(1.0, (end_s - begin_s) / 60.0)


def _one_at_a_time(legs: Iterable[Leg]) -> tuple[Leg, ...]:
    """By device and start. What was seen cuts what was only planned or reckoned."""
    by_device: dict[str, list[Leg]] = defaultdict(list)
    for leg in legs:
        by_device[leg.device].append(leg)
    kept: list[Leg] = []
    for theirs in by_device.values():
        theirs.sort(key=lambda leg: (leg.start_ms, leg.end_ms, leg.trip))
        placed: list[Leg] = []
        for leg in theirs:
            if placed and leg.start_ms < placed[-1].end_ms:
                last = placed[-1]
                if leg.start_ms > last.start_ms:
                    placed[-1] = last.between(last.start_ms, leg.start_ms)
                elif last.end_ms < leg.end_ms:
                    leg = leg.between(last.end_ms, leg.end_ms)  # noqa: PLW2901
                else:
                    continue
            placed.append(leg)
        kept += placed
    return tuple(sorted(kept, key=lambda leg: (leg.device, leg.start_ms, leg.trip)))
