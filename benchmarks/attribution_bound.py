"""What nobody can better who knows a bus's place and the timetable, and nothing else.

One who knows the very law by which buses are late (the drives are drawn from it) weighs
every trip whose road cannot be told from the one driven: within 30 m of it all the way so
far, begun within 120 m of where it began. Where the bus waited at its first stop, he also
sees without error which bay that was, and only trips from it remain. Nobody's answer is
right oftener than his; whoever abstains does best by leaving out those he is least sure of.

Guarantees: an upper bound for these drives. Does not: look at positions.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from functools import cache

import numpy as np

from homeroute_analytics.attribution.fits import Day
from homeroute_analytics.attribution.track import Reals
from homeroute_analytics.timetable import ScheduledTrip

ROAD_M, START_M, BAY_M = 30.0, 120.0, 10.0
AHEAD_M = 400.0
STEP_M = 10.0

SHAPE, SCALE_S, EARLY_S = 1.2, 100.0, 45.0
"""Skewed: a gamma law less 45 s. Half are under 45 s late, 2% over six minutes."""
EVEN_MEAN_S, EVEN_S = 60.0, 150.0
"""Even: early as often as very late. No fleet that holds its buses at the first stop."""


def delay(rng: np.random.Generator, law: str) -> float:
    """Seconds late at the first stop."""
    if law == "even":
        return float(rng.normal(EVEN_MEAN_S, EVEN_S))
    return float(np.clip(rng.gamma(SHAPE, SCALE_S) - EARLY_S, -90.0, 1200.0))


def likelihood(delay_s: float, law: str) -> float:
    """Of that delay, but for a constant factor."""
    if law == "even":
        return math.exp(-0.5 * ((delay_s - EVEN_MEAN_S) / EVEN_S) ** 2)
    beyond = (delay_s + EARLY_S) / SCALE_S
    return beyond ** (SHAPE - 1) * math.exp(-beyond) if beyond > 0 else 0.0


Drove = tuple[ScheduledTrip, float, float, bool]
"""A trip, seconds late, metres driven when asked, and whether it was seen to wait."""


class Bound:
    """The one who knows, for a day's trips and a law of delays."""

    def __init__(self, day: Day, law: str) -> None:
        self.day, self.law = day, law
        self._line = cache(self._line_of)
        self._alike = cache(self._alike_of)

    def asked(self, drives: Iterable[Drove]) -> dict[str, float]:
        """How right he is: on all, on the 85% he is surest of, and what 98% right costs him."""
        answers = sorted((self._answer(*each) for each in drives), key=lambda pair: -pair[0])
        right = np.array([hit for _, hit in answers])
        running = np.cumsum(right) / np.arange(1, len(right) + 1)
        enough = np.flatnonzero(running >= 0.98)
        said = int(enough[-1]) + 1 if len(enough) else 0
        return {
            "drives": len(right),
            "right_of_all": round(float(running[-1]), 4),
            "right_at_15%_unassigned": round(float(running[int(0.85 * len(right)) - 1]), 4),
            "unassigned_at_98%_right": round(1 - said / len(right), 4),
        }

    def _answer(
        self, trip: ScheduledTrip, delay_s: float, driven_m: float, stood: bool
    ) -> tuple[float, float]:
        """His share of the likeliest route and direction, and how likely that is right."""
        left_s = trip.start_ms / 1000 + delay_s
        own = self.day.roads.index[trip.shape.shape]
        shares: dict[tuple[str, str], float] = defaultdict(float)
        for shape in self._alike(own, math.ceil(driven_m / 100.0) * 100.0, stood):
            for rival in self.day.clocks[shape]:
                late_s = left_s - rival.trip.start_ms / 1000
                shares[rival.trip.route, rival.trip.direction] += likelihood(late_s, self.law)
        best = max(shares.values())
        key = trip.route, trip.direction
        # Of several equally likely ones he names any.
        ties = sum(share >= best * (1 - 1e-9) for share in shares.values())
        right = (1.0 / ties) if shares[key] >= best * (1 - 1e-9) else 0.0
        total = sum(shares.values())
        return (best / total if total else 0.0), right

    def _alike_of(self, own: int, driven_m: float, stood: bool) -> tuple[int, ...]:
        mine = self._line(own)[:, : int(driven_m / STEP_M) + 1]
        found = []
        for shape in range(len(self.day.clocks)):
            theirs = self._line(shape)[:, : int((driven_m + AHEAD_M) / STEP_M) + 1]
            begun_m = float(np.hypot(*(theirs[:, 0] - mine[:, 0])))
            if begun_m > (BAY_M if stood else START_M):
                continue
            gaps = np.hypot(*(mine[:, :, None] - theirs[:, None, :])).min(axis=1)
            if gaps.max() <= ROAD_M:
                found.append(shape)
        return tuple(found)

    def _line_of(self, shape: int) -> Reals:
        line = self.day.roads.shapes[shape]
        along = np.arange(0.0, line.length_m, STEP_M)
        lat, lon = (np.interp(along, line.along_m, degrees) for degrees in (line.lat, line.lon))
        return np.vstack(self.day.roads.plane.xy(lat, lon))
