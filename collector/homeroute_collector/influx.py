"""The InfluxDB follower: what the archive holds, in order of its commits or revisions.

Guarantees: the stored cursor moves past a commit only after InfluxDB has taken
every point of it or refused that very point alone; so after any crash or outage
each point is there, and written twice it overwrites itself. Points InfluxDB
refuses are counted and logged, stay in the archive, and hold up nobody. What an
answer means stands in :mod:`homeroute_collector.influx_delivery`.

Where a chunk replaces a stretch, the stretch is emptied first: a crash between the
two leaves the cursor where it was, and both are done again.

Does not: keep points of its own. What is not yet written waits in the archive;
its age is the lag.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from homeroute_collector.influx_delivery import CHUNK_POINTS, Delivery
from homeroute_collector.influx_targets import Target

log = logging.getLogger(__name__)

IDLE_S = 1.0
"""How often an idle follower looks for new commits."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A measurement's points in ``[start_ms, end_ms)``."""

    measurement: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole commits ``(after, upto]`` as lines.

    ``received_ms``: when the oldest of them was received. ``unwritable``: rows
    that have no line. ``replaces``: what to delete before writing.
    """

    upto: int
    lines: Sequence[str]
    received_ms: int
    unwritable: int = 0
    replaces: tuple[Stretch, ...] = ()


class Source(Protocol):
    """The archive as the follower sees it."""

    async def cursor(self) -> int:
        """The last commit InfluxDB has; 0 before the first."""

    async def advance(self, commit_id: int) -> None:
        """Store the cursor durably."""

    async def next_chunk(self, after: int, points: int) -> Chunk | None:
        """About ``points`` points of the commits after ``after``; None: there are none."""


@dataclass(frozen=True, slots=True)
class Following:
    """How the follower does. ``lag_s`` is None before the first look at the archive.

    ``commit_id`` is the last commit InfluxDB has.
    """

    connected: bool
    commit_id: int
    lag_s: float | None
    problem: str | None
    written: int
    rejected: int


class Follower:
    """Feeds one target from one source until cancelled.

    ``now_ms`` and ``sleep`` are injected for tests.
    """

    def __init__(
        self,
        source: Source,
        target: Target,
        *,
        now_ms: Callable[[], int],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chunk_points: int = CHUNK_POINTS,
    ) -> None:
        self._source = source
        self._now_ms = now_ms
        self._sleep = sleep
        self._chunk_points = chunk_points
        self._delivery = Delivery(target, sleep=sleep, chunk_points=chunk_points)
        self._moving = asyncio.Lock()
        self._rebuilds = 0
        self._waiting_since_ms: int | None = None
        self._looked = False
        self._after = 0

    def following(self) -> Following:
        """How it does now."""
        lag_s: float | None = 0.0 if self._looked else None
        if self._waiting_since_ms is not None:
            lag_s = max(0.0, (self._now_ms() - self._waiting_since_ms) / 1000)
        done = self._delivery
        return Following(
            done.connected, self._after, lag_s, done.problem, done.written, done.rejected
        )

    async def rebuild(self) -> None:
        """Begin again at the archive's first commit: fills an empty InfluxDB."""
        async with self._moving:
            await self._source.advance(0)
            self._after = 0
            # Only now: whoever sees the number changed reads the cursor anew.
            self._rebuilds += 1
        log.info("%s: writing everything in the archive again", self._delivery.target.name)

    async def run(self) -> None:
        """Follow until cancelled."""
        ahead: Chunk | None = None
        rebuilds = -1
        while True:
            if rebuilds != self._rebuilds:
                ahead, rebuilds = None, self._rebuilds
                self._after = await self._source.cursor()
            chunk = ahead or await self._source.next_chunk(self._after, self._chunk_points)
            self._looked = True
            self._waiting_since_ms = chunk.received_ms if chunk else None
            if chunk is None:
                await self._sleep(IDLE_S)
                continue
            _, ahead = await asyncio.gather(
                self._deliver(chunk),
                self._source.next_chunk(chunk.upto, self._chunk_points),
            )
            async with self._moving:
                if rebuilds == self._rebuilds:
                    await self._source.advance(chunk.upto)
                    self._after = chunk.upto

    async def _deliver(self, chunk: Chunk) -> None:
        for old in chunk.replaces:
            await self._delivery.clear(old.measurement, old.start_ms, old.end_ms)
        await self._delivery.write(chunk.lines, chunk.unwritable)
