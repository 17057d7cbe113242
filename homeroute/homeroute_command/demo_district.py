"""A demonstration, assembled: broker, collector, pages, history, and a fleet that drives.

Guarantees: the parts are those of ``homeroute up``, and the agents those of a
bus; told to stop, the fleet drains, the collector commits, and only then are
points counted. Does not: parse arguments or print results.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import aiohttp

from homeroute_agent.clock import wall_clock_ms
from homeroute_agent.run import version
from homeroute_analytics import tables
from homeroute_analytics.imports import Document
from homeroute_collector.broker import Credentials, EmbeddedBroker, Endpoint
from homeroute_collector.collector import Collector
from homeroute_collector.config import CollectorConfig, parse
from homeroute_collector.service import Job, serve
from homeroute_command import changing, keep_published, rolling, routes_explain
from homeroute_command.demo_controls import Controls
from homeroute_command.demo_count import Count, count
from homeroute_command.demo_folder import DemoFolder
from homeroute_command.followed import AGGREGATES
from homeroute_command.up import mount_pages
from homeroute_simulators import history, live_timetable, world_timetable
from homeroute_simulators.agent_file import Cadence
from homeroute_simulators.district import District
from homeroute_simulators.filling import Filled, fill
from homeroute_simulators.fleet import Broker, Fleet
from homeroute_simulators.itinerary import endless, last_driven
from homeroute_simulators.names import definition
from homeroute_simulators.planted import Truth
from homeroute_simulators.school_calendar import EveryWeekday
from homeroute_simulators.world import World, found

Result = TypeVar("Result")

HISTORY_DAYS = 10
"""Two school weeks."""

ROLL_S = 20.0
"""How often today's legs and figures are done anew: somebody is looking."""

PAGE_TIMEOUT_S = 10.0
STATUS_S = 5.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user asked for. ``quiesce_s`` is what agents may take to drain."""

    port: int
    live_s: float | None
    quiesce_s: float


@dataclass(frozen=True, slots=True)
class Ready:
    """The first page has been served and the buses drive: ``day``'s drives, over and over.

    The first of them at ``now_ms``.
    """

    url: str
    first_page_s: float
    filled: Filled
    day: date
    now_ms: int
    fleet: Fleet
    collector: Collector


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a demonstration came to."""

    ready: Ready
    district: District
    live_s: float
    live_cpu_s: float
    quiesce_s: float
    count: Count


async def demonstrate(
    folder: DemoFolder,
    wish: Wish,
    *,
    began_s: float,
    stop: asyncio.Event,
    progress: Callable[[int, int], None],
    ready: Callable[[Ready], None],
) -> Outcome | None:
    """Run until ``stop``, or for ``wish.live_s``; None when stopped before anything drove.

    ``began_s`` is when the user began to wait, on the monotonic clock.
    """
    district = found(folder.seed)
    world = _world(district)
    controls = Controls()
    passwords = _enrol(folder, district)
    may_count = asyncio.Event()
    async with (
        _broker(folder, district, stop) as endpoint,
        _collector(
            _config(folder, district, wish.port, endpoint),
            controls,
            Truth(district),
            may_count,
            stop,
        ) as collecting,
    ):
        collector, url = collecting
        filled = await _unless(stop, _fill(folder, world, collector, progress))
        if filled is None:
            return None
        await _fetch(url)
        may_count.set()
        now_ms = wall_clock_ms()
        day = last_driven(world, now_ms)
        fleet = Fleet(
            district,
            endless(world, day, now_ms),
            state=folder.path / "devices",
            broker=Broker(endpoint.host, endpoint.port),
            passwords=passwords,
            cadence=Cadence(),
        )
        now = Ready(
            url, round(time.monotonic() - began_s, 2), filled, day, now_ms, fleet, collector
        )
        controls.fleet = fleet
        ready(now)
        return await _live(folder, district, wish, now, stop)


async def _schedule(folder: DemoFolder, now: Ready) -> None:
    """Import what the buses drive now as today's timetable, beside the pages that are served."""
    world, clock = _world(found(folder.seed)), now.collector.clock

    async def take(documents: Sequence[tuple[Document, date | None]], today: date) -> None:
        await now.collector.archive.transaction(
            lambda db, _: world_timetable.store_all(
                lambda sql, params: db.execute(sql, params).fetchall(),
                documents,
                timezone=world.district.timezone,
                today=today,
                now_ms=clock.now_ms(),
            )
        )

    place = folder.path / "timetable-live"
    await live_timetable.keep(world, now.day, now.now_ms, take, folder=place, now_ms=wall_clock_ms)


async def _live(
    folder: DemoFolder, district: District, wish: Wish, now: Ready, stop: asyncio.Event
) -> Outcome:
    archive = now.collector.archive
    began_s, began_cpu_s = time.monotonic(), time.process_time()
    scheduling = asyncio.create_task(_schedule(folder, now), name="live timetable")
    driving = asyncio.create_task(now.fleet.run(stop, quiesce_s=wish.quiesce_s), name="fleet")
    # Now, and not while somebody waits for us to end.
    past = asyncio.create_task(
        asyncio.to_thread(history.streams, _world(district), list(folder.days)), name="past streams"
    )
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(wish.live_s):
                await asyncio.wait(
                    {driving, asyncio.ensure_future(stop.wait())},
                    return_when=asyncio.FIRST_COMPLETED,
                )
        stop.set()
        live_s = time.monotonic() - began_s
        live_cpu_s = time.process_time() - began_cpu_s
        ledgers = await driving
        if scheduling.done():
            scheduling.result()
    finally:
        scheduling.cancel()
        driving.cancel()
        await asyncio.gather(scheduling, driving, return_exceptions=True)
    await now.collector.ingest.drain()
    counted = await count(archive, ledgers, folder.path / "devices", await past)
    quiesced_s = time.monotonic() - began_s - live_s
    return Outcome(
        now, district, round(live_s, 1), round(live_cpu_s, 1), round(quiesced_s, 1), counted
    )


def _enrol(folder: DemoFolder, district: District) -> dict[str, str]:
    credentials = Credentials(folder.path)
    buses = credentials.add_all((bus.device for bus in district.buses), replace=True)
    hotspots = (hotspot.device for hotspot in district.hotspots)
    return buses | credentials.add_all(hotspots, kind="hotspot", replace=True)


@asynccontextmanager
async def _broker(
    folder: DemoFolder, district: District, stop: asyncio.Event
) -> AsyncIterator[Endpoint]:
    broker = EmbeddedBroker(folder.path, district.name, port=0)
    endpoint = await broker.start()
    attending = asyncio.create_task(broker.run(), name="broker")
    attending.add_done_callback(lambda _: stop.set())
    try:
        yield endpoint
    finally:
        attending.cancel()
        await asyncio.gather(attending, return_exceptions=True)
        await broker.stop()


@asynccontextmanager
async def _collector(
    config: CollectorConfig,
    controls: Controls,
    truth: Truth,
    filled: asyncio.Event,
    stop: asyncio.Event,
) -> AsyncIterator[tuple[Collector, str]]:
    """Serve; a collector that ends by itself ends the demonstration, with its reason.

    Days are counted from when they are ``filled``, beside the pages.
    """

    async def count_days(collector: Collector) -> None:
        await filled.wait()
        await rolling.keep_rolling(collector, every_s=ROLL_S, past_s=rolling.EVERY_S)

    async def publishing(collector: Collector) -> None:
        await filled.wait()
        await keep_published.keep_published(collector, every_s=rolling.EVERY_S)

    def while_looked_at(job: Job) -> Job:
        """Not while the last points come in: they would wait for it."""

        async def run(collector: Collector) -> None:
            await _unless(stop, job(collector))

        return run

    pages = partial(mount_pages, planted=truth.along)
    started: asyncio.Future[tuple[Collector, str]] = asyncio.get_running_loop().create_future()
    enough = asyncio.Event()
    serving = asyncio.create_task(
        serve(
            config,
            started=lambda collector, url: started.set_result((collector, url)),
            stop=enough,
            mount=[
                pages,
                controls.mount,
                partial(changing.mount, kept=False),
                rolling.mount,
                keep_published.mount,
                routes_explain.mount,
            ],
            extra_ddl=tables.DDL,
            jobs={
                "rollups": while_looked_at(count_days),
                "publication": while_looked_at(publishing),
            },
            aggregates=AGGREGATES,
            status_s=STATUS_S,
        ),
        name="collector",
    )
    serving.add_done_callback(lambda _: stop.set())
    both: set[asyncio.Future[Any]] = {serving, started}
    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    try:
        if started.done():
            yield started.result()
    finally:
        enough.set()
        await serving


def _config(
    folder: DemoFolder, district: District, port: int, endpoint: Endpoint
) -> CollectorConfig:
    document = {
        "district": district.name,
        "data_dir": str(folder.path),
        "simulated": True,
        "timezone": district.timezone,
        "http": {"port": port},
        "broker": {
            "host": endpoint.host,
            "port": endpoint.port,
            "username": endpoint.username,
            "password_file": str(endpoint.password_file),
        },
    }
    # For commands that open the archive once nothing runs: `homeroute report --data`.
    told = ("district", "timezone")
    lines = [f'{name} = "{document[name]}"\n' for name in told]
    settings = ['data_dir = "."\n', "simulated = true\n", *lines]
    (folder.path / "collector.toml").write_text("".join(settings), encoding="utf-8")
    return parse(document, file="demonstration", folder=folder.path)


def _world(district: District) -> World:
    """The district on any weekday: a demonstration may be begun on a holiday, or in summer."""
    return World(district, EveryWeekday(date(2026, 8, 17)))


async def _fill(
    folder: DemoFolder,
    world: World,
    collector: Collector,
    progress: Callable[[int, int], None],
) -> Filled:
    today = datetime.now(ZoneInfo(world.district.timezone)).date()
    missing = [day for day in history.school_days(today, HISTORY_DAYS) if day not in folder.days]
    # Both ends stay what they are for a year, so that a demonstration begun again changes nothing.
    first = min(*folder.days, *missing, today)
    await collector.archive.transaction(
        lambda db, _: world_timetable.store(
            lambda sql, params: db.execute(sql, params).fetchall(),
            world,
            first,
            date(today.year + 1, 12, 31),
            folder=folder.path / "timetable",
            now_ms=collector.clock.now_ms(),
        )
    )
    filled = await fill(
        collector.archive,
        collector.ingest,
        world,
        missing,
        definition=await asyncio.to_thread(definition),
        version=version(),
        progress=progress,
    )
    folder.days = sorted({*folder.days, *missing})
    folder.remember()
    return filled


async def _fetch(url: str) -> None:
    """Fetch the first page, as the user's browser will."""
    timeout = aiohttp.ClientTimeout(total=PAGE_TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as answer:
        answer.raise_for_status()
        await answer.read()


async def _unless(stop: asyncio.Event, work: Awaitable[Result]) -> Result | None:
    """The work's result; None when told to stop before it was done."""
    working = asyncio.ensure_future(work)
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        for task in (working, stopping):
            task.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)
