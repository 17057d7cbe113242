"""Values as people read them, with their units; the same on a terminal and on paper. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from homeroute_collector.timezones import zone_words
from homeroute_dashboards.pages.answers import SPACE, percent
from homeroute_dashboards.reports.model import Column, Report, Table


def said(table: Table, column: Column, value: Any) -> str:
    """One cell. What is missing is said to be."""
    if value is None:
        return table.absent
    match column.kind:
        case "share":
            return percent(value)
        case "points":
            return f"{value:+.1f}{SPACE}points"
        case "seconds":
            return _duration(value)
        case "minutes":
            return f"{value:,.1f}{SPACE}min"
        case "metres":
            return f"{value:,.0f}{SPACE}m"
        case "degrees":
            return f"{value:.5f}"
        case "count":
            return f"{value:,}"
        case "flag":
            return "yes" if value else "no"
        case _:
            return str(value)


def _duration(seconds: float) -> str:
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    if seconds < 100:
        return f"{sign}{seconds:.0f}{SPACE}s"
    if seconds < 5_940:
        return f"{sign}{seconds / 60:.0f}{SPACE}min"
    return f"{sign}{seconds / 3600:,.1f}{SPACE}h"


def is_number(column: Column) -> bool:
    """Whether it is set to the right."""
    return column.kind not in ("text", "day", "flag")


def span(report: Report) -> str:
    """Whose, which days, of what."""
    part = report.period or "all day"
    of = f"route {report.route}" if report.route else "all routes"
    if report.what in ("devices", "hotspots"):
        return f"{report.district}, {report.first_day} to {report.last_day}"
    return f"{report.district}, {report.first_day} to {report.last_day}, {of}, {part}"


def made(report: Report) -> str:
    """When and by what it was made."""
    at = datetime.fromtimestamp(report.generated_ms / 1000, ZoneInfo(report.timezone))
    zone = zone_words(report.timezone, assumed=report.timezone_assumed)
    simulated = "; simulated data" if report.simulated else ""
    return (
        f"made {at:%Y-%m-%d %H:%M} by Homeroute {report.version}; "
        f"days and hours are of {zone}{simulated}"
    )


def rest(table: Table, *, paper: bool = False) -> str:
    """What is said beneath a table that is not shown whole; empty where it is."""
    left = table.brief().cut
    if not left:
        return ""
    if paper:
        return f"{left:,} more rows are not printed; all are in the report as CSV or Parquet."
    return f"and {left:,} more: --section {table.name} --format csv"
