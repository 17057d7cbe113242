"""Connectivity by route and hour over any range of days, in about the time one day takes.

Past days that were rolled up are summed from their aggregates; today, and what was not
rolled up yet, is computed from raw points by :mod:`homeroute_analytics.coverage`. Both
count the same way (a test holds them to it), so that a day does not change when it is
rolled up.

Guarantees: every day with a trip counts once; a trip counts once, on the service day it
began, whatever hours it spans. Does not: say where a sample was, or tell time outside
trips but that of moving.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from homeroute_analytics.coverage import (
    Cell,
    Coverage,
    Movement,
    by_route_hour,
    movement,
    worst_first,
)
from homeroute_analytics.rollups import bounds
from homeroute_analytics.samples import Query

_PERIOD = "($3::VARCHAR IS NULL OR period = $3)"

_HOURS = f"""
SELECT route, hod::INTEGER, sum(usable_s), sum(connected_s), sum(no_service_s),
       sum(usable_s + connected_s + no_service_s + unreported_s), sum(samples)::BIGINT,
       sum(trips)::BIGINT, sum(trips_scheduled)::BIGINT,
       count(DISTINCT day) FILTER (samples > 0)
FROM route_hour WHERE day BETWEEN $1 AND $2 AND {_PERIOD}
GROUP BY GROUPING SETS ((route, hod), (route), ())
"""  # noqa: S608 - of ours

_TRIPS = f"""
SELECT route, count(*) FILTER (reported_s > 0), count(*)
FROM trip_day WHERE day BETWEEN $1 AND $2 AND {_PERIOD} GROUP BY GROUPING SETS ((route), ())
"""  # noqa: S608 - of ours

_MOVED = """
SELECT sum(moving_s), sum(unassigned_s)
FROM device_day WHERE day BETWEEN $1 AND $2
"""


@dataclass(frozen=True, slots=True)
class Connectivity:
    """What :func:`connectivity` found.

    ``counted`` past days came from their aggregates, ``raw`` days from points.
    """

    coverage: Coverage
    moved: Movement
    counted: int
    raw: int


async def connectivity(
    query: Query, first: date, last: date, *, timezone: str, now_ms: int, period: str | None = None
) -> Connectivity:
    """Those service days, both inclusive, up to now."""
    zone = ZoneInfo(timezone)
    today = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone).date()
    written = {
        day
        for (day,) in await query(
            "SELECT day FROM rollup_days WHERE day BETWEEN ? AND ?", [first, last]
        )
        if day < today
    }
    ends: dict[date, int] = dict(
        await query(
            "SELECT service_day, max(end_ms) FROM legs WHERE service_day BETWEEN ? AND ? "
            "GROUP BY service_day",
            [first, last],
        )
    )
    raw = sorted(ends.keys() - written)
    parts, moved = [], []
    if written:
        until = min(last, today - timedelta(1))
        parts.append(await _counted(query, first, until, period))
        found = await counted_movement(query, first, until)
        moved += [] if found is None else [found]
    for run in _runs(raw):
        start_ms, end_ms = bounds(run[0], zone)[0], min(bounds(run[-1], zone)[1], now_ms)
        if start_ms < end_ms:
            # A trip that runs on past midnight is of the day it began, here as in its rollup.
            parts.append(
                await by_route_hour(
                    query,
                    start_ms=start_ms,
                    end_ms=min(max(end_ms, *(ends[day] for day in run)), now_ms),
                    timezone=timezone,
                    period=period,
                    days=(run[0], run[-1]),
                )
            )
            moved.append(await movement(query, start_ms=start_ms, end_ms=end_ms))
    both = Movement(sum(m.moving_s for m in moved), sum(m.unassigned_s for m in moved))
    return Connectivity(_together(parts), both, len(written), len(raw))


async def counted_movement(query: Query, first: date, last: date) -> Movement | None:
    """Of days that were rolled up; None when none of them has a device."""
    ((moving_s, unassigned_s),) = await query(_MOVED, [first, last])
    return None if moving_s is None else Movement(moving_s, unassigned_s)


async def _counted(query: Query, first: date, last: date, period: str | None) -> Coverage:
    params: list[Any] = [first, last, period]
    trips = {row[0]: row[1:] for row in await query(_TRIPS, params)}
    cells = [Cell(*row) for row in await query(_HOURS, params) if row[5] is not None]
    # A trip lies in several hours; over all hours it is one.
    cells = [
        replace(cell, trips=trips[cell.route][0], trips_scheduled=trips[cell.route][1])
        if cell.hour is None and cell.route in trips
        else cell
        for cell in cells
    ]
    total = next((c for c in cells if c.route is None), Cell(None, None))
    return Coverage(
        tuple(c for c in cells if c.route is not None and c.hour is not None),
        tuple(c for c in cells if c.route is not None and c.hour is None),
        total,
        Cell(None, None),
    )


def _runs(days: Sequence[date]) -> Iterable[list[date]]:
    """Days that follow each other, together."""
    run: list[date] = []
    for day in days:
        if run and day - run[-1] > timedelta(1):
            yield run
            run = []
        run.append(day)
    if run:
        yield run


def _together(parts: Sequence[Coverage]) -> Coverage:
    """The sum of coverages of different days."""
    return Coverage(
        worst_first(_summed(c for part in parts for c in part.cells)),
        worst_first(_summed(c for part in parts for c in part.routes)),
        next(iter(_summed(part.total for part in parts)), Cell(None, None)),
        next(iter(_summed(part.unassigned for part in parts)), Cell(None, None)),
    )


def _summed(cells: Iterable[Cell]) -> list[Cell]:
    groups: dict[tuple[str | None, int | None], list[Cell]] = defaultdict(list)
    for cell in cells:
        groups[cell.route, cell.hour].append(cell)
    names = (
        *("usable_s", "connected_s", "no_service_s", "scheduled_s"),
        *("samples", "trips", "trips_scheduled", "days"),
    )
    return [
        Cell(route, hour, *(sum(getattr(cell, name) for cell in group) for name in names))
        for (route, hour), group in groups.items()
    ]
