"""Which days have to be rolled up, and which may lose their raw points.

A day is due when points of it were committed since the cursor (a bus that uploads on
Friday corrects Monday; a hotspot's use also every day since), when it was written before
it was over, when it was never written though days before it were (silent days have
scheduled trips, too), and, today, always. That what it was made from besides points has
changed since is asked apart (:mod:`homeroute_analytics.rollup_inputs`): it takes longer,
and is rare.

Guarantees: the cursor stands at a commit whose days were all written after it; a crash
costs work, never a day; a day is sealed only after it is over. Does not: notice that
legs were changed by hand (`homeroute rollup --from` does those).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from homeroute_analytics.rollups import bounds
from homeroute_analytics.samples import Query, expired_before

CURSOR = "rollups"

READ = ("uplink", "position", "wifi", "session", "activity", "filter", "usage")
"""The measurements that rollups are made of."""

NIGHT_H = 4
"""A point before this hour may belong to a trip of the service day before."""

_QUARTER_MS = 900_000

_TOUCHED = " UNION ".join(
    f"SELECT DISTINCT time_ms // {_QUARTER_MS}, {name != 'usage'} "  # noqa: S608 - names of ours
    f'FROM "{name}" '
    "WHERE commit_id > $1 AND commit_id <= $2"
    for name in READ
)


@dataclass(frozen=True, slots=True)
class Due:
    """Days to be rolled up, newest first, after which the cursor may stand at ``commit_id``."""

    days: tuple[date, ...]
    commit_id: int


async def due(query: Query, *, timezone: str, now_ms: int) -> Due:
    """What is to be done now."""
    zone = ZoneInfo(timezone)
    today = datetime.fromtimestamp(now_ms / 1000, zone).date()
    ((newest,),) = await query("SELECT coalesce(max(commit_id), 0) FROM commits", [])
    held = await query("SELECT commit_id FROM cursors WHERE name = ?", [CURSOR])
    written: dict[date, bool] = dict(await query("SELECT day, sealed FROM rollup_days", []))
    days = {today}
    for quarter, on_a_trip in await query(_TOUCHED, [held[0][0] if held else 0, newest]):
        moment = datetime.fromtimestamp(quarter * _QUARTER_MS / 1000, zone)
        days.add(moment.date())
        if not on_a_trip:
            # A hotspot's use ends the idle days that were counted since.
            days |= {day for day in written if day > moment.date()}
        elif moment.hour < NIGHT_H:
            days.add(moment.date() - timedelta(days=1))
    days |= {day for day, sealed in written.items() if not sealed}
    last = max(written, default=today)
    days |= {last + timedelta(days=n) for n in range(1, (today - last).days)}
    gone_ms = await expired_before(query)
    kept = [day for day in days if day <= today and bounds(day, zone)[0] >= gone_ms]
    return Due(tuple(sorted(kept, reverse=True)), newest)


async def done(execute: Callable[[str, Sequence[Any]], Awaitable[object]], commit_id: int) -> None:
    """Let the cursor stand at that commit: all its days have been written since."""
    await execute("INSERT OR REPLACE INTO cursors VALUES (?, ?)", [CURSOR, commit_id])


def day_of(moment_ms: int, timezone: str) -> tuple[date, int]:
    """The local day of a moment, and the midnight that begins it."""
    zone = ZoneInfo(timezone)
    day = datetime.fromtimestamp(moment_ms / 1000, zone).date()
    return day, bounds(day, zone)[0]
