"""The alerts' work beside the collector: a look every few seconds, and the sending.

Guarantees: a receiver that is slow or silent holds up neither the looking nor the
other receiver.
"""

from __future__ import annotations

import asyncio
import time
from zoneinfo import ZoneInfo

from homeroute_collector.alert_conditions import conditions
from homeroute_collector.alert_delivery import Channel
from homeroute_collector.alert_facts import Reading
from homeroute_collector.collector import Collector

LOOK_S = 5.0
DELIVER_S = 1.0


async def watch(collector: Collector, *, look_s: float = LOOK_S) -> None:
    """Look and deliver until cancelled."""
    async with asyncio.TaskGroup() as group:
        group.create_task(_look(collector, look_s), name="alerts-look")
        for channel in collector.alerts.channels:
            group.create_task(_deliver(collector, channel), name=f"alerts-{channel.name}")


async def _look(collector: Collector, look_s: float) -> None:
    reading = Reading(collector, time.monotonic)
    zone = ZoneInfo(collector.timezone)
    while True:
        if collector.clock.trusted:
            found = conditions(
                collector.alerts.rules,
                list(collector.presence.devices.values()),
                await reading.now(),
                collector.presence.schedule,
                collector.clock.now_ms(),
                zone,
            )
            await collector.alerts.look(found)
        await asyncio.sleep(look_s)


async def _deliver(collector: Collector, channel: Channel) -> None:
    while True:
        await collector.alerts.deliver(channel)
        await asyncio.sleep(DELIVER_S)
