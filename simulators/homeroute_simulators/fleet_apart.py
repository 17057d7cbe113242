"""One simulated device's agent in a process of its own: ``python -m`` of this, by the fleet.

It reads the same simulated time as its parent, which shares it in a file, and stops
when its standard input is closed.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from homeroute_agent.config import load
from homeroute_agent.run import run_agent
from homeroute_simulators.sim_clock import SimClock


async def _main(words: list[str]) -> None:
    file, speed, start_ms, shared, booted_ms, boot_id, dated, quiesce_s = words
    clock = SimClock(float(speed), int(start_ms), shared=Path(shared))
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def heard() -> None:
        if not sys.stdin.buffer.read(1):
            loop.remove_reader(sys.stdin)
            stop.set()

    loop.add_reader(sys.stdin, heard)
    await run_agent(
        load(Path(file)),
        stop=stop,
        clock=clock.device(int(booted_ms), boot_id, dated=bool(int(dated))),
        quiesce_s=float(quiesce_s),
    )


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1:]))
