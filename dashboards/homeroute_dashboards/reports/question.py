"""What a report is asked for, read strictly.

Guarantees: an error names the parameter and what it wants.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from homeroute_analytics.directors import Span
from homeroute_dashboards.pages import asked
from homeroute_dashboards.pages.asked import Asked, AskError


@dataclass(frozen=True, slots=True)
class Fix:
    """A change whose effect is asked for. ``place``: degrees and a radius in metres."""

    day: date
    note: str
    place: tuple[float, float, float] | None


@dataclass(frozen=True, slots=True)
class Question:
    """Days and period, a route as it was typed, and a fix."""

    days: Asked
    route: str | None
    fix: Fix | None

    def span(self, route: str | None) -> Span:
        """As the aggregates are asked."""
        return Span(self.days.first, self.days.last, route=route, period=self.days.period)


def read(
    query: Mapping[str, str], timezone: str, now_ms: int, *, simulated: bool = False
) -> Question:
    """From a request's query or a command line's words. Raises AskError."""
    days = asked.read(query, timezone, now_ms, simulated=simulated)
    fix = _fix(query.get("fix"), query.get("at"))
    if fix is not None:
        asked.require_sane("fix", fix.day)
    if fix is not None and not simulated:
        asked.require_begun("fix", fix.day, asked.today_of(timezone, now_ms))
    return Question(days, query.get("route") or None, fix)


def _fix(text: str | None, at: str | None) -> Fix | None:
    if not text:
        if at:
            raise AskError("at: it says where a fix was made; say which with fix")
        return None
    day, _, note = text.strip().partition(" ")
    try:
        return Fix(date.fromisoformat(day), note.strip(), _place(at) if at else None)
    except ValueError as error:
        if isinstance(error, AskError):
            raise
        raise AskError(
            f"fix {text[:40]!r}: want a day, and words if you like, as '2027-03-12 antenna'"
        ) from None


def _place(text: str) -> tuple[float, float, float]:
    try:
        lat, lon, radius = (float(part) for part in text.split(","))
    except ValueError:
        lat = lon = radius = math.nan
    # A comparison with what is no number is false.
    if not (abs(lat) <= 90 and abs(lon) <= 180 and 0 < radius <= 100_000):
        raise AskError(f"at {text[:40]!r}: want latitude,longitude,metres as 38.5,-98.1,400")
    return lat, lon, radius
