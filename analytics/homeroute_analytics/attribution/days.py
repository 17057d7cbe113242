"""Attribution of a service day from the archive, and back into it.

Guarantees: run again over the same positions and timetable it writes nothing; the run of
a day that is under way looks at the last hours only and leaves what is settled alone; the
nightly run looks at the whole day and may correct all of it; a trip after midnight is of
the service day it began. Does not: rewrite a day of which no position is
left (its raw data has expired).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from homeroute_analytics import legs, timetable
from homeroute_analytics.attribution.day_legs import attribute
from homeroute_analytics.attribution.fits import EARLIEST_S, LATEST_S
from homeroute_analytics.attribution.track import Positions, positions
from homeroute_analytics.legs import Changes, Leg, Transaction
from homeroute_analytics.samples import Query
from homeroute_analytics.timetable import ScheduledTrip

LOOK_BACK_S = 9_000.0
"""Today's run looks at the last two and a half hours: longer than a school bus's trip."""

SETTLED_S = 600.0
"""A leg that has ended for so long stands until the night."""

_POSITIONS = """
SELECT device, list(time_ms ORDER BY time_ms), list(lat ORDER BY time_ms),
       list(lon ORDER BY time_ms), list(accuracy_m ORDER BY time_ms)
FROM position
WHERE time_ms >= ? AND time_ms < ? AND kind = 'bus' AND (? IS NULL OR device = ?)
GROUP BY device ORDER BY device
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run found: the day's legs, how they differ from those kept, drives on no leg."""

    day: date
    legs: tuple[Leg, ...]
    changes: Changes
    unassigned: int
    scheduled: int


async def attribute_day(
    query: Query, transaction: Transaction, day: date, timezone: str, *, now_ms: int | None = None
) -> Outcome:
    """Make the legs of a service day anew, and keep them: the day is to be rolled up then.

    As :func:`find_legs`. Raises also what ``transaction`` raises.
    """
    found = await find_legs(query, day, timezone, now_ms=now_ms)
    if found.changes.written or found.changes.removed:
        await transaction(lambda connection, _: legs.put_day(connection, day, found.legs))
    return found


async def find_legs(
    query: Query, day: date, timezone: str, *, now_ms: int | None = None
) -> Outcome:
    """The legs of a service day, found anew and kept nowhere.

    With ``now_ms`` the day is under way: only what is not settled is looked at. It computes
    for a second or two between its questions: a loop that serves others runs it apart.
    Raises ZoneInfoNotFoundError, and what ``query`` raises.
    """
    trips = await timetable.load(query, day, day, timezone)
    begin_s, end_s = span(trips, day, timezone)
    before = await legs.stored(query, day)
    settled: list[Leg] = []
    held: dict[str, str] = {}
    now_s = None if now_ms is None else now_ms / 1000
    if now_s is not None:
        end_s = min(end_s, now_s)
        begin_s = max(begin_s, now_s - LOOK_BACK_S)
        settled = [leg for leg in before if _is_settled(leg, begin_s, now_s)]
        held = {leg.device: leg.trip for leg in before if leg not in settled}
    told = await read(query, begin_s, end_s)
    if not told and now_s is None and any(leg.covered for leg in before):
        # What was seen cannot be seen again: its positions have expired.
        return Outcome(day, tuple(before), Changes((), ()), 0, len(trips))
    done_s = {leg.device: leg.end_ms / 1000 for leg in sorted(settled, key=lambda s: s.end_ms)}
    told = [_after(each, done_s.get(each.device)) for each in told]
    found = attribute(
        trips,
        [each for each in told if len(each.time_s)],
        now_s=now_s,
        held=held,
        taken=frozenset(leg.trip for leg in settled),
    )
    made = (*settled, *found.legs)
    return Outcome(day, made, legs.changes(before, made), len(found.unassigned), len(trips))


async def read(
    query: Query, begin_s: float, end_s: float, device: str | None = None
) -> list[Positions]:
    """Every bus's positions of that time, or one's, by device."""
    rows = await query(_POSITIONS, [round(begin_s * 1000), round(end_s * 1000), device, device])
    return [
        positions(name, np.asarray(times, dtype=np.float64) / 1000, lats, lons, errors)
        for name, times, lats, lons, errors in rows
    ]


async def under_way(query: Query, now_ms: int, timezone: str) -> tuple[date, ...]:
    """The service days that buses may be on, the newest first.

    Today; and yesterday, until the bus of its last trip can no longer be late. Times past
    24:00 are of the day they began. ``timezone`` is the district's.
    """
    today = datetime.fromtimestamp(now_ms / 1000, ZoneInfo(timezone)).date()
    before = today - timedelta(days=1)
    hours = await timetable.drives(query, before, before, timezone)
    last_ms = max((drive.end_ms for drive in hours), default=0)
    return (today, before) if now_ms < last_ms + LATEST_S * 1000 else (today,)


def span(trips: Sequence[ScheduledTrip], day: date, timezone: str) -> tuple[float, float]:
    """From when until when buses may be on that day's trips: s since 1970."""
    zone = ZoneInfo(timezone)
    starts = [trip.start_ms / 1000 for trip in trips] or [legs.instant_ms(day, 0, zone) / 1000]
    ends = [trip.end_ms / 1000 for trip in trips] or [legs.instant_ms(day, 86_400, zone) / 1000]
    return min(starts) + EARLIEST_S - SETTLED_S, max(ends) + LATEST_S


def _is_settled(leg: Leg, begin_s: float, now_s: float) -> bool:
    """Whether today's run leaves that leg alone: it began before what is looked at, or is over.

    A leg that only the timetable speaks for is never settled: its bus may report yet.
    """
    if leg.covered is None:
        return leg.end_ms / 1000 < begin_s
    return leg.start_ms / 1000 < begin_s or leg.end_ms / 1000 < now_s - SETTLED_S


def _after(found: Positions, done_s: float | None) -> Positions:
    """Only what came after a settled leg's end."""
    if done_s is None:
        return found
    keep = found.time_s >= done_s - 1.0
    return Positions(found.device, found.time_s[keep], found.lat[keep], found.lon[keep])
