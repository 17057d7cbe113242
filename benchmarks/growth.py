"""How nights, questions, file and memory grow with the raw points of a district's year.

    python benchmarks/growth.py [--at 30,90,180] [--buses N] [--faults KINDS] [--data DIR]

Fills one history, and stops on the way at each of those school days: there every night since
the last stop is rolled up in turn, then every director's question is asked of all days so far,
and so is what reads raw points (the device's page, why a bus is on a trip, a day that is not yet
counted, what is due, the follower's next lines, opening the archive). Then it fills on. A stop
is at the first whole day that is on the disk, a day or so after the one asked for.

JSON lines come out, told on stderr what they are waiting for; each has ``what`` and the school
``day``. Seconds are of the wall, and of the processor, which other loads lengthen less. Memory
is the most a process of that work alone held, MB. A --data that was begun so goes on; without
it everything is thrown away. Fills take about six seconds a day of 100 buses, nights one or two.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from homeroute_analytics import rollup_inputs, rollup_order, tables
from homeroute_analytics.attribution.explain import explain
from homeroute_analytics.coverage import by_route_hour
from homeroute_analytics.directors import Span
from homeroute_analytics.rollups import bounds
from homeroute_collector import presence_archive
from homeroute_collector.archive import FILE_NAME, Archive
from homeroute_collector.influx_archive import ArchiveSource
from homeroute_command import rolling
from homeroute_dashboards.pages.device_day import device_day
from homeroute_simulators.filling_state import recall

# A script's own folder is what Python looks in; the one above has this one's name.
sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.rollups import DISTRICT, LATER_MS, ZONE, questions, timed

LOOK_S = 0.5
CHUNK_POINTS = 5_000
"""What the follower asks for at a time (DESIGN section 8)."""


def say(what: str, day: int, **figures: Any) -> None:
    """One line of output."""
    print(json.dumps({"what": what, "day": day} | figures), flush=True)


def progress(text: str) -> None:
    """For whoever waits."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def peak_mb(who: int = resource.RUSAGE_SELF) -> int:
    """The most memory this process held."""
    return round(resource.getrusage(who).ru_maxrss / 1024)


def fill(folder: Path, chosen: argparse.Namespace, until: int) -> None:
    """Go on filling up to that many days; say what those since the last stop took."""
    known = recall(folder) if folder.exists() else None
    done = known.done if known else 0
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began_s = time.perf_counter()
    running = subprocess.Popen(
        [
            *(sys.executable, "-m", "homeroute_command", "simulate", "history"),
            *("--data", str(folder), "--days", str(max(chosen.at))),
            *("--buses", str(chosen.buses), "--faults", chosen.faults, "--json"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    most_mb, told = 0.0, done
    while running.poll() is None:
        time.sleep(LOOK_S)
        most_mb = max(most_mb, resident_mb(running.pid))
        state = recall(folder)
        now = state.done if state else 0
        if now >= told + 10:
            told = now
            progress(f"day {now} of {max(chosen.at)}")
        if until <= now < max(chosen.at):
            running.send_signal(signal.SIGINT)
            break
    _, complaint = running.communicate()
    reached = recall(folder)
    if reached is None or reached.done < until:
        sys.exit(f"fill {folder}: ended at {reached}, code {running.returncode}: {complaint}")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    say(
        "filled",
        reached.done,
        days=reached.done - done,
        s=round(time.perf_counter() - began_s),
        cpu_s=round(cpu_s),
        peak_mb=round(most_mb),
        archive_mb=round((folder / FILE_NAME).stat().st_size / 1e6),
        truth_mb=round((folder / "truth.jsonl.gz").stat().st_size / 1e6),
    )


def resident_mb(pid: int) -> float:
    """What a process holds now; 0 when it has ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * resource.getpagesize() / 1e6


async def opened(folder: Path) -> Archive:
    """The archive, with a collector's own limits."""
    path = folder / FILE_NAME
    return await asyncio.to_thread(Archive.open, path, district=DISTRICT, extra_ddl=tables.DDL)


async def nights(folder: Path) -> None:
    """Roll up, night after night, what is not yet; the last one twice, as late data makes it."""
    archive = await opened(folder)
    try:
        days = await driven(archive)
        written = {day for (day,) in await archive.query("SELECT day FROM rollup_days")}
        took: list[tuple[float, float]] = []
        waiting = [day for day in days if day not in written]
        for number, day in enumerate(waiting, start=1):
            began, began_cpu = time.perf_counter(), time.process_time()
            await rolling.roll(archive, day, timezone=ZONE, now_ms=LATER_MS)
            took.append((time.perf_counter() - began, time.process_time() - began_cpu))
            if number % 10 == 0:
                progress(f"night {number} of {len(waiting)}")
        ((newest,),) = await archive.query("SELECT max(commit_id) FROM commits")
        await rollup_order.done(archive.execute, newest)
    finally:
        await asyncio.to_thread(archive.close)
    if took:
        wall, cpu = ([both[i] for both in took] for i in (0, 1))
        say(
            "nights",
            len(days),
            nights=len(took),
            s=round(statistics.median(wall), 2),
            slowest_s=round(max(wall), 2),
            cpu_s=round(statistics.median(cpu), 2),
            peak_mb=peak_mb(),
            archive_mb=round((folder / FILE_NAME).stat().st_size / 1e6),
        )


async def driven(archive: Archive) -> list[date]:
    """The service days there are."""
    return [d for (d,) in await archive.query("SELECT DISTINCT service_day FROM legs ORDER BY 1")]


async def directors(folder: Path) -> None:
    """Every director's question, of all days there are."""
    archive = await opened(folder)
    try:
        days = await driven(archive)
        span, middle = Span(days[0], days[-1]), days[-len(days) * 3 // 10]
        asked = await questions(archive.query, span, middle, LATER_MS)
        await ask(len(days), "question", asked)
    finally:
        await asyncio.to_thread(archive.close)
    say("questions", len(days), peak_mb=peak_mb())


async def raw(folder: Path) -> None:
    """What reads raw points, or what grows with them; and how many there are."""
    began, began_cpu = time.perf_counter(), time.process_time()
    archive = await opened(folder)
    try:
        took = time.perf_counter() - began, time.process_time() - began_cpu
        query = archive.query
        days = await driven(archive)
        say("raw", len(days), question="open the archive", s=round(took[0], 3),
            cpu_s=round(took[1], 3))  # fmt: skip
        ((points,),) = await query("SELECT sum(points)::BIGINT FROM commits")
        ((batches, streams),) = await query("SELECT count(*), count(DISTINCT stream) FROM batches")
        begin_ms, end_ms = bounds(days[-1], ZoneInfo(ZONE))
        ((device, at_ms),) = await query(
            "SELECT device, (min(start_ms) + max(end_ms)) // 2 FROM legs WHERE service_day = ? "
            "GROUP BY device ORDER BY device LIMIT 1",
            [days[-1]],
        )
        ((newest,),) = await query("SELECT max(commit_id) FROM commits")
        source = ArchiveSource(archive)
        asked: dict[str, Callable[[], Awaitable[object]]] = {
            "presence, as a collector starts": lambda: presence_archive.restored(query),
            "the page of a device, its last day": lambda: device_day(query, device, end_ms),
            "the last batches of a device": lambda: query(
                "SELECT * FROM batches WHERE device = ? ORDER BY commit_id DESC, seq DESC LIMIT 20",
                [device],
            ),
            "why a bus is on a trip": lambda: explain(query, device, at_ms, ZONE),
            "the page, of a day not yet counted": lambda: by_route_hour(
                query, start_ms=begin_ms, end_ms=end_ms, timezone=ZONE
            ),
            "which days are due by points": lambda: rollup_order.due(
                query, timezone=ZONE, now_ms=end_ms
            ),
            "which days are due by imports": lambda: rollup_inputs.changed(query, ZONE),
            "the follower's newest lines": lambda: source.next_chunk(newest - 1, CHUNK_POINTS),
            "the follower's lines in the middle": lambda: source.next_chunk(
                newest // 2, CHUNK_POINTS
            ),
        }
        await ask(len(days), "raw", asked)
    finally:
        await asyncio.to_thread(archive.close)
    say("points", len(days), points=points, batches=batches, streams=streams, peak_mb=peak_mb())


async def ask(day: int, what: str, asked: dict[str, Callable[[], Awaitable[object]]]) -> None:
    """Each five times; the medians."""
    for name, question in asked.items():
        wall_s, cpu_s = await timed(question)
        say(what, day, question=name, s=round(wall_s, 3), cpu_s=round(cpu_s, 3))


MEASURES = {"nights": nights, "directors": directors, "raw": raw}


def main() -> int:
    """Fill, stop, measure, go on."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--at",
        type=lambda text: sorted(int(day) for day in text.split(",")),
        default=[30, 90, 180],
        metavar="DAY,…",
        help="school days on which to measure; the last is how many there are",
    )
    parser.add_argument("--buses", type=int, default=100)
    parser.add_argument("--faults", default="all", metavar="KINDS")
    parser.add_argument("--data", type=Path, metavar="DIR", help="keep it there, or go on there")
    parser.add_argument("--measure", choices=MEASURES, help="of --data: this alone, no filling")
    chosen = parser.parse_args()
    if chosen.measure:
        asyncio.run(MEASURES[chosen.measure](chosen.data))
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = chosen.data or Path(name) / "data"
        for until in chosen.at:
            fill(folder, chosen, until)
            for measure in MEASURES:
                progress(measure)
                # A process of its own: its memory is that of this work alone.
                subprocess.run(
                    [sys.executable, __file__, "--data", str(folder), "--measure", measure],
                    check=True,
                )
    return 0


if __name__ == "__main__":
    sys.exit(main())
