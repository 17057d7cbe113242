"""Publishes each week once it has settled: beside the collector, or when a person asks.

Guarantees: a week is published once, whoever asks; a week that cannot be is said in the
log and tried again, and stops nothing else; what is told of what is hidden is how many
cells and why, never which. Does not: judge (:mod:`homeroute_analytics.publication`).
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from aiohttp import web

from homeroute_analytics import publication
from homeroute_analytics.publication import Published, due, publish
from homeroute_analytics.rollup_trips import iso_week
from homeroute_analytics.suppression import Rule
from homeroute_analytics.weeks import Tables
from homeroute_collector.apart import Apart
from homeroute_collector.api_guard import refused
from homeroute_collector.archive import Archive
from homeroute_collector.archive_records import Query
from homeroute_collector.collector import Collector
from homeroute_collector.config import Publish

log = logging.getLogger(__name__)

EVERY_S = 600.0
"""A week more or less is not told apart by minutes; a first day's history is."""

PATH = "/api/1/publication"


class NotDue(Exception):
    """A week that cannot be published, and why."""


async def keep_published(collector: Collector, *, every_s: float = EVERY_S) -> None:
    """Publish what is due, again and again, until cancelled."""
    well = True
    while True:
        if collector.clock.trusted:
            try:
                await publish_due(
                    collector.archive,
                    collector.config.publish,
                    timezone=collector.timezone,
                    now_ms=collector.clock.now_ms(),
                    failing=collector.failing_weeks,
                )
            except Exception:
                # What buses send must be taken whether or not a week can be published.
                if well:
                    log.exception("publication: what is due cannot be read; trying again")
                well = False
            else:
                well = True
        await asyncio.sleep(every_s)


async def publish_due(
    archive: Archive,
    settings: Publish,
    *,
    timezone: str,
    now_ms: int,
    failing: dict[date, str],
) -> list[date]:
    """Publish every week that is due; returns the Mondays of those that could be.

    ``failing`` is kept to be the Mondays of those that could not, and why.
    """
    mondays = await due(
        archive.query, timezone=timezone, now_ms=now_ms, settle_days=settings.settle_days
    )
    for monday in failing.keys() - set(mondays):
        del failing[monday]  # expired, or published by somebody else
    done: list[date] = []
    for monday in mondays:
        try:
            week = await _publish(archive, settings, monday, timezone=timezone, now_ms=now_ms)
        except NotDue:
            continue  # a day of it was taken up again, or somebody else has published it
        except Exception as error:
            # One bad week must not keep later ones from being published.
            if monday not in failing:
                log.exception("publication: the week of %s cannot be published", monday)
            failing[monday] = f"{type(error).__name__}: {error}"
            continue
        failing.pop(monday, None)
        done.append(monday)
        log.info(
            "week of %s published: %d cells shown, %d hidden",
            monday,
            len(week.learning) + len(week.filter),
            len(week.hidden),
        )
    return done


async def _publish(
    archive: Archive,
    settings: Publish,
    monday: date,
    *,
    timezone: str,
    now_ms: int,
    dry_run: bool = False,
) -> Tables:
    """In a thread: what hides a year's routes is seconds of arithmetic.

    All of one state of the archive, in which the week is due; else raises :class:`NotDue`.
    """
    apart = Apart()
    replace = None if dry_run else apart(archive.replace_day)

    async def work(query: Query) -> Tables:
        if not dry_run and monday not in await due(
            query, timezone=timezone, now_ms=now_ms, settle_days=settings.settle_days
        ):
            raise NotDue(f"{iso_week(monday)} is not due any more")
        return await publish(
            query,
            replace,
            monday,
            timezone=timezone,
            now_ms=now_ms,
            rule=Rule(settings.min_clients),
        )

    async with archive.snapshot() as snapshot:
        query = apart(snapshot)
        return await apart.do(lambda: work(query))


async def weeks(
    archive: Archive,
    settings: Publish,
    *,
    timezone: str,
    now_ms: int,
    failing: Mapping[date, str],
) -> dict[str, Any]:
    """Every week with trips, newest first: published, due, or why not.

    A week that is due and ``failing`` says why, too.
    """
    known: dict[date, dict[str, Any]] = {
        one.monday: told(one) for one in await publication.published(archive.query)
    }
    waiting = await publication.waiting(
        archive.query, timezone=timezone, now_ms=now_ms, settle_days=settings.settle_days
    )
    for monday, why in waiting.items():
        state = "waits" if why else "fails" if monday in failing else "due"
        told_why = why or failing.get(monday)
        known[monday] = {"week": iso_week(monday), "state": state, "why": told_why}
    return {"weeks": [known[monday] for monday in sorted(known, reverse=True)]}


def told(one: Published) -> dict[str, Any]:
    """As the API and ``--json`` tell a published week."""
    day = datetime.fromtimestamp(one.published_ms / 1000, UTC).date()
    return {
        "week": iso_week(one.monday),
        "state": "published",
        "published": day.isoformat(),
        "min_clients": one.min_clients,
        "shown": one.shown,
        "small": one.small,
        "complement": one.complement,
    }


async def preview(
    archive: Archive, settings: Publish, monday: date, *, timezone: str, now_ms: int
) -> dict[str, Any]:
    """What would be published of a week that is not yet; keeps nothing. Raises NotDue."""
    if monday in {one.monday for one in await publication.published(archive.query)}:
        raise NotDue(f"{iso_week(monday)} was published, and is never computed again; see --list")
    waiting = await publication.waiting(
        archive.query, timezone=timezone, now_ms=now_ms, settle_days=settings.settle_days
    )
    if monday not in waiting:
        raise NotDue(f"{iso_week(monday)} has no trip that was rolled up")
    week = await _publish(archive, settings, monday, timezone=timezone, now_ms=now_ms, dry_run=True)
    why = waiting[monday]
    return {
        "week": iso_week(monday),
        "state": "waits" if why else "due",
        "why": why,
        "min_clients": settings.min_clients,
        "cells": cells(week),
    }


def cells(week: Tables) -> list[dict[str, Any]]:
    """Of each table and part of the day: cells shown, and hidden by why."""
    counted = Counter(("learning_week", row.period, "shown") for row in week.learning)
    counted += Counter(("filter_week", row.period, "shown") for row in week.filter)
    counted += Counter((key[0], key[1], why) for key, why in week.hidden.items())
    return [
        {"table": table, "period": period}
        | {how: counted[table, period, how] for how in ("shown", "small", "complement")}
        for table in publication.WEEKLY
        for period in sorted({key[1] for key in counted if key[0] == table})
    ]


async def answer(
    archive: Archive,
    settings: Publish,
    body: dict[str, Any],
    *,
    timezone: str,
    now_ms: int,
    failing: dict[date, str],
) -> dict[str, Any]:
    """List the weeks, try one (``week``, a Monday), or (``publish``) publish what is due."""
    if body.get("week"):
        monday = date.fromisoformat(str(body["week"]))
        return await preview(archive, settings, monday, timezone=timezone, now_ms=now_ms)
    done: list[date] = []
    if body.get("publish"):
        done = await publish_due(
            archive, settings, timezone=timezone, now_ms=now_ms, failing=failing
        )
    listed = await weeks(archive, settings, timezone=timezone, now_ms=now_ms, failing=failing)
    return listed | {"done": [iso_week(monday) for monday in done]}


def mount(app: web.Application, collector: Collector) -> None:
    """Let the collector be asked: POST ``{}``, ``{"week": MONDAY}`` or ``{"publish": true}``."""

    async def asked(request: web.Request) -> web.Response:
        try:
            body = json.loads(await request.text() or "{}")
            if not isinstance(body, dict):
                return refused(400, "want a JSON object")
            found = await answer(
                collector.archive,
                collector.config.publish,
                body,
                timezone=collector.timezone,
                now_ms=collector.clock.now_ms(),
                failing=collector.failing_weeks,
            )
        except NotDue as error:
            return refused(409, str(error))
        except ValueError as error:
            return refused(400, str(error))
        return web.json_response(found)

    app.router.add_post(PATH, asked)
