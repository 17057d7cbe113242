"""Where a bus stood before it drove off: the bay it left from.

Routes that leave a terminal together, at one minute and on one road, have bays of their
own, and a timetable says which. A receiver that stands still errs by a few metres once
it has stood for a while, so that bays 16 m apart can be told from each other.

Guarantees: only a stand of :data:`LEAST_S` and more says anything; how much it says grows
with its length and is bounded, for buses wait elsewhere too. Does not: know trips.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

LEAST_S = 20.0
"""Shorter than this a bus may just be slow, or turn."""

LEAST_POSITIONS = 3
"""Two may be those of a bus that is slow to come or to go."""

REACH_M = 45.0
"""Positions so near the middle of those before them are the same stand."""

CREEP_M = 25.0
"""Where the middles of both halves of it are farther apart, the bus crept."""

BAY_M = 5.0
"""One deviation of where in its bay a bus stops, and of where the bay is said to be."""

RECEIVER_M = 14.0
"""One deviation of a receiver, of which the part that lasts changes within ``LASTS_S``."""

LASTS_S = 120.0

ELSEWHERE, ELSEWHERE_M = 0.15, 60.0
"""So many buses stand somewhere about their first stop, not at it."""

MOST_NATS = 5.0
"""No stand costs more: a bus may come late onto its road, and stand at the first light."""

Reals = npt.NDArray[np.float64]


def stands(time_s: Sequence[float], x: Sequence[float], y: Sequence[float]) -> Reals:
    """For each position the stand that it is part of: middle east, north (m), length (s).

    NaN, NaN, 0 for a position on the move. A single position astray ends no stand.
    """
    found = np.full((len(time_s), 3), (np.nan, np.nan, 0.0))
    begin = 0
    while begin < len(time_s):
        end = _end(begin, x, y)
        lasted_s = time_s[end - 1] - time_s[begin]
        enough = end - begin >= LEAST_POSITIONS and lasted_s >= LEAST_S
        if enough and not _creeps(x[begin:end], y[begin:end]):
            middle = np.median(x[begin:end]), np.median(y[begin:end])
            found[begin:end] = (*middle, lasted_s)
        begin = end
    return found


def bay_cost(away_m: float, lasted_s: float) -> float:
    """Nats against a trip whose first stop is so far from where the bus stood so long."""
    square = BAY_M**2 + RECEIVER_M**2 / (1.0 + lasted_s / LASTS_S)
    there, about = (1.0 - ELSEWHERE) / square, ELSEWHERE / ELSEWHERE_M**2
    # In logarithms: kilometres away, both densities are less than a float can hold.
    at_stop = math.log(there) - 0.5 * away_m**2 / square
    near_it = math.log(about) - 0.5 * (away_m / ELSEWHERE_M) ** 2
    cost = math.log(there + about) - float(np.logaddexp(at_stop, near_it))
    return min(cost, MOST_NATS)


def _creeps(x: Sequence[float], y: Sequence[float]) -> bool:
    half = (len(x) + 1) // 2
    east, north = (np.median(v[half:]) - np.median(v[:half]) for v in (x, y))
    return bool(np.hypot(east, north) > CREEP_M)


def _end(begin: int, x: Sequence[float], y: Sequence[float]) -> int:
    """The first position after those that keep together from ``begin`` on."""
    east, north, count = x[begin], y[begin], 1

    def near(n: int) -> bool:
        return n < len(x) and (x[n] - east / count) ** 2 + (y[n] - north / count) ** 2 <= REACH_M**2

    n = begin + 1
    while near(n) or near(n + 1):
        if near(n):
            east, north, count = east + x[n], north + y[n], count + 1
        n += 1
    return n
