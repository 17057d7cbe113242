"""How fast batches become committed points, and at what cost in memory.

``python benchmarks/ingest.py [--batches N] [--points N …]`` offers encoded batches
of a simulated minute (or of an hour's backlog) to the ingest, waits until the last
is acknowledged, and prints one line per batch size. Encoding is not counted. Each
size runs in a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import resource
import sys
import tempfile
import time
from pathlib import Path

from homeroute_collector.archive import Archive
from homeroute_collector.ingest import Ingest
from homeroute_collector.own_clock import OwnClock
from homeroute_wire.batch import Header, encode_body, frame
from homeroute_wire.measurements import Agent, Health, Position, Traffic, Uplink, Wifi
from homeroute_wire.schema import Point

DEVICES = 20
DISTRICT = "springfield"


def step(time_ms: int, at: int) -> list[Point]:
    """What a bus samples in one step of ten seconds."""
    return [
        Point(
            time_ms,
            Wifi(
                ssid="Bus-WiFi",
                band="5",
                clients=at % 30,
                clients_peak=30,
                associated=1,
                disassociated=0,
                randomized=at % 9,
            ),
        ),
        *(
            Point(
                time_ms,
                Traffic(
                    role=role,
                    interface=interface,
                    down_bytes=123_456 + at * 37,
                    up_bytes=5_555 + at * 11,
                    interval_s=10.0,
                    resets=0,
                ),
            )
            for role, interface in (("wan", "wwan0"), ("lan", "wlan0"))
        ),
        Point(
            time_ms,
            Uplink(
                interface="wwan0",
                technology="lte",
                carrier="unknown",
                state=2,
                rtt_ms=None if at % 7 == 0 else 48.5 + at % 13,
                loss_ratio=0.0,
            ),
        ),
        Point(time_ms, Position(lat=36.15 + at * 1e-5, lon=-95.99, fix=3, speed_mps=12.5)),
        Point(time_ms, Health(uptime_s=77 + at, cpu_ratio=0.25, temperature_c=51.0)),
        Point(
            time_ms,
            Agent(
                version="0.1.0",
                sampled=at,
                stored=at,
                refused=0,
                dropped=0,
                spooled=0,
                spool_bytes=0,
                sampler_errors=0,
                config_version=0,
            ),
        ),
    ]


def encoded(batches: int, points: int, start_ms: int) -> list[tuple[str, bytes]]:
    """Batches of about that many points, for some devices in turn."""
    steps = max(1, round(points / len(step(0, 0))))
    made = []
    for number in range(batches):
        seq = number // DEVICES + 1
        first_ms = start_ms + seq * steps * 10_000
        rows = [row for at in range(steps) for row in step(first_ms + at * 10_000, at)]
        header = Header(f"{number % DEVICES:016x}", seq, first_ms, len(rows))
        made.append((f"bus-{number % DEVICES:02d}", frame(header, encode_body("bus", rows))))
    return made


async def measure(batches: int, points: int) -> str:
    """Offer the batches as fast as there is room, and say what it took."""
    clock = OwnClock()
    offered = encoded(batches, points, clock.now_ms() - 60 * 86_400_000)
    with tempfile.TemporaryDirectory() as folder:
        archive = Archive.open(Path(folder, "archive.duckdb"), district=DISTRICT)
        ingest = Ingest(archive, clock, district=DISTRICT, retention_days=90)
        running = asyncio.create_task(ingest.run())
        began, cpu_began = time.perf_counter(), time.process_time()
        for device, payload in offered:
            await ingest.put(DISTRICT, device, payload)
        await ingest.drain()
        took, cpu = time.perf_counter() - began, time.process_time() - cpu_began
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        commits, commit_s = archive.commit_cost
        archive.close()
    stored = ingest.counts.stored
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1024 * 1024 if sys.platform == "darwin" else 1024
    )
    per_commit_ms = commit_s / commits * 1000
    return (
        f"{stored // batches:>7} {batches:>8} {stored / took:>10,.0f} {batches / took:>10,.0f}"
        f" {cpu / stored * 1e6:>9.2f} {commits:>8} {per_commit_ms:>10.1f} {peak_mb:>8.0f}"
    )


def report(batches: int, points: int) -> None:
    """Print one line of the table."""
    print(asyncio.run(measure(batches, points)), flush=True)


def main() -> None:
    """Measure each size in its own process."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--batches", type=int, default=2_000)
    parser.add_argument("--points", type=int, nargs="+", default=[30, 350])
    chosen = parser.parse_args()
    print(
        "pts/bat  batches   points/s  batches/s µs cpu/pt  commits  ms/commit  peak MB", flush=True
    )
    for points in chosen.points:
        child = multiprocessing.get_context("spawn").Process(
            target=report, args=(chosen.batches, points)
        )
        child.start()
        child.join()
        if child.exitcode:
            sys.exit(child.exitcode)


if __name__ == "__main__":
    main()
