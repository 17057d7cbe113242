"""One scheduled trip as a ribbon: its road from start to end, judged segment by segment.

Guarantees: the segments cover the road without gap, those nobody drove included; a
segment's state is its verdict, but *unreported* where buses drove and most of the time
was told by no sample, and *undriven* where none came: silence is never a verdict. Dead
neighbours make one stretch, named by the stops around it. Does not: pool versions of a
road; the newest is drawn, and ``earlier`` says how many others were driven. Restricted:
stops are where children wait; for staff alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from typing import Any, Literal

from homeroute_analytics.directors import Segment, Span, segments
from homeroute_analytics.road_lines import number_of, road_of
from homeroute_analytics.samples import Query
from homeroute_analytics.segments import cuts
from homeroute_analytics.stops_around import Stop, stops_of, where
from homeroute_analytics.timetable import Shape
from homeroute_analytics.verdicts import COUNTS_SHARE, LIMITS, Limits

State = Literal["dead", "mixed", "good", "insufficient", "unreported", "undriven"]

_TRIPS = """
SELECT route, trip, any_value(period), start_s, count(*), count(*) FILTER (observed),
       sum(client_outage_min), sum(usable_s), sum(reported_s)
FROM trip_day JOIN (
    SELECT trip, arg_max(start_s, feed) AS start_s FROM feed_trips GROUP BY trip) USING (trip)
WHERE {where} GROUP BY route, trip, start_s ORDER BY route, start_s, trip
"""

_ROAD = """
SELECT t.shape, t.direction, s.lat, s.lon, s.along_m
FROM feed_trips AS t JOIN feed_shapes AS s USING (feed, shape) JOIN feeds USING (feed)
WHERE t.trip = $1 AND feeds.first_day <= $2 ORDER BY feeds.first_day DESC, t.feed DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Choice:
    """A trip of the timetable that may be drawn. ``start_s`` is of its service day."""

    route: str
    trip: str
    period: str
    start_s: int
    scheduled: int
    observed: int
    client_outage_min: float
    usable_s: float
    reported_s: float

    @property
    def usable_share(self) -> float | None:
        """Usable / reported; None when nothing was reported."""
        return self.usable_s / self.reported_s if self.reported_s else None


@dataclass(frozen=True, slots=True)
class Piece:
    """A segment of the ribbon, in metres along the road; ``judged`` None: never driven."""

    start_m: float
    end_m: float
    state: State
    judged: Segment | None


@dataclass(frozen=True, slots=True)
class Stretch:
    """Dead segments in a row. ``where`` names the stops around it, None where none is known."""

    start_m: float
    end_m: float
    where: str | None
    passes: int
    outage_min: float
    usable_share: float
    reported_share: float


@dataclass(frozen=True, slots=True)
class Ribbon:
    """The answer. ``earlier``: other versions of its road that were driven in these days."""

    choice: Choice
    direction: str
    road: Shape
    pieces: tuple[Piece, ...]
    stops: tuple[Stop, ...]
    dead: tuple[Stretch, ...]
    earlier: int


async def choices(query: Query, span: Span) -> list[Choice]:
    """The trips of the timetable that were to be driven in these days, by route and start."""
    return [Choice(*row) for row in await query(_TRIPS.format(where=span.where), span.params)]


async def ribbon(
    query: Query, choice: Choice, span: Span, limits: Limits = LIMITS
) -> Ribbon | None:
    """The ribbon of a trip; None where its road is not known."""
    rows = await query(_ROAD, [choice.trip, span.last_day])
    if not rows or len(rows[0][-1]) < 2:
        return None
    name, direction, lat, lon, at = rows[0]
    road = Shape(name, tuple(lat), tuple(lon), tuple(at))
    own = replace(span, route=choice.route, trip=choice.trip)
    judged = await segments(query, own, limits)
    stops = await stops_of(query, [(choice.trip, name)])
    called = tuple(stops.get((choice.trip, name), ()))
    found = pieces(road, judged)
    others = {road_of(segment.segment) for segment in judged} - {name}
    return Ribbon(choice, direction, road, found, called, stretches(found, called), len(others))


def pieces(road: Shape, judged: Sequence[Segment]) -> tuple[Piece, ...]:
    """Every segment of the road, with what is known of it. Pure."""
    known = {number_of(s.segment): s for s in judged if road_of(s.segment) == road.shape}
    edges = cuts(road.length_m).tolist()
    return tuple(
        Piece(start, end, state(known.get(index)), known.get(index))
        for index, (start, end) in enumerate(pairwise(edges))
    )


def state(segment: Segment | None) -> State:
    """What is drawn of a segment."""
    if segment is None:
        return "undriven"
    if segment.verdict == "insufficient" and segment.reported_share < COUNTS_SHARE:
        return "unreported"
    return segment.verdict


def stretches(found: Sequence[Piece], stops: Sequence[Stop]) -> tuple[Stretch, ...]:
    """Dead neighbours as one each, what costs riders most first. Pure."""
    dead = []
    for is_dead, group in groupby(found, lambda piece: piece.state == "dead"):
        if is_dead:
            dead.append(_stretch(list(group), stops))
    return tuple(sorted(dead, key=lambda stretch: (-stretch.outage_min, stretch.start_m)))


def _stretch(parts: Sequence[Piece], stops: Sequence[Stop]) -> Stretch:
    judged: list[Any] = [piece.judged for piece in parts]
    start_m, end_m = parts[0].start_m, parts[-1].end_m
    reported_s = sum(one.reported_s for one in judged)
    return Stretch(
        start_m,
        end_m,
        where(stops, start_m, end_m),
        sum(one.passes for one in judged),
        sum(one.client_outage_min for one in judged),
        sum(one.usable_s for one in judged) / reported_s if reported_s else 0.0,
        reported_s / sum(one.driven_s for one in judged),
    )
