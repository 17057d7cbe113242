"""The trips report: every scheduled trip of every day, driven or not. For staff.

Guarantees: a trip nobody drove, or nobody heard, is a row. Does not: tell what clients
did: that is published, with small groups hidden. How many were aboard has no column, but
client outage beside its minutes tells it: one more reason why this is for staff.
"""

from __future__ import annotations

from homeroute_analytics.directors import Span
from homeroute_analytics.samples import Query
from homeroute_dashboards.district import District
from homeroute_dashboards.pages.answers import percent
from homeroute_dashboards.pages.known_route import known_route
from homeroute_dashboards.reports.header import counted, headed
from homeroute_dashboards.reports.methods import TRIPS
from homeroute_dashboards.reports.model import Column, Report, Table
from homeroute_dashboards.reports.question import Question

_TRIPS = """
SELECT day, route, trip, period, nullif(device, ''), source, usable_s / nullif(reported_s, 0),
       connected_s / nullif(reported_s, 0),
       reported_s / nullif(CASE WHEN driven_s > 0 THEN driven_s ELSE scheduled_s END, 0),
       observed, longest_gap_s, late_s, scheduled_s, driven_s, reported_s, client_outage_min
FROM trip_day WHERE {where} ORDER BY day, time_ms, route, trip
"""

COLUMNS = (
    Column("day", "Day", "day"),
    Column("route", "Route"),
    Column("trip", "Trip"),
    Column("period", "Period"),
    Column("device", "Bus"),
    Column("source", "Source"),
    Column("usable_share", "Usable", "share"),
    Column("connected_share", "Connected", "share", wide=True),
    Column("reported_share", "Reported", "share"),
    Column("observed", "Observed", "flag"),
    Column("longest_gap_s", "Longest gap", "seconds"),
    Column("late_s", "Late", "seconds", wide=True),
    Column("scheduled_s", "Scheduled", "seconds", wide=True),
    Column("driven_s", "Driven", "seconds", wide=True),
    Column("reported_s", "Reported time", "seconds", wide=True),
    Column("client_outage_min", "Client outage", "minutes", wide=True),
)
_OBSERVED = [column.name for column in COLUMNS].index("observed")


async def trips(query: Query, place: District, question: Question, now_ms: int) -> Report:
    """The report. Raises AskError."""
    route = await known_route(query, question.route)
    span: Span = question.span(route)
    known = await counted(query, span, place, now_ms)
    rows = tuple(await query(_TRIPS.format(where=span.where), span.params))
    observed = sum(bool(row[_OBSERVED]) for row in rows)
    table = Table(
        "trips",
        "Trips by day",
        "One row for each scheduled trip and day, driven or not.",
        COLUMNS,
        rows,
        known.no_trips,
        shown=60,
    )
    headline = (
        f"{observed} of {len(rows)} trips observed ({percent(observed / len(rows))})."
        if rows
        else known.no_trips
    )
    return headed(
        "trips",
        "Trips",
        place,
        question,
        route,
        now_ms,
        headline=headline,
        notes=known.notes,
        tables=[table],
        methods=TRIPS,
    )
