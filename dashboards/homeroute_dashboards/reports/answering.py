"""One way to a report, whoever asks: the collector over HTTP, or a command beside the file.

Guarantees: the same question gives the same bytes either way. Raises AskError for a
question that makes no sense here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from homeroute_analytics.hotspots import Ladder
from homeroute_analytics.samples import Query
from homeroute_dashboards.district import District
from homeroute_dashboards.pages.asked import AskError
from homeroute_dashboards.reports import files, question
from homeroute_dashboards.reports.coverage import coverage
from homeroute_dashboards.reports.devices import devices
from homeroute_dashboards.reports.geojson import as_geojson
from homeroute_dashboards.reports.hotspots import hotspots
from homeroute_dashboards.reports.html import as_html
from homeroute_dashboards.reports.model import Report
from homeroute_dashboards.reports.trips import trips

REPORTS = {"coverage": coverage, "trips": trips, "devices": devices}
"""Those of the aggregates, by name; hotspots also want their ladder."""

NAMES = (*REPORTS, "hotspots")

FORMATS = {
    "json": "application/json",
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "geojson": "application/geo+json",
    "html": "text/html",
}
"""Formats of a file and their media types."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A report as a file. ``name`` is what to call it."""

    name: str
    content_type: str
    body: bytes


async def report(
    query: Query,
    what: str,
    asked: Mapping[str, str],
    place: District,
    now_ms: int,
    ladder: Ladder | None = None,
) -> Report:
    """The report ``what`` for a request's query. Raises AskError."""
    wanted = question.read(asked, place.timezone, now_ms, simulated=place.simulated)
    if wanted.fix is not None and what != "coverage":
        raise AskError("fix: only the coverage report compares before with after")
    if what == "hotspots":
        return await hotspots(query, place, wanted, now_ms, ladder or Ladder())
    return await REPORTS[what](query, place, wanted, now_ms)


async def answer(
    query: Query,
    what: str,
    asked: Mapping[str, str],
    place: District,
    now_ms: int,
    ladder: Ladder | None = None,
) -> Answer:
    """The same as a file, in the ``format`` asked for: JSON by default. Raises AskError.

    ``brief``: JSON with no more rows than people are shown.
    """
    wanted = asked.get("format") or "json"
    if wanted not in FORMATS:
        raise AskError(f"format {wanted[:20]!r}: want one of {', '.join(FORMATS)}")
    if wanted == "geojson" and what != "coverage":
        raise AskError("format geojson: only the coverage report has places")
    found = await report(query, what, asked, place, now_ms, ladder)
    table = found.table(asked.get("section") or None)
    if table is None:
        known = ", ".join(each.name for each in found.tables)
        raise AskError(f"section {asked['section'][:40]!r}: this report has {known}")
    match wanted:
        case "csv":
            body = files.as_csv(table)
        case "parquet":
            body = files.as_parquet(found, table)
        case "geojson":
            body = await as_geojson(query, found)
        case "html":
            body = as_html(found)
        case _:
            told = found.brief() if asked.get("brief") else found
            body = json.dumps(told.document(), allow_nan=False).encode()
    section = f"-{table.name}" if wanted in ("csv", "parquet") and table != found.tables[0] else ""
    simulated = "-simulated" if found.simulated else ""
    days = f"{found.first_day}-{found.last_day}"
    name = f"{what}{section}-{found.district}-{days}{simulated}.{wanted}"
    return Answer(name, FORMATS[wanted], body)
