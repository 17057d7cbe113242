"""Whose the route is that somebody typed, for pages and reports alike.

Guarantees: an error names what comes nearest.
"""

from __future__ import annotations

import difflib

from homeroute_analytics.samples import Query
from homeroute_dashboards.pages.asked import AskError, Unknown

NO_TIMETABLE = (
    "no timetable is known, and without one there are no trips to report on: bring it in with "
    "`homeroute import gtfs FEED.zip`"
)

_ROUTES = """
SELECT DISTINCT label FROM feed_routes UNION SELECT DISTINCT route FROM trip_day ORDER BY 1
"""


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
