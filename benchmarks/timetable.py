"""What importing a timetable costs, and what a day of it costs to load.

`python benchmarks/timetable.py [FEED.zip]`: a feed given, or the school year of a simulated
district of 100 buses.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from homeroute_analytics import importing, tables, timetable
from homeroute_collector.archive import Archive
from homeroute_simulators import world_timetable
from homeroute_simulators.world import world

BUSES, SEED = 100, 7
ZONE = "America/Chicago"


def main() -> None:
    """Import, then load every service day on its own."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Archive.open(
            Path(folder) / "archive.duckdb", district="bench", extra_ddl=tables.DDL
        )
        try:
            asyncio.run(_measure(archive, Path(folder), sys.argv[1:]))
        finally:
            archive.close()


async def _measure(archive: Archive, folder: Path, words: list[str]) -> None:
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    if words:
        first, last = await archive.transaction(lambda db, _: _given(db, Path(words[0])))
    else:
        year = world(SEED, buses=BUSES)
        days = year.calendar.days()
        first, last = days[0], days[-1]
        await archive.transaction(
            lambda db, _: world_timetable.store(
                _executing(db), year, first, last, folder=folder / "files", now_ms=1
            )
        )
    took_s, cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows = await archive.query("SELECT count(*), sum(len(call_stop)) FROM feed_trips", [])
    print(f"import: {rows[0][0]} trips, {rows[0][1]} calls in {took_s:.2f} s ", end="")
    print(f"({cpu_s:.2f} processor s), peak {peak_mb:.0f} MB")
    costs_ms: list[float] = []
    trips = 0
    for offset in range((last - first).days + 1):
        day = first + timedelta(offset)
        began_s = time.perf_counter()
        trips += (found := len(await timetable.load(archive.query, day, day, ZONE)))
        if found:
            costs_ms.append((time.perf_counter() - began_s) * 1000)
    costs_ms.sort()
    middle, most = costs_ms[len(costs_ms) // 2], costs_ms[-1]
    print(f"load: {len(costs_ms)} days of {trips // len(costs_ms)} trips, ", end="")
    print(f"{middle:.0f} ms a day (median), {most:.0f} ms at most")


def _executing(db: Any) -> Any:
    return lambda sql, params: db.execute(sql, params).fetchall()


def _given(db: Any, path: Path) -> tuple[date, date]:
    document = importing.document("gtfs", [path])
    outcome = importing.store(
        _executing(db),
        document,
        from_day=None,
        timezone=ZONE,
        today=date.fromisoformat(document.first_day),
        now_ms=1,
    )
    return date.fromisoformat(outcome.first_day), date.fromisoformat(outcome.last_day)


if __name__ == "__main__":
    main()
