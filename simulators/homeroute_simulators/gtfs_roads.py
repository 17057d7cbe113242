"""Roads of a feed on the district's plane, and the clock of its trips. Pure.

Guarantees: corners and stops are the feed's own, as its reader placed them; a trip's
clock never falls. Does not: decide where along a road a stop lies
(:mod:`homeroute_analytics.feeds.roads`).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from homeroute_analytics import timetable
from homeroute_analytics.feeds.records import Stop as FeedStop
from homeroute_analytics.feeds.records import Trip
from homeroute_simulators.district import Route, Stop
from homeroute_simulators.roads import Place, Projection, Shape

CRUISE_MPS = 11.0
"""Where no timetable says otherwise; 40 km/h."""


def route(
    trip: Trip,
    line: timetable.Shape,
    stops: Mapping[str, FeedStop],
    projection: Projection,
    *,
    number: str,
    title: str,
) -> Route | None:
    """The road of a trip with its stops; None of one shorter than a stride."""
    corners: list[Place] = []
    along_m: list[float] = []
    for lat, lon, metres in zip(line.lat, line.lon, line.along_m, strict=True):
        east_m, north_m = projection.metres(lat, lon)
        # In tenths of a metre; neighbours that become one are one corner.
        place = Place(round(east_m, 1), round(north_m, 1))
        if not corners or corners[-1] != place:
            corners.append(place)
            along_m.append(metres)
    if len(corners) < 2:
        return None
    shape = Shape(tuple(corners))
    # The plane's metres differ a little from the feed's.
    steps = [
        np.sqrt((a.east_m - b.east_m) ** 2 + (a.north_m - b.north_m) ** 2)
        for a, b in pairwise(corners)
    ]
    own_m = np.concatenate(([0.0], np.cumsum(steps)))
    reached = np.interp([call.along_m for call in trip.calls], along_m, own_m)
    return Route(
        number=number,
        name=title,
        shape=shape,
        stops=tuple(
            Stop(stops[call.stop].name, round(metres, 1))
            for call, metres in zip(trip.calls, reached.tolist(), strict=True)
        ),
        cruise_mps=CRUISE_MPS,
    )


def clock(trip: Trip, road: Route) -> tuple[tuple[int, int], ...]:
    """Arrival and departure at each stop in seconds after the trip's start, never falling.

    Feeds time stops to the minute, several to the same one: all but the first of
    those are passed at an even speed.
    """
    starts_s = trip.calls[0].depart_s
    calls = [(max(0, c.arrive_s - starts_s), max(0, c.depart_s - starts_s)) for c in trip.calls]
    timed = [0]
    for at, (arrive_s, _) in enumerate(calls):
        if arrive_s > calls[timed[-1]][1]:
            timed.append(at)
    if timed[-1] != len(calls) - 1 and len(timed) > 1:
        timed.pop()
    timed.append(len(calls) - 1)
    told = [calls[0]] * len(calls)
    for before, after in pairwise(timed):
        leaves_s, reaches_s = told[before][1], max(calls[after][0], told[before][1] + 1)
        told[after] = reaches_s, max(calls[after][1], reaches_s)
        behind_m = road.stops[before].along_m
        whole_m = road.stops[after].along_m - behind_m
        for at in range(before + 1, after):
            share = (road.stops[at].along_m - behind_m) / whole_m if whole_m else 0.0
            passed_s = leaves_s + round((reaches_s - leaves_s) * share)
            told[at] = passed_s, passed_s
    return tuple(told)
