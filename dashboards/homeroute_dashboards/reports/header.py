"""What every report begins with: whose it is, and how much of its days has been counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from homeroute_analytics.directors import Span
from homeroute_analytics.samples import Query
from homeroute_analytics.verdicts import LIMITS, Limits
from homeroute_dashboards.reports.model import Report, Table
from homeroute_dashboards.reports.question import Question


@dataclass(frozen=True, slots=True)
class Place:
    """The district, and what made the report."""

    district: str
    timezone: str
    simulated: bool
    version: str
    limits: Limits = LIMITS


RESTRICTED = (
    "For staff. Rows name buses, trips and places: do not publish. What may be published is "
    "kept apart, with small groups hidden (docs/privacy.md)."
)


def headed(
    what: str,
    title: str,
    place: Place,
    question: Question,
    route: str | None,
    now_ms: int,
    *,
    headline: str,
    notes: Sequence[str],
    tables: Sequence[Table],
    methods: Sequence[tuple[str, str]],
) -> Report:
    """The report, with its head."""
    return Report(
        what=what,
        title=title,
        district=place.district,
        timezone=place.timezone,
        first_day=question.days.first,
        last_day=question.days.last,
        route=route,
        period=question.days.period,
        generated_ms=now_ms,
        version=place.version,
        simulated=place.simulated,
        headline=headline,
        notes=(*notes, RESTRICTED),
        tables=tuple(tables),
        methods=tuple(methods),
    )


async def uncounted(query: Query, span: Span) -> list[str]:
    """A note where aggregates lack days that have points, or have not seen their end."""
    ((counted, waiting),) = await query(
        "SELECT count(*), count(*) FILTER (NOT sealed) FROM rollup_days WHERE day BETWEEN ? AND ?",
        [span.first_day, span.last_day],
    )
    if not counted:
        return [
            (
                "No day of these has been counted yet. `homeroute up` counts days by itself; by "
                f"hand: `homeroute rollup --from {span.first_day} --to {span.last_day}`."
            )
        ]
    if waiting:
        return [
            (
                f"{waiting} of {counted} counted days may still change: today's is counted every "
                "minute, and what arrives late corrects its day."
            )
        ]
    return []
