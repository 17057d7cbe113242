"""The trips of a week as the archive holds them: rolled up rows, and what only raw points tell.

Guarantees: of each day only points are read that its rollup had; a trip is as large as the
most clients that one run of one agent told apart. Does not: see to it that the day's rollup
is of its legs (:mod:`homeroute_analytics.publication` does), or that all its questions are
answered of one state (``query`` is the archive's snapshot).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from homeroute_analytics.legs import DRIVES
from homeroute_analytics.rollup_facts import UNSOLICITED
from homeroute_analytics.rollups import bounds
from homeroute_analytics.samples import Query
from homeroute_analytics.weeks import WeekTrip

_TRIPS = """
SELECT day, trip, route, period, definition, observed, scheduled_s, reported_s, client_trips,
       active_client_min, learning_client_min, learning_client_min_strict,
       learning_client_min_loose, lookups, classified_lookups
FROM trip_day WHERE day BETWEEN $1 AND $2 ORDER BY day, trip
"""

# What came after a day was rolled up is in none of its numbers.
_ROLLED = "rolled AS (SELECT day, commit_id FROM rollup_days WHERE day BETWEEN $1 AND $2)"

_DISTINCT = f"""
WITH {DRIVES}, {_ROLLED},
sessions AS (
    SELECT day, device, stream, client, min(time_ms - session_s * 1000) AS start_ms,
           max(time_ms) AS end_ms
    FROM session AS s JOIN rolled AS r ON s.commit_id <= r.commit_id
    WHERE kind = 'bus' AND time_ms >= $3 AND time_ms < $4
    GROUP BY day, device, stream, client, started_min
),
told_apart AS (
    SELECT service_day, trip, count(DISTINCT client) AS clients
    FROM drives AS d JOIN sessions AS s
      ON s.device = d.device AND s.day = d.service_day
     AND s.start_ms < d.end_ms AND s.end_ms > d.start_ms
    GROUP BY service_day, trip, s.device, stream
)
SELECT service_day, trip, max(clients) FROM told_apart GROUP BY service_day, trip
"""  # noqa: S608 - names of ours

# A clock minute belongs to the drive that has its middle.
_HITS = f"""
WITH {DRIVES}, {_ROLLED}
SELECT service_day, trip, category, sum(hits)::BIGINT
FROM drives AS d JOIN rolled AS r ON r.day = d.service_day JOIN filter AS f
  ON f.device = d.device AND f.commit_id <= r.commit_id
 AND f.time_ms + 30000 >= d.start_ms AND f.time_ms + 30000 < d.end_ms
WHERE f.kind = 'bus' AND f.action = 'blocked' AND f.time_ms >= $3 AND f.time_ms < $4
  AND NOT list_contains($5::VARCHAR[], category)
GROUP BY ALL ORDER BY ALL
"""  # noqa: S608 - names of ours


async def trips(query: Query, monday: date, zone: ZoneInfo) -> list[WeekTrip]:
    """Every trip of the seven days from that Monday on that was scheduled or driven."""
    sunday = monday + timedelta(days=6)
    # A late trip of Sunday may run past midnight, and its sessions end after it.
    within_ms = [bounds(monday, zone)[0], bounds(sunday + timedelta(days=1), zone)[1]]
    days = [monday.isoformat(), sunday.isoformat()]
    distinct: dict[tuple[Any, ...], int] = {
        (day, trip): clients for day, trip, clients in await query(_DISTINCT, [*days, *within_ms])
    }
    hits: dict[tuple[Any, ...], list[tuple[str, int]]] = defaultdict(list)
    for day, trip, category, count in await query(_HITS, [*days, *within_ms, list(UNSOLICITED)]):
        hits[day, trip].append((category, count))
    return [_trip(row, distinct, hits) for row in await query(_TRIPS, days)]


def _trip(
    row: tuple[Any, ...],
    distinct: Mapping[tuple[Any, ...], int],
    hits: Mapping[tuple[Any, ...], list[tuple[str, int]]],
) -> WeekTrip:
    day, trip, route, period, definition, observed, scheduled_s, reported_s, clients, *made = row
    active, learning, strict, loose, lookups, classified = made
    return WeekTrip(
        route=route,
        period=period,
        definition=definition,
        observed=observed,
        scheduled_s=scheduled_s,
        reported_s=reported_s,
        clients=clients,
        distinct=min(clients, distinct.get((day, trip), 0)),
        active_min=active,
        learning_min=learning,
        strict_min=strict,
        loose_min=loose,
        lookups=lookups,
        classified_lookups=classified,
        hits=tuple(hits.get((day, trip), ())),
    )
