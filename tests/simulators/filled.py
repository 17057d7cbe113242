"""A small history in an archive, with its truth beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from homeroute_simulators import world_timetable
from homeroute_simulators.filling import Checkpoint, Filled, fill
from homeroute_simulators.filling_archive import filling_archive
from homeroute_simulators.filling_state import taught_days
from homeroute_simulators.history_faults import SOME
from homeroute_simulators.truth import Recorder
from homeroute_simulators.world import World, world

REFUSED = {"clock_jump", "newer_agent"}
"""Faults of which the collector must refuse something."""

BEFORE = date(2026, 11, 18)


def place(seed: int = 7, buses: int = 3) -> World:
    return world(seed, buses=buses)


def keep_timetable(db: Any, where: World, days: Sequence[date], folder: Path) -> None:
    world_timetable.store(
        lambda sql, params: db.execute(sql, params).fetchall(),
        where,
        days[0],
        days[-1],
        folder=folder / "timetable",
        now_ms=0,
    )


def run(
    folder: Path,
    where: World,
    days: Sequence[date],
    *,
    kinds: tuple[str, ...] = SOME,
    processes: int = 0,
    keep_bytes: int | None = None,
    checkpoint: Checkpoint | None = None,
) -> Filled:
    """Fill those days into ``folder``."""

    async def fill_it() -> Filled:
        async with filling_archive(folder, where, days[0], days[-1]) as (archive, ingest):
            with Recorder(folder / "truth.jsonl.gz", keep_bytes=keep_bytes) as recorder:
                if keep_bytes is None:
                    recorder.run(
                        seed=where.district.seed,
                        version="0",
                        district=where.district.name,
                        timezone=where.district.timezone,
                        made_by="history",
                    )
                filled = await fill(
                    archive,
                    ingest,
                    where,
                    days,
                    definition="0123456789ab",
                    version="0.1.0",
                    progress=lambda done, parts: None,
                    recorder=recorder,
                    kinds=kinds,
                    processes=processes,
                    checkpoint=checkpoint,
                )
            assert REFUSED & set(kinds) or ingest.counts.refused == 0
            return filled

    return asyncio.run(fill_it())


def history(
    folder: Path, seed: int = 7, *, days: int = 3, buses: int = 3, kinds: tuple[str, ...] = SOME
) -> None:
    """Fill the last days taught before :data:`BEFORE`."""
    where = place(seed, buses)
    run(folder, where, taught_days(where, BEFORE, days), kinds=kinds)
