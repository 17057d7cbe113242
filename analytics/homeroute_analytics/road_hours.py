"""When each device should be on the road: the timetable without its roads.

Guarantees: reads no shape and no stop, so that it can be asked every minute; an
instant is right across daylight saving; of feeds in force on one day the newest
import counts, and of assignments of one trip the newest. A calendar exception of
kind ``closed`` takes away its periods' trips, any other shifts them.

Does not: decide what silence means; the collector's presence does, and the
command carries these hours to it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from homeroute_analytics.legs import instant_ms

Query = Callable[[str, Sequence[Any]], Awaitable[list[tuple[Any, ...]]]]

_DRIVEN = """
WITH feed_days AS (
    SELECT s.day, max(f.feed) AS feed FROM feeds f
    JOIN feed_services s ON s.feed = f.feed AND s.day BETWEEN f.first_day AND f.last_day
    WHERE s.day BETWEEN ? AND ? GROUP BY s.day
), driven AS (
    SELECT d.day, d.feed, t.trip, t.period, t.start_s, t.end_s
    FROM feed_days d
    JOIN feed_services s ON s.feed = d.feed AND s.day = d.day
    JOIN feed_trips t ON t.feed = d.feed AND t.service = s.service
), vehicles AS (
    SELECT d.day, d.trip, arg_max(a.vehicle, (a.first_day, a.imported_ms)) AS vehicle
    FROM driven d JOIN assignments a ON a.trip = d.trip AND a.first_day <= d.day
        AND (a.last_day IS NULL OR a.last_day >= d.day)
        AND (a.weekdays::INTEGER >> (isodow(d.day) - 1)::INTEGER) & 1 = 1
    GROUP BY d.day, d.trip
), devices AS (
    SELECT v.day, v.trip, arg_max(f.device, (f.first_day, f.imported_ms)) AS device
    FROM vehicles v JOIN fleet f ON f.vehicle = v.vehicle AND f.first_day <= v.day
        AND (f.last_day IS NULL OR f.last_day >= v.day)
    GROUP BY v.day, v.trip
)
SELECT driven.day, feeds.timezone, driven.period, driven.start_s, driven.end_s, devices.device
FROM driven JOIN feeds USING (feed)
LEFT JOIN devices ON devices.day = driven.day AND devices.trip = driven.trip
"""

_CALENDAR = """
SELECT count(*) FILTER (first_day <= $1),
       count(*) FILTER (first_day <= $1 AND last_day >= $1), max(last_day) FROM feeds
"""

_KNOWN = """
SELECT DISTINCT device FROM fleet WHERE first_day <= $1 AND (last_day IS NULL OR last_day >= $1)
AND EXISTS (SELECT 1 FROM assignments)
"""


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
    """

    drives: tuple[OnRoad, ...]
    known: frozenset[str]
    retired: frozenset[str]
    begun: bool
    current: bool
    last_day: date | None


async def around(query: Query, today: date) -> RoadHours:
    """The drives of yesterday, today and tomorrow, and what is known of the calendar."""
    first, last = today - timedelta(1), today + timedelta(1)
    exceptions = {
        day: (kind, frozenset(periods.replace(",", " ").split()), shift_s)
        for day, kind, periods, shift_s in await query(
            "SELECT day, kind, periods, shift_s FROM calendar_days WHERE day BETWEEN ? AND ?",
            [first, last],
        )
    }
    drives = []
    for day, timezone, period, start_s, end_s, device in await query(_DRIVEN, [first, last]):
        kind, periods, shift_s = exceptions.get(day, ("", frozenset(), 0))
        applies = bool(kind) and (not periods or period in periods)
        if applies and kind == "closed":
            continue
        zone, late_s = ZoneInfo(timezone), shift_s if applies else 0
        drives.append(
            OnRoad(
                device,
                instant_ms(day, start_s + late_s, zone),
                instant_ms(day, end_s + late_s, zone),
            )
        )
    [(begun, current, last_day)] = await query(_CALENDAR, [today])
    retired = await query("SELECT device FROM device_lives WHERE retired_day <= ?", [today])
    return RoadHours(
        drives=tuple(drives),
        known=frozenset(name for (name,) in await query(_KNOWN, [today])),
        retired=frozenset(name for (name,) in retired),
        begun=begun > 0,
        current=current > 0,
        last_day=last_day,
    )
