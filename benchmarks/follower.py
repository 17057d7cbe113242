"""Points a second from the archive into a real store, by the InfluxDB follower.

    python benchmarks/follower.py [--points 200000] [--chunk 5000]

An archive of a bus fleet's minutes in a temporary folder; InfluxDB 1.x over
/write and VictoriaMetrics over /api/v2/write, both as tests start them. Also the
follower alone, against a target that takes everything at once: its own cost.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from homeroute_collector.archive import Archive
from homeroute_collector.archive_records import Columns, Commit
from homeroute_collector.influx import Follower
from homeroute_collector.influx_archive import ArchiveSource
from homeroute_collector.influx_targets import Answer, Influx1, Influx2, Target
from homeroute_wire.batch import Header
from tests.servers import Server, absent
from tests.stores import InfluxDB, VictoriaMetrics

BUSES = 200
SAMPLES = 6
MEASUREMENTS = 4
BATCH_POINTS = SAMPLES * MEASUREMENTS


class Void:
    """Takes everything at once."""

    name = "nothing"

    async def write(self, text: str) -> Answer:  # noqa: ARG002 - as every target's
        """Take lines."""
        return Answer(204)

    async def delete(self, measurement: str, start_ms: int, end_ms: int) -> Answer:  # noqa: ARG002 - as every target's
        """Forget what was never kept."""
        return Answer(204)

    async def create(self) -> Answer | None:
        """There is nothing to make."""
        return None

    async def close(self) -> None:
        """There is nothing to close."""


def batch(bus: int, seq: int, now_ms: int) -> Commit:
    """A minute of one bus: Wi-Fi, traffic, uplink and position every 10 s."""
    times = [now_ms - 60_000 * seq + 10_000 * i + bus for i in range(SAMPLES)]
    whole = list(range(SAMPLES))
    real = [0.5 + bus + i / 7 for i in whole]
    columns: dict[str, dict[str, list[Any]]] = {
        "wifi": {
            "ssid": ["Bus-WiFi"] * SAMPLES,
            "band": ["5"] * SAMPLES,
            "clients": whole,
            "clients_peak": whole,
            "associated": whole,
            "disassociated": whole,
            "randomized": whole,
        },
        "traffic": {
            "role": ["wan"] * SAMPLES,
            "interface": ["wwan0"] * SAMPLES,
            "down_bytes": [n * 123_457 for n in whole],
            "up_bytes": [n * 12_347 for n in whole],
            "interval_s": [10.0] * SAMPLES,
            "resets": [0] * SAMPLES,
        },
        "uplink": {
            "interface": ["wwan0"] * SAMPLES,
            "technology": ["lte"] * SAMPLES,
            "carrier": ["unknown"] * SAMPLES,
            "state": [2] * SAMPLES,
            "rtt_ms": real,
            "loss_ratio": [0.0] * SAMPLES,
        },
        "position": {
            "lat": [36.1 + r / 1e4 for r in real],
            "lon": [-95.9 - r / 1e4 for r in real],
            "fix": [3] * SAMPLES,
            "speed_mps": real,
            "heading_deg": [90.0] * SAMPLES,
            "accuracy_m": [4.5] * SAMPLES,
        },
    }
    return Commit(
        device=f"bus-{bus:03}",
        kind="bus",
        stream=f"{bus:016x}",
        received_ms=now_ms,
        columns={name: Columns(times, values) for name, values in columns.items()},
        header=Header(f"{bus:016x}", seq, now_ms, BATCH_POINTS),
    )


async def fill(archive: Archive, points: int, now_ms: int) -> int:
    """Commit minutes of all buses until there are that many points."""
    seq = stored = 0
    while stored < points:
        seq += 1
        await asyncio.gather(*(archive.commit(batch(bus, seq, now_ms)) for bus in range(BUSES)))
        stored += BUSES * BATCH_POINTS
    return stored


async def follow(archive: Archive, target: Target, chunk: int, points: int) -> tuple[float, float]:
    """Wall and own processor seconds to follow the whole archive."""
    source = ArchiveSource(archive)
    await source.advance(0)
    follower = Follower(source, target, now_ms=lambda: int(time.time() * 1000), chunk_points=chunk)
    began, used = time.perf_counter(), time.process_time()
    task = asyncio.create_task(follower.run())
    while await source.cursor() < archive.newest_commit_id:  # noqa: ASYNC110 - a stored row
        await asyncio.sleep(0.02)
    wall, cpu = time.perf_counter() - began, time.process_time() - used
    following = follower.following()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await target.close()
    assert (following.written, following.rejected) == (points, 0), following
    return wall, cpu


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """Start, and stop."""
    server.start()
    try:
        yield server
    finally:
        server.stop()


def folder(parent: Path, name: str) -> Path:
    """A folder of its own."""
    path = parent / name
    path.mkdir()
    return path


def main() -> None:
    """Measure and print a line for each store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=200_000)
    parser.add_argument("--chunk", type=int, default=5_000)
    args = parser.parse_args()
    now_ms = int(time.time() * 1000)

    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        archive = Archive.open(home / "archive.duckdb", district="springfield")

        def measured(what: str, target_of: type[Void] | object) -> None:
            async def run() -> tuple[float, float]:
                assert callable(target_of)
                return await follow(archive, target_of(), args.chunk, stored)

            wall, cpu = asyncio.run(run())
            print(
                f"{what:42} {stored / wall:10,.0f} points/s   "
                f"{cpu / stored * 1e6:5.1f} us of ours a point   {wall:6.2f} s"
            )

        stored = asyncio.run(fill(archive, args.points, now_ms))
        print(f"{stored:,} points in {archive.newest_commit_id} commits, chunks of {args.chunk:,}")
        print(f"{os.cpu_count()} cores, shared with the store")
        measured("follower alone", Void)
        if not absent("influxdb"):
            store = InfluxDB(folder(home, "influxdb"))
            with running(store):
                measured(
                    "InfluxDB 1.x, /write",
                    lambda: Influx1(store.url, "telemetry", create_days=90),
                )
                rows = store.query("SELECT count(clients) FROM wifi", database="telemetry")
                assert rows[0]["count"] == stored // MEASUREMENTS
        if not absent("victoria-metrics"):
            other = VictoriaMetrics(folder(home, "victoria"))
            with running(other):
                measured(
                    "VictoriaMetrics, /api/v2/write",
                    lambda: Influx2(other.url, "telemetry", org="x", token="x"),
                )
        archive.close()


if __name__ == "__main__":
    main()
