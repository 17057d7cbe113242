"""Roads of a feed: its shapes on the plane, and where along them the stops lie. Pure.

A trip without a shape is driven straight from stop to stop.

Guarantees: stops lie along the road in the order they are called at, each as near to
it as the others allow (a road that crosses itself does not mislead).
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from homeroute_simulators.district import Route, Stop
from homeroute_simulators.gtfs import FeedTrip, LatLon
from homeroute_simulators.roads import Place, Projection, Reals, Shape

CRUISE_MPS = 11.0
"""Where no timetable says otherwise; 40 km/h."""


def route(trip: FeedTrip, projection: Projection) -> Route | None:
    """The road of a trip with its stops; None of one that goes nowhere."""
    called = [(call.stop.lat, call.stop.lon) for call in trip.calls]
    corners = _places(list(trip.shape), projection)
    stops = _places(called, projection, once=False)
    if len(corners) < 2:
        corners = _places(called, projection)
    if len(corners) < 2:
        return None
    shape = Shape(tuple(corners))
    along = _along(shape, stops)
    return Route(
        number=trip.number,
        name=trip.title,
        shape=shape,
        stops=tuple(
            Stop(call.stop.name, metres) for call, metres in zip(trip.calls, along, strict=True)
        ),
        cruise_mps=CRUISE_MPS,
    )


def clock(trip: FeedTrip, road: Route) -> tuple[tuple[int, int], ...]:
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


def _places(degrees: list[LatLon], projection: Projection, *, once: bool = True) -> list[Place]:
    """On the plane, in tenths of a metre; ``once``: no two neighbours the same."""
    places: list[Place] = []
    for lat, lon in degrees:
        east_m, north_m = projection.metres(lat, lon)
        place = Place(round(east_m, 1), round(north_m, 1))
        if not once or not places or places[-1] != place:
            places.append(place)
    return places


def _along(shape: Shape, stops: list[Place]) -> list[float]:
    """Metres along for each stop, never falling, with the least sum of squared distances.

    The best way through (stop, piece of road), each stop on the piece of the one before or
    a later one: dynamic programming.
    """
    east = np.array([corner.east_m for corner in shape.corners])
    north = np.array([corner.north_m for corner in shape.corners])
    starts = np.concatenate(([0.0], np.cumsum(_length(np.diff(east), np.diff(north)))))
    found = [_nearest(stop, east, north) for stop in stops]
    best = found[0][0]
    came: list[list[int]] = []
    for apart, _ in found[1:]:
        lowest = np.minimum.accumulate(best)
        # Where the lowest so far was reached: the piece of the stop before.
        came.append(
            np.maximum.accumulate(np.where(best == lowest, np.arange(len(best)), 0)).tolist()
        )
        best = lowest + apart
    piece = int(best.argmin())
    pieces = [piece]
    for before in reversed(came):
        piece = before[piece]
        pieces.append(piece)
    pieces.reverse()
    along = [
        float(starts[at] + share[at] * (starts[at + 1] - starts[at]))
        for at, (_, share) in zip(pieces, found, strict=True)
    ]
    return [round(metres, 1) for metres in np.maximum.accumulate(along).tolist()]


def _nearest(stop: Place, east: Reals, north: Reals) -> tuple[Reals, Reals]:
    """For each piece of the road: squared distance, and how far along the piece that is."""
    d_east, d_north = np.diff(east), np.diff(north)
    share = (stop.east_m - east[:-1]) * d_east + (stop.north_m - north[:-1]) * d_north
    share = np.clip(share / (d_east * d_east + d_north * d_north), 0.0, 1.0)
    away_east = east[:-1] + share * d_east - stop.east_m
    away_north = north[:-1] + share * d_north - stop.north_m
    return away_east * away_east + away_north * away_north, share


def _length(east: Reals, north: Reals) -> Reals:
    return np.sqrt(east * east + north * north)
