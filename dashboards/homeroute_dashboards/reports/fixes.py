"""Did a fix help: before and after, as a table."""

from __future__ import annotations

from homeroute_analytics.before_after import FEWEST_DAYS, Change, Side, Where, before_after
from homeroute_analytics.samples import Query
from homeroute_dashboards.reports.model import Column, Table
from homeroute_dashboards.reports.question import Fix

COLUMNS = (
    Column("when", "When"),
    Column("usable_share", "Usable", "share"),
    Column("reported_share", "Reported", "share"),
    Column("trips", "Trips", "count"),
    Column("days", "Days, n", "count"),
    Column("difference_points", "Difference", "points"),
    Column("low_points", "95% from", "points"),
    Column("high_points", "to", "points"),
)


async def table(query: Query, fix: Fix, route: str | None) -> Table:
    """Four weeks before and after, and the difference with its interval."""
    found = await before_after(query, fix.day, Where(route=route, place=fix.place))
    where = "" if fix.place is None else f", within {fix.place[2]:.0f} m of the place"
    return Table(
        "fix",
        f"Before and after {fix.day}" + (f": {fix.note}" if fix.note else ""),
        f"28 days each side, the day itself left out{where}. {verdict(found)}",
        COLUMNS,
        (
            ("before", *_side(found.before), None, None, None),
            (
                "after",
                *_side(found.after),
                *map(_points, (found.difference, found.low, found.high)),
            ),
        ),
        absent="",
    )


def verdict(found: Change) -> str:
    """Whether it is better, in a sentence with the difference and its interval."""
    low, high = found.low, found.high
    if low is None or high is None:
        return f"Insufficient: an interval needs {FEWEST_DAYS} reported days on each side."
    assert found.difference is not None
    points, least, most = (f"{100 * value:+.1f}" for value in (found.difference, low, high))
    change = f"{points} points (95% interval: {least} to {most})"
    if low > 0:
        return f"Better by {change}."
    if high < 0:
        return f"Worse by {change}."
    return f"Not decided: the change of {change} may be chance."


def _side(side: Side) -> tuple[object, ...]:
    return side.usable_share, side.reported_share, side.trips, side.days


def _points(share: float | None) -> float | None:
    return None if share is None else 100 * share
