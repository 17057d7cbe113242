"""Rollups: a service day's aggregates, computed from raw points and replaced whole.

Guarantees: the same archive gives the same rows, however often and in whatever order
days are done; a day appears whole or not at all, together with the legs it was made
from and with a number of its writing (``rollup_days``); where two write a day at the same
time, the one of the latest points stays; a day whose raw points have begun to expire is
never done again, for it could only lose. Does not: decide who drove what (it is given the
legs), see to it that all its questions are answered of one state (``query`` is the
archive's snapshot), or know when to run (:mod:`homeroute_analytics.rollup_order`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from homeroute_analytics.hotspots import Ladder
from homeroute_analytics.hours import local_hours
from homeroute_analytics.legs import Leg, put_day, stored
from homeroute_analytics.rollup_devices import device_rows
from homeroute_analytics.rollup_drives import Day, drives
from homeroute_analytics.rollup_facts import read
from homeroute_analytics.rollup_tables import Columns, columns
from homeroute_analytics.rollup_trips import roll
from homeroute_analytics.samples import Query, expired_before
from homeroute_analytics.timetable import load

DAILY = ("segment_day", "trip_day", "device_day", "route_hour")
"""The aggregates a day's rollup writes."""

LOG = "rollup_days"
"""The table of writings: ``day, writing, rolled_ms, sealed, inputs, commit_id``."""

SETTLE_MS = 180_000
"""Today is known until so long ago: batches are cut every minute, minutes judged after three."""

Replace = Callable[[date, Mapping[str, Columns], Callable[[Any], bool]], Awaitable[None]]
"""Puts columns into tables in place of those tables' rows of the day, in one transaction.

The function, of a connection, is what that transaction does first of all; False: it is all.
"""

_LATER = f"SELECT count(*) FROM {LOG} WHERE day = ? AND commit_id > ?"  # noqa: S608 - names of ours


class DayExpired(Exception):
    """Raw points of the day are gone: what was computed of it while they were there stays."""


@dataclass(frozen=True, slots=True)
class RolledDay:
    """What a rollup wrote: rows by aggregate."""

    day: date
    rows: dict[str, int]


async def rollup_day(
    query: Query,
    replace: Replace | None,
    day: date,
    *,
    timezone: str,
    now_ms: int,
    legs: Sequence[Leg] | None = None,
    inputs: str | None = None,
    ladder: Ladder | None = None,
) -> RolledDay:
    """Compute a service day and put it in the place of what was there; None: only compute.

    ``query`` answers of one state. ``legs`` become the day's, in the same transaction as
    what is made of them; None: those that are kept.
    ``inputs`` is the day's mark (:mod:`homeroute_analytics.rollup_inputs`) in that state;
    None: the day is due again.
    ``ladder`` says when a hotspot counts as used.
    Raises :class:`DayExpired` for a day whose raw points are no longer all there.
    """
    zone = ZoneInfo(timezone)
    start_ms, end_ms = bounds(day, zone)
    await require_whole(query, day, timezone)
    # A late trip of the service day may run past midnight.
    last_ms = end_ms + (end_ms - start_ms)
    until_ms = min(last_ms, now_ms - SETTLE_MS)
    known = Day(day, start_ms, end_ms, until_ms, tuple(local_hours(start_ms, last_ms, timezone)))
    ((commit_id,),) = await query("SELECT coalesce(max(commit_id), 0) FROM commits", [])
    made = await stored(query, day) if legs is None else list(legs)
    facts = await read(query, made, until_ms=until_ms)
    trips = await load(query, day, day, timezone)
    rolled = roll(facts, drives(facts.legs, trips, known), known)
    rows = {
        "segment_day": rolled.segments,
        "trip_day": rolled.trips,
        "route_hour": rolled.hours,
        "device_day": await device_rows(
            query, day, start_ms, end_ms, zone, made, rolled.trips, ladder
        ),
    }
    if replace is not None:
        tables = {name: columns(name, rows[name]) for name in DAILY}
        log: dict[str, Any] = {
            "rolled_ms": np.array([now_ms], dtype=np.int64),
            "sealed": np.array([now_ms - SETTLE_MS >= last_ms]),
            "inputs": np.array([inputs], dtype=object),
            "commit_id": np.array([commit_id], dtype=np.int64),
        }
        first = partial(_put_legs, day=day, legs=made, commit_id=commit_id)
        await replace(day, tables | {LOG: log}, first)
    return RolledDay(day, {name: len(rows[name]) for name in DAILY})


def _put_legs(connection: Any, *, day: date, legs: Sequence[Leg], commit_id: int) -> bool:
    """Put the day's legs; False, and none, where somebody has written it of later points."""
    (later,) = connection.execute(_LATER, [day, commit_id]).fetchone()
    if not later:
        put_day(connection, day, legs)
    return not later


def bounds(day: date, zone: ZoneInfo) -> tuple[int, int]:
    """The local midnights that begin and end a day."""
    return _midnight(day, zone), _midnight(day + timedelta(days=1), zone)


def _midnight(day: date, zone: ZoneInfo) -> int:
    return round(datetime.combine(day, time(), zone).timestamp() * 1000)


async def require_whole(query: Query, day: date, timezone: str) -> None:
    """Raise :class:`DayExpired` unless all raw points of a day are there."""
    if bounds(day, ZoneInfo(timezone))[0] < await expired_before(query):
        raise DayExpired(f"roll up {day}: its raw points have expired; what was written stays")
