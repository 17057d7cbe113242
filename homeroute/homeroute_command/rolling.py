"""Rolls days up beside the collector: those under way every minute, past days as data comes.

Guarantees: of a day, who drove what (its legs) is found anew and what follows from it
rolled up from one state of the archive, and both are written together or not at all, so
that nobody ever reads new legs beside old aggregates; raw points of a day
do not expire before that day was rolled up whole; a day that cannot be computed is told
(the log once, ``/healthz`` and an alert until it is mended) and left for later, and does
not stop the others. Does not: compute anything itself.
"""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from homeroute_analytics import rollup_inputs, rollup_order, rollups
from homeroute_analytics.attribution.days import Outcome, find_legs, under_way
from homeroute_analytics.hotspots import Ladder
from homeroute_analytics.verdicts import Limits
from homeroute_collector.apart import Apart, aside
from homeroute_collector.api_guard import refused
from homeroute_collector.archive import Archive
from homeroute_collector.archive_records import Query
from homeroute_collector.collector import Collector
from homeroute_collector.config import CollectorConfig

log = logging.getLogger(__name__)

EVERY_S = 60.0
"""How often days under way are done: today, and yesterday until its last trip is over."""

PAST_S = 900.0
"""How often past days are, at most: a bus that uploads a week does so over many minutes."""

PATH = "/api/1/rollup"


@dataclass(frozen=True, slots=True)
class Rolled:
    """What a day was made to: rows by aggregate, and legs; None: those that were kept."""

    made: rollups.RolledDay
    legs: Outcome | None


async def roll(
    archive: Archive,
    day: date,
    *,
    timezone: str,
    now_ms: int,
    dry_run: bool = False,
    repair: bool = True,
    ladder: Ladder | None = None,
) -> Rolled:
    """Say anew who drove what that day (``repair``), and roll it up: in one transaction.

    Two may do the same day at once: the legs and the aggregates that stay are the same
    one's. Raises :class:`~homeroute_analytics.rollups.DayExpired`.
    """
    apart = Apart()
    replace = None if dry_run else apart(archive.replace_day)

    async def work(query: Query) -> Rolled:
        await rollups.require_whole(query, day, timezone)
        inputs = (await rollup_inputs.marks(query, [day], timezone))[day]
        found = None
        if repair:
            live = day in await under_way(query, now_ms, timezone)
            live_ms = now_ms if live else None
            found = await find_legs(query, day, timezone, now_ms=live_ms)
        made = await rollups.rollup_day(
            query,
            replace,
            day,
            timezone=timezone,
            now_ms=now_ms,
            legs=None if found is None else found.legs,
            inputs=inputs,
            ladder=ladder,
        )
        return Rolled(made, found)

    async with archive.snapshot() as snapshot:
        query = apart(snapshot)
        return await apart.do(lambda: work(query))


async def keep_rolling(
    collector: Collector,
    *,
    every_s: float = EVERY_S,
    past_s: float = PAST_S,
) -> None:
    """Do what is due, again and again, until cancelled."""
    loop = asyncio.get_running_loop()
    past_at = loop.time()
    while True:
        if collector.clock.trusted:
            past = loop.time() >= past_at
            if past:
                past_at = loop.time() + past_s
            now_ms = collector.clock.now_ms()
            await once(
                collector.archive,
                collector.timezone,
                now_ms,
                failing=collector.failing_days,
                past=past,
                ladder=ladder_of(collector.config),
            )
        await asyncio.sleep(every_s)


async def once(
    archive: Archive,
    timezone: str,
    now_ms: int,
    *,
    failing: dict[date, str],
    past: bool = True,
    before: date | None = None,
    ladder: Ladder | None = None,
) -> bool | None:
    """Do what is due: days under way alone, or also ``past`` ones, of those only ``before`` one.

    False when some day could not be done, None when nobody can tell what is due;
    ``failing`` is kept to be the days that fail, and why.
    """
    try:
        wanted = await _due(archive, timezone, now_ms, past=past)
    except Exception:
        log.exception("rollups: what is due cannot be read; trying again")
        return None
    days = [day for day in wanted.days if past or day in wanted.live]
    if before is not None:
        days = [day for day in days if day < before]
    elif past:
        for day in failing.keys() - set(days):
            del failing[day]  # expired, or mended by hand
    well = True
    for day in days:
        try:
            await roll(archive, day, timezone=timezone, now_ms=now_ms, ladder=ladder)
        except rollups.DayExpired:
            continue
        except Exception as error:
            # One bad day must not keep the pages from today, or today from the night.
            if day not in failing:
                log.exception("rollups: %s cannot be rolled up; trying again", day)
            failing[day] = f"{type(error).__name__}: {error}"
            well = False
        else:
            if failing.pop(day, None):
                log.info("rollups: %s is rolled up again", day)
    if past and before is None:
        await rollup_order.done(archive.execute, wanted.commit_id, failing)
    return well


async def _due(archive: Archive, timezone: str, now_ms: int, *, past: bool) -> rollup_order.Due:
    """What points make due, and with ``past`` also what imports and people changed."""
    wanted = await rollup_order.due(archive.query, timezone=timezone, now_ms=now_ms)
    if not past:
        return wanted
    changed = await aside(archive.query, lambda query: rollup_inputs.changed(query, timezone))
    days = sorted({*wanted.days, *changed}, reverse=True)
    return replace(wanted, days=tuple(days))


async def seal(collector: Collector, before_ms: int) -> int:
    """Roll up whatever lies before that moment and is due; up to when raw points may go.

    A midnight, so that no day ever loses a part of its points.
    """
    return await sealed_until(
        collector.archive,
        collector.timezone,
        collector.clock.now_ms(),
        before_ms,
        failing=collector.failing_days,
        ladder=ladder_of(collector.config),
    )


async def sealed_until(
    archive: Archive,
    timezone: str,
    now_ms: int,
    before_ms: int,
    *,
    failing: dict[date, str],
    ladder: Ladder | None = None,
) -> int:
    """As :func:`seal`. A day that fails keeps its points and all later ones, no earlier ones."""
    day, midnight_ms = rollup_order.day_of(before_ms, timezone)
    done = await once(archive, timezone, now_ms, failing=failing, before=day, ladder=ladder)
    # A service day's last trips may run on into the next: one day more is kept.
    until_ms = rollup_order.day_of(midnight_ms - 1, timezone)[1]
    if done:
        return until_ms
    if done is None:
        return 0
    kept = [rollups.bounds(bad, ZoneInfo(timezone))[0] for bad in failing if bad < day]
    return min(until_ms, *kept) if kept else 0


def mount(app: web.Application, collector: Collector) -> None:
    """Let a day be redone by hand: POST ``{"day": "2026-11-09", "dry_run": false}``."""

    async def asked(request: web.Request) -> web.Response:
        try:
            body = json.loads(await request.text())
            day = date.fromisoformat(body["day"])
        except (ValueError, TypeError, KeyError):
            return refused(400, 'want {"day": "YYYY-MM-DD"}')
        now_ms = collector.clock.now_ms()
        today, _ = rollup_order.day_of(now_ms, collector.timezone)
        if day > today:
            return refused(400, yet_to_come(day))
        try:
            found = await roll(
                collector.archive,
                day,
                timezone=collector.timezone,
                now_ms=now_ms,
                dry_run=bool(body.get("dry_run")),
                ladder=ladder_of(collector.config),
            )
        except rollups.DayExpired as error:
            return refused(409, str(error))
        except Exception as error:
            log.exception("rollups: %s cannot be rolled up, asked by hand", day)
            return refused(409, failed(day, error))
        if not body.get("dry_run"):
            collector.failing_days.pop(day, None)
        return web.json_response(document(found))

    app.router.add_post(PATH, asked)


def ladder_of(config: CollectorConfig) -> Ladder:
    """The program's ladder for lent hotspots, as it is set."""
    return Ladder(**config.hotspots.model_dump())


def limits_of(config: CollectorConfig) -> Limits:
    """What a verdict takes, as it is set."""
    return Limits(**config.verdicts.model_dump())


def yet_to_come(day: date) -> str:
    """Why a day after today is not rolled up, in one line."""
    return f"roll up {day}: it is yet to come; the last day may be today"


def failed(day: date, error: Exception) -> str:
    """Why a day asked for by hand could not be done, in one line."""
    return f"roll up {day}: {type(error).__name__}: {error}; please report this line"


def document(found: Rolled) -> dict[str, Any]:
    """As the API and ``--json`` tell it."""
    told: dict[str, Any] = {"day": found.made.day.isoformat(), "rows": found.made.rows}
    if found.legs is not None:
        changes = found.legs.changes
        told["legs"] = {
            "found": len(found.legs.legs),
            "written": len(changes.written),
            "removed": len(changes.removed),
        }
    return told


def days_between(first: date, last: date) -> list[date]:
    """Both inclusive, oldest first."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]
