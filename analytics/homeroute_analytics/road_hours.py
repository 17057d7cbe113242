"""When each device should be on the road: the timetable without its roads.

Guarantees: those of :func:`homeroute_analytics.timetable.drives`: no shape and no stop
is read, so that it can be asked every minute.

Does not: decide what silence means; the collector's presence does, and the
command carries these hours to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from homeroute_analytics import timetable
from homeroute_analytics.samples import Query

_INSTALLED = """
SELECT DISTINCT device FROM fleet WHERE first_day <= $1 AND (last_day IS NULL OR last_day >= $1)
"""
_ASSIGNED = "SELECT 1 FROM assignments LIMIT 1"


@dataclass(frozen=True, slots=True)
class OnRoad:
    """One scheduled drive, ms since 1970; ``device`` None: nobody is assigned to it."""

    device: str | None
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class RoadHours:
    """What the timetable says around one day.

    ``begun``: some calendar has been in force. ``current``: one is today.
    ``last_day``: of all known calendars, None where there is none. ``known``: the
    devices whose hours are known: in a vehicle today, where assignments exist at all.
    ``installed``: in a vehicle today.
    """

    drives: tuple[OnRoad, ...]
    known: frozenset[str]
    retired: frozenset[str]
    begun: bool
    current: bool
    last_day: date | None
    installed: frozenset[str] = frozenset()


async def around(query: Query, today: date, timezone: str) -> RoadHours:
    """The drives of yesterday, today and tomorrow, and what is known of the calendar.

    ``timezone`` is the district's, for feeds that name none.
    """
    drives = await timetable.drives(query, today - timedelta(1), today + timedelta(1), timezone)
    feeds = await query("SELECT feed, first_day, last_day FROM feeds", [])
    end = await timetable.calendar_end(query, today)
    installed = frozenset(name for (name,) in await query(_INSTALLED, [today]))
    retired = await query("SELECT device FROM device_lives WHERE retired_day <= ?", [today])
    return RoadHours(
        drives=tuple(OnRoad(drive.device, drive.start_ms, drive.end_ms) for drive in drives),
        known=installed if await query(_ASSIGNED, []) else frozenset(),
        retired=frozenset(name for (name,) in retired),
        begun=any(first <= today for _, first, _ in feeds),
        current=timetable.in_force(feeds, today) is not None,
        last_day=None if end is None else end.last_day,
        installed=installed,
    )
