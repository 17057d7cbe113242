"""Did the fix help? Usable share before and after a day, with the difference and its interval.

"Antenna replaced on 12 March." The share is usable / reported seconds, sum over sums.
Seconds of one day are not independent (one weather, one outage of the carrier, one bus),
so the day is the cluster: the variance of each share is that of a ratio of sums over
days, and the interval of the difference is Student's with Welch's degrees of freedom.
No bootstrap: with the ten or twenty days a director waits, percentiles of resampled days
are too narrow, and the same question should get the same answer twice.

Guarantees: the day of the change belongs to neither side; no interval with fewer than
:data:`FEWEST_DAYS` days on a side; across feed versions a place stays itself: segments
are matched by where they lie, not by name. Does not: know what else changed that day.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from homeroute_analytics.samples import Query
from homeroute_analytics.segments import METRES_PER_DEGREE

FEWEST_DAYS = 4


@dataclass(frozen=True, slots=True)
class Side:
    """Before, or after. ``reported_share`` is reported / driven seconds."""

    days: int
    trips: int
    usable_share: float | None
    reported_share: float | None


@dataclass(frozen=True, slots=True)
class Change:
    """The answer: ``low`` to ``high`` bound the difference (95%), None without enough days.

    ``segments`` is how many segments of all versions of the road lie in the place
    asked about; 0: the whole of the trips.
    """

    changed: date
    before: Side
    after: Side
    difference: float | None
    low: float | None
    high: float | None
    segments: int


@dataclass(frozen=True, slots=True)
class Where:
    """What was changed: a route, a device, a place; None is everything.

    ``place`` is latitude, longitude and a radius in metres.
    """

    route: str | None = None
    device: str | None = None
    place: tuple[float, float, float] | None = None


_TRIPS = """
SELECT day, sum(usable_s), sum(reported_s), sum(driven_s), count(*) FILTER (reported_s > 0)
FROM trip_day WHERE day BETWEEN $1 AND $2 AND ($3::VARCHAR IS NULL OR route = $3)
 AND ($4::VARCHAR IS NULL OR device = $4) GROUP BY day ORDER BY day
"""

_PLACES = """
SELECT segment, any_value(lat), any_value(lon) FROM segment_day
WHERE day BETWEEN $1 AND $2 AND ($3::VARCHAR IS NULL OR route = $3) GROUP BY segment
"""

_SEGMENTS = """
SELECT s.day, sum(s.usable_s), sum(s.usable_s + s.connected_s + s.no_service_s),
       sum(s.usable_s + s.connected_s + s.no_service_s + s.unreported_s), count(DISTINCT s.trip)
FROM segment_day AS s
WHERE s.day BETWEEN $1 AND $2 AND ($3::VARCHAR IS NULL OR s.route = $3) AND s.located
 AND list_contains($5, s.segment)
 AND ($4::VARCHAR IS NULL OR EXISTS (
     SELECT 1 FROM trip_day AS t
     WHERE t.day = s.day AND t.trip = s.trip AND t.device = $4))
GROUP BY s.day ORDER BY s.day
"""


async def before_after(
    query: Query, changed: date, where: Where, *, before_days: int = 28, after_days: int = 28
) -> Change:
    """Compare the calendar days before a change with those after it."""
    first, last = changed - timedelta(days=before_days), changed + timedelta(days=after_days)
    given = [first, last, where.route]
    names: list[str] = []
    if where.place is None:
        rows = await query(_TRIPS, [*given, where.device])
    else:
        names = _within(await query(_PLACES, given), where.place)
        rows = await query(_SEGMENTS, [*given, where.device, names])
    sides = [
        _side([row for row in rows if row[0] < changed]),
        _side([row for row in rows if row[0] > changed]),
    ]
    (before, spread_before), (after, spread_after) = sides
    difference = low = high = None
    if before.usable_share is not None and after.usable_share is not None:
        difference = after.usable_share - before.usable_share
        if spread_before is not None and spread_after is not None:
            half = _half(spread_before, before.days, spread_after, after.days)
            low, high = max(-1.0, difference - half), min(1.0, difference + half)
    return Change(changed, before, after, difference, low, high, len(names))


def _within(
    rows: Sequence[tuple[str, float, float]], place: tuple[float, float, float]
) -> list[str]:
    lat, lon, radius_m = place
    scale = METRES_PER_DEGREE * math.cos(math.radians(lat))
    return sorted(
        segment
        for segment, its_lat, its_lon in rows
        if math.hypot((its_lon - lon) * scale, (its_lat - lat) * METRES_PER_DEGREE) <= radius_m
    )


def _side(rows: Sequence[tuple[date, float, float, float, int]]) -> tuple[Side, float | None]:
    """A side, and the variance of its share (None: too few days)."""
    told = [row for row in rows if row[2] > 0]
    usable, reported = (np.array([row[i] for row in told], dtype=float) for i in (1, 2))
    driven = sum(row[3] for row in rows)
    trips = sum(row[4] for row in rows)
    total = float(reported.sum())
    if not total:
        return Side(0, trips, None, 0.0 if driven else None), None
    share = float(usable.sum()) / total
    days = len(told)
    side = Side(days, trips, share, total / driven if driven else None)
    if days < FEWEST_DAYS:
        return side, None
    residual = usable - share * reported
    # Linearised variance of a ratio of sums over days (Cochran, Sampling Techniques, 6.4).
    return side, float((residual**2).sum()) * days / (days - 1) / total**2


def _half(one: float, days_one: int, other: float, days_other: int) -> float:
    """Half the width of the difference's 95% interval."""
    both = one + other
    if not both:
        return 0.0
    freedom = both**2 / (one**2 / (days_one - 1) + other**2 / (days_other - 1))
    return student_t(freedom) * math.sqrt(both)


def student_t(freedom: float) -> float:
    """The two-sided 95% quantile of Student's t, to 1% from 3 degrees of freedom on.

    Cornish-Fisher's expansion around the normal (Abramowitz and Stegun, 26.7.5).
    """
    z = 1.959964
    return (
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
    )
