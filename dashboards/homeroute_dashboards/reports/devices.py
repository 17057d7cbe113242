"""The devices report: what each device delivered of its days. For engineers."""

from __future__ import annotations

from homeroute_analytics.samples import Query
from homeroute_dashboards.district import District
from homeroute_dashboards.pages.asked import AskError
from homeroute_dashboards.reports.header import counted, headed
from homeroute_dashboards.reports.methods import DEVICES
from homeroute_dashboards.reports.model import Column, Report, Table
from homeroute_dashboards.reports.question import Question

_DEVICES = """
SELECT device, any_value(kind), count(*) AS days, sum(reported_s) / nullif(sum(scheduled_s), 0),
       sum(usable_s) / nullif(sum(reported_s), 0), sum(unassigned_s) / nullif(sum(moving_s), 0),
       sum(batches_missing) / nullif(sum(batches) + sum(batches_missing), 0),
       sum(batches)::BIGINT, sum(batches_missing)::BIGINT, max(backfill_delay_s),
       sum(points)::BIGINT, sum(scheduled_s), sum(reported_s), sum(moving_s), sum(unassigned_s)
FROM device_day WHERE day BETWEEN ? AND ? GROUP BY device
ORDER BY 4 NULLS LAST, device
"""

COLUMNS = (
    Column("device", "Device"),
    Column("kind", "Kind"),
    Column("days", "Days, n", "count"),
    Column("reported_share", "Reported", "share"),
    Column("usable_share", "Usable", "share"),
    Column("unassigned_share", "Unassigned", "share"),
    Column("batch_loss_share", "Batch loss", "share"),
    Column("batches", "Batches", "count", wide=True),
    Column("batches_missing", "missing", "count", wide=True),
    Column("backfill_p95_s", "Backfill, worst day", "seconds"),
    Column("points", "Points", "count"),
    Column("scheduled_s", "Scheduled", "seconds", wide=True),
    Column("reported_s", "Reported time", "seconds", wide=True),
    Column("moving_s", "Moving", "seconds", wide=True),
    Column("unassigned_s", "on no trip", "seconds", wide=True),
)


async def devices(query: Query, place: District, question: Question, now_ms: int) -> Report:
    """The report. Raises AskError: it is not of a route."""
    if question.route is not None or question.days.period is not None:
        raise AskError("route, period: the devices report is of whole days of all routes")
    span = question.span(None)
    rows = tuple(await query(_DEVICES, [span.first_day, span.last_day]))
    silent = sum(1 for row in rows if row[3] is not None and row[3] < 0.9)
    table = Table(
        "devices",
        "Devices, least reported first",
        "Reported is of the scheduled time of its trips; usable of reported time.",
        COLUMNS,
        rows,
        "No device had a day in this range.",
    )
    headline = f"{len(rows)} devices; {silent} reported under 90 % of the time of their trips."
    return headed(
        "devices",
        "Devices",
        place,
        question,
        None,
        now_ms,
        headline=headline,
        notes=(await counted(query, span, place, now_ms)).notes,
        tables=[table],
        methods=DEVICES,
    )
