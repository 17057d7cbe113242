"""How many batches one broker and collector carry on this machine, from virtual devices.

Run: ``python benchmarks/load.py [SECONDS]``: 10 s at each rate by default. A rate is
carried when nothing was late or unanswered. Virtual devices, broker and collector share
the machine, so this is a floor.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from homeroute_simulators.fleet_collector import collecting
from homeroute_simulators.load import Door, Load, Loaded
from homeroute_simulators.sim_clock import SimClock

DEVICES = 5_000
RATES = (50, 100, 200, 400, 800)
"""Batches a second: 167 are ten thousand buses."""


async def carry(rate: float, seconds: float, folder: Path) -> Loaded:
    clock = SimClock(1.0, time.time_ns() // 1_000_000)
    async with collecting(folder, "load", clock, [], prefer="nats") as its:
        assert its.broker.password_file is not None
        password = its.broker.password_file.read_text().strip()
        door = Door(its.broker.host, its.broker.port, its.broker.username, password)
        return await Load(door, "load", devices=DEVICES, rate=rate).run(seconds)


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    print("batches/s  acked  resent  late  points/s   p50 ms   p95 ms   p99 ms  cpu")
    for rate in RATES:
        with tempfile.TemporaryDirectory() as scratch:
            before_s = time.process_time()
            loaded = asyncio.run(carry(rate, seconds, Path(scratch)))
            cpu_s = time.process_time() - before_s
        p50, p95, p99 = loaded.percentiles_ms() or (0.0, 0.0, 0.0)
        print(
            f"{rate:>9}{loaded.acked:>7}{loaded.resent:>8}{loaded.late:>6}"
            f"{loaded.points_per_s:>10,.0f}{p50:>9.0f}{p95:>9.0f}{p99:>9.0f}"
            f"{100 * cpu_s / seconds:>4.0f} %"
        )
        if loaded.late or loaded.unanswered:
            break


if __name__ == "__main__":
    main()
