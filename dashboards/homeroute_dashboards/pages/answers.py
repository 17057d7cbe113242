"""Coverage as the page, the CSV file and the headline tell it.

Pure: numbers in, text and plain JSON values out. Shares are 0 to 1, rounded to
six decimals; None where there is no data.
"""

from __future__ import annotations

from typing import Any

from homeroute_analytics.coverage import Cell, Coverage, Movement
from homeroute_analytics.rollup_trips import OBSERVED_SHARE
from homeroute_analytics.timetable import SEGMENT_M
from homeroute_analytics.verdicts import COUNTS_SHARE, Limits, fewest_clean
from homeroute_dashboards.pages.asked import DAYS, DEFAULT_DAYS
from homeroute_dashboards.spreadsheet import written

ENOUGH_TRIPS, ENOUGH_DAYS = 5, 3
"""Below either, a share says little yet (metric dictionary: insufficient)."""

NEAR = 0.01
"""Usable shares that differ by less than a point are not ranked in words."""

NAMED = 3
"""Routes the headline names; the map shows them all."""

SPACE = "\N{NARROW NO-BREAK SPACE}"

CSV_COLUMNS = (
    "route",
    "hour",
    "usable_share",
    "connected_share",
    "reported_share",
    "usable_s",
    "connected_s",
    "no_service_s",
    "unreported_s",
    "scheduled_s",
    "samples",
    "trips",
    "trips_scheduled",
    "days",
)


def words(limits: Limits) -> dict[str, object]:
    """The numbers that the page of connectivity names, from where they are decided."""
    return {
        "enough_trips": ENOUGH_TRIPS,
        "enough_days": ENOUGH_DAYS,
        "segment_m": round(SEGMENT_M),
        "zone_passes": limits.fewest_passes,
        "zone_days": limits.fewest_days,
        "clean_passes": fewest_clean(limits),
        "bar": percent(limits.bar, 0),
        "counts": percent(COUNTS_SHARE, 0),
        "observed": percent(OBSERVED_SHARE, 0),
        "days": DAYS,
        "default_days": DEFAULT_DAYS,
    }


def enough(cell: Cell) -> bool:
    """Whether there are trips and days enough for the share to mean something."""
    return cell.trips >= ENOUGH_TRIPS and cell.days >= ENOUGH_DAYS


def cell_json(cell: Cell) -> dict[str, Any]:
    """One cell: every column of the CSV, reported seconds, and whether it is enough."""
    return {name: _plain(getattr(cell, name)) for name in (*CSV_COLUMNS, "reported_s")} | {
        "enough": enough(cell)
    }


def coverage_json(coverage: Coverage, moved: Movement) -> dict[str, Any]:
    """Routes worst first, each with its cells by hour; the total, and movement on no trip."""
    cells: dict[str | None, list[Cell]] = {}
    for cell in sorted(coverage.cells, key=lambda c: c.hour or 0):
        cells.setdefault(cell.route, []).append(cell)
    return {
        "headline": headline(coverage),
        "hours": sorted({c.hour for c in coverage.cells if c.hour is not None}),
        "total": cell_json(coverage.total),
        "unassigned": {
            "moving_s": round(moved.unassigned_s, 3),
            "moving_share": _plain(moved.unassigned_share),
        },
        "routes": [
            cell_json(route) | {"cells": [cell_json(c) for c in cells.get(route.route, [])]}
            for route in coverage.routes
        ],
    }


def headline(coverage: Coverage) -> str:
    """The answer in a few sentences; empty when nothing is known of any route.

    Judges among the routes with enough trips, if there are any, and says so when
    there are none. Routes within :data:`NEAR` of the worst are named with it: such
    a difference decides nothing. The worst cell is that of any route.
    """
    known = [c for c in coverage.routes if c.usable_share is not None]
    judged = [c for c in known if enough(c)] or known
    if not judged:
        return ""
    worst = judged[0].usable_share or 0.0
    near = [c for c in judged if (c.usable_share or 0.0) <= worst + NEAR]
    if worst >= 0.9995:
        text = f"No route loses connectivity: even route {near[0].route} was usable all the time"
        return f"{text} it reported ({_evidence(near[:1], coverage.total)})."
    names = _listed([c.route or "" for c in near])
    evidence = _evidence(near, coverage.total)
    if len(near) == 1:
        text = f"Route {names} loses connectivity most: usable {percent(worst)} of reported time"
    else:
        shares = _between(percent(worst), percent(near[-1].usable_share))
        text = f"Routes {names} lose connectivity most, within a point of each other: "
        text += f"usable {shares} of reported time"
    caution = "" if enough(judged[0]) else " Few trips so far: this may change."
    return f"{text} ({evidence}). {_worst_hour(coverage)}{caution}"


def _evidence(routes: list[Cell], total: Cell) -> str:
    trips, scheduled = sum(c.trips for c in routes), sum(c.trips_scheduled for c in routes)
    days = _between(*(str(f(c.days for c in routes)) for f in (min, max)))
    # None of these may run on every day; the sums beneath the headline tell all days.
    of_all = f" of {total.days}" if max(c.days for c in routes) < total.days else ""
    noun = "day" if days == "1" and not of_all else "days"
    reported = sum(c.reported_s for c in routes) / sum(c.scheduled_s for c in routes)
    return (
        f"{trips} of {_count(scheduled, 'trip')} heard from, on {days}{of_all} {noun}; "
        f"{percent(reported, 0)} of scheduled time reported"
    )


def _worst_hour(coverage: Coverage) -> str:
    known = [c for c in coverage.cells if c.usable_share is not None]
    solid = [c for c in known if enough(c)]
    cell = (solid or known)[0]
    at = cell.hour or 0
    left_out = "; dashed cells (few trips) left out" if solid and len(solid) < len(known) else ""
    return (
        f"Worst hour of any route: {cell.route}, {at:02d}:00 to {(at + 1) % 24:02d}:00, "
        f"at {percent(cell.usable_share)}{left_out}."
    )


def _listed(names: list[str]) -> str:
    if len(names) > NAMED:
        return f"{', '.join(names[:NAMED])} and {len(names) - NAMED} more"
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def _between(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"


def coverage_csv(coverage: Coverage, timezone: str) -> str:
    """Every cell, then each route and the total (empty hour: all hours)."""
    by_route = sorted(coverage.cells, key=lambda c: (c.route or "", c.hour or 0))
    rows = [_row(c, c.route or "") for c in (*by_route, *coverage.routes)]
    rows.append(_row(coverage.total, "all routes"))
    return written((*CSV_COLUMNS, "timezone"), [[*row, timezone] for row in rows])


def percent(share: float | None, decimals: int = 1) -> str:
    """``81.2 %``, with a narrow space that does not break; never all or nothing for what is not."""
    if share is None:
        return "no data"
    step = 10.0**-decimals
    value = share * 100
    if 0 < value < step:
        return f"under {step:.{decimals}f}{SPACE}%"
    if 100 - step < value < 100:
        return f"over {100 - step:.{decimals}f}{SPACE}%"
    return f"{value:.{decimals}f}{SPACE}%"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _row(cell: Cell, route: str) -> list[Any]:
    return [route, *(getattr(cell, name) for name in CSV_COLUMNS[1:])]


def _plain(value: Any) -> Any:
    return round(value, 6) if isinstance(value, float) else value
