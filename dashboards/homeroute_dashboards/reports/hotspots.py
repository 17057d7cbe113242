"""The hotspots report: what stands where on the ladder at the end of the last day. For staff."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from homeroute_analytics.hotspots import Hotspot, Ladder, begun
from homeroute_analytics.hotspots import hotspots as lent
from homeroute_analytics.samples import Query
from homeroute_dashboards.district import District
from homeroute_dashboards.pages.asked import AskError
from homeroute_dashboards.pages.hotspot_answers import headline
from homeroute_dashboards.reports.header import headed
from homeroute_dashboards.reports.methods import HOTSPOTS
from homeroute_dashboards.reports.model import Column, Report, Table
from homeroute_dashboards.reports.question import Question

COLUMNS = (
    Column("device", "Hotspot"),
    Column("standing", "Standing"),
    Column("idle_days", "Idle, days", "count"),
    Column("unused_days", "unused", "count"),
    Column("unreported_days", "not told", "count"),
    Column("last_used_day", "Last used", "day"),
    Column("last_reported_day", "Last told", "day"),
    Column("due", "Next step", "day"),
    Column("completeness_share", "Days told", "share"),
    Column("known_days", "of days", "count"),
    Column("carrier", "Carrier", wide=True),
    Column("sources", "Told by", wide=True),
)


async def hotspots(
    query: Query, place: District, question: Question, now_ms: int, ladder: Ladder
) -> Report:
    """The report, as of the end of its last whole day. Raises AskError: it is not of a route."""
    if question.route is not None or question.days.period is not None:
        raise AskError("route, period: the hotspots report has none")
    today = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(ZoneInfo(place.timezone)).date()
    as_of = min(question.days.last, today - timedelta(1))
    question = replace(
        question,
        days=replace(question.days, first=min(question.days.first, as_of), last=as_of),
    )
    rows = await lent(query, as_of, place.timezone, ladder)
    # Of a past day it is not of interest how many came later.
    waiting = await begun(query, rows) if as_of == today - timedelta(1) else 0
    table = Table(
        "hotspots",
        f"Hotspots at the end of {as_of}",
        f"Notice after {ladder.unused_days} unused days, the end {ladder.notice_days} later; "
        f"not reporting after {ladder.silent_days} days without a word.",
        COLUMNS,
        tuple(map(_row, rows)),
        "None has a whole day yet."
        if waiting
        else "No hotspot is known: import usage (docs/hotspots.md), or enrol one.",
    )
    return headed(
        "hotspots",
        "Take-home hotspots",
        place,
        question,
        None,
        now_ms,
        headline=headline(rows, waiting) or "No hotspot is known.",
        notes=["A row is a household: for those who lend the hotspots."],
        tables=[table],
        methods=HOTSPOTS,
    )


def _row(row: Hotspot) -> tuple[object, ...]:
    return (
        row.device,
        row.standing,
        row.idle_days,
        row.unused_days,
        row.unreported_days,
        row.last_used_day,
        row.last_reported_day,
        row.due,
        row.completeness,
        row.known_days,
        row.carrier or None,
        ", ".join(row.sources) or None,
    )
