"""Simulated time that waits: for each step of the world to arrive, and for what boots.

Guarantees: what an agent of this process is told of a step, it is told before the next
one, however busy the machine is; a device that boots is at work before time goes on;
a probe's round trip is not longer because this program stood still.
Does not: wait for an agent in another process to take a step in; nor anything where
time is this machine's own.
"""

from __future__ import annotations

import asyncio
import contextlib

from homeroute_simulators.fleet_device import Device
from homeroute_simulators.sim_clock import SimClock

BREATHS = 24
"""Turns of the event loop in which what a step made reaches the agents of this process."""

UP_S, GLANCE_S = 10.0, 0.01
"""Of our own time: how long a device that boots is waited for, and how often it is looked at."""


async def delivered() -> None:
    """Return once what was made so far has reached the agents of this process."""
    for _ in range(BREATHS):
        await asyncio.sleep(0)


class Pacing:
    """One fleet's. ``holds``: the clock is simulated, and ours to hold."""

    def __init__(self, clock: SimClock, *, holds: bool) -> None:
        self._clock = clock
        self._holds = holds
        self._beating: asyncio.Task[None] | None = None
        self._booting = 0
        self._up = asyncio.Event()
        self._up.set()

    def begin(self, ahead_s: float) -> None:
        """It is so long before the world's start now, until :meth:`go_on`."""
        if self._holds:
            self._beating = asyncio.create_task(self._clock.beating(), name="stopwatch")
            self._clock.begin(ahead_s)
            self._clock.hold(self._clock.start_ms - ahead_s * 1000)

    async def go_on(self, to_ms: float) -> None:
        """Let time run to that moment, and wait for it."""
        if self._holds:
            self._clock.hold(to_ms)
            await self._clock.until(int(to_ms))

    async def arrived(self, next_ms: int) -> None:
        """A step has been made: once it has arrived, let time run to the next one."""
        if self._holds:
            await delivered()
            await self._up.wait()
            self._clock.hold(next_ms)

    async def boot(
        self, device: Device, *, dated: bool = True, uptime_s: float = 0.0, quiesce_s: float
    ) -> None:
        """Start a device; no step is taken until its agent is at work."""
        if self._holds:
            device.gateway.resolver.stopwatch_s = self._clock.stopwatch_s
        self._booting += 1
        self._up.clear()
        try:
            await device.start(dated=dated, uptime_s=uptime_s, quiesce_s=quiesce_s)
            if self._holds:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(UP_S):
                        while not (device.working or device.failed):  # noqa: ASYNC110
                            await asyncio.sleep(GLANCE_S)  # it tells nobody
        finally:
            self._booting -= 1
            if not self._booting:
                self._up.set()

    def end(self) -> None:
        """Hold time no longer."""
        if self._beating is not None:
            self._beating.cancel()
        self._clock.release()
