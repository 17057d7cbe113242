"""What the agent costs: the spool's rates, and an agent's memory and processor time.

Run: ``python benchmarks/spool.py [FOLDER]``; the folder should be on the storage
you mean to measure. Needs no broker: the agent measured finds none and keeps
everything, which is its dearest day.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from homeroute_agent.spool import Batch, Spool
from homeroute_wire.messages import Receipt

STREAM = "00000000000000aa"
BODY = os.urandom(330)  # a minute of a bus, deflated
POINTS = 37

AGENT = """
district = "springfield"
device = "bus-07"
state_dir = "state"
boot_delay_s = 0
{speed}
[mqtt]
host = "127.0.0.1"
port = 1
[network]
lan = ["lo"]
"""


def rate(what: str, count: int, work: Callable[[int], object]) -> None:
    began = time.perf_counter()
    for number in range(1, count + 1):
        work(number)
    seconds = time.perf_counter() - began
    print(f"{what:<34}{count / seconds:>10,.0f} /s {1e3 * seconds / count:>8.2f} ms each")


def measure_spool(folder: Path) -> None:
    def append(number: int) -> None:
        spool.append(Batch(STREAM, number, POINTS, BODY), now_ms=1)

    def settle(number: int) -> None:
        spool.settle([Receipt(STREAM, number, POINTS, 0)])

    spool = Spool.open(folder / "spool.sqlite")
    count = 1_000
    rate("append (durable)", count, append)
    rate("ledger of 1,000 batches", 200, lambda _: spool.ledger())
    rate("take (durable)", count, lambda _: spool.take())
    rate("settle one (durable)", count, settle)
    for number in range(count + 1, 2 * count + 1):
        append(number)
        spool.take()
    receipts = [Receipt(STREAM, n, POINTS, 0) for n in range(count + 1, 2 * count + 1)]
    rate(
        "settle 8 at once (durable)",
        count // 8,
        lambda n: spool.settle(receipts[8 * n - 8 : 8 * n]),
    )
    spool.close()


def fill_spool(folder: Path) -> None:
    """A spool at its bound of 64 MiB: what opening and counting it takes."""
    spool = Spool.open(folder / "full.sqlite")
    spool._file._db.execute("PRAGMA synchronous = OFF")  # noqa: SLF001 -- only to fill it
    number, bound = 0, 2**26
    while number * (len(BODY) + 96) < bound:
        number += 1
        spool.append(Batch(STREAM, number, POINTS, BODY), now_ms=1)
    rate(f"ledger of {number:,} batches", 3, lambda _: spool.ledger())
    spool.close()
    began = time.perf_counter()
    Spool.open(folder / "full.sqlite").close()
    size = (folder / "full.sqlite").stat().st_size / 2**20
    print(f"{'open, checked':<34}{time.perf_counter() - began:>10.2f} s, a file of {size:.0f} MiB")


def measure_agent(folder: Path, seconds: float, speed: str, label: str) -> None:
    (folder / "agent.toml").write_text(AGENT.format(speed=speed))
    command = [
        sys.executable,
        "-m",
        "homeroute_agent",
        "run",
        "--config",
        str(folder / "agent.toml"),
    ]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as agent:
        time.sleep(5)
        before = used(agent.pid)
        time.sleep(seconds)
        spent = used(agent.pid) - before
        status = Path(f"/proc/{agent.pid}/status").read_text()
        rss = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))
        agent.terminate()
    print(f"{label:<34}{int(rss) / 1024:>10.1f} MiB {100 * spent / seconds:>6.2f} % of one core")


def used(pid: int) -> float:
    """Processor seconds so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    chosen = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory(dir=chosen) as scratch:
        measure_spool(Path(scratch))
        fill_spool(Path(scratch))
        measure_agent(Path(scratch), 60, "", "agent at its ordinary beat")
        measure_agent(Path(scratch), 20, "sample_s = 1\nbatch_s = 2", "agent at the demo's beat")


if __name__ == "__main__":
    main()
