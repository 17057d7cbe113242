"""Where the bus is, and what time it is, from gpsd.

Guarantees: connects again for as long as it takes; the newest fix is emitted
once a sample, and only while it is fresh: a bus in a tunnel has no position. A
plausible time is offered to the clock. Does not: run on a hotspot, which has no
position to tell.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from homeroute_agent.clock import every
from homeroute_agent.sample import Context, NoData, Sampler
from homeroute_agent.samplers.gpsd_text import Fix, parse_report, plausible
from homeroute_agent.samplers.uplink import split_target

if TYPE_CHECKING:
    from homeroute_agent.config import Config

NAME = "gpsd"
WATCH = b'?WATCH={"enable":true,"json":true}\n'
RETRY_S = 5.0
CONNECT_TIMEOUT_S = 5.0
SILENCE_S = 60.0
"""gpsd reports every second while it has a receiver; silent so long, ask again."""


def wanted(config: Config) -> bool:
    """Buses only: a hotspot's position would be a household's."""
    return config.kind == "bus" and config.gpsd is not None


async def run(ctx: Context) -> None:
    """Emit ``position`` at every sample that has a fresh fix."""
    watch = _Watch(ctx)
    async with asyncio.TaskGroup() as group:
        group.create_task(watch.listen(), name="gpsd listen")
        group.create_task(watch.report(), name="gpsd report")


class _Watch:
    def __init__(self, ctx: Context) -> None:
        assert ctx.config.gpsd is not None
        self._ctx = ctx
        self._host, self._port = split_target(ctx.config.gpsd.address, 2947)
        self._fix: Fix | None = None
        self._heard_ms = 0

    async def listen(self) -> None:
        while True:
            try:
                await self._converse()
            except ConnectionRefusedError:
                absent = NoData(f"no gpsd at {self._host}:{self._port}")
                self._ctx.failed(NAME, absent)
            except (OSError, TimeoutError, ValueError) as error:
                self._ctx.failed(NAME, error)
            await self._ctx.clock.sleep(RETRY_S)

    async def _converse(self) -> None:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            writer.write(WATCH)
            while True:
                async with asyncio.timeout(SILENCE_S):
                    line = await reader.readline()
                if not line:
                    raise ConnectionResetError("gpsd closed the connection")
                self._ctx.working(NAME)
                fix = parse_report(line)
                if fix is not None:
                    self._hear(fix)
        finally:
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    await writer.wait_closed()

    def _hear(self, fix: Fix) -> None:
        if fix.mode >= 2 and fix.wall_ms is not None and plausible(fix.wall_ms):
            self._ctx.clock.offer("gps", fix.wall_ms)
        self._fix = fix if self._fix is None else self._fix.merged(fix)
        self._heard_ms = self._ctx.clock.boot_ms()

    async def report(self) -> None:
        fresh_ms = max(2_500.0, self._ctx.config.sample_s * 1000)
        async for _ in every(self._ctx.clock, self._ctx.config.sample_s):
            fix, self_heard_ms = self._fix, self._heard_ms
            if fix is None or self._ctx.clock.boot_ms() - self_heard_ms > fresh_ms:
                continue
            position = fix.position()
            if position is not None:
                self._ctx.emit(position)


SAMPLER = Sampler(NAME, wanted, run)
