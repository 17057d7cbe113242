"""A simulated district's history in a real InfluxDB, by the real way.

It is attributed to trips, rolled up, published and followed; and its last minutes are told as
a live collector would tell them.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from zoneinfo import ZoneInfo

from homeroute_analytics import tables
from homeroute_analytics.attribution.days import attribute_day
from homeroute_analytics.publication import due, publish
from homeroute_analytics.road_hours import around
from homeroute_analytics.rollups import rollup_day
from homeroute_analytics.suppression import Rule
from homeroute_collector.alert_conditions import Ending, Facts
from homeroute_collector.archive import Archive
from homeroute_collector.archive_records import of_records
from homeroute_collector.broker_figures import TOPICS, BrokerFigures
from homeroute_collector.collector import Collector
from homeroute_collector.influx import Follower
from homeroute_collector.influx_aggregates import AggregateSource, Logged
from homeroute_collector.influx_archive import ArchiveSource
from homeroute_collector.influx_targets import Influx1
from homeroute_collector.ingest import Ingest
from homeroute_collector.own_clock import OwnClock
from homeroute_collector.presence import Presence
from homeroute_collector.presence_archive import restored
from homeroute_collector.presence_points import commits
from homeroute_collector.presence_report import digest
from homeroute_command.followed import AGGREGATES
from homeroute_command.keep_schedule import schedule
from homeroute_simulators.filling_state import taught_days
from homeroute_simulators.world import World
from homeroute_wire.measurements import FilterCheck, Health, Uplink
from tests.simulators.filled import run

RETENTION_DAYS = 36_500
"""What is simulated is dated 2026, whenever this runs."""

STATUS_S, STATUSES = 30, 12

UNTOLD = (
    Health(uptime_s=600, temperature_c=61.0, undervoltage=True, throttled=False,
           clock_offset_ms=12),
    FilterCheck(filter="dnsmasq", canary_blocked=True, filter_live=True),
    Uplink(interface="wwan1", technology="lte", carrier="unknown", state=2, rtt_ms=50.0,
           loss_ratio=0.0, rsrp_dbm=-87.0, rsrq_db=-9.0, sinr_db=12.0),
)  # fmt: skip
"""What a simulated history has no samplers for, said every 30 s by every bus but one."""


FACTS = Facts(disk_free_ratio=0.5, certificates=(Ending("ca.pem", 4_000_000_000_000),))


@dataclass(frozen=True, slots=True)
class History:
    """What was filled: where, how much, and when its last point was."""

    folder: Path
    timezone: str
    days: tuple[date, ...]
    newest_ms: int
    points: int
    seconds: float


def followed(
    folder: Path, url: str, where: World, before: date, days: int, *, min_clients: int
) -> History:
    """Fill ``days`` school days before that date, and let the InfluxDB at ``url`` follow them."""
    began = time.monotonic()
    driven = taught_days(where, before, days)
    run(folder, where, driven)
    history = asyncio.run(_follow(folder, url, where, driven, min_clients))
    newest_ms, points = history
    seconds = time.monotonic() - began
    return History(folder, where.district.timezone, tuple(driven), newest_ms, points, seconds)


async def _follow(
    folder: Path, url: str, where: World, days: list[date], min_clients: int
) -> tuple[int, int]:
    archive = opened(folder, where.district.name)
    zone = where.district.timezone
    try:
        ((newest_ms,),) = await archive.query("SELECT max(time_ms) FROM uplink", [])
        later_ms = newest_ms + 40 * 86_400_000

        for day in days:
            await attribute_day(archive.query, archive.transaction, day, zone)
            await rollup_day(archive.query, archive.replace_day, day, timezone=zone,
                             now_ms=later_ms)  # fmt: skip
        for monday in await due(archive.query, timezone=zone, now_ms=later_ms, settle_days=7):
            await publish(archive.query, archive.replace_day, monday, timezone=zone,
                          now_ms=later_ms, rule=Rule(min_clients))  # fmt: skip
        await _believed(archive, where, newest_ms)
        await _written(archive, url, zone)
        ((points,),) = await archive.query("SELECT sum(points) FROM commits", [])
        return newest_ms, int(points)
    finally:
        await asyncio.to_thread(archive.close)


def opened(folder: Path, district: str) -> Archive:
    """The archive of that history."""
    return Archive.open(folder / "archive.duckdb", district=district, extra_ddl=tables.DDL)


async def _believed(archive: Archive, where: World, newest_ms: int) -> None:
    """The last minutes, live: what a history does not tell, and what the collector believed."""
    now_ms = newest_ms - STATUS_S * 1000 * STATUSES
    presence = Presence(lambda: now_ms)
    presence.restore(await restored(archive.query))
    zone = ZoneInfo(where.district.timezone)
    today = datetime.fromtimestamp(newest_ms / 1000, zone).date()
    presence.schedule = schedule(await around(archive.query, today, zone.key), zone)
    ingest = Ingest(archive, OwnClock(), district=where.district.name, retention_days=3_660)
    broker = BrokerFigures()
    # All of a collector that its own points are made of.
    collector = cast(
        Collector,
        SimpleNamespace(
            presence=presence,
            ingest=ingest,
            follower=SimpleNamespace(following=lambda: SimpleNamespace(lag_s=1.5)),
            mqtt=SimpleNamespace(broker_figures=broker),
        ),
    )
    devices = [d.device for d in presence.devices.values() if d.kind == "bus"]
    for _ in range(STATUSES):
        now_ms += STATUS_S * 1000
        for device in devices[:-1]:
            told = of_records(device, "bus", now_ms, UNTOLD, received_ms=now_ms)
            await archive.commit(told)
            presence.reported(device, digest("bus", now_ms, told.columns))
        presence.tick()
        for name in TOPICS:
            broker.heard(name, str(now_ms // 1000).encode(), now_ms=now_ms)
        ingest.counts.received += 1_000
        ingest.counts.stored += 1_000
        await asyncio.gather(*map(archive.commit, commits(collector, now_ms, FACTS)))


async def _written(archive: Archive, url: str, zone: str) -> None:
    telemetry = Influx1(url, "telemetry", create_days=RETENTION_DAYS)
    reporting = Influx1(url, "reporting", create_days=RETENTION_DAYS)

    def aggregates(database: str, logged: tuple[Logged, ...]) -> AggregateSource:
        return AggregateSource(archive, database, logged, timezone=zone)

    try:
        for source, target in (
            (ArchiveSource(archive), telemetry),
            (aggregates("telemetry", AGGREGATES.staff), telemetry),
            (aggregates("reporting", AGGREGATES.published), reporting),
        ):
            idle = asyncio.Event()

            async def sleep(_: float, idle: asyncio.Event = idle) -> None:
                idle.set()
                await asyncio.sleep(0.01)

            follower = Follower(source, target, now_ms=lambda: 0, sleep=sleep)
            task = asyncio.create_task(follower.run())
            await asyncio.wait_for(idle.wait(), 600)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            found = follower.following()
            assert found.problem is None and found.rejected == 0, found
    finally:
        await telemetry.close()
        await reporting.close()
