"""What every report begins with: whose it is, and how much of its days has been counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from homeroute_analytics.directors import Span
from homeroute_analytics.samples import Query
from homeroute_dashboards.district import District
from homeroute_dashboards.reports.model import Report, Table
from homeroute_dashboards.reports.question import Question

NAMED_DAYS = 3
"""As many days are named one by one."""

RESTRICTED = (
    "For staff. Rows name buses, trips, stops and places: do not publish. What may be published is "
    "kept apart, with small groups hidden (docs/privacy.md)."
)


def headed(
    what: str,
    title: str,
    place: District,
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
        district=place.name,
        timezone=place.timezone,
        timezone_assumed=place.timezone_assumed,
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


@dataclass(frozen=True, slots=True)
class Counted:
    """How much of a span's days has been counted. ``open``: those that may still change."""

    days: int
    open: tuple[date, ...]
    span: Span
    today: date

    @property
    def notes(self) -> list[str]:
        """A note where days lack, or have not seen their end."""
        if not self.days:
            return [
                (
                    "No day of these has been counted yet. `homeroute up` counts days by itself; "
                    f"by hand: `homeroute rollup --from {self.span.first_day} "
                    f"--to {self.span.last_day}`."
                )
            ]
        if not self.open:
            return []
        which = (
            f"{self.open[0]} to {self.open[-1]}"
            if len(self.open) > NAMED_DAYS
            else ", ".join(map(str, self.open))
        )
        today = "today is counted every minute, and " if self.today in self.open else ""
        return [
            (
                f"{len(self.open)} of {self.days} counted days may still change ({which}): "
                f"{today}what arrives late corrects its day."
            )
        ]

    @property
    def no_trips(self) -> str:
        """What is said where no trip is told of. A day not counted may have had some."""
        if not self.days:
            return "None of these days has been counted yet, so none of their trips is known."
        return "No trip was scheduled in these days."


async def counted(query: Query, span: Span, place: District, now_ms: int) -> Counted:
    """How much of the span's days the aggregates hold."""
    rows = await query(
        "SELECT day, sealed FROM rollup_days WHERE day BETWEEN ? AND ? ORDER BY day",
        [span.first_day, span.last_day],
    )
    today = datetime.fromtimestamp(now_ms / 1000, ZoneInfo(place.timezone)).date()
    return Counted(len(rows), tuple(day for day, sealed in rows if not sealed), span, today)
