"""A program that commits batches until it is killed, saying each one that is acknowledged.

``python -m tests.collector.committing ARCHIVE FIRST_SEQ [FILE_SIZE_BOUND]``. With a
bound, the disk is "full" there: the program says ``full`` when the archive first
shows a problem, lifts the bound after a line on its input, and goes on.
"""

from __future__ import annotations

import asyncio
import resource
import signal
import sys
from pathlib import Path

from homeroute_collector.archive import Archive
from homeroute_collector.archive_records import Commit
from homeroute_collector.archive_writer import Limits
from homeroute_collector.validation import validate
from tests.collector.batches import DISTRICT, NOW_MS, RETENTION_DAYS, raw_batch


def bad_and_good(seq: int) -> bytes:
    """Three points, one of them refused, at times of this batch alone."""
    rows = {"t": [seq * 10, 1, 1], "uptime_s": [seq, "x", seq]}
    return raw_batch({"health": rows}, seq=seq, base=NOW_MS)


def commit(seq: int) -> Commit:
    """That batch as a commit."""
    return validate(
        "bus-07", bad_and_good(seq), received_ms=NOW_MS + seq * 10, retention_days=RETENTION_DAYS
    )


async def main(path: Path, first: int, bound: int | None) -> None:
    """Commit for ever, four at a time."""
    archive = Archive.open(path, district=DISTRICT, limits=Limits(window_s=0.002))
    if bound is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (bound, resource.RLIM_INFINITY))
        asyncio.get_running_loop().create_task(lift(archive), name="lift")
    seq = first
    while True:
        group = [archive.commit(commit(at)) for at in range(seq, seq + 4)]
        for committed in await asyncio.gather(*group):
            assert committed.receipt is not None
            print(committed.receipt.seq, committed.outcome, flush=True)
        seq += 4


async def lift(archive: Archive) -> None:
    """Wait for the trouble to show, then for leave to end it."""
    while archive.problem is None:
        await asyncio.sleep(0.005)
    print("full", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


if __name__ == "__main__":
    asyncio.run(
        main(
            Path(sys.argv[1]),
            int(sys.argv[2]),
            int(sys.argv[3]) if len(sys.argv) > 3 else None,
        )
    )
