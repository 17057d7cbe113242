"""A shape cut into segments, and when a drive passed each cut. Pure.

Guarantees: the segments of a shape cover it without gap or overlap and depend on its
length alone; a drive's passages cover the drive from start to end, in order, so that
no second is lost or counted twice; places only move forward, so that a loop or a road
driven out and back does not jump. Does not: know of uplinks, or judge where a trip ran
that left its shape: a position farther than :data:`OFF_ROAD_M` from it says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from homeroute_analytics.timetable import SEGMENT_M, Shape

Reals = NDArray[np.float64]
Times = NDArray[np.int64]

OFF_ROAD_M = 80.0
"""Farther from the shape a position is no place on it (the gate of attribution)."""

KNOWN_MS = 60_000
"""A segment is *located* when no longer than this passed between the known places around it."""

METRES_PER_DEGREE = 111_320.0

_LATERAL_M, _ADVANCE_M = 15.0, 50.0
"""Spreads of GPS across the road, and of the way driven against the way between fixes."""

_SAME_M = 60.0
"""Nearest points of neighbouring pieces that lie closer along the road are one place."""

_BACK_M = 30.0
_FASTEST_MPS, _AHEAD_M = 40.0, 100.0
_START_M = 500.0
_IMPOSSIBLE = 100.0
"""What a step costs that no bus makes: as much as a place 150 m off the road."""


def cuts(length_m: float) -> Reals:
    """Where a shape is cut: 0, 250, … and its length; a rest under half belongs to the last."""
    count = max(1, int(length_m / SEGMENT_M + 0.5))
    return np.append(np.arange(count) * SEGMENT_M, length_m)


@dataclass(frozen=True, slots=True)
class Passages:
    """When one drive passed the cuts of its shape: segment k from ``at_ms[k]`` to ``[k + 1]``.

    A segment not reached has no length in time. ``located`` says of each whether
    positions say so, not the timetable or a long gap between two places.
    """

    at_ms: Times
    located: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Road:
    """A shape on the plane around its first point, ready to be projected onto."""

    shape: Shape
    east: Reals
    north: Reals
    along: Reals

    @classmethod
    def of(cls, shape: Shape) -> Road:
        """Prepare a shape of two points or more."""
        lat, lon = np.array(shape.lat), np.array(shape.lon)
        east = (lon - lon[0]) * METRES_PER_DEGREE * np.cos(np.radians(lat[0]))
        north = (lat - lat[0]) * METRES_PER_DEGREE
        return cls(shape, east, north, np.array(shape.along_m, dtype=np.float64))

    def plane(self, lat: Reals, lon: Reals) -> tuple[Reals, Reals]:
        """Metres east and north of the shape's first point."""
        scale = METRES_PER_DEGREE * np.cos(np.radians(self.shape.lat[0]))
        return (lon - self.shape.lon[0]) * scale, (lat - self.shape.lat[0]) * METRES_PER_DEGREE

    def middles(self) -> tuple[Reals, Reals]:
        """Latitude and longitude of the middle of each segment."""
        edges = cuts(self.shape.length_m)
        middle = (edges[:-1] + edges[1:]) / 2
        lat = np.interp(middle, self.along, self.shape.lat)
        return lat, np.interp(middle, self.along, self.shape.lon)

    def places(self, start_ms: int, times_ms: Times, lat: Reals, lon: Reals) -> tuple[Times, Reals]:
        """Times and metres along the shape of those positions that lie on it, forward only.

        Of several places a position may stand for (a road driven twice), the sequence is
        taken that fits best as a whole: near the road, and driven about as far as the
        positions lie apart.
        """
        east, north = self.plane(lat, lon)
        along, lateral = self._project(east, north)
        # One candidate for each approach to the road: of neighbouring pieces the nearer one,
        # but where the road turns back upon itself both are.
        close = np.diff(along) < _SAME_M
        nearer = lateral[:, 1:] < lateral[:, :-1]
        candidate = lateral <= OFF_ROAD_M
        candidate[:, :-1] &= ~(close & nearer)
        candidate[:, 1:] &= ~(close & ~nearer)
        kept = np.flatnonzero(candidate.any(axis=1))
        if not len(kept):
            return times_ms[:0], np.zeros(0)
        apart = np.hypot(np.diff(east[kept]), np.diff(north[kept]))
        seconds = np.diff(times_ms[kept]) / 1000
        if (candidate[kept].sum(axis=1) == 1).all():
            chosen = along[kept, candidate[kept].argmax(axis=1)]
        else:
            options = [
                list(zip(along[row, c].tolist(), lateral[row, c].tolist(), strict=True))
                for row, c in ((r, np.flatnonzero(candidate[r])) for r in kept)
            ]
            reach_m = _START_M + _FASTEST_MPS * max(0.0, (times_ms[kept[0]] - start_ms) / 1000)
            chosen = np.array(_best(options, apart.tolist(), seconds.tolist(), reach_m))
        return times_ms[kept], np.maximum.accumulate(chosen)

    def _project(self, east: Reals, north: Reals) -> tuple[Reals, Reals]:
        """Metres along and aside of each position (rows) on each piece of the shape (columns)."""
        d_east, d_north = np.diff(self.east), np.diff(self.north)
        size = np.maximum(d_east * d_east + d_north * d_north, 1e-9)
        rel_east = east[:, None] - self.east[:-1]
        rel_north = north[:, None] - self.north[:-1]
        share = np.clip((rel_east * d_east + rel_north * d_north) / size, 0.0, 1.0)
        aside = np.hypot(rel_east - share * d_east, rel_north - share * d_north)
        return self.along[:-1] + share * np.diff(self.along), aside


def _best(
    options: list[list[tuple[float, float]]],
    apart: list[float],
    seconds: list[float],
    reach_m: float,
) -> list[float]:
    """The cheapest way through the candidates (Viterbi): one place of each position."""
    costs = [
        (lateral / _LATERAL_M) ** 2 + along / 1e4 + (_IMPOSSIBLE if along > reach_m else 0.0)
        for along, lateral in options[0]
    ]
    came: list[list[int]] = []
    for step, there in enumerate(options[1:]):
        most = _FASTEST_MPS * seconds[step] + _AHEAD_M
        here, now, back = options[step], [], []
        for along, lateral in there:
            best, origin = float("inf"), 0
            for index, (was, _) in enumerate(here):
                advance = along - was
                cost = costs[index]
                if advance < -_BACK_M or advance > most:
                    cost += _IMPOSSIBLE
                cost += min(((advance - apart[step]) / _ADVANCE_M) ** 2, 25.0)
                if cost < best:
                    best, origin = cost, index
            now.append(best + (lateral / _LATERAL_M) ** 2)
            back.append(origin)
        costs = now
        came.append(back)
    at = min(range(len(costs)), key=costs.__getitem__)
    path = [at]
    for back in reversed(came):
        path.append(back[path[-1]])
    return [options[step][index][0] for step, index in enumerate(reversed(path))]


def passages(
    length_m: float,
    start_ms: int,
    end_ms: int,
    known_ms: Times,
    known_m: Reals,
    *,
    located: bool = True,
) -> Passages:
    """When a drive from ``start_ms`` to ``end_ms`` passed each cut of a shape.

    ``known_ms`` and ``known_m`` are its known places, in order; between two the bus is
    taken to have driven steadily. Where they begin late or end early, the rest is
    driven from the shape's start or to its end. ``located`` False: the places are the
    timetable's.
    """
    inside = (known_ms >= start_ms) & (known_ms <= end_ms)
    times, places = known_ms[inside], known_m[inside]
    if not len(times) or times[0] - start_ms > KNOWN_MS:
        times, places = np.append(start_ms, times), np.append(0.0, places)
    if end_ms - times[-1] > KNOWN_MS or len(times) < 2:
        times, places = np.append(times, end_ms), np.append(places, length_m)
    edges = cuts(length_m)
    inner = edges[1:-1]
    after = np.searchsorted(places, inner, side="left")
    first, last = after == 0, after == len(places)
    right = np.clip(after, 1, len(places) - 1)
    left = right - 1
    way = places[right] - places[left]
    share = np.where(way > 0, (inner - places[left]) / np.where(way > 0, way, 1.0), 0.0)
    at = times[left] + np.clip(share, 0.0, 1.0) * (times[right] - times[left])
    at = np.where(first, start_ms, np.where(last, end_ms, at))
    at_ms = np.concatenate(([start_ms], np.rint(at).astype(np.int64), [end_ms])).astype(np.int64)
    np.maximum.accumulate(at_ms, out=at_ms)
    return Passages(at_ms, _located(at_ms, times, located=located))


def _located(at_ms: Times, times: Times, *, located: bool) -> NDArray[np.bool_]:
    """Which segments were passed while no gap between known places was long."""
    if not located:
        return np.zeros(len(at_ms) - 1, dtype=np.bool_)
    gaps = np.diff(times)
    long = np.concatenate(([0], np.cumsum(gaps > KNOWN_MS)))
    first = np.clip(np.searchsorted(times, at_ms[:-1], side="right") - 1, 0, len(gaps))
    last = np.clip(np.searchsorted(times, at_ms[1:], side="left"), 0, len(gaps))
    return np.asarray(long[np.maximum(last, first)] == long[first])
