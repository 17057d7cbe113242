"""The archive that a history fills, with the timetable of its days and an ingest at work.

Guarantees: the archive is the district's own kind, its timetable came in as any does, and
everything handed to the ingest is committed or dropped before it is closed. Does not:
fill anything; that is :mod:`homeroute_simulators.filling`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path

from homeroute_analytics import tables
from homeroute_collector.archive import FILE_NAME, Archive
from homeroute_collector.ingest import Ingest
from homeroute_collector.own_clock import OwnClock
from homeroute_simulators import world_timetable
from homeroute_simulators.simulated_folder import RETENTION_DAYS
from homeroute_simulators.world import World

MEMORY_LIMIT = "128MB"
"""Of the database: it only appends, and has no use for the pages it wrote."""


@asynccontextmanager
async def filling_archive(
    folder: Path, world: World, first_day: date, last_day: date
) -> AsyncIterator[tuple[Archive, Ingest]]:
    """The archive in the folder, open, and its ingest; the timetable is of those days.

    Raises what opening an archive and importing a timetable raise.
    """
    clock, district = OwnClock(), world.district.name
    archive = await asyncio.to_thread(
        Archive.open,
        folder / FILE_NAME,
        district=district,
        memory_limit=MEMORY_LIMIT,
        extra_ddl=tables.DDL,
    )
    try:
        await archive.transaction(
            lambda db, _: world_timetable.store(
                lambda sql, params: db.execute(sql, params).fetchall(),
                world,
                first_day,
                last_day,
                folder=folder / "timetable",
                now_ms=clock.now_ms(),
            )
        )
        ingest = Ingest(archive, clock, district=district, retention_days=RETENTION_DAYS)
        working = asyncio.create_task(ingest.run(), name="ingest")
        try:
            yield archive, ingest
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
    finally:
        await asyncio.to_thread(archive.close)
