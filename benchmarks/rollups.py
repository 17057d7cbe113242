"""What a night costs, and what a director waits: rollups and questions of a 100-bus district.

    python benchmarks/rollups.py [--buses N] [--days N] [--growth 30 90 180]
    python benchmarks/rollups.py --data DIR

Fills an archive with that many real (simulated) school days, every fault on, and rolls
each up as the nightly job does: attribution, then rollup, whole days. Then its aggregates
(not its raw points) are copied onto as many school days as a year has, each copy a day
of its own, and every question is asked of 30, 90 and 180 of them; the median of five.
Last, today is written once more sixty times, as in an hour, and again, for what the file grows by.

With --data nothing is copied: DIR is a folder that `homeroute simulate history` filled, of as
many days as one has patience for. Every day is rolled up in turn, so that each night finds all
raw points and the aggregates of the days before it; then every question and every report is
asked of the last 30, 90 and 180 days that are there. Seconds are of the wall, and of the
processor, which other loads on the machine do not lengthen as much.
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
from homeroute_analytics.samples import Query
from homeroute_collector.archive import Archive
from homeroute_command import rolling
from homeroute_dashboards.district import District
from homeroute_dashboards.reports.answering import answer

DISTRICT, ZONE = "quillhaven", "America/Chicago"
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
    parser.add_argument("--data", type=Path, metavar="DIR", help="a filled folder; see above")
    parser.add_argument("--asked-only", action="store_true", help="of --data: it is rolled up")
    chosen = parser.parse_args()
    if chosen.data:
        asyncio.run(measure_filled(chosen.data, chosen.growth, rolled=chosen.asked_only))
        return 0
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
    archive = Archive.open(folder / "archive.duckdb", district=DISTRICT, extra_ddl=tables.DDL)
    try:
        rows = await archive.query("SELECT DISTINCT service_day FROM legs ORDER BY 1")
        days = [day for (day,) in rows]
        for day in days:
            await night(archive, day)
        print("| days | segment rows | question | s | processor s |")
        print("| ---: | ---: | --- | ---: | ---: |")
        copied = 0
        for count in sorted(growth):
            await copy(archive, days, copied, count)
            copied = count
            middle = FIRST + timedelta(days=count * 7 // 10)
            await ask(archive, count, Span(FIRST, FIRST + timedelta(days=364)), middle, AFTER_MS)
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


async def measure_filled(folder: Path, growth: list[int], *, rolled: bool) -> None:
    """Roll a real history up, night after night, and ask."""
    archive = Archive.open(folder / "archive.duckdb", district=DISTRICT, extra_ddl=tables.DDL)
    size_mb = (folder / "archive.duckdb").stat().st_size / 1e6
    try:
        rows = await archive.query("SELECT DISTINCT service_day FROM legs ORDER BY 1")
        days = [day for (day,) in rows]
        ((points,),) = await archive.query("SELECT sum(points)::BIGINT FROM commits")
        print(f"{len(days)} days, {points:,} points, file {size_mb:.0f} MB", flush=True)
        if not rolled:
            await nights(archive, days)
        print("| days | segment rows | question | s | processor s |")
        print("| ---: | ---: | --- | ---: | ---: |")
        for count in sorted({min(count, len(days)) for count in growth}):
            span, middle = Span(days[-count], days[-1]), days[-count * 3 // 10]
            await ask(archive, count, span, middle, LATER_MS)
    finally:
        await asyncio.to_thread(archive.close)
    after_mb = (folder / "archive.duckdb").stat().st_size / 1e6
    print(f"file {after_mb:.0f} MB, with aggregates")


async def nights(archive: Archive, days: list[date]) -> None:
    """Every night in turn; every thirty of them their median and the slowest."""
    print("| nights | median s | slowest s | processor s, median |\n| --- | ---: | ---: | ---: |")
    took: list[tuple[float, float]] = []
    for number, day in enumerate(days, start=1):
        began, began_cpu = time.perf_counter(), time.process_time()
        await rolling.roll(archive, day, timezone=ZONE, now_ms=LATER_MS)
        took.append((time.perf_counter() - began, time.process_time() - began_cpu))
        if number % 30 == 0 or number == len(days):
            wall, cpu = ([both[i] for both in took] for i in (0, 1))
            print(
                f"| {number - len(took) + 1} to {number} | {statistics.median(wall):.2f} "
                f"| {max(wall):.2f} | {statistics.median(cpu):.2f} |",
                flush=True,
            )
            took = []


async def timed(question: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """Ask five times; the median seconds of the wall and of the processor."""
    took = []
    for _ in range(5):
        began, began_cpu = time.perf_counter(), time.process_time()
        await question()
        took.append((time.perf_counter() - began, time.process_time() - began_cpu))
    wall_s, cpu_s = (statistics.median(both[i] for both in took) for i in (0, 1))
    return wall_s, cpu_s


async def night(archive: Archive, day: date) -> None:
    """One day, as at night, and again without attribution."""
    began = time.perf_counter()
    await rolling.roll(archive, day, timezone=ZONE, now_ms=LATER_MS)
    both = time.perf_counter() - began
    began = time.perf_counter()
    found = await rolling.roll(archive, day, timezone=ZONE, now_ms=LATER_MS, repair=False)
    alone = time.perf_counter() - began
    counts = ", ".join(f"{count} {name}" for name, count in found.made.rows.items())
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
            "INSERT INTO rollup_days (day, rolled_ms, sealed, commit_id) VALUES (?, 0, true, 0)",
            [new],
        )


async def ask(archive: Archive, count: int, span: Span, middle: date, now_ms: int) -> None:
    """Ask every question, and print a row for each."""
    ((size,),) = await archive.query(
        "SELECT count(*) FROM segment_day WHERE day BETWEEN ? AND ?",
        [span.first_day, span.last_day],
    )
    asked = await questions(archive.query, span, middle, now_ms)
    for name, question in asked.items():
        wall_s, cpu_s = await timed(question)
        print(f"| {count} | {size:,} | {name} | {wall_s:.3f} | {cpu_s:.3f} |", flush=True)


async def questions(
    query: Query, span: Span, middle: date, now_ms: int
) -> dict[str, Callable[[], Awaitable[object]]]:
    """Every question of a director, of those days; ``middle`` is when something was mended."""
    ((route,),) = await query("SELECT min(route) FROM trip_day", [])
    of_route = Span(span.first_day, span.last_day, route=route)
    # A small district of few days has no dead zone yet; then something was mended on a route.
    worst = next(iter(await worklist(query, span)), None)
    where = Where(place=(worst.lat, worst.lon, worst.radius_m)) if worst else Where(route=route)
    first, until = span.first_day, span.last_day
    asked = {"from": first.isoformat(), "to": until.isoformat()}
    (choice, *_) = await choices(query, of_route)
    district = District(DISTRICT, ZONE, simulated=True, version="0")
    return {
        "the page: connectivity by route and hour": lambda: connectivity(
            query, first, until, timezone=ZONE, now_ms=now_ms
        ),
        "the page: which trips there are": lambda: choices(query, span),
        "the page: a ribbon": lambda: ribbon(query, choice, span),
        "report coverage, as a page to print": lambda: answer(
            query, "coverage", asked | {"format": "html"}, district, now_ms
        ),
        "report devices": lambda: answer(query, "devices", asked, district, now_ms),
        "report hotspots": lambda: answer(query, "hotspots", asked, district, now_ms),
        "report trips, as Parquet": lambda: answer(
            query, "trips", asked | {"format": "parquet"}, district, now_ms
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


if __name__ == "__main__":
    sys.exit(main())
