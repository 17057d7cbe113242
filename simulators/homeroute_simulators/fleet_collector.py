"""The collector of a simulated fleet: the real broker, ingest and archive on simulated time.

Guarantees: the parts are those of ``homeroute up``; only the wall clock they are
given is the simulation's, and it can be set wrong. Does not: serve pages or feed
an InfluxDB; ``homeroute up --data`` shows the archive afterwards. It begins in a new or
empty folder only, marks it as simulated, and leaves any other as it is.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from homeroute_analytics import tables
from homeroute_collector.archive import FILE_NAME, Archive
from homeroute_collector.broker import Credentials, EmbeddedBroker
from homeroute_collector.config import Broker
from homeroute_collector.ingest import Ingest
from homeroute_collector.mqtt import Mqtt
from homeroute_collector.own_clock import BUILT_MS, OwnClock
from homeroute_collector.validation import DAY_MS
from homeroute_simulators.sim_clock import SimClock
from homeroute_simulators.simulated_folder import check_vacant, mark

RETENTION_DAYS = 400
CLOCK_POLL_S = 0.2


@dataclass(slots=True)
class Wall:
    """The collector's own clock; ``wrong_ms`` is how far it is off."""

    clock: SimClock
    wrong_ms: int = 0

    def now_ms(self) -> int:
        """What it shows."""
        return self.clock.now_ms() + self.wrong_ms


@dataclass(frozen=True, slots=True)
class Collecting:
    """A collector at work."""

    archive: Archive
    ingest: Ingest
    broker: Broker
    passwords: dict[str, str]
    wall: Wall


@asynccontextmanager
async def collecting(
    folder: Path,
    district: str,
    clock: SimClock,
    devices: Iterable[tuple[str, str]],
    *,
    prefer: Literal["mosquitto", "nats"] | None = None,
    timezone: str = "UTC",
) -> AsyncIterator[Collecting]:
    """Serve these devices (name, kind) until the context ends; then everything is committed.

    The archive is in ``folder``, which is new or empty; ``prefer`` chooses the broker's
    program; ``timezone`` is the district's. Raises FolderError before anything is written,
    and what the broker and the archive raise.
    """
    check_vacant(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    mark(folder, district=district, timezone=timezone)
    credentials, passwords = Credentials(folder), dict[str, str]()
    wanted = sorted(devices)
    for kind in sorted({kind for _, kind in wanted}):
        names = [name for name, its in wanted if its == kind]
        passwords |= credentials.add_all(names, kind=kind, replace=True)
    wall = Wall(clock)
    async with contextlib.AsyncExitStack() as stack:
        embedded = EmbeddedBroker(folder, district, port=0, prefer=prefer)
        endpoint = await embedded.start()
        stack.push_async_callback(embedded.stop)
        archive = await asyncio.to_thread(
            Archive.open,
            folder / FILE_NAME,
            district=district,
            extra_ddl=tables.DDL,
            now_ms=wall.now_ms,
        )
        stack.push_async_callback(asyncio.to_thread, archive.close)
        own = OwnClock(
            wall=lambda: wall.now_ms() / 1000,
            # A simulated past may lie before this release.
            built_ms=min(BUILT_MS, clock.start_ms - DAY_MS),
        )
        ingest = Ingest(
            archive,
            own,
            district=district,
            retention_days=RETENTION_DAYS,
            clock_poll_s=CLOCK_POLL_S,
        )
        broker = Broker(
            host=endpoint.host,
            port=endpoint.port,
            username=endpoint.username,
            password_file=endpoint.password_file,
        )
        mqtt = Mqtt(broker, district, ingest, own, on_status=lambda *_: None)
        tasks = [
            asyncio.create_task(embedded.run(), name="broker"),
            asyncio.create_task(ingest.run(), name="ingest"),
            asyncio.create_task(mqtt.run(), name="mqtt"),
        ]
        try:
            yield Collecting(archive, ingest, broker, passwords, wall)
            async with asyncio.timeout(60.0):
                await ingest.drain()
        finally:
            while any(not task.done() for task in tasks):
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks, timeout=1.0)
