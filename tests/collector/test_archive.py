"""The archive on a real DuckDB file: each point once, whatever fails."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from homeroute_collector import archive as archive_module
from homeroute_collector.archive import Archive
from homeroute_collector.archive_expiry import expire
from homeroute_collector.archive_ledger import GARBAGE_BOUND
from homeroute_collector.archive_records import (
    ArchiveClosedError,
    Columns,
    Commit,
    of_records,
)
from homeroute_collector.archive_writer import Limits
from homeroute_collector.validation import DAY_MS
from homeroute_wire.measurements import DeviceStatus, Health, Pipeline
from homeroute_wire.messages import Receipt
from tests.collector.archives import EAGER, opened, received, within
from tests.collector.batches import (
    DISTRICT,
    NOW_MS,
    RETENTION_DAYS,
    STREAM,
    batch,
    minute,
    raw_batch,
    uplink,
)


def test_what_is_committed_is_read_back_after_opening_again(tmp_path: Path) -> None:
    async def write(archive: Archive) -> None:
        committed = await archive.commit(received(batch()))
        assert committed.outcome == "stored"
        assert committed.receipt == Receipt(STREAM, 1, len(minute()), 0)

    async def read(archive: Archive) -> None:
        rows = await archive.query(
            "SELECT time_ms, district, device, kind, stream, lat, speed_mps FROM position"
            " ORDER BY time_ms LIMIT 2"
        )
        start = NOW_MS - 60_000
        assert rows == [
            (start, DISTRICT, "bus-07", "bus", STREAM, 36.15, 12.5),
            (start + 10_000, DISTRICT, "bus-07", "bus", STREAM, 36.15, None),
        ]
        assert await archive.query("SELECT uptime_s, cpu_ratio, undervoltage FROM health") == [
            (77, 0.25, None)
        ]
        assert await archive.query("SELECT device, kind, first_seen_ms FROM devices") == [
            ("bus-07", "bus", NOW_MS)
        ]
        assert archive.totals == (len(minute()), 0)

    within(tmp_path, write)
    within(tmp_path, read)


def test_every_type_of_column_keeps_its_absent_values_apart(tmp_path: Path) -> None:
    healths = [
        Health(uptime_s=1, cpu_ratio=None, undervoltage=None, clock_offset_ms=None),
        Health(uptime_s=2, cpu_ratio=0.0, undervoltage=False, clock_offset_ms=0),
        Health(uptime_s=3, cpu_ratio=1.0, undervoltage=True, clock_offset_ms=-(2**53)),
    ]

    async def use(archive: Archive) -> None:
        points = [(NOW_MS + at, health) for at, health in enumerate(healths)]
        await archive.commit(received(batch(points)))
        rows = await archive.query(
            "SELECT uptime_s, cpu_ratio, undervoltage, clock_offset_ms FROM health ORDER BY 1"
        )
        assert rows == [(1, None, None, None), (2, 0.0, False, 0), (3, 1.0, True, -(2**53))]

    within(tmp_path, use)


def test_a_batch_sent_again_is_answered_alike_and_stored_once(tmp_path: Path) -> None:
    commit = received(raw_batch({"health": {"t": [NOW_MS, 1], "uptime_s": [5, "x"]}}))
    receipt = Receipt(STREAM, 1, 1, 1)

    async def twice_at_once(archive: Archive) -> None:
        first, second = await asyncio.gather(archive.commit(commit), archive.commit(commit))
        assert (first.outcome, second.outcome) == ("stored", "duplicate")
        assert first.receipt == second.receipt == receipt
        assert (await archive.commit(commit)).receipt == receipt

    async def once_more(archive: Archive) -> None:
        again = await archive.commit(commit)
        assert (again.outcome, again.receipt) == ("duplicate", receipt)
        other_device = await archive.commit(replace(commit, device="bus-08"))
        assert other_device.outcome == "stored"
        for table, rows in (("health", 2), ("refusals", 2), ("batches", 2)):
            assert await archive.query(f"SELECT count(*) FROM {table}") == [(rows,)]

    within(tmp_path, twice_at_once)
    within(tmp_path, once_more)


def test_a_duplicate_with_other_contents_changes_nothing(tmp_path: Path) -> None:
    async def use(archive: Archive) -> None:
        first = await archive.commit(received(batch()))
        second = await archive.commit(received(batch([(NOW_MS, uplink())])))
        assert second.receipt == first.receipt
        assert await archive.query("SELECT count(*) FROM uplink") == [(6,)]

    within(tmp_path, use)


def test_commits_count_up_by_one_over_restarts(tmp_path: Path) -> None:
    ids: list[int] = []

    async def use(archive: Archive) -> None:
        for _ in range(2):
            seq = len(ids) + 1
            committed = await archive.commit(received(batch(seq=seq)))
            ids.append(committed.commit_id)
            assert archive.newest_commit_id == committed.commit_id
            assert archive.newest_commit_ms == NOW_MS

    within(tmp_path, use)
    within(tmp_path, use)
    assert ids == [1, 2, 3, 4]


def test_commits_handed_in_together_share_a_transaction(tmp_path: Path) -> None:
    async def use(archive: Archive) -> None:
        together = [archive.commit(received(batch(seq=seq))) for seq in range(1, 21)]
        outcomes = await asyncio.gather(*together)
        assert {outcome.commit_id for outcome in outcomes} == {1}
        points = 20 * len(minute())
        assert await archive.query("SELECT commit_id, points FROM commits") == [(1, points)]

    within(tmp_path, use, limits=Limits(window_s=30.0, group_points=20 * len(minute())))


def test_gaps_in_a_stream_are_seen_and_filled(tmp_path: Path) -> None:
    async def use(archive: Archive) -> None:
        for seq in (1, 2, 5, 7):
            await archive.commit(received(batch(seq=seq)))
        assert archive.seq_gaps("bus-07", STREAM) == 3
        await archive.commit(received(batch(seq=6)))
        assert archive.seq_gaps("bus-07", STREAM) == 2

    async def after(archive: Archive) -> None:
        assert archive.seq_gaps("bus-07", STREAM) == 2
        assert archive.seq_gaps("bus-99", STREAM) == 0
        assert (await archive.commit(received(batch(seq=5)))).outcome == "duplicate"
        assert (await archive.commit(received(batch(seq=3)))).outcome == "stored"

    within(tmp_path, use)
    within(tmp_path, after)
    within(tmp_path, after_folding)


async def after_folding(archive: Archive) -> None:
    # The closing before folded the ranges; those below come from `ranges` alone.
    assert archive.seq_gaps("bus-07", STREAM) == 1
    assert (await archive.commit(received(batch(seq=3)))).outcome == "duplicate"


def test_a_device_past_its_bound_of_refused_data_is_held_and_others_are_not(
    tmp_path: Path,
) -> None:
    def bad(seq: int) -> bytes:
        return raw_batch({"health": {"t": [NOW_MS, 1], "uptime_s": [5, "x"]}}, seq=seq)

    size = received(bad(1)).kept_bytes

    async def use(archive: Archive) -> None:
        outcomes = [(await archive.commit(received(bad(seq)))).outcome for seq in (1, 2, 3)]
        assert outcomes == ["stored", "stored", "held"]
        assert (await archive.commit(received(bad(1)))).outcome == "duplicate"
        assert (await archive.commit(received(batch(seq=9)))).outcome == "stored"
        assert (await archive.commit(received(bad(1), "bus-08"))).outcome == "stored"
        assert await archive.query("SELECT count(*) FROM health WHERE device = 'bus-07'") == [(3,)]

    async def after(archive: Archive) -> None:
        assert (await archive.commit(received(bad(4)))).outcome == "held"

    limits = replace(EAGER, kept_bytes=2 * size + 1)
    within(tmp_path, use, limits=limits)
    within(tmp_path, after, limits=limits)


def test_garbage_is_kept_up_to_a_bound_and_blocks_nothing(tmp_path: Path) -> None:
    async def use(archive: Archive) -> None:
        outcomes = [
            (await archive.commit(received(b"junk %d" % at))).outcome
            for at in range(GARBAGE_BOUND + 2)
        ]
        assert outcomes == ["stored"] * GARBAGE_BOUND + ["held"] * 2
        assert (await archive.commit(received(batch()))).outcome == "stored"
        assert await archive.query(
            "SELECT DISTINCT stream, seq, points, measurement FROM refusals"
        ) == [("", None, 0, "")]
        assert archive.totals == (len(minute()), 0)

    within(tmp_path, use, limits=Limits(window_s=0.0))


def test_the_collector_s_own_points_go_the_same_way(tmp_path: Path) -> None:
    status = DeviceStatus(state="online", age_s=None, level=2)
    pipeline = Pipeline(received=1, stored=1, refused=0, follower_lag_s=None, queue=0)
    commit = of_records("bus-07", "bus", NOW_MS, [status, pipeline], received_ms=NOW_MS)

    async def use(archive: Archive) -> None:
        committed = await archive.commit(commit)
        assert (committed.outcome, committed.receipt) == ("stored", None)
        assert await archive.query("SELECT stream, state, age_s FROM device_status") == [
            ("server", "online", None)
        ]
        assert await archive.query("SELECT count(*) FROM batches") == [(0,)]
        assert await archive.query("SELECT count(*) FROM devices") == [(0,)]

    within(tmp_path, use)


def test_a_commit_the_database_cannot_take_fails_alone(tmp_path: Path) -> None:
    async def use(archive: Archive) -> None:
        impossible = Commit(
            device="bus-07",
            kind="bus",
            stream="server",
            received_ms=NOW_MS,
            columns={"health": Columns([NOW_MS], {"uptime_s": [2**80]})},
        )
        results = await asyncio.gather(
            archive.commit(received(batch(seq=1))),
            archive.commit(impossible),
            archive.commit(received(batch(seq=2))),
            return_exceptions=True,
        )
        assert [isinstance(result, Exception) for result in results] == [False, True, False]
        assert await archive.query("SELECT count(*) FROM batches") == [(2,)]
        assert archive.problem is None

    within(tmp_path, use)


def test_a_small_write_that_fails_is_undone_and_told(tmp_path: Path) -> None:
    async def use(archive: Archive) -> None:
        await archive.execute("INSERT INTO cursors VALUES (?, ?)", ["influx", 7])
        with pytest.raises(duckdb.Error):
            await archive.execute("INSERT INTO cursors VALUES ('influx', 8)")

        def half(connection: duckdb.DuckDBPyConnection, _: object) -> None:
            connection.execute("UPDATE cursors SET commit_id = 9")
            raise KeyError("half way")

        with pytest.raises(KeyError):
            await archive.transaction(half)
        assert await archive.query("SELECT * FROM cursors") == [("influx", 7)]
        assert (await archive.commit(received(batch()))).outcome == "stored"

    within(tmp_path, use)


def test_readers_see_whole_commits_beside_the_writer(tmp_path: Path) -> None:
    async def use(archive: Archive) -> None:
        async def write() -> None:
            for seq in range(1, 31):
                await archive.commit(received(batch(seq=seq)))

        async def read() -> None:
            while not writing.done():
                [(wifis, uplinks)] = await archive.query(
                    "SELECT (SELECT count(*) FROM wifi), (SELECT count(*) FROM uplink)"
                )
                assert wifis == uplinks
                assert wifis % 6 == 0

        writing = asyncio.create_task(write())
        await asyncio.gather(writing, read(), read())

    within(tmp_path, use, limits=Limits(window_s=0.0))


def test_a_closed_archive_takes_nothing_more(tmp_path: Path) -> None:
    archive = opened(tmp_path)
    archive.close()

    async def use() -> None:
        with pytest.raises(ArchiveClosedError):
            await archive.commit(received(batch()))

    asyncio.run(use())


def test_what_is_past_its_retention_leaves_and_the_ledger_stays(tmp_path: Path) -> None:
    old = NOW_MS - RETENTION_DAYS * DAY_MS + 1

    async def use(archive: Archive) -> None:
        await archive.commit(received(batch([(old, uplink()), (NOW_MS, uplink())])))
        await archive.commit(received(raw_batch({"tyres": {"t": [NOW_MS]}}, seq=2)))
        later = await expire(archive, before_ms=NOW_MS + 2 - RETENTION_DAYS * DAY_MS)
        assert (later.points, later.kept) == (1, 0)
        assert await archive.query("SELECT time_ms FROM uplink") == [(NOW_MS,)]
        much_later = NOW_MS + DAY_MS
        spared = await expire(archive, before_ms=much_later, points_before_ms=NOW_MS)
        assert (spared.points, spared.kept) == (0, 1)
        gone = await expire(archive, before_ms=much_later)
        assert (gone.points, gone.kept) == (1, 0)
        assert await archive.query("SELECT value FROM meta WHERE key = 'expired_before_ms'") == [
            (str(much_later),)
        ]
        assert (await archive.commit(received(batch()))).outcome == "duplicate"
        assert archive.totals == (2, 1)

    async def after(archive: Archive) -> None:
        assert archive.newest_commit_id == 2
        assert (await archive.commit(received(batch()))).outcome == "duplicate"
        assert archive.totals == (2, 1)

    within(tmp_path, use)
    within(tmp_path, after)


class Treacherous:
    """A connection whose next COMMIT reaches the file and is then said to have failed."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, betrayals: list[str]) -> None:
        self._connection = connection
        self._betrayals = betrayals

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def commit(self) -> None:
        self._connection.commit()
        if self._betrayals:
            raise duckdb.IOException(self._betrayals.pop())


def test_a_commit_that_reached_the_file_before_it_failed_is_not_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    betrayals: list[str] = []
    connect = archive_module._connect

    def treacherous(path: Path, config: dict[str, Any]) -> Any:
        return Treacherous(connect(path, config), betrayals)

    monkeypatch.setattr(archive_module, "_connect", treacherous)
    status = DeviceStatus(state="online", age_s=1.0, level=2)

    async def use(archive: Archive) -> None:
        betrayals.append("the disk went away")
        committed, own = await asyncio.gather(
            archive.commit(received(batch())),
            archive.commit(of_records("bus-07", "bus", NOW_MS, [status], received_ms=NOW_MS)),
        )
        assert (committed.outcome, committed.commit_id, own.commit_id) == ("stored", 1, 1)
        assert betrayals == []
        assert archive.problem is None
        assert await archive.query("SELECT count(*) FROM device_status") == [(1,)]
        assert await archive.query("SELECT count(*) FROM wifi") == [(6,)]
        assert (await archive.commit(received(batch(seq=2)))).commit_id == 2

    within(tmp_path, use)


def test_a_writer_that_fails_unforeseen_lets_nobody_behind_it_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise SystemError("unforeseen")

    async def use(archive: Archive) -> None:
        monkeypatch.setattr(archive._writer, "_gather", fails)
        waiting = [archive.submit(received(batch(seq=seq))) for seq in (1, 2)]
        await asyncio.wait(waiting, timeout=5, return_when=asyncio.FIRST_COMPLETED)
        assert isinstance(waiting[1].exception(), ArchiveClosedError)
        assert "SystemError" in str(archive.problem)
        with pytest.raises(ArchiveClosedError):
            await archive.commit(received(batch(seq=3)))

    within(tmp_path, use)
