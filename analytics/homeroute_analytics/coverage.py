"""Connectivity by route and local hour, in seconds of each uplink state.

A sample is worth what :mod:`homeroute_analytics.samples` says. Whatever is left
of a leg is *unreported*: a state of its own, never counted as good or as bad.

Guarantees: shares are sums over sums, exact to the millisecond; a second counts
once (where two legs of a device overlap, the later start wins); time on no leg
is the category *unassigned*, shown beside the routes. Does not: sum several
uplinks of one device (its samples are taken as one series), or judge whether
there is enough data: n stands beside every share.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from homeroute_analytics.hours import local_hours
from homeroute_analytics.legs import DRIVES
from homeroute_analytics.samples import MOVING_LEVEL, SAMPLE_CAP_MS, Query, spans
from homeroute_wire.measurements import UPLINK_CONNECTED, UPLINK_NO_SERVICE, UPLINK_USABLE

_SECONDS = """
WITH {spans},
{drives},
edges AS (
    SELECT device, start_ms, end_ms FROM drives WHERE start_ms < end_ms
    UNION ALL SELECT device, 0, 0 FROM (SELECT DISTINCT device FROM {table} WHERE kind = $1)
),
gaps AS (
    SELECT device, end_ms AS start_ms, lead(start_ms, 1, $3) OVER (
        PARTITION BY device ORDER BY start_ms, end_ms) AS end_ms
    FROM edges
),
stretches AS (
    SELECT device, service_day, route, trip, period, start_ms, end_ms FROM drives
    WHERE $8::DATE IS NULL OR service_day BETWEEN $8 AND $9
    UNION ALL SELECT device, NULL, NULL, NULL, NULL, start_ms, end_ms FROM gaps
),
hours AS (
    SELECT unnest($4::BIGINT[]) AS start_ms, unnest($5::BIGINT[]) AS end_ms,
           unnest($6::TINYINT[]) AS hour
),
pieces AS MATERIALIZED (
    SELECT row_number() OVER () AS piece, device, service_day, route, trip, period, hour,
           greatest(s.start_ms, h.start_ms) AS start_ms, least(s.end_ms, h.end_ms) AS end_ms
    FROM stretches AS s JOIN hours AS h ON s.start_ms < h.end_ms AND s.end_ms > h.start_ms
    WHERE s.start_ms < s.end_ms
),
-- Hashing on device and UTC hour leaves few pieces to compare with each span. A span may
-- run on into a piece that begins just after its own hour: hence the cap at the start.
shelved AS (
    SELECT piece, device, start_ms, end_ms,
           unnest(range((start_ms - {cap}) // 3600000, (end_ms - 1) // 3600000 + 1)) AS shelf
    FROM pieces
),
measured AS (
    SELECT piece,
           sum(overlap_ms) FILTER (level = 2) AS usable_ms,
           sum(overlap_ms) FILTER (level = 1) AS connected_ms,
           sum(overlap_ms) FILTER (level = 0) AS no_service_ms,
           count(*) FILTER (begins) AS samples
    FROM (
        SELECT p.piece, s.level, s.time_ms >= p.start_ms AS begins,
               least(s.end_ms, p.end_ms) - greatest(s.time_ms, p.start_ms) AS overlap_ms
        FROM spans AS s JOIN shelved AS p
          ON p.device = s.device AND p.shelf = s.time_ms // 3600000
         AND s.time_ms < p.end_ms AND s.end_ms > p.start_ms
    )
    GROUP BY piece
)
SELECT route IS NOT NULL AS assigned, route, hour,
       coalesce(sum(usable_ms), 0)::BIGINT, coalesce(sum(connected_ms), 0)::BIGINT,
       coalesce(sum(no_service_ms), 0)::BIGINT,
       coalesce(sum(end_ms - start_ms) FILTER (route IS NOT NULL), 0)::BIGINT,
       coalesce(sum(samples), 0)::BIGINT,
       count(DISTINCT (device, service_day, trip)) FILTER (route IS NOT NULL AND samples > 0),
       count(DISTINCT (device, service_day, trip)) FILTER (route IS NOT NULL),
       count(DISTINCT service_day) FILTER (samples > 0)
FROM pieces LEFT JOIN measured USING (piece)
WHERE $7::VARCHAR IS NULL OR route IS NULL OR period = $7
GROUP BY GROUPING SETS ((assigned, route, hour), (assigned, route), (assigned))
"""


@dataclass(frozen=True, slots=True)
class Cell:
    """Seconds by uplink state, of one route in one local hour or of a sum of such.

    ``route`` None: on no leg, or all routes. ``hour`` None: all hours.
    ``connected_s`` is connected but not usable. ``trips`` and ``days`` are those
    with at least one sample. Without a leg nothing is scheduled.
    """

    route: str | None
    hour: int | None
    usable_s: float = 0.0
    connected_s: float = 0.0
    no_service_s: float = 0.0
    scheduled_s: float = 0.0
    samples: int = 0
    trips: int = 0
    trips_scheduled: int = 0
    days: int = 0

    @property
    def reported_s(self) -> float:
        """Seconds some sample speaks for."""
        return self.usable_s + self.connected_s + self.no_service_s

    @property
    def unreported_s(self) -> float:
        """Scheduled seconds no sample speaks for."""
        return max(0.0, self.scheduled_s - self.reported_s)

    @property
    def usable_share(self) -> float | None:
        """Usable / reported seconds, 0 to 1; None when nothing was reported."""
        return self.usable_s / self.reported_s if self.reported_s else None

    @property
    def connected_share(self) -> float | None:
        """Connected or usable / reported seconds; None when nothing was reported."""
        return (self.usable_s + self.connected_s) / self.reported_s if self.reported_s else None

    @property
    def reported_share(self) -> float | None:
        """Reported / scheduled seconds; None when nothing was scheduled."""
        return self.reported_s / self.scheduled_s if self.scheduled_s else None


@dataclass(frozen=True, slots=True)
class Coverage:
    """What :func:`by_route_hour` returns.

    ``cells`` are per route and hour, ``routes`` over all hours, ``total`` over
    all routes; ``unassigned`` is time on no leg. Worst usable share first, those
    without any data last.
    """

    cells: tuple[Cell, ...]
    routes: tuple[Cell, ...]
    total: Cell
    unassigned: Cell


@dataclass(frozen=True, slots=True)
class Movement:
    """Moving seconds of buses, in all and on no leg."""

    moving_s: float
    unassigned_s: float

    @property
    def unassigned_share(self) -> float | None:
        """Moving time on no leg / moving time; None when nothing moved."""
        return self.unassigned_s / self.moving_s if self.moving_s else None


async def by_route_hour(
    query: Query,
    *,
    start_ms: int,
    end_ms: int,
    timezone: str,
    kind: str = "bus",
    period: str | None = None,
    days: tuple[date, date] | None = None,
) -> Coverage:
    """Uplink seconds from ``start_ms`` to ``end_ms`` (exclusive), by route and local hour.

    A range that reaches into the future counts scheduled seconds that cannot
    have been reported: end it now. ``period`` keeps only legs of that period, ``days``
    those of service days from the first to the last; *unassigned* has none and stays.
    """
    rows = await _seconds(
        query, "uplink", "state", start_ms, end_ms, timezone, kind, period, days or (None, None)
    )
    cells = [(bool(row[0]), _cell(row)) for row in rows]
    empty = Cell(None, None)
    return Coverage(
        cells=worst_first(c for ours, c in cells if ours and c.route and c.hour is not None),
        routes=worst_first(c for ours, c in cells if ours and c.route and c.hour is None),
        total=next((c for ours, c in cells if ours and c.route is None), empty),
        unassigned=next((c for ours, c in cells if not ours and c.hour is None), empty),
    )


async def movement(
    query: Query, *, start_ms: int, end_ms: int, kind: str = "bus", timezone: str = "UTC"
) -> Movement:
    """How long buses moved, and how long of it on no leg; a point without speed did not move."""
    rows = await _seconds(query, "position", MOVING_LEVEL, start_ms, end_ms, timezone, kind, None)
    sums = {bool(row[0]): row[3] / 1000 for row in rows if row[1] is None and row[2] is None}
    return Movement(sum(sums.values()), sums.get(False, 0.0))


async def _seconds(
    query: Query,
    table: str,
    level: str,
    start_ms: int,
    end_ms: int,
    timezone: str,
    kind: str,
    period: str | None,
    days: tuple[date | None, date | None] = (None, None),
) -> list[tuple[Any, ...]]:
    hours = local_hours(start_ms, end_ms, timezone)
    sql = _SECONDS.format(table=table, spans=spans(table, level), drives=DRIVES, cap=SAMPLE_CAP_MS)
    starts, ends = [h.start_ms for h in hours], [h.end_ms for h in hours]
    names = [h.hour for h in hours]
    return await query(sql, [kind, start_ms, end_ms, starts, ends, names, period, *days])


def _cell(row: tuple[Any, ...]) -> Cell:
    usable, connected, no_service, scheduled = (value / 1000 for value in row[3:7])
    return Cell(row[1], row[2], usable, connected, no_service, scheduled, *row[7:11])


def worst_first(cells: Iterable[Cell]) -> tuple[Cell, ...]:
    """By usable share; those without any data last."""

    def badness(cell: Cell) -> tuple[bool, float, str, int]:
        share = cell.usable_share
        return (share is None, share or 0.0, cell.route or "", cell.hour or 0)

    return tuple(sorted(cells, key=badness))


assert (UPLINK_NO_SERVICE, UPLINK_CONNECTED, UPLINK_USABLE) == (0, 1, 2)
