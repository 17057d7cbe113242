"""The coverage report: which routes lose the internet, where, when, how sure is that.

Guarantees: routes stand worst first, dead zones by what they cost riders; beside every
share stands what it rests on; a verdict without the passes is *insufficient*, and a
route's too. Restricted: places, stops and trips, for staff.
"""

from __future__ import annotations

from collections import Counter

from homeroute_analytics.connectivity import counted_movement
from homeroute_analytics.dead_zones import Zone, zones
from homeroute_analytics.directors import (
    Gap,
    Segment,
    Span,
    TripSeconds,
    by_route,
    longest_gaps,
    segments,
)
from homeroute_analytics.road_lines import number_of, road_of
from homeroute_analytics.samples import Query
from homeroute_analytics.stops_around import Stops, stops_of, where
from homeroute_analytics.timetable import SEGMENT_M
from homeroute_analytics.verdicts import Limits
from homeroute_dashboards.district import District
from homeroute_dashboards.pages.answers import percent
from homeroute_dashboards.pages.known_route import known_route
from homeroute_dashboards.reports import fixes
from homeroute_dashboards.reports.header import Counted, counted, headed
from homeroute_dashboards.reports.methods import coverage_methods
from homeroute_dashboards.reports.model import Column, Report, Table
from homeroute_dashboards.reports.question import Question

GAPS = 20
SEGMENTS_SHOWN = 15
_ORDER = ("dead", "mixed", "insufficient", "good")


async def coverage(query: Query, place: District, question: Question, now_ms: int) -> Report:
    """The report. Raises AskError."""
    route = await known_route(query, question.route)
    span = question.span(route)
    known = await counted(query, span, place, now_ms)
    routes = await by_route(query, span)
    judged = await segments(query, span, place.limits)
    found = zones(judged)
    stops = await stops_of(query, {(each.trip, road_of(each.segment)) for each in judged})
    tables = [
        _routes(routes, place.limits, known),
        _zones(found, stops),
        _gaps(await longest_gaps(query, span, limit=GAPS)),
        await _totals(query, span, routes),
        _segments(judged, stops),
    ]
    if question.fix is not None:
        tables.insert(0, await fixes.table(query, question.fix, route))
    return headed(
        "coverage",
        "Connectivity by route",
        place,
        question,
        route,
        now_ms,
        headline=headline(routes, found, stops, route, place.limits)
        if known.days
        else known.no_trips,
        notes=known.notes,
        tables=tables,
        methods=coverage_methods(place.limits),
    )


def evidence(row: TripSeconds, limits: Limits) -> str:
    """Whether there are observed trips enough for the share to mean something."""
    few = row.trips_observed < limits.fewest_passes or row.days < limits.fewest_days
    return "insufficient" if few else "enough"


def headline(
    routes: list[TripSeconds], found: list[Zone], stops: Stops, route: str | None, limits: Limits
) -> str:
    """The answer in two sentences; of routes with enough trips, if any has."""
    known = [row for row in routes if row.usable_share is not None]
    solid = [row for row in known if evidence(row, limits) == "enough"]
    if not known:
        return "Nothing was reported on any trip of these days."
    worst = (solid or known)[0]
    most = "was" if route else "loses connectivity most:"
    text = (
        f"Route {worst.route} {most} usable {percent(worst.usable_share)} of "
        f"reported time ({worst.trips_observed} of {worst.trips_scheduled} trips observed; "
        f"{percent(worst.reported_share, 0)} of the time reported)."
    )
    if not solid:
        text += " Few trips so far: this may change."
    if not found:
        return f"{text} No dead zone is established."
    first = found[0]
    number = "One dead zone is" if len(found) == 1 else f"{len(found)} dead zones are"
    lies = first.where(stops)
    place = f"on {' and '.join(first.routes[:2])}{f', {lies}' if lies else ''}"
    return (
        f"{text} {number} established; the costliest, {place}, took "
        f"{first.outage_min:,.0f} connected-client minutes."
    )


def _routes(rows: list[TripSeconds], limits: Limits, known: Counted) -> Table:
    columns = (
        Column("route", "Route"),
        Column("usable_share", "Usable", "share"),
        Column("connected_share", "Connected", "share", wide=True),
        Column("reported_share", "Reported", "share"),
        Column("trips_observed", "Trips observed", "count"),
        Column("trips_scheduled", "of", "count"),
        Column("days", "Days", "count", wide=True),
        Column("evidence", "Evidence"),
        Column("gap_median_s", "Longest gap, median", "seconds"),
        Column("gap_p90_s", "90th pct.", "seconds", wide=True),
        Column("client_outage_min", "Client outage", "minutes"),
        Column("usable_s", "Usable time", "seconds", wide=True),
        Column("reported_s", "Reported time", "seconds", wide=True),
        Column("expected_s", "Expected time", "seconds", wide=True),
    )
    return Table(
        "routes",
        "Routes, worst first",
        "Usable and connected are shares of reported time; reported is of the time driven, or "
        "scheduled where nobody drove. Gaps are of observed trips.",
        columns,
        tuple(
            (
                row.route,
                row.usable_share,
                row.connected_share,
                row.reported_share,
                row.trips_observed,
                row.trips_scheduled,
                row.days,
                evidence(row, limits),
                row.gap_median_s,
                row.gap_p90_s,
                row.client_outage_min,
                row.usable_s,
                row.reported_s,
                row.expected_s,
            )
            for row in rows
        ),
        known.no_trips,
    )


def _zones(found: list[Zone], stops: Stops) -> Table:
    columns = (
        Column("rank", "#", "count"),
        Column("client_outage_min", "Client outage", "minutes"),
        Column("routes", "Routes"),
        Column("where", "Where"),
        Column("trips", "Trips", "count", wide=True),
        Column("lat", "Latitude", "degrees"),
        Column("lon", "Longitude", "degrees"),
        Column("radius_m", "Radius", "metres", wide=True),
        Column("usable_share", "Usable", "share"),
        Column("passes", "Segment passes, n", "count"),
        Column("reported_share", "Reported", "share"),
        Column("segments", "Segments", "count", wide=True),
    )
    return Table(
        "dead_zones",
        "Dead zones, what costs riders most first",
        "The worklist. Client outage: connected clients x minutes not usable, over these days. "
        "Where: the stops around it, on the trip that loses most there. n counts a pass once for "
        "each segment of the zone.",
        columns,
        tuple(
            (
                rank,
                zone.outage_min,
                ", ".join(zone.routes),
                zone.where(stops),
                len(zone.trips),
                zone.lat,
                zone.lon,
                zone.radius_m,
                zone.usable_share,
                zone.passes,
                zone.reported_share,
                len(zone.segments),
            )
            for rank, zone in enumerate(found, 1)
        ),
        "No segment is dead by the passes so far.",
        shown=20,
    )


def _gaps(rows: list[Gap]) -> Table:
    columns = (
        Column("longest_gap_s", "Longest gap", "seconds"),
        Column("day", "Day", "day"),
        Column("route", "Route"),
        Column("trip", "Trip"),
        Column("device", "Bus"),
        Column("reported_share", "Reported", "share"),
        Column("expected_s", "Trip's time", "seconds", wide=True),
    )
    return Table(
        "gaps",
        "Longest gaps",
        f"The {GAPS} observed trips with the longest time without service or report.",
        columns,
        tuple(
            (
                row.longest_gap_s,
                row.day,
                row.route,
                row.trip,
                row.device or None,
                row.reported_s / row.expected_s if row.expected_s else None,
                row.expected_s,
            )
            for row in rows
        ),
        "No trip of these days was observed.",
        shown=10,
    )


async def _totals(query: Query, span: Span, routes: list[TripSeconds]) -> Table:
    moved = await counted_movement(query, span.first_day, span.last_day)
    scheduled = sum(row.trips_scheduled for row in routes)
    observed = sum(row.trips_observed for row in routes)
    usable_s, reported_s, expected_s = (
        sum(getattr(row, name) for row in routes)
        for name in ("usable_s", "reported_s", "expected_s")
    )
    columns = (
        Column("usable_share", "Usable", "share"),
        Column("reported_share", "Reported", "share"),
        Column("trips_observed", "Trips observed", "count"),
        Column("trips_scheduled", "of", "count"),
        Column("trips_observed_share", "Observed", "share"),
        Column("moving_s", "Moving time, whole fleet", "seconds"),
        Column("unassigned_s", "on no trip", "seconds"),
        Column("unassigned_share", "Unassigned", "share"),
    )
    row = (
        usable_s / reported_s if reported_s else None,
        reported_s / expected_s if expected_s else None,
        observed,
        scheduled,
        observed / scheduled if scheduled else None,
        moved and moved.moving_s,
        moved and moved.unassigned_s,
        moved and moved.unassigned_share,
    )
    return Table(
        "totals",
        "In all",
        "Unassigned is moving time on no known trip, of every bus and period, whatever the route.",
        columns,
        (row,),
    )


def _where(segment: Segment, stops: Stops) -> str | None:
    road, start_m = road_of(segment.segment), number_of(segment.segment) * SEGMENT_M
    return where(stops.get((segment.trip, road), ()), start_m, start_m + SEGMENT_M)


def _segments(judged: list[Segment], stops: Stops) -> Table:
    columns = (
        Column("verdict", "Verdict"),
        Column("route", "Route"),
        Column("trip", "Trip"),
        Column("segment", "Segment"),
        Column("usable_share", "Usable", "share"),
        Column("low_share", "95% from", "share"),
        Column("high_share", "to", "share"),
        Column("passes", "Passes, n", "count"),
        Column("driven", "driven", "count", wide=True),
        Column("days", "Days", "count", wide=True),
        Column("reported_share", "Reported", "share"),
        Column("client_outage_min", "Client outage", "minutes"),
        Column("where", "Where", wide=True),
        Column("lat", "Latitude", "degrees", wide=True),
        Column("lon", "Longitude", "degrees", wide=True),
    )
    counts = Counter[str](segment.verdict for segment in judged)
    told = ", ".join(f"{counts[name]} {name}" for name in _ORDER)
    rows = [
        (
            s.verdict,
            s.route,
            s.trip,
            s.segment,
            s.usable_share,
            s.low if s.passes else None,
            s.high if s.passes else None,
            s.passes,
            s.driven,
            s.days,
            s.reported_share,
            s.client_outage_min,
            _where(s, stops),
            s.lat,
            s.lon,
        )
        for s in sorted(judged, key=lambda s: (_ORDER.index(s.verdict), -s.client_outage_min))
    ]
    return Table(
        "segments",
        "Segments of 250 m, as each trip drives them",
        f"{len(judged):,} in all: {told}.",
        columns,
        tuple(rows),
        "No trip with a known road was driven in these days.",
        shown=SEGMENTS_SHOWN,
    )
