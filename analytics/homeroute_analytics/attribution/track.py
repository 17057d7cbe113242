"""A device's positions as fixes on a plane: where it came, when, and when it went on.

A fix stands for all positions within :data:`STEP_M` of its first one, so that a bus
that stands, however its receiver wanders, is one fix with an arrival and a departure.

Guarantees: times never fall; a single position far off the rest is left out. Does
not: smooth, or know any road.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homeroute_analytics.attribution.stands import stands

Reals = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

STEP_M = 30.0
"""Nearer than this is the same place: two deviations of an ordinary receiver."""

STRIDE_M = 75.0
"""Movement counts in strides this long: four deviations of a poor receiver."""

FASTEST_MPS = 45.0
"""160 km/h. No bus is faster; a position that asks for more is a receiver's mistake."""

MOST_OUTLIERS = 3
"""After so many positions in a row that are too far off, it was the ones before that erred."""

WORST_ACCURACY_M = 150.0
"""A position whose receiver owns to a larger error says nothing about a street."""

METRES_PER_DEGREE = 111_195.0
"""Of latitude, on a sphere of 6371 km."""


@dataclass(frozen=True, slots=True)
class Plane:
    """A flat earth about a place. Right to some tenths of a percent within 100 km of it."""

    lat: float
    lon: float

    def xy(self, lat: Reals, lon: Reals) -> tuple[Reals, Reals]:
        """Metres east and north of the place."""
        east = (np.asarray(lon) - self.lon) * (
            METRES_PER_DEGREE * float(np.cos(np.radians(self.lat)))
        )
        return east, (np.asarray(lat) - self.lat) * METRES_PER_DEGREE


@dataclass(frozen=True, slots=True)
class Positions:
    """One device's positions by time. Seconds since 1970, degrees WGS 84."""

    device: str
    time_s: Reals
    lat: Reals
    lon: Reals

    def until(self, count: int) -> Positions:
        """The first so many."""
        return Positions(self.device, self.time_s[:count], self.lat[:count], self.lon[:count])


@dataclass(frozen=True, slots=True)
class Track:
    """Fixes, and which of them each position belongs to.

    ``moved_m`` is the way up to each fix, straight from fix to fix; ``gone_m`` the same in
    strides of :data:`STRIDE_M`, which a receiver that wanders while the bus stands does not
    make. ``fix_of`` has an entry for each position; -1 where it was left out. ``stood`` is
    the stand that each fix ends in: middle east, north and length (:mod:`.stands`).
    """

    device: str
    arrive_s: Reals
    depart_s: Reals
    x: Reals
    y: Reals
    moved_m: Reals
    gone_m: Reals
    fix_of: Whole
    stood: Reals

    def __len__(self) -> int:
        return len(self.x)

    def until(self, fix: int) -> Track:
        """The track up to that fix, as if nothing had come after it."""
        last = fix + 1
        return Track(
            self.device,
            self.arrive_s[:last],
            self.depart_s[:last],
            self.x[:last],
            self.y[:last],
            self.moved_m[:last],
            self.gone_m[:last],
            self.fix_of[self.fix_of <= fix],
            self.stood[:last],
        )

    def moving_since(self, metres: float) -> int | None:
        """The index of the first position by which so many metres had been driven."""
        far = np.flatnonzero(self.gone_m >= metres)
        if not len(far):
            return None
        return int(np.flatnonzero(self.fix_of == far[0])[0])


def positions(
    device: str,
    time_s: Sequence[float] | Reals,
    lat: Sequence[float] | Reals,
    lon: Sequence[float] | Reals,
    accuracy_m: Sequence[float | None] | None = None,
) -> Positions:
    """Positions in the order of time; hopeless and impossible ones left out."""
    t, la, lo = (np.asarray(values, dtype=np.float64) for values in (time_s, lat, lon))
    good = np.isfinite(t) & np.isfinite(la) & np.isfinite(lo)
    good &= (np.abs(la) <= 90.0) & (np.abs(lo) <= 180.0) & ((la != 0.0) | (lo != 0.0))
    if accuracy_m is not None:
        errors = np.array([0.0 if e is None else e for e in accuracy_m], dtype=np.float64)
        good &= ~(errors > WORST_ACCURACY_M)
    order = np.argsort(t[good], kind="stable")
    return Positions(device, t[good][order], la[good][order], lo[good][order])


def track(found: Positions, plane: Plane) -> Track:
    """The fixes of these positions."""
    east, north = plane.xy(found.lat, found.lon)
    xs, ys, ts = east.tolist(), north.tolist(), found.time_s.tolist()
    fixes: list[list[float]] = []  # arrive, depart, x, y, moved
    fix_of: list[int] = []
    astray = 0
    for t, x, y in zip(ts, xs, ys, strict=True):
        if not fixes:
            fixes.append([t, t, x, y, 0.0])
            fix_of.append(0)
            continue
        last = fixes[-1]
        away = ((x - last[2]) ** 2 + (y - last[3]) ** 2) ** 0.5
        if away > FASTEST_MPS * max(t - last[1], 1.0) + 2 * STEP_M and astray < MOST_OUTLIERS:
            astray += 1
            fix_of.append(-1)
            continue
        astray = 0
        if away < STEP_M:
            last[1] = t
        else:
            fixes.append([t, t, x, y, last[4] + away])
        fix_of.append(len(fixes) - 1)
    gone_m = _gone(fixes)
    owner = np.array(fix_of, dtype=np.int64)
    stood = np.empty((len(fixes), 3))
    # Of several positions of a fix the last one is written last, and stays.
    stood[owner[owner >= 0]] = stands(ts, xs, ys)[owner >= 0]
    arrive_s, depart_s, x_m, y_m, moved_m = np.array(fixes, dtype=np.float64).reshape(-1, 5).T
    return Track(
        found.device,
        arrive_s,
        depart_s,
        x_m,
        y_m,
        moved_m,
        gone_m,
        owner,
        stood,
    )


def _gone(fixes: Sequence[Sequence[float]]) -> Reals:
    gone = np.zeros(len(fixes))
    x, y = (fixes[0][2], fixes[0][3]) if fixes else (0.0, 0.0)
    for n in range(1, len(fixes)):
        stride = ((fixes[n][2] - x) ** 2 + (fixes[n][3] - y) ** 2) ** 0.5
        gone[n] = gone[n - 1]
        if stride >= STRIDE_M:
            gone[n] += stride
            x, y = fixes[n][2], fixes[n][3]
    return gone
