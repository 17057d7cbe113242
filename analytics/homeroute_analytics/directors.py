"""What a transportation director asks, answered from the aggregates alone.

Which routes lose connectivity, where, when, how long, and how sure is that. Days are
service days, both inclusive. Guarantees: every answer carries how much it rests on
(trips, passes, reported share); sums over sums, never means of shares; a route without
data is listed, and has no share. Does not: read raw points, so that answers stay as
quick in the hundredth week as in the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from homeroute_analytics.samples import Query
from homeroute_analytics.verdicts import COUNTS_SHARE, LIMITS, Limits, Verdict, verdict, wilson


@dataclass(frozen=True, slots=True)
class Span:
    """Which days, and of what: None is everything."""

    first_day: date
    last_day: date
    route: str | None = None
    trip: str | None = None
    period: str | None = None

    @property
    def _given(self) -> dict[str, str]:
        every = {"route": self.route, "trip": self.trip, "period": self.period}
        return {name: value for name, value in every.items() if value is not None}

    @property
    def where(self) -> str:
        """SQL over an aggregate's columns; its parameters are :attr:`params`."""
        clauses = [f"{name} = ${number}" for number, name in enumerate(self._given, start=3)]
        return " AND ".join(["day BETWEEN $1 AND $2", *clauses])

    @property
    def params(self) -> list[object]:
        """For :attr:`where`."""
        return [self.first_day, self.last_day, *self._given.values()]


@dataclass(frozen=True, slots=True)
class TripSeconds:
    """Seconds of the trips of a route, or of one trip, over the days asked for.

    ``expected_s`` is the time driven, and of trips nobody drove the time scheduled.
    Gaps are of observed trips: the longest outage in each, its median and 90th
    percentile; None where none was observed. ``trip`` is empty of a route.
    """

    route: str
    trip: str
    usable_s: float
    connected_s: float
    reported_s: float
    expected_s: float
    trips_scheduled: int
    trips_observed: int
    days: int
    client_outage_min: float
    gap_median_s: float | None
    gap_p90_s: float | None

    @property
    def usable_share(self) -> float | None:
        """Usable / reported; None when nothing was reported."""
        return self.usable_s / self.reported_s if self.reported_s else None

    @property
    def connected_share(self) -> float | None:
        """Connected or usable / reported; None when nothing was reported."""
        return self.connected_s / self.reported_s if self.reported_s else None

    @property
    def reported_share(self) -> float | None:
        """Reported / expected: how complete the answer is."""
        return self.reported_s / self.expected_s if self.expected_s else None

    @property
    def observed_share(self) -> float | None:
        """Trips observed / trips scheduled or driven."""
        return self.trips_observed / self.trips_scheduled if self.trips_scheduled else None


_COVERAGE = """
SELECT route, {trip}, sum(usable_s), sum(connected_s), sum(reported_s),
       sum(CASE WHEN driven_s > 0 THEN driven_s ELSE scheduled_s END), count(*),
       count(*) FILTER (observed), count(DISTINCT day), sum(client_outage_min),
       quantile_cont(longest_gap_s, 0.5) FILTER (observed),
       quantile_cont(longest_gap_s, 0.9) FILTER (observed)
FROM trip_day WHERE {where} GROUP BY ALL
"""


async def by_route(query: Query, span: Span) -> list[TripSeconds]:
    """Each route, the worst usable share first, those without data last."""
    return await _coverage(query, span, "''")


async def by_trip(query: Query, span: Span) -> list[TripSeconds]:
    """Each trip of the timetable: how often observed, and its longest gaps; worst first."""
    return await _coverage(query, span, "trip")


async def _coverage(query: Query, span: Span, trip: str) -> list[TripSeconds]:
    rows = await query(_COVERAGE.format(trip=trip, where=span.where), span.params)
    found = [TripSeconds(*row) for row in rows]
    return sorted(
        found,
        key=lambda c: (c.usable_share is None, c.usable_share or 0.0, c.route, c.trip),
    )


@dataclass(frozen=True, slots=True)
class Gap:
    """The longest outage of one trip of one day, seconds without connection or report."""

    day: date
    route: str
    trip: str
    device: str
    longest_gap_s: float
    reported_s: float
    expected_s: float
    observed: bool


async def longest_gaps(query: Query, span: Span, *, limit: int = 20) -> list[Gap]:
    """The trips with the longest outages, of those observed: silence proves no outage."""
    rows = await query(
        "SELECT day, route, trip, device, longest_gap_s, reported_s, "  # noqa: S608 - of ours
        "CASE WHEN driven_s > 0 THEN driven_s ELSE scheduled_s END, observed "
        f"FROM trip_day WHERE {span.where} AND observed "
        f"ORDER BY longest_gap_s DESC, day, trip LIMIT {int(limit)}",
        span.params,
    )
    return [Gap(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment as one scheduled trip drives it, and its verdict.

    ``passes`` count (:mod:`homeroute_analytics.verdicts`), of ``driven`` in all; of them
    ``usable``, a sum of shares. ``low`` and ``high`` bound ``usable / passes`` (Wilson, 95%).
    """

    route: str
    trip: str
    period: str
    segment: str
    lat: float
    lon: float
    driven: int
    passes: int
    usable: float
    days: int
    usable_s: float
    reported_s: float
    driven_s: float
    client_outage_min: float
    verdict: Verdict
    low: float
    high: float

    @property
    def usable_share(self) -> float | None:
        """Usable / reported seconds; None when nothing was reported."""
        return self.usable_s / self.reported_s if self.reported_s else None

    @property
    def reported_share(self) -> float:
        """Reported / driven seconds."""
        return self.reported_s / self.driven_s if self.driven_s else 0.0


# A trip has one pass a day over a segment: as many days as passes. Whether a pass counts is
# decided once a row: of a year of 100 buses there are two million.
_SEGMENTS = f"""
WITH judged AS (
    SELECT route, trip, period, segment, lat, lon, usable_s, client_outage_min,
           usable_s + connected_s + no_service_s AS reported_s,
           reported_s + unreported_s AS driven_s,
           (located AND reported_s > 0 AND reported_s >= {COUNTS_SHARE} * driven_s)::INT AS counts
    FROM segment_day WHERE {{where}}
)
SELECT route, trip, any_value(period), segment, any_value(lat), any_value(lon), count(*),
       sum(counts), sum(CASE WHEN counts = 1 THEN usable_s / reported_s ELSE 0 END), sum(counts),
       sum(usable_s), sum(reported_s), sum(driven_s), sum(client_outage_min)
FROM judged GROUP BY route, trip, segment ORDER BY route, trip, segment
"""  # noqa: S608 - of ours


async def segments(query: Query, span: Span, limits: Limits = LIMITS) -> list[Segment]:
    """Every segment driven, in order along its trip, with its verdict."""
    found = []
    for row in await query(_SEGMENTS.format(where=span.where), span.params):
        passes, usable, days = row[7:10]
        low, high = wilson(usable, passes)
        judged: tuple[Any, ...] = (verdict(usable, passes, days, limits), low, high)
        found.append(Segment(*row, *judged))
    return found
