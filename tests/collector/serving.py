"""A whole collector in the test's own process, and a device that speaks to its broker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from homeroute_collector.api import Mount
from homeroute_collector.collector import Collector
from homeroute_collector.config import CollectorConfig, parse
from homeroute_collector.service import serve
from homeroute_wire.batch import Header, encode_body, frame
from homeroute_wire.measurements import Agent
from homeroute_wire.schema import Measurement, Point
from tests.collector.batches import DISTRICT, STREAM, uplink, wifi

__all__ = ["batch", "config", "now", "serving", "until", "uplink", "wifi"]


def now() -> int:
    """The real clock: the collector trusts nothing else."""
    return time.time_ns() // 1_000_000


def config(folder: Path, broker_port: int | None, **sections: Any) -> CollectorConfig:
    """A collector on a free port, for a broker on loopback; None: an embedded one."""
    document: dict[str, Any] = {
        "district": DISTRICT,
        "data_dir": str(folder),
        "http": {"port": 0},
        "timezone": "America/Chicago",
    }
    if broker_port is not None:
        document["broker"] = {"host": "127.0.0.1", "port": broker_port}
    return parse(document | sections, file="collector.toml", folder=folder)


def batch(seq: int, *records: Measurement, time_ms: int | None = None) -> bytes:
    """A batch of records a millisecond apart, now or at ``time_ms``."""
    base = time_ms or now()
    points = [Point(base + i, record) for i, record in enumerate(records)]
    return frame(Header(STREAM, seq, now(), len(points)), encode_body("bus", points))


def ledger(**changes: int) -> Agent:
    """What an agent says of itself."""
    values = {
        "sampled": 100,
        "stored": 80,
        "refused": 1,
        "dropped": 2,
        "spooled": 17,
        "spool_bytes": 900,
        "sampler_errors": 0,
        "config_version": 0,
    }
    return Agent(version="1.2.3", **(values | changes))


async def until(ready: Callable[[], object], *, timeout_s: float = 15) -> None:
    """Wait for something to become true."""
    async with asyncio.timeout(timeout_s):
        while not ready():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def serving(
    settings: CollectorConfig,
    *,
    mount: Sequence[Mount] = (),
    extra_ddl: Sequence[str] = (),
    connected: bool = True,
) -> AsyncIterator[tuple[Collector, aiohttp.ClientSession]]:
    """A running collector, connected to its broker, and an HTTP session to it."""
    stop = asyncio.Event()
    up: asyncio.Future[tuple[Collector, str]] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(
        serve(
            settings,
            started=lambda collector, url: up.set_result((collector, url)),
            stop=stop,
            mount=mount,
            extra_ddl=extra_ddl,
            broker_port=0,
            status_s=0.2,
        )
    )
    task.add_done_callback(lambda _: up.done() or up.cancel())
    try:
        await up
    except asyncio.CancelledError:
        await task
        raise
    collector, url = up.result()
    try:
        if connected:
            await until(lambda: collector.mqtt.connected)
        async with aiohttp.ClientSession(url) as session:
            yield collector, session
    finally:
        stop.set()
        await task


async def get(session: aiohttp.ClientSession, path: str, **headers: str) -> tuple[int, Any]:
    """Status and JSON of a GET."""
    async with session.get(path, headers=headers) as response:
        return response.status, await response.json()


async def offer(collector: Collector, payload: bytes, device: str = "bus-07") -> None:
    """Hand a batch to the ingest, and wait until it is committed."""
    assert collector.ingest.offer(DISTRICT, device, payload)
    await collector.ingest.drain()
