"""Dead segments gathered into zones, ranked by what they cost riders. Pure, but for one query.

A hollow is one place, though two trips and three segments cross it: dead segments whose
middles lie within :data:`JOIN_M` are one zone, whichever trip or route found them, and
whichever version of a road they belong to.

Guarantees: each dead segment lies in one zone; the order is that of connected-client
outage minutes, what riders lost; a zone is named by the stops around it on the trip that
costs most there. Does not: list what is merely mixed, or unknown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from homeroute_analytics.directors import Segment, Span, segments
from homeroute_analytics.road_lines import number_of, road_of
from homeroute_analytics.samples import Query
from homeroute_analytics.segments import METRES_PER_DEGREE
from homeroute_analytics.stops_around import Stops, where
from homeroute_analytics.timetable import SEGMENT_M
from homeroute_analytics.verdicts import LIMITS, Limits

JOIN_M = 1.1 * SEGMENT_M
"""Neighbours along a road lie 250 m apart, or less where it bends."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """A zone as one trip drives it: from where to where along its road, once."""

    trip: str
    road: str
    start_m: float
    end_m: float
    outage_min: float


@dataclass(frozen=True, slots=True)
class Zone:
    """A place without usable internet. Degrees are of its middle.

    ``outage_min`` is clients present x minutes not usable, over the days asked for;
    ``passes`` those that count, ``usable`` of them. ``radius_m`` reaches from the middle
    to the farthest segment's end. ``crossings``: what costs riders most first.
    """

    lat: float
    lon: float
    radius_m: float
    routes: tuple[str, ...]
    trips: tuple[str, ...]
    segments: tuple[str, ...]
    passes: int
    usable: float
    usable_share: float
    reported_share: float
    outage_min: float
    crossings: tuple[Crossing, ...]

    def where(self, stops: Stops) -> str | None:
        """Between which stops it lies, on the costliest trip whose stops are known."""
        for one in self.crossings:
            if said := where(stops.get((one.trip, one.road), ()), one.start_m, one.end_m):
                return said
        return None


async def worklist(query: Query, span: Span, limits: Limits = LIMITS) -> list[Zone]:
    """The dead zones, what costs riders most first."""
    return zones(await segments(query, span, limits))


def zones(judged: Sequence[Segment]) -> list[Zone]:
    """The zones of what is dead among these segments."""
    dead = [segment for segment in judged if segment.verdict == "dead"]
    if not dead:
        return []
    lat = np.array([segment.lat for segment in dead])
    lon = np.array([segment.lon for segment in dead])
    north = lat * METRES_PER_DEGREE
    east = lon * METRES_PER_DEGREE * np.cos(np.radians(lat.mean()))
    found = []
    for members in _joined(east, north):
        parts = [dead[index] for index in members]
        away = np.hypot(
            east[members] - east[members].mean(), north[members] - north[members].mean()
        )
        reported_s = sum(part.reported_s for part in parts)
        found.append(
            Zone(
                lat=float(lat[members].mean()),
                lon=float(lon[members].mean()),
                radius_m=float(away.max()) + SEGMENT_M / 2,
                routes=tuple(sorted({part.route for part in parts})),
                trips=tuple(sorted({part.trip for part in parts})),
                segments=tuple(sorted({part.segment for part in parts})),
                passes=sum(part.passes for part in parts),
                usable=sum(part.usable for part in parts),
                usable_share=sum(part.usable_s for part in parts) / reported_s,
                reported_share=reported_s / sum(part.driven_s for part in parts),
                outage_min=sum(part.client_outage_min for part in parts),
                crossings=_crossings(parts),
            )
        )
    return sorted(found, key=lambda zone: (-zone.outage_min, zone.lat, zone.lon))


def _crossings(parts: Iterable[Segment]) -> tuple[Crossing, ...]:
    """Each run of neighbours on a trip's road: where it comes back, it crosses again."""
    driven: dict[tuple[str, str], list[tuple[int, float]]] = defaultdict(list)
    for part in parts:
        told = number_of(part.segment), part.client_outage_min
        driven[part.trip, road_of(part.segment)].append(told)
    found = []
    for (trip, road), numbered in driven.items():
        in_order = enumerate(sorted(numbered))
        for _, run in groupby(in_order, lambda each: each[1][0] - each[0]):
            told_of = [each for _, each in run]
            start_m, end_m = told_of[0][0] * SEGMENT_M, (told_of[-1][0] + 1) * SEGMENT_M
            found.append(Crossing(trip, road, start_m, end_m, sum(m for _, m in told_of)))
    return tuple(sorted(found, key=lambda c: (-c.outage_min, c.trip, c.road, c.start_m)))


def _joined(east: np.ndarray, north: np.ndarray) -> list[list[int]]:
    """Groups of places, each within reach of another of its group."""
    free = np.ones(len(east), dtype=bool)
    groups = []
    for first in range(len(east)):
        if not free[first]:
            continue
        free[first] = False
        group, edge = [], [first]
        while edge:
            at = edge.pop()
            group.append(at)
            away = np.hypot(east - east[at], north - north[at])
            near = np.flatnonzero(free & (away <= JOIN_M))
            free[near] = False
            edge += near.tolist()
        groups.append(sorted(group))
    return groups
