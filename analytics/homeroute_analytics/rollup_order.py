"""Which days have to be rolled up, and which may lose their raw points.

A day is due when points of it were committed since the cursor (a bus that uploads on
Friday corrects Monday; a hotspot's use also every day since), when it could not be done
the last time, when it was written before it was over or its legs were changed since, when
it was never written though days before it were (silent days have scheduled trips, too),
and, today, always. That what it was made from besides points has changed since is asked
apart (:mod:`homeroute_analytics.rollup_inputs`): it takes longer, and is rare.

Guarantees: the cursor stands at a commit whose days were all written after it, or are
noted as failed, so that one bad day makes no other be done again; a crash costs work,
never a day; a day is sealed only after it is over. Does not: notice that
legs were changed past :mod:`homeroute_analytics.legs` (`homeroute rollup --from` does those).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from homeroute_analytics.attribution.days import under_way
from homeroute_analytics.rollups import bounds
from homeroute_analytics.samples import Query, expired_before

CURSOR = "rollups"

FAILED = "rollups failed "
"""Begins the name of a cursor that stands for a day; the day in ISO form ends it."""

READ = ("uplink", "position", "wifi", "session", "activity", "filter", "usage")
"""The measurements that rollups are made of."""

NIGHT_H = 4
"""A point before this hour may belong to a trip of the service day before."""

_QUARTER_MS = 900_000

_WRITTEN = "SELECT day, sealed AND commit_id IS NOT NULL FROM rollup_days"

_TOUCHED = " UNION ".join(
    f"SELECT DISTINCT time_ms // {_QUARTER_MS}, {name != 'usage'} "  # noqa: S608 - names of ours
    f'FROM "{name}" '
    "WHERE commit_id > $1 AND commit_id <= $2"
    for name in READ
)


@dataclass(frozen=True, slots=True)
class Due:
    """Days to be rolled up, newest first, after which the cursor may stand at ``commit_id``.

    ``live`` are those of them that are under way: their buses are looked at every minute.
    """

    days: tuple[date, ...]
    commit_id: int
    live: tuple[date, ...] = ()


async def due(query: Query, *, timezone: str, now_ms: int) -> Due:
    """What is to be done now."""
    zone = ZoneInfo(timezone)
    today = datetime.fromtimestamp(now_ms / 1000, zone).date()
    ((newest,),) = await query("SELECT coalesce(max(commit_id), 0) FROM commits", [])
    held = await query("SELECT commit_id FROM cursors WHERE name = ?", [CURSOR])
    written: dict[date, bool] = dict(await query(_WRITTEN, []))
    live = await under_way(query, now_ms, timezone)
    days = {*live}
    for quarter, on_a_trip in await query(_TOUCHED, [held[0][0] if held else 0, newest]):
        moment = datetime.fromtimestamp(quarter * _QUARTER_MS / 1000, zone)
        days.add(moment.date())
        if not on_a_trip:
            # A hotspot's use ends the idle days that were counted since.
            days |= {day for day in written if day > moment.date()}
        elif moment.hour < NIGHT_H:
            days.add(moment.date() - timedelta(days=1))
    days |= {day for day, sealed in written.items() if not sealed}
    failed = await query("SELECT name FROM cursors WHERE starts_with(name, ?)", [FAILED])
    days |= {date.fromisoformat(name.removeprefix(FAILED)) for (name,) in failed}
    last = max(written, default=today)
    days |= {last + timedelta(days=n) for n in range(1, (today - last).days)}
    gone_ms = await expired_before(query)
    kept = [day for day in days if day <= today and bounds(day, zone)[0] >= gone_ms]
    return Due(tuple(sorted(kept, reverse=True)), newest, live)


async def done(
    execute: Callable[[str, Sequence[Any]], Awaitable[object]],
    commit_id: int,
    failed: Iterable[date] = (),
) -> None:
    """Let the cursor stand at that commit: all its days but the failed were written since."""
    names = [f"{FAILED}{day.isoformat()}" for day in failed]
    for name in (*names, CURSOR):
        await execute("INSERT OR REPLACE INTO cursors VALUES (?, ?)", [name, commit_id])
    await execute(
        "DELETE FROM cursors WHERE starts_with(name, ?) AND NOT list_contains(?::VARCHAR[], name)",
        [FAILED, names],
    )


def day_of(moment_ms: int, timezone: str) -> tuple[date, int]:
    """The local day of a moment, and the midnight that begins it."""
    zone = ZoneInfo(timezone)
    day = datetime.fromtimestamp(moment_ms / 1000, zone).date()
    return day, bounds(day, zone)[0]
