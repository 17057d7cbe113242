"""Carries the timetable to the collector's presence, and keeps it current.

The one place where analytics' hours and the collector's schedule meet: neither
knows the other. Guarantees: a timetable that cannot be read is said in the log, and the
one that was read last stays; nothing else stops.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from homeroute_analytics.legs import instant_ms
from homeroute_analytics.road_hours import RoadHours, around
from homeroute_collector.collector import Collector
from homeroute_collector.schedule import Run, Schedule, joined

log = logging.getLogger(__name__)

EVERY_S = 60.0
"""An import shows within a minute."""


async def keep_schedule(collector: Collector, *, every_s: float = EVERY_S) -> None:
    """Tell the collector's presence the hours around today, again and again, until cancelled."""
    zone = ZoneInfo(collector.timezone)
    well = True
    while True:
        if collector.clock.trusted:
            today = datetime.fromtimestamp(collector.clock.now_ms() / 1000, zone).date()
            try:
                hours = await around(collector.archive.query, today, collector.timezone)
            except Exception:
                if well:
                    log.exception("schedule: the timetable cannot be read; trying again")
                well = False
            else:
                collector.presence.schedule = schedule(hours, zone)
                well = True
        await asyncio.sleep(every_s)


def schedule(hours: RoadHours, zone: ZoneInfo) -> Schedule:
    """The hours as the collector knows them. ``zone`` says when the last day ends."""
    runs: dict[str, list[Run]] = defaultdict(list)
    for drive in hours.drives:
        if drive.device is not None:
            runs[drive.device].append(Run(drive.start_ms, drive.end_ms))
    last_day = hours.last_day
    return Schedule(
        calendar="current" if hours.current else "ended" if hours.begun else "none",
        runs={device: joined(runs[device]) for device in sorted({*hours.known, *runs})},
        district=joined(Run(drive.start_ms, drive.end_ms) for drive in hours.drives),
        ends_ms=None if last_day is None else instant_ms(last_day + timedelta(1), 0, zone),
        retired=hours.retired,
        installed=hours.installed,
    )
