"""A sampler's surroundings, for tests: what it emits, where it fails, and a clock to turn."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from homeroute_agent.clients import Clients
from homeroute_agent.clock import Clock
from homeroute_agent.config import Config, load
from homeroute_agent.sample import Context, NoData, Sample, Sampler
from homeroute_wire.schema import Measurement

MeasurementT = TypeVar("MeasurementT", bound=Measurement)

HEAD = 'district = "springfield"\ndevice = "bus-07"\n'
MQTT = '[mqtt]\nhost = "127.0.0.1"\nport = 1883\n'


def configure(folder: Path, text: str, *, head: str = "") -> Config:
    """A configuration from sections of TOML; samples come every 0.1 s, minutes every 0.4 s."""
    fast = "sample_s = 0.1\nminute_s = 0.4\nsession_interim_s = 0.8\n"
    file = folder / "agent.toml"
    file.write_text(f'{HEAD}state_dir = "{folder}/state"\n{fast}{head}\n{MQTT}\n{text}\n')
    return load(file)


class Bench:
    """Runs samplers against a context that remembers everything."""

    def __init__(self, config: Config, *, clock: Clock | None = None) -> None:
        self.config = config
        self.clock = clock or Clock()
        self.clients = Clients()
        self.samples: list[Sample] = []
        self.failures: list[tuple[str, Exception]] = []
        self.worked: list[str] = []

    def context(self) -> Context:
        return Context(
            config=self.config,
            clock=self.clock,
            clients=self.clients,
            emit=self._emit,
            failed=lambda name, error: self.failures.append((name, error)),
            working=self.worked.append,
        )

    def of(self, kind: type[MeasurementT]) -> list[MeasurementT]:
        """The records of one measurement, in order."""
        return [s.record for s in self.samples if isinstance(s.record, kind)]

    @property
    def absences(self) -> list[NoData]:
        return [error for _, error in self.failures if isinstance(error, NoData)]

    def trust(self, wall_ms: int | None = None) -> int:
        """Trust the clock; the offset."""
        self.clock.offer("test", wall_ms or time.time_ns() // 1_000_000)
        offset_ms = self.clock.offset_ms
        assert offset_ms is not None
        return offset_ms

    def run(self, sampler: Sampler, script: Callable[[], Awaitable[None]]) -> None:
        """Run a sampler beside a script, and end it, politely, when the script ends."""

        async def both() -> None:
            task = asyncio.create_task(_await(sampler.run(self.context())))
            try:
                work = asyncio.create_task(_await(script()))
                await asyncio.wait({task, work}, return_when=asyncio.FIRST_COMPLETED)
                if task.done():
                    work.cancel()
                    task.result()
                work.result()
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

        asyncio.run(both())

    def _emit(
        self,
        record: Measurement,
        *,
        boot_ms: int | None = None,
        started_boot_ms: int | None = None,
    ) -> None:
        stamp = self.clock.stamp() if boot_ms is None else boot_ms
        assert dataclasses.is_dataclass(record)
        self.samples.append(Sample(stamp, record, started_boot_ms))


async def until(ready: Callable[[], object], what: str, timeout_s: float = 20.0) -> None:
    """Let the event loop run until ``ready``; AssertionError naming ``what`` when it never is."""
    deadline = time.monotonic() + timeout_s
    while not ready():
        assert time.monotonic() < deadline, f"waited {timeout_s:g} s for {what}"
        await asyncio.sleep(0.02)


async def _await(awaitable: Awaitable[None]) -> None:
    await awaitable
