"""The archive followed into real stores, and read back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from homeroute_collector.archive import Archive
from homeroute_collector.archive_records import Columns, Commit
from homeroute_collector.influx import Follower
from homeroute_collector.influx_archive import ArchiveSource
from homeroute_collector.influx_targets import Influx1, Influx2, Target
from homeroute_wire.batch import Header
from tests.servers import wait_until
from tests.stores import InfluxDB, VictoriaMetrics

STREAM = "a" * 16


def batch(now_ms: int, seq: int, *, device: str = "bus-07", rows: int = 6) -> Commit:
    """A minute of Wi-Fi and uplink, the uplink with optional fields left out at times."""
    times = [now_ms - 60_000 * seq - 10_000 * i for i in range(rows)]
    return Commit(
        device=device,
        kind="bus",
        stream=STREAM,
        received_ms=now_ms,
        columns={
            "wifi": Columns(
                times,
                {
                    "ssid": ['Bus "Wi-Fi", =5'.replace('"', "") for _ in times],
                    "band": ["5"] * rows,
                    "clients": list(range(rows)),
                    "clients_peak": [rows] * rows,
                    "associated": [0] * rows,
                    "disassociated": [0] * rows,
                    "randomized": [1] * rows,
                },
            ),
            "uplink": Columns(
                times,
                {
                    "interface": ["wwan0"] * rows,
                    "technology": ["LTE"] * rows,
                    "carrier": ["unknown"] * rows,
                    "state": [i % 3 for i in range(rows)],
                    "rtt_ms": [None if i % 3 == 0 else 40.5 + i for i in range(rows)],
                },
            ),
        },
        header=Header(STREAM, seq, now_ms, 2 * rows),
    )


@asynccontextmanager
async def followed(
    archive: Archive, target: Target, *, now_ms: int, chunk_points: int = 50
) -> AsyncIterator[Follower]:
    follower = Follower(
        ArchiveSource(archive),
        target,
        now_ms=lambda: now_ms,
        sleep=lambda seconds: asyncio.sleep(min(seconds, 0.02)),
        chunk_points=chunk_points,
    )
    task = asyncio.create_task(follower.run())
    try:
        yield follower
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await target.close()


async def drained(archive: Archive, *, timeout_s: float = 30) -> None:
    """Wait until the stored cursor has reached the newest commit."""
    source = ArchiveSource(archive)
    async with asyncio.timeout(timeout_s):
        while await source.cursor() < archive.newest_commit_id:
            await asyncio.sleep(0.01)


@pytest.fixture
def archive(tmp_path: Path) -> Any:
    opened = Archive.open(tmp_path / "archive.duckdb", district="springfield")
    yield opened
    opened.close()


def now() -> int:
    import time

    return int(time.time() * 1000)


@pytest.mark.slow
def test_what_is_archived_is_read_back_with_influxql(influxdb: InfluxDB, archive: Archive) -> None:
    start = now()

    async def run() -> None:
        await asyncio.gather(*(archive.commit(batch(start, seq)) for seq in range(1, 41)))
        target = Influx1(influxdb.url, "telemetry", create_days=90)
        async with followed(archive, target, now_ms=start) as follower:
            await drained(archive)
            assert follower.following().written == 480
            assert follower.following().rejected == 0

    asyncio.run(run())
    assert influxdb.count("wifi") == 240
    rows = influxdb.query(
        "SELECT * FROM uplink WHERE device = 'bus-07' ORDER BY time DESC LIMIT 2",
        database="telemetry",
    )
    newest = start - 60_000
    assert [
        (r["time"], r["state"], r["rtt_ms"], r["district"], r["kind"], r["interface"]) for r in rows
    ] == [
        (newest, 0, None, "springfield", "bus", "wwan0"),
        (newest - 10_000, 1, 41.5, "springfield", "bus", "wwan0"),
    ]
    ssids = influxdb.query('SHOW TAG VALUES FROM wifi WITH KEY = "ssid"', database="telemetry")
    assert [row["value"] for row in ssids] == ["Bus Wi-Fi, =5"]
    policies = influxdb.query("SHOW RETENTION POLICIES ON telemetry")
    kept = [(p["duration"], p["shardGroupDuration"]) for p in policies if p["default"]]
    assert kept == [("2160h0m0s", "168h0m0s")]


@pytest.mark.slow
def test_influxdb_down_at_the_start_and_for_a_while_has_each_point_exactly_once(
    influxdb: InfluxDB, archive: Archive
) -> None:
    start = now()
    influxdb.stop()

    async def run() -> None:
        commit = archive.commit
        await asyncio.gather(*(commit(batch(start, seq)) for seq in range(1, 21)))
        target = Influx1(influxdb.url, "telemetry", create_days=90, timeout_s=5)
        async with followed(archive, target, now_ms=start, chunk_points=20) as follower:
            while not follower.following().problem:
                await asyncio.sleep(0.01)
            assert not follower.following().connected
            await asyncio.to_thread(influxdb.start)
            for seq in range(21, 41):
                await commit(batch(start, seq))
                if seq == 25:
                    influxdb.kill()
                if seq == 30:
                    await asyncio.to_thread(influxdb.start)
            await drained(archive)
            assert follower.following().connected
            assert follower.following().problem is None

    asyncio.run(run())
    assert influxdb.count("wifi") == 240
    assert influxdb.count("uplink") == 240


@pytest.mark.slow
def test_a_collector_that_restarts_goes_on_where_it_was(
    influxdb: InfluxDB, archive: Archive
) -> None:
    start = now()

    async def run() -> int:
        written = 0
        for first in (1, 6, 11):
            for seq in range(first, first + 5):
                await archive.commit(batch(start, seq))
            target = Influx1(influxdb.url, "telemetry", create_days=90)
            async with followed(archive, target, now_ms=start) as follower:
                await drained(archive)
                written += follower.following().written
        return written

    assert asyncio.run(run()) == 180
    assert influxdb.count("wifi") == 90


@pytest.mark.slow
def test_a_bulk_commit_and_a_point_influxdb_refuses(
    influxdb: InfluxDB, archive: Archive, caplog: pytest.LogCaptureFixture
) -> None:
    """A database where somebody else has made `rtt_ms` a text: a real field conflict."""
    start = now()
    influxdb.query("CREATE DATABASE telemetry")

    async def run() -> None:
        other = Influx1(influxdb.url, "telemetry")
        answer = await other.write(f'uplink,device=x rtt_ms="slow" {start}')
        assert answer.status == 204
        await other.close()
        await archive.commit(batch(start, 1, rows=300))
        target = Influx1(influxdb.url, "telemetry")
        async with followed(archive, target, now_ms=start) as follower:
            await drained(archive)
            assert follower.following().rejected == 200
            assert follower.following().written == 400

    asyncio.run(run())
    assert influxdb.count("wifi") == 300
    assert influxdb.count("uplink") == 101
    assert "field type conflict" in caplog.text


@pytest.mark.slow
def test_points_beyond_the_database_s_own_retention_hold_up_nobody(
    influxdb: InfluxDB, archive: Archive
) -> None:
    start = now()
    influxdb.query("CREATE DATABASE telemetry WITH DURATION 2h SHARD DURATION 1h")

    async def run() -> None:
        await archive.commit(batch(start, 1))
        await archive.commit(batch(start, 60 * 24 * 3))
        await archive.commit(batch(start, 2))
        target = Influx1(influxdb.url, "telemetry")
        async with followed(archive, target, now_ms=start) as follower:
            await drained(archive)
            assert follower.following().rejected == 12
            assert follower.following().written == 24

    asyncio.run(run())
    assert influxdb.count("wifi") == 12


@pytest.mark.slow
def test_a_password_protected_influxdb_shouts_until_the_password_is_right(
    influxdb_auth: InfluxDB, archive: Archive, caplog: pytest.LogCaptureFixture
) -> None:
    start = now()
    store = influxdb_auth

    async def run() -> None:
        await archive.commit(batch(start, 1))
        wrong = Influx1(store.url, "telemetry", username="admin", password="no", create_days=90)
        async with followed(archive, wrong, now_ms=start + 5_000) as follower:
            async with asyncio.timeout(10):
                while "401" not in str(follower.following().problem):
                    await asyncio.sleep(0.01)
            assert (follower.following().lag_s or 0) > 0
        right = Influx1(
            store.url,
            "telemetry",
            username=store.username,
            password=store.password,
            create_days=90,
        )
        async with followed(archive, right, now_ms=start):
            await drained(archive)

    asyncio.run(run())
    assert influxdb_auth.count("wifi") == 6
    assert "check token, user, database" in caplog.text


@pytest.mark.slow
def test_rebuild_fills_an_empty_influxdb(influxdb: InfluxDB, archive: Archive) -> None:
    start = now()

    async def run() -> None:
        await asyncio.gather(*(archive.commit(batch(start, seq)) for seq in range(1, 11)))
        target = Influx1(influxdb.url, "telemetry", create_days=90)
        async with followed(archive, target, now_ms=start) as follower:
            await drained(archive)
            influxdb.query("DROP DATABASE telemetry")
            await follower.rebuild()
            await drained(archive)

    asyncio.run(run())
    assert influxdb.count("wifi") == 60


@pytest.mark.slow
@pytest.mark.parametrize("down", [False, True], ids=["there", "down at first"])
def test_the_2x_path_writes_each_point_exactly_once(
    victoria_metrics: VictoriaMetrics, archive: Archive, *, down: bool
) -> None:
    start = now()
    if down:
        victoria_metrics.stop()

    async def run() -> None:
        await asyncio.gather(*(archive.commit(batch(start, seq)) for seq in range(1, 41)))
        target = Influx2(victoria_metrics.url, "telemetry", org="district", token="any")
        async with followed(archive, target, now_ms=start) as follower:
            if down:
                while not follower.following().problem:
                    await asyncio.sleep(0.01)
                await asyncio.to_thread(victoria_metrics.start)
            await drained(archive)
            assert follower.following().rejected == 0

    asyncio.run(run())
    for match, wanted in (("wifi_clients", 240), ("uplink_state", 240), ("uplink_rtt_ms", 160)):
        shown(victoria_metrics, match, wanted)


def shown(store: VictoriaMetrics, match: str, wanted: int) -> None:
    """Each sample once; a store of this kind shows what it has taken only a moment later."""

    def times() -> list[int]:
        return [time for series in store.export(match) for time in series["timestamps"]]

    wait_until(lambda: len(times()) >= wanted, f"{wanted} samples of {match}")
    assert len(times()) == len(set(times())) == wanted
