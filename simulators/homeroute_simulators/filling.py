"""Fills an archive with past school days, through the collector's own ingest.

Guarantees: what is filled has been validated, committed and acknowledged like
anything a bus sends; filling again stores nothing twice; a day is held at a time,
however many there are; the truth is written day by day, whole days only. Does
not: bypass the wire format.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date

from homeroute_analytics.attribution.days import attribute_day
from homeroute_collector.archive import Archive
from homeroute_collector.ingest import Ingest
from homeroute_simulators.filling_work import Part, Told, Work, work_in_processes
from homeroute_simulators.history_faults import SOME
from homeroute_simulators.truth import Recorder
from homeroute_simulators.world import World

DRIVES_A_PART = 12
AHEAD = 6
"""Parts of a day generated ahead of the ingest, at most."""

WAITING = 512
"""Batches that wait for the ingest, at most: a day or two, and a few megabytes. The ingest
itself would take 25 days."""

CHECKPOINT_S = 5.0
"""How much work a kill may cost, about: what was done since is done again."""

STEPS_A_DAY = 100
"""Of the progress told."""


@dataclass(frozen=True, slots=True)
class Filled:
    """What was filled, and how long it took. Points: stored, and refused."""

    days: int
    points: int
    seconds: float
    refused: int = 0

    @property
    def points_per_s(self) -> float:
        """Generated, encoded, validated and committed, each once."""
        return self.points / self.seconds if self.seconds else 0.0


class Stopped(Exception):
    """It was asked to stop, after so many whole ``days`` of those it was given."""

    def __init__(self, days: int) -> None:
        super().__init__(f"stopped after {days} days")
        self.days = days


Checkpoint = Callable[[int, int], None]


async def fill(
    archive: Archive,
    ingest: Ingest,
    world: World,
    days: Sequence[date],
    *,
    definition: str,
    version: str,
    progress: Callable[[int, int], None],
    recorder: Recorder | None = None,
    kinds: tuple[str, ...] = SOME,
    processes: int = 0,
    checkpoint: Checkpoint | None = None,
    stop: asyncio.Event | None = None,
) -> Filled:
    """Fill these days; ``progress`` is told parts done and parts in all.

    ``definition`` and ``version`` are what the live agents say of themselves. With
    ``processes``, generation runs beside this one. ``checkpoint`` is told how many
    of the days are on disk, and how long the truth's file was then. ``kinds`` of
    faults: see :mod:`homeroute_simulators.history_faults`. Once ``stop`` is set, what is
    done is told to ``checkpoint`` and :class:`Stopped` is raised.
    """
    began_s = time.monotonic()
    if not days:
        return Filled(0, 0, 0.0)
    work = Work(world, definition, version, kinds=kinds, truth=recorder is not None)
    filling = _Filling(archive, ingest, work, recorder, checkpoint)
    with work_in_processes(work, processes) if processes else ThreadPoolExecutor(1) as beside:
        in_order = _in_order(beside, work, days, in_processes=bool(processes))
        async with contextlib.aclosing(in_order) as parts:
            async for told, done in parts:
                if stop is not None and stop.is_set():
                    await filling.settle()
                    raise Stopped(filling.days)
                await filling.take(told)
                if told.part.last:
                    await filling.end_day(told.part.day)
                progress(done, len(days) * STEPS_A_DAY)
    await filling.settle()
    stored, refused = filling.stored
    return Filled(len(days), stored, time.monotonic() - began_s, refused)


async def _in_order(
    beside: Executor, work: Work, days: Sequence[date], *, in_processes: bool
) -> AsyncGenerator[tuple[Told, int], None]:
    """Every part of every day, in order; some are made ahead. With each, the progress."""
    ahead: deque[tuple[Future[Told], int]] = deque()
    try:
        for number, day in enumerate(days):
            drives = await asyncio.to_thread(work.count, day)
            parts = max(1, -(-drives // DRIVES_A_PART))
            for index in range(parts):
                part = Part(day, index, parts)
                made = beside.submit(Work.told if in_processes else work.tell, part)
                ahead.append((made, number * STEPS_A_DAY + STEPS_A_DAY * (index + 1) // parts))
                if len(ahead) >= AHEAD:
                    first, done = ahead.popleft()
                    yield await asyncio.wrap_future(first), done
        while ahead:
            first, done = ahead.popleft()
            yield await asyncio.wrap_future(first), done
    finally:
        for waiting, _ in ahead:
            waiting.cancel()


class _Filling:
    """What has been handed to the ingest, and what of it is known to be on disk."""

    def __init__(
        self,
        archive: Archive,
        ingest: Ingest,
        work: Work,
        recorder: Recorder | None,
        checkpoint: Checkpoint | None,
    ) -> None:
        self._archive = archive
        self._ingest = ingest
        self._work = work
        self._recorder = recorder
        self._checkpoint = checkpoint
        self._before = ingest.counts.stored, ingest.counts.refused
        self.days = 0
        self._to_attribute: list[date] = []
        self._truth_bytes = 0
        self._settled_s = time.monotonic()

    @property
    def stored(self) -> tuple[int, int]:
        """Points stored and refused so far."""
        stored, refused = self._before
        return self._ingest.counts.stored - stored, self._ingest.counts.refused - refused

    async def take(self, told: Told) -> None:
        """Hand in one part of a day."""
        for sent in told.sent:
            await self._ingest.put(self._archive.district, sent.device, sent.payload, most=WAITING)
        if self._recorder is not None:
            await asyncio.to_thread(self._recorder.write_member, told.truth)

    async def end_day(self, day: date) -> None:
        """All of a day has been handed in."""
        self._to_attribute.append(day)
        if self._recorder is not None:
            # A part is a member of its own in the file, so that its bytes depend on nothing else.
            self._truth_bytes = await asyncio.to_thread(self._recorder.seal)
        self.days += 1
        if self._checkpoint and time.monotonic() - self._settled_s >= CHECKPOINT_S:
            await self.settle()

    async def settle(self) -> None:
        """Wait until all of it is on disk, and say so."""
        await self._ingest.drain()
        for day in self._to_attribute:
            # As the nightly pass does of a real day: what the timetable and positions say.
            await attribute_day(
                self._archive.query,
                self._archive.transaction,
                day,
                self._work.world.district.timezone,
            )
        self._to_attribute.clear()
        if self._checkpoint is not None and self.days:
            self._checkpoint(self.days, self._truth_bytes)
        self._settled_s = time.monotonic()
