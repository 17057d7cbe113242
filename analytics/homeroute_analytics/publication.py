"""When a week is published, and from what: once, settled, whole.

A week published again after late data came would give away what came: the totals of the
two would differ by a few riders' trip. So a week waits until it has settled, is published
once, and never again; completeness stands beside every number, and what arrives later
corrects only the tables of the staff.

Guarantees: a week is published when its Sunday is ``settle_days`` past, every driven day
of it is rolled up and sealed, and its raw points are all there; learning and filter blocks
appear together, with a number of their writing (``published_weeks``), or not at all; of each
day it is made of the legs and points that the day's rollup was made of, and no later ones.
Does not: judge what may be shown (:mod:`homeroute_analytics.weeks`), guard against a
threshold that is lowered between two weeks, or see to it that all its questions are
answered of one state (``query`` is the archive's snapshot).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from homeroute_analytics.rollup_order import READ
from homeroute_analytics.rollup_tables import Row, columns
from homeroute_analytics.rollup_trips import iso_week
from homeroute_analytics.rollups import Replace, bounds
from homeroute_analytics.samples import Query, expired_before
from homeroute_analytics.suppression import Rule
from homeroute_analytics.week_trips import trips
from homeroute_analytics.weeks import Tables, tables

LOG = "published_weeks"
"""The table of publications: ``day`` (the Monday), ``writing``, ``rolled_ms``, and the rule."""

WEEKLY = ("learning_week", "filter_week")
"""The aggregates a publication writes."""

DDL = f"""CREATE TABLE IF NOT EXISTS {LOG} (
    day DATE NOT NULL, writing BIGINT DEFAULT nextval('rollup_writings'),
    rolled_ms BIGINT NOT NULL, min_clients BIGINT NOT NULL,
    shown BIGINT NOT NULL, small BIGINT NOT NULL, complement BIGINT NOT NULL)"""

# Sealed: the day is over, and its aggregates are of the legs that stand there.
_SEALED = "SELECT day FROM rollup_days WHERE sealed AND commit_id IS NOT NULL"

# A day that could not be done for the first time has neither legs nor aggregates.
_BUSES_TOLD = "SELECT {}".format(
    " OR ".join(
        f"EXISTS (FROM \"{name}\" WHERE kind = 'bus' AND time_ms >= $1 AND time_ms < $2)"
        for name in READ
        if name != "usage"
    )
)

_DUE = f"""
WITH told AS (
    SELECT service_day AS day FROM legs UNION SELECT day FROM rollup_days
)
SELECT DISTINCT date_trunc('week', day)::DATE AS monday FROM trip_day
WHERE monday <= $1::DATE AND monday NOT IN (SELECT day FROM {LOG})
  AND monday NOT IN (
    SELECT date_trunc('week', day)::DATE FROM told WHERE day NOT IN ({_SEALED}))
ORDER BY monday
"""  # noqa: S608 - names of ours


async def due(query: Query, *, timezone: str, now_ms: int, settle_days: int) -> list[date]:
    """The Mondays of weeks to be published now, oldest first."""
    zone = ZoneInfo(timezone)
    today = datetime.fromtimestamp(now_ms / 1000, zone).date()
    # The Monday after it, and the days to settle, are past.
    newest = today - timedelta(days=7 + settle_days)
    rows = await query(_DUE, [newest.isoformat()])
    expired_ms = await expired_before(query)
    sealed = {day for (day,) in await query(_SEALED, [])}
    found = []
    for (monday,) in rows:
        left = {monday + timedelta(days=n) for n in range(7)} - sealed
        if bounds(monday, zone)[0] >= expired_ms and not await _any_told(query, left, zone):
            found.append(monday)
    return found


async def _any_told(query: Query, days: Iterable[date], zone: ZoneInfo) -> bool:
    """Whether a bus told anything on any of those days."""
    for day in days:
        ((told,),) = await query(_BUSES_TOLD, list(bounds(day, zone)))
        if told:
            return True
    return False


@dataclass(frozen=True, slots=True)
class Published:
    """A week that was published, as its log says: when, by which rule, and how many cells.

    ``small`` and ``complement`` are hidden ones by why; which those are is kept nowhere.
    """

    monday: date
    published_ms: int
    min_clients: int
    shown: int
    small: int
    complement: int


async def published(query: Query) -> list[Published]:
    """Every week that was published, newest first."""
    rows = await query(
        f"SELECT day, rolled_ms, min_clients, shown, small, complement FROM {LOG} "  # noqa: S608
        "ORDER BY day DESC",
        [],
    )
    return [Published(*row) for row in rows]


async def waiting(
    query: Query, *, timezone: str, now_ms: int, settle_days: int
) -> dict[date, str | None]:
    """Why each week that has trips is not published, newest first; None: it is due."""
    zone = ZoneInfo(timezone)
    today = datetime.fromtimestamp(now_ms / 1000, zone).date()
    ready = await due(query, timezone=timezone, now_ms=now_ms, settle_days=settle_days)
    gone_ms = await expired_before(query)
    rows = await query(
        "SELECT DISTINCT date_trunc('week', day)::DATE AS monday FROM trip_day "  # noqa: S608
        f"WHERE monday NOT IN (SELECT day FROM {LOG}) ORDER BY monday DESC",
        [],
    )
    found: dict[date, str | None] = {}
    for (monday,) in rows:
        settled = monday + timedelta(days=7 + settle_days)
        if monday in ready:
            found[monday] = None
        elif bounds(monday, zone)[0] < gone_ms:
            found[monday] = "never: its raw points have expired"
        elif today < settled:
            found[monday] = f"settles on {settled}"
        else:
            found[monday] = "a day is not rolled up, or not to its end"
    return found


async def publish(
    query: Query,
    replace: Replace | None,
    monday: date,
    *,
    timezone: str,
    now_ms: int,
    rule: Rule,
) -> Tables:
    """Publish the week of that Monday; None: only compute.

    Whoever calls sees to it that the week is :func:`due`, in the same state of the archive.
    """
    zone = ZoneInfo(timezone)
    start_ms = bounds(monday, zone)[0]
    week = tables(await trips(query, monday, zone), iso_week(monday), rule)
    if replace is not None:
        why = list(week.hidden.values())
        counts = {
            "rolled_ms": now_ms,
            "min_clients": rule.min_clients,
            "shown": len(week.learning) + len(week.filter),
            "small": why.count("small"),
            "complement": why.count("complement"),
        }
        log = {name: np.array([value], dtype=np.int64) for name, value in counts.items()}
        learning = columns("learning_week", [Row(start_ms, record) for record in week.learning])
        blocks = columns("filter_week", [Row(start_ms, record) for record in week.filter])
        tables_of = {"learning_week": learning, "filter_week": blocks, LOG: log}
        await replace(monday, tables_of, partial(_is_new, monday=monday))
    return week


def _is_new(connection: Any, *, monday: date) -> bool:
    """Whether the week is not published: two may find it due at once."""
    (times,) = connection.execute(f"SELECT count(*) FROM {LOG} WHERE day = ?", [monday]).fetchone()  # noqa: S608
    return not times
