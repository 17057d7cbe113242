"""Agents for tests: configuration in a folder, a sampler that counts, a run to be stopped."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from homeroute_agent.clock import Clock, every
from homeroute_agent.config import Config, load
from homeroute_agent.run import run_agent
from homeroute_agent.sample import Context, Sampler
from homeroute_agent.spool import Ledger
from homeroute_wire.measurements import Health
from tests.agent.acking import DISTRICT

LOG = logging.getLogger("agent-under-test")


def configure(
    folder: Path, port: int, mqtt: str = "", *, device: str = "bus-07", more: str = ""
) -> Config:
    """A quick agent: ten samples and five batches a second."""
    folder.mkdir(exist_ok=True)
    file = folder / f"{device}.toml"
    file.write_text(
        f'district = "{DISTRICT}"\ndevice = "{device}"\nstate_dir = "state-{device}"\n'
        f"sample_s = 0.1\nbatch_s = 0.2\nminute_s = 0.5\nboot_delay_s = 0\n{more}\n"
        f'[mqtt]\nhost = "127.0.0.1"\nport = {port}\nack_timeout_s = 0.5\n{mqtt}\n'
    )
    return load(file)


async def count(context: Context) -> None:
    number = 0
    async for _ in every(context.clock, context.config.sample_s):
        number += 1
        context.emit(Health(uptime_s=number))


COUNTING = Sampler("counting", lambda _: True, count)


class Running:
    """An agent at work. ``stop`` ends it as SIGTERM does; ``cut`` as a power cut does."""

    def __init__(
        self, config: Config, clock: Clock | None, quiesce_s: float, samplers: Sequence[Sampler]
    ) -> None:
        self._stop = asyncio.Event()
        self.task = asyncio.create_task(
            run_agent(
                config,
                stop=self._stop,
                logger=LOG,
                clock=clock,
                samplers=samplers,
                quiesce_s=quiesce_s,
            )
        )

    async def stop(self) -> Ledger:
        self._stop.set()
        return await self.task

    async def cut(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])


@asynccontextmanager
async def running(
    config: Config,
    *,
    clock: Clock | None = None,
    quiesce_s: float = 5.0,
    samplers: Sequence[Sampler] = (COUNTING,),
) -> AsyncIterator[Running]:
    agent = Running(config, clock, quiesce_s, samplers)
    try:
        yield agent
    finally:
        await agent.cut()


async def until(ready: Callable[[], bool], what: str, timeout_s: float = 15.0) -> None:
    """Let the agent work until something has happened."""
    try:
        async with asyncio.timeout(timeout_s):
            while not ready():
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"waited {timeout_s:g} s for {what}") from None


def play(story: Callable[[], Awaitable[None]]) -> None:
    """Run one asynchronous story."""

    async def told() -> None:
        await story()

    asyncio.run(told())
