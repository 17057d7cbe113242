"""Coverage as the page, the CSV file and the headline tell it.

Pure: numbers in, text and plain JSON values out. Shares are 0 to 1, rounded to
six decimals; None where there is no data.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

from homeroute_analytics.coverage import Cell, Coverage, Movement

ENOUGH_TRIPS, ENOUGH_DAYS = 5, 3
"""Below either, a share says little yet (metric dictionary: insufficient)."""

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


def enough(cell: Cell) -> bool:
    """Whether there are trips and days enough for the share to mean something."""
    return cell.trips >= ENOUGH_TRIPS and cell.days >= ENOUGH_DAYS


def cell_json(cell: Cell) -> dict[str, Any]:
    """One cell: every column of the CSV, reported seconds, and whether it is enough."""
    return {name: _plain(getattr(cell, name)) for name in (*CSV_COLUMNS, "reported_s")} | {
        "enough": enough(cell)
    }


def coverage_json(coverage: Coverage, moved: Movement) -> dict[str, Any]:
    """Routes worst first, each with its cells by hour; the total and what is on no leg."""
    cells: dict[str | None, list[Cell]] = {}
    for cell in sorted(coverage.cells, key=lambda c: c.hour or 0):
        cells.setdefault(cell.route, []).append(cell)
    return {
        "headline": headline(coverage),
        "hours": sorted({c.hour for c in coverage.cells if c.hour is not None}),
        "total": cell_json(coverage.total),
        "unassigned": cell_json(coverage.unassigned)
        | {
            "moving_s": round(moved.unassigned_s, 3),
            "moving_share": _plain(moved.unassigned_share),
        },
        "routes": [
            cell_json(route) | {"cells": [cell_json(c) for c in cells.get(route.route, [])]}
            for route in coverage.routes
        ],
    }


def headline(coverage: Coverage) -> str:
    """The answer in one sentence; empty when nothing is known of any route.

    Judges among the routes with enough trips, if there are any, and says so when
    there are none.
    """
    known = [c for c in coverage.routes if c.usable_share is not None]
    if not known:
        return ""
    judged = [c for c in known if enough(c)]
    worst = (judged or known)[0]
    evidence = (
        f"{_count(worst.trips, 'trip')} on {_count(worst.days, 'day')}, "
        f"{percent(worst.reported_share, 0)} of scheduled time reported"
    )
    if (worst.usable_share or 0.0) >= 0.9995:
        text = f"No route loses connectivity: even route {worst.route} was usable all the time"
        return f"{text} it reported ({evidence})."
    hours = [c for c in coverage.cells if c.route == worst.route and c.usable_share is not None]
    hour = ([c for c in hours if enough(c)] or hours)[0]
    at = hour.hour or 0
    share = percent(worst.usable_share)
    text = f"Route {worst.route} loses connectivity most: usable {share} of reported time"
    when = f"worst between {at:02d}:00 and {(at + 1) % 24:02d}:00, at {percent(hour.usable_share)}"
    caution = "" if judged else " Few trips so far: this may change."
    return f"{text} ({evidence}), {when}.{caution}"


def coverage_csv(coverage: Coverage) -> str:
    """Every cell, then each route, the total and what is on no leg (empty hour: all hours)."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(CSV_COLUMNS)
    by_route = sorted(coverage.cells, key=lambda c: (c.route or "", c.hour or 0))
    writer.writerows(_row(c, c.route or "") for c in by_route)
    writer.writerows(_row(c, c.route or "") for c in coverage.routes)
    writer.writerow(_row(coverage.total, "all routes"))
    writer.writerow(_row(coverage.unassigned, "unassigned"))
    return out.getvalue()


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


def _row(cell: Cell, route: str) -> Iterable[Any]:
    # A spreadsheet takes a leading =, +, - or @ for a formula.
    yield f"'{route}" if route[:1] in {"=", "+", "-", "@", "\t"} else route
    for name in CSV_COLUMNS[1:]:
        value = _plain(getattr(cell, name))
        yield "" if value is None else value


def _plain(value: Any) -> Any:
    return round(value, 6) if isinstance(value, float) else value
