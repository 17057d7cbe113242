"""What a day's rollup was made from besides points: its timetable, crews and imported usage.

Each writing of a day keeps a mark of them (``rollup_days.inputs``). Where the mark of now
is another, somebody has imported, replaced or retired since, and the day is due again.

Guarantees: what says the same has the same mark, whoever imported it and how often; a
change that bears on some days alone leaves the others' marks. Does not: notice legs or
thresholds that were changed by hand.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from homeroute_analytics.crews import crews
from homeroute_analytics.rollups import LOG, bounds
from homeroute_analytics.samples import Query, expired_before
from homeroute_analytics.timetable import in_force

_RUNNING = "SELECT DISTINCT feed, day FROM feed_services WHERE day BETWEEN ? AND ?"
_EXCEPTIONS = "SELECT day, kind, periods, shift_s FROM calendar_days WHERE day BETWEEN ? AND ?"

# A last use tells on every later day's idle days, so a day depends on all until then.
_USAGE = """
SELECT day, bit_xor(md5_number_lower(concat_ws('|', device, day, coalesce(carrier, ''),
    coalesce(total_bytes, -1), coalesce(down_bytes, -1), coalesce(up_bytes, -1))))
FROM imported_usage WHERE day <= ? GROUP BY day ORDER BY day
"""


async def marks(query: Query, days: Iterable[date], timezone: str) -> dict[date, str]:
    """The mark of each of those days, as things are told now."""
    wanted = sorted(days)
    if not wanted:
        return {}
    first, last = wanted[0], wanted[-1]
    feeds = await query("SELECT feed, first_day, last_day, timezone FROM feeds", [])
    zones = {feed: zone or timezone for feed, _, _, zone in feeds}
    running = {(feed, day) for feed, day in await query(_RUNNING, [first, last])}
    exceptions = {day: told for day, *told in await query(_EXCEPTIONS, [first, last])}
    table = await crews(query, first, last)
    usage = await query(_USAGE, [last])
    found: dict[date, str] = {}
    told, at = 0, 0
    for day in wanted:
        while at < len(usage) and usage[at][0] <= day:
            told ^= usage[at][1]
            at += 1
        feed = in_force(feeds, day)
        parts: list[Any] = [told]
        if (feed, day) in running:
            assert feed is not None
            parts += [feed, zones[feed], exceptions.get(day), sorted(table.on(day).items())]
        found[day] = hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
    return found


async def changed(query: Query, timezone: str) -> list[date]:
    """Days written from what is no longer told, whose raw points are all there; oldest first."""
    return sorted(day for day, (then, now) in await compared(query, timezone) if then != now)


async def compared(query: Query, timezone: str) -> list[tuple[date, tuple[str | None, str]]]:
    """Of every written day whose raw points are all there its mark as written, and of now."""
    written: dict[date, str | None] = dict(await query(f"SELECT day, inputs FROM {LOG}", []))  # noqa: S608
    zone, gone_ms = ZoneInfo(timezone), await expired_before(query)
    whole = [day for day in written if bounds(day, zone)[0] >= gone_ms]
    now = await marks(query, whole, timezone)
    return [(day, (written[day], now[day])) for day in whole]


def spans_of(days: Iterable[date]) -> list[tuple[date, date]]:
    """Days in order as spans without a gap, both ends inclusive."""
    found: list[tuple[date, date]] = []
    for day in sorted(days):
        if found and day - found[-1][1] == timedelta(1):
            found[-1] = found[-1][0], day
        else:
            found.append((day, day))
    return found
