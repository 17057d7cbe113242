"""Where along a road its stops lie, and what the road is called. Pure.

Guarantees: metres along never fall in calling order, each stop as near to the road as
the others allow, so that a road that crosses or repeats itself does not mislead; the
same geometry has the same name in every feed. Does not: trust a feed's own distances
further than as a hint: their unit is nobody's, and they have holes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from homeroute_analytics.timetable import Shape

Reals = NDArray[np.float64]
LatLon = tuple[float, float]

METRES_PER_DEGREE = 111_320.0
"""Of latitude, on a sphere of Earth's mean circumference."""

TOLD_WEIGHT = 0.5
"""A metre away from the feed's own distance counts as half a metre beside the road."""

TIMED_M = 10.0
"""To be a whole road away from where an even speed has a stop counts as this much beside it:
it decides between equals alone, such as the two passes of a road driven out and back."""


def measured(points: Sequence[LatLon]) -> Reals:
    """Metres along at each of those points."""
    lat, lon = (np.array(axis, dtype=np.float64) for axis in zip(*points, strict=True))
    north = np.diff(lat) * METRES_PER_DEGREE
    # The width of a degree at each piece's own middle, so that a long road keeps its length.
    east = np.diff(lon) * METRES_PER_DEGREE * np.cos(np.radians((lat[1:] + lat[:-1]) / 2))
    return np.concatenate(([0.0], np.cumsum(np.sqrt(east * east + north * north))))


def shape(name: str, points: Sequence[LatLon]) -> Shape | None:
    """The shape of those points, named by them; None of one that goes nowhere."""
    if len(set(points)) < 2:
        return None
    kept = [points[0], *(point for before, point in pairwise(points) if point != before)]
    lat, lon = zip(*kept, strict=True)
    # To 1e-5 of a degree, about a metre: exporters round differently.
    rounded = ";".join(f"{a:.5f},{o:.5f}" for a, o in zip(lat, lon, strict=True))
    digest = hashlib.sha256(rounded.encode()).hexdigest()[:8]
    return Shape(f"{slug(name)}@{digest}", lat, lon, tuple(np.round(measured(kept), 1).tolist()))


def slug(name: str) -> str:
    """A name in the letters a segment's name may have."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:24] or "road"


def along(
    road: Shape, stops: Sequence[LatLon], told: Sequence[float | None], clock_s: Sequence[float]
) -> tuple[float, ...]:
    """Metres along for each stop, never falling, at the least cost in squared metres.

    ``told`` is where the feed says a stop lies, in metres of this road, None where it is
    silent; ``clock_s`` when it is called at, NaN where that is not known. Dynamic
    programming over (stop, piece of road), each stop on the piece of the one before or
    a later one.
    """
    away, places = _nearest(road, stops)
    length = road.along_m[-1]
    even = _evenly(np.asarray(clock_s, dtype=np.float64)) * length
    cost = away
    for row, metres in enumerate(told):
        hint, weight = (even[row], TIMED_M / length) if metres is None else (metres, TOLD_WEIGHT)
        cost[row] += (weight * (places[row] - hint)) ** 2
    pieces = _cheapest(cost, places)
    found = np.maximum.accumulate(places[np.arange(len(stops)), pieces])
    return tuple(np.round(np.minimum(found, length), 1).tolist())


def _nearest(road: Shape, stops: Sequence[LatLon]) -> tuple[Reals, Reals]:
    """For each stop and piece: squared metres beside it, and metres along of the nearest point."""
    lat, lon = np.array(road.lat), np.array(road.lon)
    starts = np.array(road.along_m)
    a_degree = METRES_PER_DEGREE * np.cos(np.radians(lat.mean()))
    east, north = lon * a_degree, lat * METRES_PER_DEGREE
    at = np.array(stops, dtype=np.float64)
    at_north, at_east = at[:, :1] * METRES_PER_DEGREE, at[:, 1:] * a_degree
    d_east, d_north = np.diff(east), np.diff(north)
    share = (at_east - east[:-1]) * d_east + (at_north - north[:-1]) * d_north
    share = np.clip(share / (d_east * d_east + d_north * d_north), 0.0, 1.0)
    away_east = east[:-1] + share * d_east - at_east
    away_north = north[:-1] + share * d_north - at_north
    return (
        away_east * away_east + away_north * away_north,
        starts[:-1] + share * np.diff(starts),
    )


def _cheapest(cost: Reals, places: Reals) -> NDArray[np.int64]:
    """The piece of each stop on the cheapest way that never goes back.

    On the piece of the stop before, what a stop would lie behind it is a cost too.
    """
    best = cost[0]
    came: list[NDArray[np.int64]] = []
    numbers = np.arange(cost.shape[1])
    for before, here, row in zip(places, places[1:], cost[1:], strict=False):
        lowest = np.concatenate(([np.inf], np.minimum.accumulate(best)[:-1]))
        same = best + np.maximum(0.0, before - here) ** 2
        # Where the lowest before each piece was reached: the piece of the stop before.
        reached = np.maximum.accumulate(np.where(best < lowest, numbers, 0))
        earlier = np.concatenate(([0], reached[:-1]))
        came.append(np.where(same <= lowest, numbers, earlier))
        best = np.minimum(lowest, same) + row
    pieces = [int(best.argmin())]
    for step in reversed(came):
        pieces.append(int(step[pieces[-1]]))
    return np.array(pieces[::-1])


def _evenly(clock_s: Reals) -> Reals:
    """The share of a trip's time that has passed at each stop; of those without, by number."""
    numbers = np.arange(len(clock_s), dtype=np.float64)
    known = ~np.isnan(clock_s)
    whole = clock_s[known][-1] - clock_s[known][0] if known.any() else 0.0
    if known.sum() < 2 or whole <= 0:
        return numbers / max(1.0, len(numbers) - 1)
    return np.asarray(
        (np.interp(numbers, numbers[known], clock_s[known]) - clock_s[known][0]) / whole
    )


def filled_s(
    arrive_s: Sequence[int | None], depart_s: Sequence[int | None], along_m: Sequence[float]
) -> list[tuple[int, int]]:
    """Arrivals and departures, those without a time passed at an even speed by distance.

    The first and the last must have one.
    """
    known = [at for at, value in enumerate(arrive_s) if value is not None]
    times = [(a or 0, d or 0) for a, d in zip(arrive_s, depart_s, strict=True)]
    for before, after in pairwise(known):
        leaves_s, reaches_s = times[before][1], times[after][0]
        behind_m, whole_m = along_m[before], along_m[after] - along_m[before]
        for at in range(before + 1, after):
            share = (
                (along_m[at] - behind_m) / whole_m
                if whole_m > 0
                else (at - before) / (after - before)
            )
            passed_s = leaves_s + round((reaches_s - leaves_s) * share)
            times[at] = passed_s, passed_s
    return times
