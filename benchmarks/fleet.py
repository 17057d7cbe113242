"""What 200 real agents cost in one process: processor time, memory, points, lateness.

Run: ``python benchmarks/fleet.py [BUSES] [SPEED] [SECONDS]``: 200 buses at real speed
for 120 s of our own time by default, sampling every 10 s; broker and collector run on
the same machine. A sampler's lateness is what it slept past its beat, in ms of our own
time.
"""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

from homeroute_collector.validation import DAY_MS
from homeroute_command.simulate_fleet import FILES_EACH, ORDINARY, allow_files
from homeroute_simulators.fleet import Broker, Fleet
from homeroute_simulators.fleet_collector import collecting
from homeroute_simulators.fleet_pace import pace
from homeroute_simulators.itinerary import school_days
from homeroute_simulators.sim_clock import SimClock
from homeroute_simulators.world import world

START_MS = 1_794_834_060_000
"""2026-11-16 07:01 in Kansas: more buses drive then than at any other time of the day."""

SETTLE_S = 15.0
"""Of our own time, before anything is measured."""


class Measured(SimClock):
    """Notes how late every sleep of a second or more ends."""

    late_ms: list[float]

    async def sleep(self, seconds: float) -> None:
        began_s = time.monotonic()
        await super().sleep(seconds)
        if seconds >= 1.0:
            self.late_ms.append((time.monotonic() - began_s - seconds / self.speed) * 1000)


async def measure(buses: int, speed: float, seconds: float, folder: Path) -> None:
    place = world(7, buses=buses)
    district = place.district
    clock = Measured(speed, START_MS)
    clock.late_ms = []
    devices = [(bus.device, "bus") for bus in district.buses]
    devices += [(hotspot.device, "hotspot") for hotspot in district.hotspots]
    cadence, rtt_scale = pace(ORDINARY, speed)
    async with collecting(folder / "data", district.name, clock, devices) as its:
        fleet = Fleet(
            district,
            school_days(place, START_MS, START_MS + DAY_MS),
            state=folder / "devices",
            broker=Broker(its.broker.host, its.broker.port),
            passwords=its.passwords,
            cadence=cadence,
            clock=clock,
            rtt_scale=rtt_scale,
        )
        stop = asyncio.Event()
        running = asyncio.create_task(fleet.run(stop, quiesce_s=20.0))
        while not clock.late_ms:  # noqa: ASYNC110 -- the fleet tells nobody that it drives
            await asyncio.sleep(0.5)
        await asyncio.sleep(SETTLE_S + 10.0 / speed)
        clock.late_ms.clear()
        fleet.late_ms = 0
        driving = len(fleet.driving)
        before_s, began_s = time.process_time(), time.monotonic()
        stored = its.ingest.counts.stored
        await asyncio.sleep(seconds)
        cpu_s, wall_s = time.process_time() - before_s, time.monotonic() - began_s
        stored = its.ingest.counts.stored - stored
        drove = f"{driving} at first, {len(fleet.driving)} at last"
        late = sorted(clock.late_ms)
        world_late_s = fleet.late_ms / 1000
        rss_mib = rss()
        stop.set()
        ledgers = await running
        await its.ingest.drain()
    sampled = sum(ledger.sampled for ledger in ledgers.values())
    known = sum(e.stored + e.refused + e.dropped + e.spooled for e in ledgers.values())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    cuts = statistics.quantiles(late, n=100)
    print(f"{'agents':<34}{len(ledgers):>10}  at {speed:g} x, {os.cpu_count()} cores")
    print(f"{'buses driving':<34}{drove:>10}")
    print(f"{'processor':<34}{100 * cpu_s / wall_s:>10.1f} % of one core")
    print(f"{'memory now, at most':<34}{rss_mib:>10.0f} MiB, {peak:.0f} MiB, collector included")
    print(f"{'points stored':<34}{stored / wall_s:>10.1f} /s")
    print(
        f"{'sampler late, median':<34}{cuts[49]:>10.1f} ms, 99 % {cuts[98]:.1f}, max {late[-1]:.1f}"
    )
    print(f"{'world late, at most':<34}{world_late_s:>10.2f} s, simulated")
    print(
        f"{'points':<34}{sampled:>10,} {'=' if sampled == known else '≠'} {known:,} accounted for"
    )


def rss() -> float:
    """MiB resident now."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS"))) / 1024


def main() -> None:
    buses = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    speed = float(sys.argv[2]) if len(sys.argv) > 2 else 1.0
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 120.0
    logging.disable(logging.WARNING)
    allow_files(buses * FILES_EACH)
    with tempfile.TemporaryDirectory() as scratch:
        asyncio.run(measure(buses, speed, seconds, Path(scratch)))


if __name__ == "__main__":
    main()
