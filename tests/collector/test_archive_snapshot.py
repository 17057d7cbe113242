"""A snapshot of the archive: one state, whatever is written, and nobody waits for it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import duckdb
import pytest

from homeroute_collector.archive import Archive
from tests.collector.archives import opened, received, within
from tests.collector.batches import batch

COUNT = "SELECT count(*) FROM wifi"


def test_a_snapshot_answers_of_one_state_while_others_write_and_readers_read_on(
    tmp_path: Path,
) -> None:
    async def use(archive: Archive) -> None:
        await archive.commit(received(batch()))
        async with archive.snapshot() as query:
            assert await query(COUNT, []) == [(6,)]
            await archive.commit(received(batch(seq=2)))
            await archive.execute("DELETE FROM position")
            assert await query(COUNT, []) == [(6,)]
            assert await query("SELECT count(*) FROM position", []) == [(6,)]
            assert await archive.query(COUNT) == [(12,)]
            async with archive.snapshot() as later:
                assert await later(COUNT, []) == [(12,)]
            with pytest.raises(duckdb.Error, match="Cannot write"):
                await query("DELETE FROM wifi", [])
        assert await archive.query(COUNT) == [(12,)]

    within(tmp_path, use)


def test_a_snapshot_left_while_it_is_asked_ends_and_keeps_no_file_open(tmp_path: Path) -> None:
    async def use(archive: Archive) -> None:
        async def asks() -> None:
            async with archive.snapshot() as query:
                await query("SELECT sum(a.range * b.range) FROM range(15000) a, range(15000) b", [])
                raise AssertionError("it was not cancelled")

        task = asyncio.create_task(asks())
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await archive.query(COUNT) == [(0,)]

    within(tmp_path, use)
    opened(tmp_path).close()
