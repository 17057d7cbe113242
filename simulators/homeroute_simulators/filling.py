"""Fills an archive with past school weeks, through the collector's own ingest.

Guarantees: what is filled has been validated, committed and acknowledged like
anything a bus sends; filling again stores nothing twice. Does not: bypass the
wire format.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain

from homeroute_analytics import legs
from homeroute_collector.archive import Archive
from homeroute_collector.ingest import Ingest
from homeroute_simulators import history
from homeroute_simulators.history import Sent
from homeroute_simulators.radio import Radio
from homeroute_simulators.world import World

AHEAD = 4
"""Drives generated ahead of the ingest, at most."""


@dataclass(frozen=True, slots=True)
class Filled:
    """What was filled, and how long it took."""

    days: int
    points: int
    seconds: float

    @property
    def points_per_s(self) -> float:
        """Generated, encoded, validated and committed."""
        return self.points / self.seconds if self.seconds else 0.0


async def fill(
    archive: Archive,
    ingest: Ingest,
    world: World,
    days: Sequence[date],
    *,
    definition: str,
    version: str,
    progress: Callable[[int, int], None],
) -> Filled:
    """Fill these days; ``progress`` is told parts done and parts in all.

    ``definition`` and ``version`` are what the live agents say of themselves.
    """
    began_s = time.monotonic()
    if not days:
        return Filled(0, 0, 0.0)
    plan = history.plan(world, days)
    district = world.district
    radio = Radio(district)
    made: asyncio.Queue[list[Sent] | None] = asyncio.Queue(AHEAD)
    points = 0

    async def make() -> None:
        for past in plan:
            # In a thread: validation and commits go on meanwhile, as does the event loop.
            batches = await asyncio.to_thread(
                history.batches, past, radio, definition=definition, version=version
            )
            await made.put(batches)
        usage = (history.hotspot_batches(district, h, days) for h in district.hotspots)
        await made.put(list(chain.from_iterable(usage)))
        await made.put(None)

    async with asyncio.TaskGroup() as group:
        group.create_task(make(), name="history")
        # One part for each drive, and a last one for the hotspots.
        parts, done = len(plan) + 1, 0
        while (batches := await made.get()) is not None:
            for sent in batches:
                await ingest.put(district.name, sent.device, sent.payload)
                points += sent.points
            done += 1
            progress(done, parts)
    await ingest.drain()
    await legs.store(archive.execute, history.legs(plan))
    return Filled(len(days), points, time.monotonic() - began_s)
