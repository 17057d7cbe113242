"""Simulated time: milliseconds since 1970 that run so many times faster than ours.

Guarantees: time never goes back, and every part given the same :class:`SimClock`
(gateways, agents, the collector) reads the same time; a process given the same
four numbers reads it too. An agent gets a clock of its own boot from
:meth:`SimClock.device`. Does not: scale what the agent measures with the
machine's own clock, the round trip of a probe, or waits that belong to the
network (connecting, an acknowledgement's timeout): those stay real.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

from homeroute_agent.clock import Clock

SPEED_BOUND = 10_000.0


class SimClock:
    """``speed`` simulated seconds a second, from ``start_ms`` on.

    ``origin_s`` is the reading of ``monotonic_s`` at ``start_ms``; by default now.
    """

    def __init__(
        self,
        speed: float,
        start_ms: int,
        *,
        origin_s: float | None = None,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        if not 0 < speed <= SPEED_BOUND:
            raise ValueError(f"speed {speed:g}: want more than 0, at most {SPEED_BOUND:g}")
        self.speed = speed
        self.start_ms = start_ms
        self.origin_s = monotonic_s() if origin_s is None else origin_s
        self._monotonic_s = monotonic_s

    def begin(self) -> None:
        """It is ``start_ms`` now: what came before was preparation. Before anybody looks."""
        self.origin_s = self._monotonic_s()

    def now_ms(self) -> int:
        """The true simulated time, ms since 1970."""
        return self.start_ms + int((self._monotonic_s() - self.origin_s) * self.speed * 1000)

    def now_s(self) -> float:
        """Simulated seconds since the start: a monotonic clock for gateways."""
        return (self._monotonic_s() - self.origin_s) * self.speed

    def now(self) -> datetime:
        """The true simulated time, UTC."""
        return datetime.fromtimestamp(self.now_ms() / 1000, UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait so many simulated seconds."""
        await asyncio.sleep(seconds / self.speed)

    async def until(self, time_ms: int) -> None:
        """Wait until that simulated time; at once when it is past."""
        while (left_ms := time_ms - self.now_ms()) > 0:
            await self.sleep(left_ms / 1000)

    def device(self, booted_ms: int, boot_id: str, *, dated: bool = True) -> Clock:
        """The clock an agent is given: of a device that booted at ``booted_ms``.

        ``dated``: its system clock was right from the boot on; else it is in 1970,
        and the agent waits for a fix or for the collector to tell it the date.
        """
        return Clock(
            monotonic_ms=lambda: max(0, self.now_ms() - booted_ms),
            sleep=self.sleep,
            boot_id=boot_id,
            offset_ms=booted_ms if dated else None,
        )
