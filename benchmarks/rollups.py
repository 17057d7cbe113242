"""What a night costs, and what a director waits: rollups and questions of a 100-bus district.

    python benchmarks/rollups.py [--buses N] [--days N] [--growth 30 90 180]

Fills an archive with that many real (simulated) school days, every fault on, and rolls
each up as the nightly job does: attribution, then rollup, whole days. Then its aggregates
(not its raw points) are copied onto as many school days as a year has, each copy a day
of its own, and every question is asked of 30, 90 and 180 of them; the median of five.
Last, today is written once more sixty times, as in an hour, and again, for what the file grows by.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from pathlib import Path

from homeroute_analytics import tables
from homeroute_analytics.before_after import Where, before_after
from homeroute_analytics.connectivity import connectivity
from homeroute_analytics.dead_zones import worklist
from homeroute_analytics.directors import Span, by_route, by_trip, longest_gaps, segments
from homeroute_analytics.ribbon import choices, ribbon
from homeroute_analytics.rollups import DAILY
from homeroute_collector.archive import Archive
from homeroute_command import rolling
from homeroute_dashboards.reports.answering import answer
from homeroute_dashboards.reports.header import Place

ZONE = "America/Chicago"
LATER_MS = 2_000_000_000_000
AFTER_MS = 2_300_000_000_000
"""When the copies are asked for: all of them lie in the past."""

FIRST = date(2040, 1, 2)
"""Of the copies: clear of the days that were filled."""


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--buses", type=int, default=100)
    parser.add_argument("--days", type=int, default=5)
    parser.add_argument("--growth", type=int, nargs="+", default=[30, 90, 180])
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run(
            [
                *(sys.executable, "-m", "homeroute_command", "simulate", "history"),
                *("--data", str(folder), "--days", str(chosen.days), "--faults", "all"),
                *("--buses", str(chosen.buses), "--before", "2026-11-18", "--json"),
            ],
            check=True,
        )
        asyncio.run(measure(folder, chosen.growth))
    return 0


async def measure(folder: Path, growth: list[int]) -> None:
    """Roll up, copy, ask."""
    archive = Archive.open(folder / "archive.duckdb", district="quillhaven", extra_ddl=tables.DDL)
    try:
        rows = await archive.query("SELECT DISTINCT service_day FROM legs ORDER BY 1")
        days = [day for (day,) in rows]
        for day in days:
            await night(archive, day)
        print("| days | segment rows | question | s |\n| ---: | ---: | --- | ---: |")
        copied = 0
        for count in sorted(growth):
            await copy(archive, days, copied, count)
            copied = count
            await ask(archive, count)
        for hour in (1, 2):
            before = (folder / "archive.duckdb").stat().st_size
            began = time.perf_counter()
            for _ in range(60):
                await rolling.roll(archive, days[-1], timezone=ZONE, now_ms=LATER_MS, repair=False)
            took = (time.perf_counter() - began) / 60
            await archive.execute("CHECKPOINT")
            grew = ((folder / "archive.duckdb").stat().st_size - before) / 1e6
            print(f"today written 60 times, hour {hour}: {took:.2f} s each, file {grew:+.1f} MB")
    finally:
        await asyncio.to_thread(archive.close)


async def night(archive: Archive, day: date) -> None:
    """One day, as at night, and again without attribution."""
    began = time.perf_counter()
    await rolling.roll(archive, day, timezone=ZONE, now_ms=LATER_MS)
    both = time.perf_counter() - began
    began = time.perf_counter()
    found = await rolling.roll(archive, day, timezone=ZONE, now_ms=LATER_MS, repair=False)
    alone = time.perf_counter() - began
    counts = ", ".join(f"{count} {name}" for name, count in found.rows.items())
    print(f"{day}: {both:.1f} s, of it rollup {alone:.1f} s; {counts}", flush=True)


async def copy(archive: Archive, days: list[date], done: int, count: int) -> None:
    """Copy the filled days, one after the other, onto the school days from ``done`` on."""
    for number in range(done, count):
        new = FIRST + timedelta(days=number // 5 * 7 + number % 5)
        for table in DAILY:
            await archive.execute(
                f'INSERT INTO "{table}" SELECT * REPLACE (?::DATE AS day) '
                f'FROM "{table}" WHERE day = ?',
                [new, days[number % len(days)]],
            )
        await archive.execute(
            "INSERT INTO rollup_days (day, rolled_ms, sealed) VALUES (?, 0, true)", [new]
        )


async def ask(archive: Archive, count: int) -> None:
    """Every question of a director, of all the copies."""
    span = Span(FIRST, FIRST + timedelta(days=400))
    ((size,),) = await archive.query("SELECT count(*) FROM segment_day WHERE day >= ?", [FIRST])
    ((route,),) = await archive.query("SELECT min(route) FROM trip_day")
    middle = FIRST + timedelta(days=count * 7 // 10)
    query = archive.query
    of_route = Span(span.first_day, span.last_day, route=route)
    (worst, *_) = await worklist(query, span)
    where = Where(place=(worst.lat, worst.lon, worst.radius_m))
    until = FIRST + timedelta(days=364)
    asked = {"from": FIRST.isoformat(), "to": until.isoformat()}
    (choice, *_) = await choices(query, of_route)
    district = Place("quillhaven", ZONE, simulated=True, version="0")
    questions: dict[str, Callable[[], Awaitable[object]]] = {
        "the page: connectivity by route and hour": lambda: connectivity(
            query, FIRST, until, timezone=ZONE, now_ms=AFTER_MS
        ),
        "the page: which trips there are": lambda: choices(query, span),
        "the page: a ribbon": lambda: ribbon(query, choice, span),
        "report coverage, as a page to print": lambda: answer(
            query, "coverage", asked | {"format": "html"}, district, AFTER_MS
        ),
        "report trips, 55,000 rows as Parquet": lambda: answer(
            query, "trips", asked | {"format": "parquet"}, district, AFTER_MS
        ),
        "routes": lambda: by_route(query, span),
        "trips": lambda: by_trip(query, span),
        "longest gaps": lambda: longest_gaps(query, span),
        "segments of a route": lambda: segments(query, of_route),
        "all segments": lambda: segments(query, span),
        "dead zones": lambda: worklist(query, span),
        "before and after, a place": lambda: before_after(
            query, middle, where, before_days=200, after_days=200
        ),
    }
    for name, question in questions.items():
        took = []
        for _ in range(5):
            began = time.perf_counter()
            await question()
            took.append(time.perf_counter() - began)
        print(f"| {count} | {size:,} | {name} | {statistics.median(took):.3f} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
