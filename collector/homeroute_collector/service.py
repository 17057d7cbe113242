"""The collector, assembled: one TaskGroup in which everything runs or nothing does.

Guarantees: what prevents a start is said before anything serves; a stop commits
what was handed to the archive, and what was not acknowledged the buses keep; a
part that fails unforeseen ends the whole, loudly, for a supervisor to start it
again. Does not: read arguments or files of its own.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import socket
import ssl
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from homeroute_collector import alert_watch, presence_points
from homeroute_collector.alert_messages import Place
from homeroute_collector.alerts import Alerts
from homeroute_collector.api import Mount, application
from homeroute_collector.archive import FILE_NAME, Archive
from homeroute_collector.archive_expiry import expire
from homeroute_collector.archive_records import Commit, Committed
from homeroute_collector.archive_writer import Limits
from homeroute_collector.broker import EmbeddedBroker, Listen
from homeroute_collector.broker.ports import cannot_listen
from homeroute_collector.collector import Collector
from homeroute_collector.config import Broker, CollectorConfig
from homeroute_collector.influx import Follower
from homeroute_collector.influx_aggregates import (
    AggregateFollower,
    Aggregates,
    AggregateSource,
    Logged,
)
from homeroute_collector.influx_archive import ArchiveSource
from homeroute_collector.influx_targets import Influx1, Influx2, Target
from homeroute_collector.ingest import Ingest
from homeroute_collector.mqtt import Mqtt
from homeroute_collector.own_clock import OwnClock
from homeroute_collector.presence import Presence
from homeroute_collector.presence_archive import restored
from homeroute_collector.presence_report import digest
from homeroute_collector.tail import Tail
from homeroute_collector.timezones import system_timezone
from homeroute_collector.validation import DAY_MS

log = logging.getLogger(__name__)

SHUTDOWN_S = 2.0
"""What open requests are given to end."""

CANCEL_AGAIN_S = 1.0

EXPIRY_DELAY_S, EXPIRY_S = 3_600.0, 86_400.0
"""When the archive's retention is first applied, and how often."""

REPORTING_DAYS = 1_826
"""Retention of a `reporting` database that we create: five years (DESIGN section 4)."""

NO_AGGREGATES = Aggregates()

Job = Callable[[Collector], Coroutine[Any, Any, None]]
"""Work beside the collector's own that runs until cancelled, such as the rollups."""

Seal = Callable[[Collector, int], Coroutine[Any, Any, int]]
"""Asked before raw points from before a moment (ms) expire: up to when they may."""

Started = Callable[[Collector, str], None]
"""Called once everything serves, with the collector and the pages' URL."""


class CannotStart(Exception):
    """Something the user can mend prevents the start: operation, object, hint. Exit 2."""


async def serve(
    config: CollectorConfig,
    *,
    started: Started,
    stop: asyncio.Event,
    mount: Sequence[Mount] = (),
    extra_ddl: Sequence[str] = (),
    aggregates: Aggregates = NO_AGGREGATES,
    jobs: Mapping[str, Job] | None = None,
    seal: Seal | None = None,
    listen: Listen | None = None,
    broker_port: int = 1883,
    status_s: float = presence_points.STATUS_S,
) -> None:
    """Run until ``stop`` is set.

    Without ``config.broker`` an embedded broker runs on ``broker_port`` of the
    loopback, and on TLS where ``listen`` says. ``extra_ddl`` are other components'
    tables, ``aggregates`` those of them that InfluxDB follows, ``mount``
    their pages, ``jobs`` their work by task name: a job that fails
    ends the whole. ``seal`` is asked before raw points expire. Raises
    :class:`CannotStart`, ArchiveError or BrokerError.
    """
    async with AsyncExitStack() as stack:
        door = stack.enter_context(_bind(config.http.host, config.http.port))
        archive = await asyncio.to_thread(_open, config, extra_ddl)
        stack.push_async_callback(asyncio.to_thread, archive.close)
        embedded, broker = await _broker(config, stack, listen, broker_port)
        collector = await _assemble(config, archive, broker, aggregates, stack)
        runner = web.AppRunner(
            application(collector, mount), access_log=None, shutdown_timeout=SHUTDOWN_S
        )
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.SockSite(runner, door).start()
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(collector.ingest.run(), name="ingest"),
                group.create_task(collector.mqtt.run(), name="mqtt"),
                group.create_task(
                    presence_points.watch(collector, status_s=status_s), name="presence"
                ),
            ]
            tasks.append(group.create_task(_expire(collector, seal), name="expiry"))
            tasks.append(group.create_task(alert_watch.watch(collector), name="alerts"))
            for name, job in (jobs or {}).items():
                tasks.append(group.create_task(job(collector), name=name))
            if collector.follower is not None:
                tasks.append(group.create_task(collector.follower.run(), name="influx"))
            for database, fed in collector.aggregate_followers.items():
                tasks.append(group.create_task(fed.follower.run(), name=f"influx {database}"))
            if embedded is not None:
                tasks.append(group.create_task(embedded.run(), name="broker"))
            started(collector, _url(door))
            await stop.wait()
            await _end(tasks)


async def _end(tasks: Collection[asyncio.Task[None]]) -> None:
    """Cancel until they have ended: Python 3.11's wait_for can swallow a cancellation."""
    while any(not task.done() for task in tasks):
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=CANCEL_AGAIN_S)


async def _expire(collector: Collector, seal: Seal | None) -> None:
    """Forget what is past its retention; not at once, for a clock may be set after boot."""
    await asyncio.sleep(EXPIRY_DELAY_S)
    while True:
        if collector.clock.trusted:
            before_ms = collector.clock.now_ms() - collector.config.retention_days * DAY_MS
            # What is computed from raw points is computed before they go.
            until_ms = before_ms if seal is None else await seal(collector, before_ms)
            gone = await expire(collector.archive, before_ms=before_ms, points_before_ms=until_ms)
            if gone.points or gone.kept:
                log.info("%d points are past their retention and gone", gone.points)
        await asyncio.sleep(EXPIRY_S)


def _open(config: CollectorConfig, extra_ddl: Sequence[str]) -> Archive:
    return Archive.open(
        config.data_dir / FILE_NAME,
        district=config.district,
        memory_limit=config.archive.memory_limit,
        threads=config.archive.threads,
        extra_ddl=extra_ddl,
        limits=Limits(kept_bytes=config.refused.bound_bytes_per_device),
    )


async def _broker(
    config: CollectorConfig, stack: AsyncExitStack, listen: Listen | None, port: int
) -> tuple[EmbeddedBroker | None, Broker]:
    if config.broker is not None:
        _require_usable(config.broker)
        return None, config.broker
    embedded = EmbeddedBroker(config.data_dir, config.district, port=port, listen=listen)
    endpoint = await embedded.start()
    stack.push_async_callback(embedded.stop)
    settings = dataclasses.asdict(endpoint)
    return embedded, Broker.model_validate({k: v for k, v in settings.items() if v is not None})


async def _assemble(
    config: CollectorConfig,
    archive: Archive,
    broker: Broker,
    aggregates: Aggregates,
    stack: AsyncExitStack,
) -> Collector:
    clock = OwnClock(config.clock)
    presence = Presence(
        clock.now_ms, hotspot_silent_ms=int(config.presence.hotspot_silent_h * 3_600_000)
    )
    presence.restore(await restored(archive.query))
    _require_readable(config)
    place = Place(
        config.district,
        ZoneInfo(config.timezone or system_timezone()),
        config.alerts.pages or "",
        zone_assumed=config.timezone is None,
    )
    alerts = Alerts(config.alerts, place, folder=config.data_dir, now_ms=clock.now_ms)
    tail = Tail()
    ingest = Ingest(archive, clock, district=config.district, retention_days=config.retention_days)

    def committed(commit: Commit, outcome: Committed) -> None:
        if outcome.outcome == "stored" and commit.header is not None:
            presence.reported(
                commit.device, digest(commit.kind, commit.received_ms, commit.columns)
            )
            tail.committed(commit)

    ingest.listeners.append(committed)
    telemetry, reporting = _targets(config)
    for target in (telemetry, reporting):
        if target is not None:
            stack.push_async_callback(target.close)

    def fed(target: Target, database: str, logged: Sequence[Logged]) -> AggregateFollower:
        zone = config.timezone or system_timezone()
        source = AggregateSource(archive, database, logged, timezone=zone)
        return AggregateFollower(Follower(source, target, now_ms=clock.now_ms), source)

    return Collector(
        config=config,
        clock=clock,
        archive=archive,
        ingest=ingest,
        mqtt=Mqtt(
            broker,
            config.district,
            ingest,
            clock,
            on_status=lambda device, status, retained: presence.heard(
                device, status, retained=retained
            ),
            on_connection=lambda connected: presence.listening(connected=connected),
        ),
        presence=presence,
        alerts=alerts,
        tail=tail,
        follower=(
            Follower(ArchiveSource(archive), telemetry, now_ms=clock.now_ms) if telemetry else None
        ),
        started_ms=clock.now_ms(),
        aggregate_followers={
            database: fed(target, database, logged)
            for target, database, logged in (
                (telemetry, "telemetry", aggregates.staff),
                (reporting, "reporting", aggregates.published),
            )
            if target is not None and logged
        },
    )


def _require_usable(broker: Broker) -> None:
    """Say now what no reconnecting would mend."""
    _secret("broker.password_file", broker.password_file)
    if broker.ca_file is not None:
        _secret("broker.ca_file", broker.ca_file)
        try:
            ssl.create_default_context(cafile=str(broker.ca_file))
        except OSError:
            raise CannotStart(
                f"broker.ca_file: {broker.ca_file.absolute()} holds no certificate (want PEM)"
            ) from None


def _require_readable(config: CollectorConfig) -> None:
    """An alert's secret that cannot be read is said now, not on the day it is needed."""
    webhook, mail = config.alerts.webhook, config.alerts.mail
    if webhook is not None:
        _secret("alerts.webhook.url_file", webhook.url_file)
        _secret("alerts.webhook.secret_file", webhook.secret_file)
    if mail is not None:
        _secret("alerts.mail.password_file", mail.password_file)
        _secret("alerts.mail.ca_file", mail.ca_file)


def _targets(config: CollectorConfig) -> tuple[Target | None, Target | None]:
    """Where staff read, and where evaluators read."""
    influx = config.influx
    if influx is None:
        return None, None
    days = ((influx.database, config.retention_days), (influx.reporting, REPORTING_DAYS))
    if influx.version == 2:
        token = _secret("influx.token_file", influx.token_file)
        telemetry, reporting = (
            Influx2(influx.url, bucket, org=influx.org, token=token, create_days=kept)
            for bucket, kept in days
        )
        return telemetry, reporting
    password = _secret("influx.password_file", influx.password_file)
    first, second = (
        Influx1(
            influx.url,
            database,
            username=influx.username or "",
            password=password,
            create_days=kept,
        )
        for database, kept in days
    )
    return first, second


def _secret(key: str, path: Path | None) -> str:
    try:
        return path.read_text(encoding="utf-8").strip() if path else ""
    except (OSError, UnicodeDecodeError) as error:
        assert path is not None
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise CannotStart(f"{key}: {path.absolute()} cannot be read: {reason}") from None


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        door = socket.socket(family, kind)
        try:
            door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            door.bind(address)
            door.listen(128)
        except OSError:
            door.close()
            raise
    except OSError as error:
        raise CannotStart(
            f"open http://{host}:{port}: {cannot_listen(error, port, 'http.host')}"
        ) from None
    return door


def _url(door: socket.socket) -> str:
    host, port = door.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        host = "localhost"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
