"""Where a stretch of road lies, in the names of its stops. Pure, but for one query.

Guarantees: what is said of a stretch follows from metres along the road alone, so that
the ribbon, the worklist and a file say the same of it; a stop without a name is called by
its id; where no stop is known nothing is said. Does not: find the stretches. Restricted:
stops are where children wait; for staff, never in what is published (DESIGN section 4).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from homeroute_analytics.samples import Query
from homeroute_analytics.timetable import SEGMENT_M

EDGE_M = SEGMENT_M / 2
"""A stretch is known to its segments: so near its end a stop is the end, and not within.
Of a short stretch it is a quarter of its length."""

_STOPS = """
WITH latest AS (
    SELECT trip, shape, max(feed) AS feed FROM feed_trips
    WHERE list_contains($1, trip) AND list_contains($2, shape) GROUP BY trip, shape),
calls AS (
    SELECT feed, trip, shape, unnest(call_stop) AS stop, unnest(call_along_m) AS along_m
    FROM latest JOIN feed_trips USING (feed, trip, shape))
SELECT trip, shape, list(coalesce(nullif(name, ''), stop) ORDER BY along_m),
       list(along_m ORDER BY along_m)
FROM calls LEFT JOIN feed_stops USING (feed, stop) GROUP BY trip, shape
"""


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop, by its name where the feed has one; metres along its trip's road."""

    name: str
    along_m: float


_ALONG = attrgetter("along_m")

Stops = Mapping[tuple[str, str], Sequence[Stop]]
"""In driving order, by trip and road."""


async def stops_of(query: Query, driven: Iterable[tuple[str, str]]) -> Stops:
    """The stops of these trips on these roads (``name@hash``), those that some feed has."""
    wanted = set(driven)
    trips, roads = (sorted({pair[part] for pair in wanted}) for part in (0, 1))
    return {
        (trip, road): tuple(Stop(*pair) for pair in zip(names, along, strict=True))
        for trip, road, names, along in await query(_STOPS, [trips, roads])
        if (trip, road) in wanted
    }


def where(stops: Sequence[Stop], start_m: float, end_m: float) -> str | None:
    """``between Elm St and Oak Ave``, ``at Elm St``, ``from the start to Elm St``; or None.

    ``stops`` are in driving order.
    """
    edge_m = min(EDGE_M, (end_m - start_m) / 4)
    begin = bisect_right(stops, start_m + edge_m, key=_ALONG)
    end = bisect_left(stops, end_m - edge_m, key=_ALONG)
    if begin < end:
        first, last = stops[begin].name, stops[end - 1].name
        return f"at {first}" if first == last else f"from {first} to {last}"
    after = stops[begin - 1].name if begin else None
    before = stops[end].name if end < len(stops) else None
    if after is None:
        return None if before is None else f"from the start to {before}"
    if before is None:
        return f"from {after} to the end"
    return f"between {after} and {before}"
