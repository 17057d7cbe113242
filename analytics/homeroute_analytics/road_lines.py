"""Roads of the timetable by name, and the lines of their segments. Restricted.

Guarantees: a segment's line is the piece of the shape between its two cuts, so that the
lines of a shape's segments join end to end. Does not: publish; a shape says where
children wait, and stays with staff (DESIGN section 4).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np

from homeroute_analytics.samples import Query
from homeroute_analytics.segments import cuts
from homeroute_analytics.timetable import Shape

Line = tuple[tuple[float, float], ...]
"""Latitude and longitude of each point."""

_SHAPES = """
SELECT shape, any_value(lat), any_value(lon), any_value(along_m) FROM feed_shapes
WHERE list_contains($1, shape) GROUP BY shape
"""


def road_of(segment: str) -> str:
    """The shape's name in a segment's."""
    return segment.rpartition(":")[0]


def number_of(segment: str) -> int:
    """Which segment of its shape, from 0."""
    return int(segment.rpartition(":")[2])


async def roads(query: Query, names: Iterable[str]) -> dict[str, Shape]:
    """Those of these shapes that some feed has; a name holds its line's hash, so any will do."""
    rows = await query(_SHAPES, [sorted(set(names))])
    return {name: Shape(name, tuple(lat), tuple(lon), tuple(at)) for name, lat, lon, at in rows}


def segment_lines(shape: Shape) -> list[Line]:
    """The line of each segment, in order."""
    along = np.array(shape.along_m)
    edges = cuts(shape.length_m)
    lat, lon = (np.interp(edges, along, line) for line in (shape.lat, shape.lon))
    found = []
    for index, (start, end) in enumerate(itertools.pairwise(edges)):
        inner = np.flatnonzero((along > start) & (along < end)).tolist()
        points = [(lat[index], lon[index])]
        points += [(shape.lat[at], shape.lon[at]) for at in inner]
        points += [(lat[index + 1], lon[index + 1])]
        found.append(tuple((float(y), float(x)) for y, x in points))
    return found
