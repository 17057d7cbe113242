"""Simulated time: milliseconds since 1970 that run so many times faster than ours.

Guarantees: time never goes back, and every part given the same :class:`SimClock`
(gateways, agents, the collector) reads the same time, another process too that opened
the file it is shared in. Whoever moves the world may hold time at a moment until what
happens there has been delivered: a machine too slow for the speed then makes time
slower, and nothing late. An agent gets a clock of its own boot from
:meth:`SimClock.device`. Round trips are timed by a stopwatch that stands still while
this program does not get to run. Does not: scale round trips, or waits that belong to
the network (connecting, an acknowledgement's timeout): those stay real.
"""

from __future__ import annotations

import asyncio
import math
import mmap
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from homeroute_agent.clock import Clock

SPEED_BOUND = 10_000.0
LEAST_S = 0.001
"""Of our own time: who waits for time that is held looks again so often."""

BEAT_S, BEAT_BOUND_S = 0.005, 0.04
"""Of our own time: how often the stopwatch is wound, and the most it runs on until it is again.
Less than half of what lies between a good cell's round trip and the limit, at twelve times the
speed."""

_ORIGIN, _HELD, _TIMED, _BEAT = range(4)
_SIZE = 32


class SimClock:
    """``speed`` simulated seconds a second, from ``start_ms`` on.

    ``shared`` is a file that another clock's :meth:`share` made: this one then only
    reads, and both show the same time.
    """

    def __init__(
        self,
        speed: float,
        start_ms: int,
        *,
        shared: Path | None = None,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        if not 0 < speed <= SPEED_BOUND:
            raise ValueError(f"speed {speed:g}: want more than 0, at most {SPEED_BOUND:g}")
        self.speed = speed
        self.start_ms = start_ms
        self._monotonic_s = monotonic_s
        # What another process may read: ours at the start, the moment held, the stopwatch.
        if shared is None:
            self._state: memoryview[float] = memoryview(bytearray(_SIZE)).cast("d")
            self._state[_ORIGIN], self._state[_HELD] = monotonic_s(), math.inf
            self._state[_TIMED], self._state[_BEAT] = 0.0, math.inf
        else:
            self._state = _mapped(shared)

    def share(self, file: Path) -> None:
        """Keep the time in a file from now on, for clocks of other processes."""
        file.write_bytes(self._state.tobytes())
        self._state = _mapped(file)

    def begin(self, ahead_s: float = 0.0) -> None:
        """It is ``ahead_s`` before ``start_ms`` now. Before anybody looks."""
        self._state[_ORIGIN] = self._monotonic_s() + ahead_s / self.speed

    def hold(self, time_ms: float) -> None:
        """Go no further than that, until told again. Later than it was held before."""
        behind_ms = self._free_ms() - self._state[_HELD]
        if behind_ms > 0:
            # It stood still: it goes on from there, and does not catch up.
            self._state[_ORIGIN] += behind_ms / 1000 / self.speed
        self._state[_HELD] = time_ms

    def release(self) -> None:
        """Hold nothing any more."""
        self.hold(math.inf)

    def now_ms(self) -> int:
        """The true simulated time, ms since 1970."""
        return int(min(self._free_ms(), self._state[_HELD]))

    def now_s(self) -> float:
        """Simulated seconds since the start: a monotonic clock for gateways."""
        return (min(self._free_ms(), self._state[_HELD]) - self.start_ms) / 1000

    def now(self) -> datetime:
        """The true simulated time, UTC."""
        return datetime.fromtimestamp(self.now_ms() / 1000, UTC)

    def stopwatch_s(self) -> float:
        """Seconds of our own time, without those in which nobody could :meth:`beat`.

        A program that the machine lets stand, or that is busy with something else, answers
        and hears late; that is no news of the uplink. Unwound: our own time.
        """
        now_s, beat_s = self._monotonic_s(), self._state[_BEAT]
        if math.isinf(beat_s):
            return now_s
        return self._state[_TIMED] + min(now_s - beat_s, BEAT_BOUND_S)

    def beat(self) -> None:
        """Wind the stopwatch: this program runs."""
        self._state[_TIMED] = self.stopwatch_s()
        self._state[_BEAT] = self._monotonic_s()

    async def beating(self) -> None:
        """Wind it until cancelled."""
        while True:
            self.beat()
            await asyncio.sleep(BEAT_S)

    async def sleep(self, seconds: float) -> None:
        """Wait so many simulated seconds."""
        await asyncio.sleep(0)
        await self.until(self.now_ms() + math.ceil(seconds * 1000))

    async def until(self, time_ms: int) -> None:
        """Wait until that simulated time; at once when it is past."""
        while (left_ms := time_ms - self.now_ms()) > 0:  # noqa: ASYNC110 -- time tells nobody
            await asyncio.sleep(max(LEAST_S, left_ms / 1000 / self.speed))

    def device(
        self,
        booted_ms: int,
        boot_id: str,
        *,
        dated: bool = True,
        wall_ahead_s: Callable[[], float] = lambda: 0.0,
    ) -> Clock:
        """The clock an agent is given: of a device that booted at ``booted_ms``.

        ``dated``: its system clock was right from the boot on; else it is not trusted,
        and the agent waits for a fix or for the collector to tell it the date.
        ``wall_ahead_s`` is how far that system clock is off now.
        """
        return Clock(
            monotonic_ms=lambda: max(0, self.now_ms() - booted_ms),
            wall_ms=lambda: self.now_ms() + round(wall_ahead_s() * 1000),
            stopwatch_s=self.stopwatch_s,
            sleep=self.sleep,
            boot_id=boot_id,
            offset_ms=booted_ms if dated else None,
        )

    def _free_ms(self) -> float:
        gone_s = self._monotonic_s() - self._state[_ORIGIN]
        return self.start_ms + gone_s * self.speed * 1000


def _mapped(file: Path) -> memoryview[float]:
    with file.open("r+b") as opened:
        return memoryview(mmap.mmap(opened.fileno(), _SIZE)).cast("d")
