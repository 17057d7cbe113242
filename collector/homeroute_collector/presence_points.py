"""The collector's own points: ``device_status``, ``pipeline`` and ``broker``, every 30 s.

Guarantees: a status for every known device, silent ones included (a series
without points is not returned by any query); times increase whatever the clock
does; nothing is written while the clock is not trusted. They are committed and
followed like a device's.
"""

from __future__ import annotations

import asyncio
import logging

from homeroute_collector.alert_conditions import Facts
from homeroute_collector.alert_facts import Reading
from homeroute_collector.archive_records import Commit, of_records
from homeroute_collector.collector import Collector
from homeroute_collector.presence import Device, level
from homeroute_collector.validation import DAY_MS
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
    reading = Reading(collector, loop.time)
    while True:
        for change in collector.presence.tick():
            log.info("%s: %s, was %s", change.device, change.after, change.before)
        if loop.time() >= due and collector.clock.trusted:
            due = max(due + status_s, loop.time())
            time_ms = max(collector.clock.now_ms(), time_ms + 1)
            now = commits(collector, time_ms, await reading.now())
            await asyncio.gather(*map(collector.archive.commit, now))
        await asyncio.sleep(tick_s)


def commits(collector: Collector, time_ms: int, facts: Facts) -> list[Commit]:
    """What is to be written now. ``facts`` are the district's own state."""
    devices = [d for d in collector.presence.devices.values() if d.kind]
    own: list[Measurement] = [_pipeline(collector, time_ms, facts)]
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


def _pipeline(collector: Collector, now_ms: int, facts: Facts) -> Pipeline:
    counts = collector.ingest.counts
    follower = collector.follower
    schedule = collector.presence.schedule
    ends_ms = None if schedule is None else schedule.ends_ms
    first_ms = min((ending.ends_ms for ending in facts.certificates), default=None)
    return Pipeline(
        received=counts.received,
        stored=counts.stored,
        refused=counts.refused,
        follower_lag_s=follower.following().lag_s if follower else None,
        queue=collector.ingest.queued,
        broker_connected=facts.broker_problem is None,
        disk_free_ratio=facts.disk_free_ratio,
        calendar_days=None if ends_ms is None else (ends_ms - now_ms) / DAY_MS,
        certificate_days=None if first_ms is None else (first_ms - now_ms) / DAY_MS,
    )
