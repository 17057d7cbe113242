"""Following shapes forward: how well a track fits each of them, from any fix to any later one.

Every fix near a shape earns the shape evidence, in nats against "on no trip at all";
a passage gathers it as long as it goes forward along the shape about as far as the
bus went. Passages begin anywhere and compete: of those that reach the same point of
a shape at the same fix the best is kept. So a road driven twice in opposite
directions, or a loop, is followed on the side that was driven, and never jumped.

Guarantees: metres along a passage never fall by more than :data:`BACK_M`. Does not:
know the timetable; which trip it was is :mod:`.fits`'s to say.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from homeroute_analytics.attribution.roads import Roads
from homeroute_analytics.attribution.track import Track

SIGMA = 0.25
"""One deviation of a fix off its shape, as a share of the gate: 20 m of 80 (DESIGN section 6)."""

EVIDENCE = 1.2
"""Nats a fix on the shape is worth, against none. Fixes err together, so it is little."""

WORST = -1.5
"""Nats a fix at the gate or beyond costs: no single one decides."""

FULL_STEP_M = 100.0
"""A fix that is nearer to the last one than this is worth less in proportion."""

MISSES = 4
"""So many fixes in a row may lie off the shape, and the passage goes on."""

LOOK_BACK = 3
"""Where no passage leads on from the last fix near the shape, so many are asked."""

BACK_M = 40.0
"""Noise: a bus does not go back."""

SLACK_M, SLACK_SHARE, STRAY_M = 40.0, 0.25, 60.0
"""Progress may differ from the way driven by so much for nothing; then a nat each ``STRAY_M``."""

LONGER, LONGER_M = 4.0, 400.0
"""In a gap a road may be so much longer than straight across."""

FASTEST_ALONG_MPS = 40.0

LATE_ENTRY = 3.0
"""Nats against a passage that begins elsewhere than at the shape's start: trips begin there."""

AT_START_M = 300.0
"""So near its start a passage begins there."""


@dataclass(slots=True)
class State:
    """A passage so far, at one fix: where it is, where it began, and what it has earned."""

    fix: int
    along_m: float
    evidence: float
    first_fix: int
    first_along_m: float
    lateral_sum: float
    count: int
    parent: State | None

    @property
    def progress_m(self) -> float:
        """Metres forward along the shape since it began."""
        return self.along_m - self.first_along_m

    @property
    def lateral(self) -> float:
        """Mean distance off the shape, as a share of the gate."""
        return self.lateral_sum / self.count

    def path(self) -> list[tuple[int, float]]:
        """Fix and metres along, from the first on."""
        found: list[tuple[int, float]] = []
        at: State | None = self
        while at is not None:
            found.append((at.fix, at.along_m))
            at = at.parent
        return found[::-1]


Allowed = Callable[[int, float], bool]
"""Whether a shape has any trip at that time (s since 1970)."""


Followed = Mapping[int, Sequence[Sequence[State]]]
"""For each shape near a track, the states at each fix near it, in order of the fixes."""


def until(followed: Followed, fix: int) -> Followed:
    """What was known at that fix: a state depends on nothing that comes later."""
    known = {
        shape: steps[: bisect_right(steps, fix, key=lambda states: states[0].fix)]
        for shape, steps in followed.items()
    }
    return {shape: steps for shape, steps in known.items() if steps}


def follow(track: Track, roads: Roads, allowed: Allowed) -> Followed:
    """How far the track may have come along each shape, at each of its fixes."""
    found: dict[int, list[Sequence[State]]] = {}
    if not len(track):
        return found
    hits = roads.hits(track.x, track.y)
    starts = np.flatnonzero(
        np.diff(hits.fix, prepend=-1).astype(bool) | np.diff(hits.shape, prepend=-1).astype(bool)
    )
    bounds = [*starts.tolist(), len(hits.fix)]
    fix, shape = hits.fix[starts].tolist(), hits.shape[starts].tolist()
    along, lateral = hits.along_m.tolist(), hits.lateral.tolist()
    way = _Driven(*(v.tolist() for v in (track.moved_m, track.depart_s, track.x, track.y)))
    for n, (i, s) in enumerate(zip(fix, shape, strict=True)):
        if not allowed(s, way.depart_s[i]):
            continue
        steps = found.setdefault(s, [])
        step_m = way.moved_m[i] - way.moved_m[i - 1] if i else FULL_STEP_M
        weight = min(1.0, step_m / FULL_STEP_M)
        steps.append(
            [
                _state(i, along[h], lateral[h], weight, _ways(steps, i, way, step_m))
                for h in range(bounds[n], bounds[n + 1])
            ]
        )
    return found


@dataclass(frozen=True, slots=True)
class _Driven:
    """A track as lists, which are faster to read one by one."""

    moved_m: list[float]
    depart_s: list[float]
    x: list[float]
    y: list[float]


_Way = tuple[Sequence[State], float, float, float, float]
"""From an earlier fix: its states, the least, the usual most, and the utmost metres forward,
and what the fixes between cost, which lie off the shape or lead nowhere. A plain tuple, made
only when asked for: there are millions."""


def _ways(steps: Sequence[Sequence[State]], i: int, way: _Driven, step_m: float) -> Iterator[_Way]:
    for states in steps[-1 : -LOOK_BACK - 1 : -1]:
        j = states[0].fix
        if i - j > MISSES + 1:
            return
        driven_m = way.moved_m[i] - way.moved_m[j]
        straight_m = ((way.x[i] - way.x[j]) ** 2 + (way.y[i] - way.y[j]) ** 2) ** 0.5
        seconds = way.depart_s[i] - way.depart_s[j]
        yield (
            states,
            straight_m * (1.0 - SLACK_SHARE) - SLACK_M,
            driven_m * (1.0 + SLACK_SHARE) + SLACK_M,
            min(driven_m * LONGER + LONGER_M, FASTEST_ALONG_MPS * seconds + 4 * SLACK_M),
            WORST * min(i - j - 1.0, (driven_m - step_m) / FULL_STEP_M),
        )


def _state(i: int, along_m: float, lateral: float, weight: float, ways: Iterable[_Way]) -> State:
    """The best passage that comes to that place: the best of those before, or a new one."""
    earned = max(WORST, EVIDENCE * (1.0 - 0.5 * (lateral / SIGMA) ** 2)) * weight
    best = earned - (LATE_ENTRY if along_m > AT_START_M else 0.0)
    parent: State | None = None
    for states, least_m, most_m, bound_m, missed in ways:
        for state in states:
            forward_m = along_m - state.along_m
            if forward_m < -BACK_M or forward_m > bound_m:
                continue
            astray_m = max(least_m - forward_m, forward_m - most_m, 0.0)
            total = state.evidence + earned + missed - astray_m / STRAY_M
            if total > best:
                best, parent = total, state
        if parent is not None:
            # Only where the last fix leads nowhere the ones before it are asked.
            break
    if parent is None:
        return State(i, along_m, best, i, along_m, lateral, 1, None)
    return State(
        i,
        along_m,
        best,
        parent.first_fix,
        parent.first_along_m,
        parent.lateral_sum + lateral,
        parent.count + 1,
        parent,
    )
