"""The device's clocks: one that always runs, and the date once it is known.

Guarantees: ``boot_ms`` never goes back; ``stamp`` increases strictly; the offset
between boot clock and wall clock is fixed by the first trusted offer and then
stays for the whole boot, so a point's date never changes and a series never
goes back. Does not: set the system's clock, or carry an offset to another boot.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

EARLIEST_MS = 1_767_225_600_000
"""2026-01-01, before this agent was built: an earlier date cannot be true."""

LATEST_MS = 4_102_444_800_000
"""2100-01-01: a later date cannot be true either."""

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_clock_ms() -> int:
    """Milliseconds since power-on, sleep included where the system counts it."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime_ns(clock) // 1_000_000


def wall_clock_ms() -> int:
    """The system's wall clock, right or wrong, in ms since 1970."""
    return time.time_ns() // 1_000_000


def read_boot_id() -> str:
    """Name this boot, the same for every agent run within it.

    Where the system tells neither a boot id nor a boot time, each agent run
    counts as a boot of its own: undated samples are then lost with the run.
    """
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        pass
    try:
        import psutil
    except ImportError:
        return secrets.token_hex(16)
    return f"booted-{int(psutil.boot_time())}"


class Clock:
    """Boot clock, its offset to the true time, and how samplers wait.

    ``offset_ms`` restores an offset fixed earlier in this same boot.
    ``synchronised`` says whether the system's wall clock may be believed now;
    ``wall_ms`` is that clock, right or wrong: what log lines of this machine are
    dated by. ``stopwatch_s`` times what is short, a round trip. ``monotonic_ms``,
    ``wall_ms``, ``stopwatch_s`` and ``sleep`` are replaced in tests and simulations.
    """

    def __init__(
        self,
        *,
        monotonic_ms: Callable[[], int] = boot_clock_ms,
        wall_ms: Callable[[], int] = wall_clock_ms,
        stopwatch_s: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        boot_id: str | None = None,
        offset_ms: int | None = None,
        synchronised: Callable[[], bool] = lambda: False,
    ) -> None:
        self._monotonic_ms = monotonic_ms
        self._last_stamp = -1
        self._offset_ms = offset_ms
        self._collector_offset_ms: int | None = None
        self.wall_ms = wall_ms
        self.stopwatch_s = stopwatch_s
        self.sleep = sleep
        self.synchronised = synchronised
        self.boot_id = boot_id or read_boot_id()
        self.source = "" if offset_ms is None else "earlier in this boot"

    def boot_ms(self) -> int:
        """Milliseconds of the boot clock."""
        return self._monotonic_ms()

    def stamp(self) -> int:
        """A boot time for one sample: now, or just after the last stamp."""
        self._last_stamp = max(self._monotonic_ms(), self._last_stamp + 1)
        return self._last_stamp

    @property
    def trusted(self) -> bool:
        """Whether samples can be dated."""
        return self._offset_ms is not None

    @property
    def offset_ms(self) -> int | None:
        """Wall clock - boot clock; None until trusted."""
        return self._offset_ms

    def now_ms(self) -> int | None:
        """The true time, ms since 1970; None until trusted."""
        return None if self._offset_ms is None else self._monotonic_ms() + self._offset_ms

    @property
    def last_collector_offset_ms(self) -> int | None:
        """Collector's clock - ours when it last told its own; None before, or undated."""
        return self._collector_offset_ms

    def offer(self, source: str, wall_ms: int) -> bool:
        """Offer the true time from a trusted source. True when it was taken.

        The first possible one fixes the offset; every later one is ignored.
        """
        if self._offset_ms is not None or not EARLIEST_MS <= wall_ms < LATEST_MS:
            return False
        self._offset_ms = wall_ms - self._monotonic_ms()
        self.source = source
        return True

    def hear_collector(self, wall_ms: int) -> bool:
        """Note the collector's clock, and take it when there is no better. True when taken."""
        taken = self.offer("collector", wall_ms)
        now = self.now_ms()
        if now is not None:
            self._collector_offset_ms = wall_ms - now
        return taken


async def every(clock: Clock, seconds: float) -> AsyncIterator[int]:
    """Tick at once and then every ``seconds``, yielding the tick's boot time in ms.

    Ticks keep their beat whatever the work between them takes; those that were
    missed are left out, never bunched.
    """
    step = max(1, round(seconds * 1000))
    due = clock.boot_ms()
    while True:
        yield due
        now = clock.boot_ms()
        due += step * max(1, -((due - now) // step))
        await clock.sleep(max(0, due - now) / 1000)
