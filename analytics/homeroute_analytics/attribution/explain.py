"""Why a device is believed to be on a trip at a time, or on none: everything that was weighed.

Guarantees: what is told is computed by the code that makes the legs, from what the
archive holds now, beside the leg that is stored; no place is told, only distances. Does
not: change anything.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

import numpy as np

from homeroute_analytics import legs, timetable
from homeroute_analytics.attribution import days
from homeroute_analytics.attribution.answer import Known, answer
from homeroute_analytics.attribution.claims import Claims
from homeroute_analytics.attribution.drives import MOVED_M, drives
from homeroute_analytics.attribution.fits import EARLIEST_S, LATEST_S, Day, Fit, clock, fits
from homeroute_analytics.attribution.trace import MISSES
from homeroute_analytics.attribution.track import Positions, Track, track
from homeroute_analytics.legs import Leg
from homeroute_analytics.samples import Query
from homeroute_analytics.timetable import ScheduledTrip

AROUND_S = 3600.0
"""Assigned trips so near the time are told."""

OTHERS_S = 5400.0
"""So long before the time other devices' drives are looked at: longer than most trips."""

TOLD_SHARE = 0.2
"""From this share on it is told that another device is likely to be on a candidate."""

STANDS_S = 300.0
"""A bus that is so long in one place stands there."""

MOST = 12
"""Candidates told, at most, besides the assigned ones."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One trip that was weighed. Metres, seconds and nats; None where it came not so far.

    ``verdict`` says whether it passed the gates, and which it failed. ``assigned``: the
    table gives it to this device.
    """

    trip: str
    route: str
    direction: str
    scheduled_start_ms: int
    scheduled_end_ms: int
    assigned: bool
    lateral_m: float | None
    late_s: float | None
    progress_m: float | None
    evidence: float | None
    cost: float | None
    verdict: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """``then`` is what could be said at that time, ``now`` what the whole day says.

    ``leg`` is what is stored. ``positions`` are the device's of that service day;
    ``position_age_s`` is how long before the time the last one came.
    """

    device: str
    time_ms: int
    service_day: date
    leg: Leg | None
    then: str
    now: str
    positions: int
    position_age_s: float | None
    moved_m: float | None
    scheduled_trips: int
    candidates: tuple[Candidate, ...]


def instant(text: str, timezone: str, *, now_ms: int) -> int:
    """Milliseconds since 1970 of ``now``, ``07:42`` today, or ISO 8601. Raises ValueError."""
    if text == "now":
        return now_ms
    zone = ZoneInfo(timezone)
    today = datetime.fromtimestamp(now_ms / 1000, zone).date()
    if len(text) <= 8 and ":" in text:
        moment = datetime.fromisoformat(f"{today}T{text.zfill(5)}")
    else:
        moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return round(moment.timestamp() * 1000)


async def explain(query: Query, device: str, time_ms: int, timezone: str) -> Explanation:
    """What was weighed for that device at that time."""
    # A bus may still be on a trip of the day before.
    last_day, *before = await days.under_way(query, time_ms, timezone)
    day = before[0] if before else last_day
    trips = await timetable.load(query, day, last_day, timezone)
    begin_s, end_s = days.span(trips, day, timezone)
    at_s = time_ms / 1000
    stored = await legs.stored(query, day)
    stored += await legs.stored(query, last_day) if last_day != day else []
    leg = next((x for x in stored if x.device == device and x.start_ms <= time_ms < x.end_ms), None)
    of_day = leg.service_day if leg is not None else day
    told = await days.read(query, min(begin_s, at_s - AROUND_S), max(end_s, at_s + 1.0), device)
    if not told:
        planned = _planned(trips, device, at_s)
        why = "no position came from this device on this service day"
        return Explanation(
            device, time_ms, of_day, leg, why, _now(leg, why), 0, None, None, len(trips),
            tuple(_unseen(trip, why) for trip in planned),
        )  # fmt: skip
    index = Day(trips)
    way = track(told[0], index.roads.plane)
    claims = _claims(index, await days.read(query, at_s - OTHERS_S, at_s), device)
    itself = Known(index, way)
    seen = int(np.searchsorted(told[0].time_s, at_s, side="right"))
    heard = way.fix_of[:seen]
    fix = int(heard[heard >= 0][-1]) if (heard >= 0).any() else -1
    found = answer(itself, fix, claims) if fix >= 0 else None
    then = found.rule if found else "no position came before this time"
    if leg is not None and (found is None or found.fit is None):
        # Else it reads as if it contradicted the leg, which the whole day or a table told.
        then = f"positions alone did not tell: {then}"
    if found and found.fit is not None:
        name = f"{found.fit.trip.label}, trip {found.fit.trip.trip}"
        share = f"{100 * found.confidence:.0f}%"
        then = f"{name} ({share}): {found.rule}"
    candidates = _candidates(itself, fix, claims) if fix >= 0 else []
    named = {candidate.trip for candidate in candidates}
    candidates += [
        _off(index, way, fix, trip)
        for trip in _planned(trips, device, at_s)
        if trip.trip not in named
    ]
    return Explanation(
        device=device,
        time_ms=time_ms,
        service_day=of_day,
        leg=leg,
        then=then,
        now=_now(leg, _hindsight(index, way, at_s)),
        positions=len(told[0].time_s),
        position_age_s=round(at_s - float(told[0].time_s[seen - 1]), 1) if seen else None,
        moved_m=round(float(way.gone_m[fix])) if fix >= 0 else None,
        scheduled_trips=len(trips),
        candidates=tuple(_marked(candidate, trips, device) for candidate in candidates),
    )


def _now(leg: Leg | None, otherwise: str) -> str:
    if leg is None:
        return f"on no leg: {otherwise}"
    return f"on trip {leg.trip} of {leg.route}, by {leg.source}: {leg.reason or 'no reason kept'}"


def _hindsight(index: Day, way: Track, at_s: float) -> str:
    for drive in drives(index, way):
        if drive.start_s <= at_s < drive.end_s:
            best = drive.fits[0].trip
            return (
                f"a drive that fits trip {best.trip} of {best.label} best, which is another "
                "device's, or too like another"
            )
    fix = int(np.searchsorted(way.arrive_s, at_s, side="right")) - 1
    if fix >= 0 and way.depart_s[fix] > at_s and way.depart_s[fix] - way.arrive_s[fix] > STANDS_S:
        return "the bus stands"
    return "no trip's road was followed far enough around this time"


def _planned(trips: Iterable[ScheduledTrip], device: str, at_s: float) -> list[ScheduledTrip]:
    return [
        trip
        for trip in trips
        if trip.device == device
        and trip.start_ms / 1000 - AROUND_S <= at_s <= trip.end_ms / 1000 + AROUND_S
    ]


def _claims(index: Day, told: Iterable[Positions], device: str) -> Claims:
    """What the other devices' drives may be by then."""
    claims = Claims()
    for each in told:
        if each.device != device and len(each.time_s):
            known = Known(index, track(each, index.roads.plane))
            known.claim(claims, len(known.track) - 1)
    return claims


def _candidates(itself: Known, fix: int, claims: Claims) -> list[Candidate]:
    """Of each trip near the road now its best passage, the likeliest first."""
    best: dict[str, tuple[float, Candidate]] = {}
    for shape, steps in itself.followed.items():
        states = next((s for s in reversed(steps) if s[0].fix <= fix), [])
        for state in states if states and fix - states[0].fix <= MISSES else []:
            for fit in fits(itself.day, shape, state, itself.track):
                score = state.evidence - fit.cost
                if fit.trip.trip not in best or best[fit.trip.trip][0] < score:
                    best[fit.trip.trip] = score, _weighed(fit, claims, itself.owner)
    ranked = sorted(best.values(), key=lambda pair: (-pair[0], pair[1].trip))
    return [candidate for _, candidate in ranked[:MOST]]


def _weighed(fit: Fit, claims: Claims, owner: str) -> Candidate:
    state, trip = fit.state, fit.trip
    if state.progress_m < MOVED_M:
        verdict = f"gate: {state.progress_m:.0f} m forward along its road, under {MOVED_M:.0f} m"
    elif state.evidence <= 0:
        verdict = "gate: its road does not fit the way driven"
    else:
        verdict = "passes the gates"
        other, share = claims.likeliest(trip.trip, besides=owner)
        if share >= TOLD_SHARE:
            verdict += f"; {other} is on it ({100 * share:.0f}%)"
    return Candidate(
        trip=trip.trip,
        route=trip.label,
        direction=trip.direction,
        scheduled_start_ms=trip.start_ms,
        scheduled_end_ms=trip.end_ms,
        assigned=False,
        lateral_m=round(fit.lateral_m, 1),
        late_s=round(fit.late_s, 1),
        progress_m=round(state.progress_m),
        evidence=round(state.evidence, 2),
        cost=round(fit.cost, 2),
        verdict=verdict,
    )


def _off(index: Day, way: Track, fix: int, trip: ScheduledTrip) -> Candidate:
    """An assigned trip that is no candidate: how far the bus is from its road, and its time."""
    if fix < 0:
        return _unseen(trip, "no position came before this time")
    away_m = _away_m(index, way, fix, trip)
    gate_m = float(index.roads.gate_m[index.roads.index[trip.shape.shape]])
    due_s = float(clock(trip).due_s[0])
    early = way.depart_s[fix] < due_s + EARLIEST_S
    late = way.arrive_s[fix] > trip.end_ms / 1000 + LATEST_S
    if early or late:
        verdict = "gate: it is not its time"
    elif away_m > gate_m:
        verdict = f"gate: {away_m:.0f} m off its road, over {gate_m:.0f} m"
    elif way.gone_m[fix] < MOVED_M:
        verdict = f"gate: the bus has moved {way.gone_m[fix]:.0f} m, under {MOVED_M:.0f} m"
    else:
        verdict = "gate: its road was not followed forward"
    return _unseen(trip, verdict, lateral_m=round(away_m, 1))


def _away_m(index: Day, way: Track, fix: int, trip: ScheduledTrip) -> float:
    x, y = index.roads.plane.xy(np.array(trip.shape.lat), np.array(trip.shape.lon))
    dx, dy = np.diff(x), np.diff(y)
    px, py = way.x[fix] - x[:-1], way.y[fix] - y[:-1]
    share = np.clip((px * dx + py * dy) / np.maximum(dx**2 + dy**2, 1e-9), 0.0, 1.0)
    return float(np.hypot(px - share * dx, py - share * dy).min())


def _unseen(trip: ScheduledTrip, verdict: str, lateral_m: float | None = None) -> Candidate:
    return Candidate(
        trip.trip, trip.label, trip.direction, trip.start_ms, trip.end_ms, True, lateral_m,
        None, None, None, None, verdict,
    )  # fmt: skip


def _marked(candidate: Candidate, trips: Sequence[ScheduledTrip], device: str) -> Candidate:
    own = any(trip.trip == candidate.trip and trip.device == device for trip in trips)
    return dataclasses.replace(candidate, assigned=own)
