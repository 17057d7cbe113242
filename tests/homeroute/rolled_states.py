"""A small district whose days can be believed in two ways, and what a week of it is made of.

Run as a program it rolls a day of such a folder up and is killed on the way:
``python -m tests.homeroute.rolled_states FOLDER DAY WRITES``.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from itertools import product
from pathlib import Path
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

from homeroute_analytics import publication, tables, weeks
from homeroute_analytics.rollups import bounds
from homeroute_analytics.weeks import WeekTrip
from homeroute_collector.archive import Archive
from homeroute_collector.config import Publish
from homeroute_command import rolling
from homeroute_command.keep_published import publish_due
from homeroute_simulators.filling_state import taught_days
from tests.simulators import filled

PLACE = filled.place()
ZONE = PLACE.district.timezone
DAYS = taught_days(PLACE, filled.BEFORE, 2)
WEEK = DAYS[0] - timedelta(days=DAYS[0].weekday())
SETTLED_MS = bounds(WEEK + timedelta(days=15), ZoneInfo(ZONE))[0]

Made = frozenset[tuple[WeekTrip, int]]
"""What a week was made of: its trips, and how many are the same in every number."""


def opened(folder: Path) -> Archive:
    """The archive of that folder."""
    return Archive.open(
        folder / "archive.duckdb", district=PLACE.district.name, extra_ddl=tables.DDL
    )


def fill(folder: Path) -> None:
    """Two days in which nobody saw two of the three buses: the table alone says who drove."""
    filled.history(folder, days=2, kinds=())

    async def forget() -> None:
        archive = opened(folder)
        try:
            await archive.execute("DELETE FROM position WHERE device IN ('bus-01', 'bus-02')")
        finally:
            await asyncio.to_thread(archive.close)

    asyncio.run(forget())


async def swap(archive: Archive) -> None:
    """Let the table say that those two drove each other's trips: another state of every day."""
    await archive.execute(
        "UPDATE fleet SET vehicle = CASE vehicle WHEN 'V01' THEN 'V02' WHEN 'V02' THEN 'V01' "
        "ELSE vehicle END"
    )


async def roll(archive: Archive, day: date) -> None:
    """Roll that day up, as the collector does."""
    await rolling.roll(archive, day, timezone=ZONE, now_ms=SETTLED_MS)


@contextmanager
def recorded() -> Iterator[list[Made]]:
    """What each week that is computed within is made of."""
    found: list[Made] = []

    def record(trips: list[WeekTrip], *given: Any) -> Any:
        found.append(frozenset(Counter(trips).items()))
        return weeks.tables(trips, *given)

    with mock.patch.object(publication, "tables", record):
        yield found


async def publish(archive: Archive) -> list[date]:
    """Publish what is due, as often as asked: the log is forgotten."""
    failing: dict[date, str] = {}
    done = await publish_due(archive, Publish(), timezone=ZONE, now_ms=SETTLED_MS, failing=failing)
    assert not failing
    await archive.execute("DELETE FROM published_weeks")
    return done


async def states(archive: Archive) -> dict[tuple[bool, ...], Made]:
    """What the week is made of by which of its days are swapped, while nobody else writes."""
    found: dict[tuple[bool, ...], Made] = {}
    now = False
    for swapped in product((False, True), repeat=len(DAYS)):
        for day, wanted in zip(DAYS, swapped, strict=True):
            if wanted != now:
                await swap(archive)
                now = wanted
            await roll(archive, day)
        with recorded() as made:
            assert await publish(archive) == [WEEK]
        found[swapped] = made[0]
    await swap(archive)
    for day in DAYS:
        await roll(archive, day)
    assert len(set(found.values())) == len(found)
    return found


def killed_after(writes: int) -> Callable[..., Any]:
    """The archive's transactions, of which so many are written; then the process is killed."""
    kept, left = Archive.transaction, [writes]

    async def transaction(self: Archive, run: Any) -> Any:
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
        return await kept(self, run)

    return transaction


async def _rolled(folder: Path, day: date, writes: int) -> None:
    archive = opened(folder)
    await swap(archive)
    with mock.patch.object(Archive, "transaction", killed_after(writes)):
        await roll(archive, day)
        # Nothing was left to be written.
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    asyncio.run(_rolled(Path(sys.argv[1]), date.fromisoformat(sys.argv[2]), int(sys.argv[3])))
