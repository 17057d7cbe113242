"""The collector's own points: ``device_status``, ``pipeline`` and ``broker``, every 30 s.

Guarantees: a status for every known device, silent ones included (a series
without points is not returned by any query); times increase whatever the clock
does; nothing is written while the clock is not trusted. They are committed and
followed like a device's.
"""

from __future__ import annotations

import asyncio
import logging

from homeroute_collector.archive_records import Commit, of_records
from homeroute_collector.collector import Collector
from homeroute_collector.presence import Device, level
from homeroute_wire.measurements import DeviceStatus, Pipeline
from homeroute_wire.schema import Measurement

log = logging.getLogger(__name__)

STATUS_S = 30.0
TICK_S = 1.0

PIPELINE_DEVICE, PIPELINE_KIND = "collector", "collector"
"""The collector's tags on its own ledger: it is no bus and no hotspot."""


async def watch(
    collector: Collector, *, status_s: float = STATUS_S, tick_s: float = TICK_S
) -> None:
    """Keep states current and write them down, until cancelled."""
    loop = asyncio.get_running_loop()
    due, time_ms = loop.time(), 0
    while True:
        for change in collector.presence.tick():
            log.info("%s: %s, was %s", change.device, change.after, change.before)
        if loop.time() >= due and collector.clock.trusted:
            due = max(due + status_s, loop.time())
            time_ms = max(collector.clock.now_ms(), time_ms + 1)
            await asyncio.gather(*map(collector.archive.commit, commits(collector, time_ms)))
        await asyncio.sleep(tick_s)


def commits(collector: Collector, time_ms: int) -> list[Commit]:
    """What is to be written now."""
    devices = [d for d in collector.presence.devices.values() if d.kind]
    own: list[Measurement] = [_pipeline(collector)]
    broker = collector.mqtt.broker_figures.record(now_ms=time_ms)
    if broker is not None:
        own.append(broker)
    ledger = of_records(PIPELINE_DEVICE, PIPELINE_KIND, time_ms, own, received_ms=time_ms)
    return [
        *(
            of_records(d.device, d.kind, time_ms, [_status(d, time_ms)], received_ms=time_ms)
            for d in devices
        ),
        ledger,
    ]


def _status(device: Device, now_ms: int) -> DeviceStatus:
    return DeviceStatus(state=device.state, age_s=device.age_s(now_ms), level=level(device.state))


def _pipeline(collector: Collector) -> Pipeline:
    counts = collector.ingest.counts
    follower = collector.follower
    return Pipeline(
        received=counts.received,
        stored=counts.stored,
        refused=counts.refused,
        follower_lag_s=follower.following().lag_s if follower else None,
        queue=collector.ingest.queued,
    )
