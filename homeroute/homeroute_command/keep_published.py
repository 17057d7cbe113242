"""Publishes each week once it has settled, beside the collector that keeps its data."""

from __future__ import annotations

import asyncio
import logging
from datetime import date

from homeroute_analytics.publication import due, publish
from homeroute_analytics.suppression import Rule
from homeroute_collector.archive import Archive
from homeroute_collector.collector import Collector
from homeroute_collector.config import Publish

log = logging.getLogger(__name__)

EVERY_S = 3_600.0
"""A week more or less is not told apart by the hour."""


async def keep_published(collector: Collector, *, every_s: float = EVERY_S) -> None:
    """Publish what is due, again and again, until cancelled."""
    while True:
        if collector.clock.trusted:
            await publish_due(
                collector.archive,
                collector.config.publish,
                timezone=collector.timezone,
                now_ms=collector.clock.now_ms(),
            )
        await asyncio.sleep(every_s)


async def publish_due(
    archive: Archive, settings: Publish, *, timezone: str, now_ms: int
) -> list[date]:
    """Publish every week that is due; returns their Mondays."""
    mondays = await due(
        archive.query, timezone=timezone, now_ms=now_ms, settle_days=settings.settle_days
    )
    for monday in mondays:
        week = await publish(
            archive.query,
            archive.replace_day,
            monday,
            timezone=timezone,
            now_ms=now_ms,
            rule=Rule(settings.min_clients),
        )
        log.info(
            "week of %s published: %d cells shown, %d hidden",
            monday,
            len(week.learning) + len(week.filter),
            len(week.hidden),
        )
    return mondays
