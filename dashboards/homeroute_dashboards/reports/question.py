"""What a report is asked for, read strictly, and whose the route is.

Guarantees: an error names the parameter, what it wants, and what comes nearest.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from homeroute_analytics.directors import Span
from homeroute_analytics.samples import Query
from homeroute_dashboards.pages import asked
from homeroute_dashboards.pages.asked import Asked, AskError

DAYS = 28
"""Asked for when no days are: four weeks that are over, up to yesterday."""

NO_TIMETABLE = (
    "no timetable is known, and without one there are no trips to report on: bring it in with "
    "`homeroute import gtfs FEED.zip`"
)

_ROUTES = """
SELECT DISTINCT label FROM feed_routes UNION SELECT DISTINCT route FROM trip_day ORDER BY 1
"""


class Unknown(AskError):
    """What was asked for does not exist here."""


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


def read(query: Mapping[str, str], timezone: str, now_ms: int) -> Question:
    """From a request's query or a command line's words. Raises AskError."""
    days = asked.read(query, timezone, now_ms, days=DAYS, ago=1)
    return Question(days, query.get("route") or None, _fix(query.get("fix"), query.get("at")))


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


async def known_route(query: Query, typed: str | None) -> str | None:
    """The label of the route that was typed: whole, or its number alone. Raises AskError."""
    labels = [label for (label,) in await query(_ROUTES, [])]
    if not labels:
        raise Unknown(NO_TIMETABLE)
    if typed is None or typed in labels:
        return typed
    lower = typed.casefold()
    begun = [label for label in labels if label.casefold().split(" ")[0] == lower]
    begun = begun or [label for label in labels if label.casefold().startswith(lower)]
    if len(begun) == 1:
        return str(begun[0])
    if begun:
        raise AskError(f"route {typed[:60]!r} is several: {_listed(begun)}; say it whole")
    near = sorted(labels, key=lambda label: _away(lower, label.casefold()))
    raise Unknown(f"route {typed[:60]!r} is not in the timetable; nearest: {_listed(near)}")


def _away(typed: str, label: str) -> tuple[float, str]:
    """How unlike they are: numbers by their distance, else by the words."""
    one, other = typed.partition(" ")[0], label.partition(" ")[0]
    if typed == one and one.isdecimal() and other.isdecimal():
        return abs(int(one) - int(other)), label
    return 1 - difflib.SequenceMatcher(None, typed, label).ratio(), label


def _listed(labels: list[str]) -> str:
    more = f" and {len(labels) - 6} more" if len(labels) > 6 else ""
    return ", ".join(repr(label) for label in labels[:6]) + more
