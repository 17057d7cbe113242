"""What can be said of one drive so far: a route and a direction, a trip, or nothing.

Every candidate's evidence less cost is a log-likelihood against "on no trip"; the
shares of all of them are its confidence. Where two routes share a road, neither gets
the share that would be needed, until the road parts or the clock decides.

Guarantees: nothing is said before :data:`MOVED_M` of movement, nor of a bus that went
less than :data:`PROGRESS_M` forward along the shape. Does not: look at what comes
after, or at other devices.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass

from homeroute_analytics.attribution.fits import Day, Fit, fits
from homeroute_analytics.attribution.trace import MISSES, State, follow
from homeroute_analytics.attribution.track import Track

MOVED_M, PROGRESS_M = 400.0, 50.0
"""DESIGN section 6."""

SURE = 0.7
"""The share a route and direction must have, or nothing is said: see docs/attribution.md
for what other shares would give."""

NONE = 1.0
"""Nats of "on no trip", before any evidence."""

UNLIKE = 9.0
"""Nats behind the best passage from which on a passage is not compared with any trip."""

CAP = 12.0
"""No evidence counts more: fixes err together, and drives end."""


@dataclass(frozen=True, slots=True)
class Answer:
    """``fit`` is the best trip of the route that has most; None where there is none.

    ``confidence`` is the route and direction's, ``trip_confidence`` the trip's own.
    ``assigned``: sure enough. ``rivals`` are other candidates, best first.
    """

    fit: Fit | None
    confidence: float
    trip_confidence: float
    assigned: bool
    rule: str
    rivals: tuple[Fit, ...] = ()


Followed = dict[int, list[list[State]]]


def answer(
    day: Day,
    track: Track,
    followed: Followed | None = None,
    fix: int | None = None,
    *,
    sure: float = SURE,
) -> Answer:
    """What is known when the bus has come to that fix; the last one by default.

    ``sure``: the share below which nothing is said.
    """
    at = len(track) - 1 if fix is None else fix
    if at < 0 or track.gone_m[at] < MOVED_M:
        return Answer(None, 0.0, 0.0, False, f"has moved less than {MOVED_M:.0f} m")
    states = follow(track, day.roads, day.allowed) if followed is None else followed
    current = [
        (shape, state)
        for shape, steps in states.items()
        for state in _current(steps, at)
        if state.progress_m >= PROGRESS_M and state.evidence > 0
    ]
    least = max((min(state.evidence, CAP) for _, state in current), default=0.0) - UNLIKE
    best: dict[str, Fit] = {}
    for shape, state in current:
        if state.evidence < least:
            continue
        for fit in fits(day, shape, state, track):
            known = best.get(fit.trip.trip)
            if known is None or _nats(known) < _nats(fit):
                best[fit.trip.trip] = fit
    return decide(list(best.values()), sure)


def decide(candidates: list[Fit], sure: float = SURE) -> Answer:
    """The answer that follows from these candidates."""
    if not candidates:
        return Answer(None, 0.0, 0.0, False, "no trip of this time passes the gates")
    ranked = sorted(candidates, key=lambda fit: (-_nats(fit), fit.trip.trip))
    top = max(_nats(ranked[0]), NONE)
    shares = {fit.trip.trip: math.exp(_nats(fit) - top) for fit in ranked}
    total = sum(shares.values()) + math.exp(NONE - top)
    routes: dict[tuple[str, str], float] = defaultdict(float)
    for fit in ranked:
        routes[fit.trip.route, fit.trip.direction] += shares[fit.trip.trip] / total
    chosen = max(routes, key=lambda key: routes[key])
    fit = next(f for f in ranked if (f.trip.route, f.trip.direction) == chosen)
    assigned = routes[chosen] >= sure
    return Answer(
        fit=fit,
        confidence=routes[chosen],
        trip_confidence=shares[fit.trip.trip] / total,
        assigned=assigned,
        rule="nearest in place and time" if assigned else "too alike: abstained",
        rivals=tuple(other for other in ranked if other is not fit),
    )


def _nats(fit: Fit) -> float:
    return min(fit.state.evidence, CAP) - fit.cost


def _current(steps: list[list[State]], fix: int) -> list[State]:
    """The states at that fix, or at the last one near the shape if that is not long ago."""
    for states in reversed(steps):
        if states[0].fix <= fix:
            return states if fix - states[0].fix <= MISSES // 2 else []
    return []
