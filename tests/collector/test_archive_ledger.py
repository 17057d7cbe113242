"""What the archive remembers is bounded, and what it forgot it reads back."""

from __future__ import annotations

from pathlib import Path

import pytest

from homeroute_collector import archive_ledger
from homeroute_collector.archive import Archive
from homeroute_collector.archive_ledger import Ledger, fold_ranges
from homeroute_wire.measurements import Health
from tests.collector.archives import received, within
from tests.collector.batches import NOW_MS, batch

BOUND = 4


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_ledger, "STREAMS_BOUND", BOUND)
    monkeypatch.setattr(archive_ledger, "RECENT_BOUND", BOUND)


def sent(run: int, seq: int) -> bytes:
    return batch([(NOW_MS, Health(uptime_s=1))], stream=f"{run:016x}", seq=seq)


async def outcome(archive: Archive, run: int, seq: int, device: str = "bus-07") -> str:
    committed = await archive.commit(received(sent(run, seq), device))
    assert committed.receipt is not None
    assert (committed.receipt.stored, committed.receipt.refused) == (1, 0)
    return committed.outcome


async def held(archive: Archive) -> int:
    return await archive.transaction(lambda _, ledger: ledger.held)


def test_a_stream_of_long_ago_is_known_though_it_is_no_longer_held(tmp_path: Path) -> None:
    async def use(archive: Archive) -> None:
        for run in range(1, 20):
            assert await outcome(archive, run, 1) == "stored"
        assert await held(archive) <= BOUND + 1
        for run in range(1, 20):
            assert await outcome(archive, run, 1) == "duplicate"
            assert await outcome(archive, run, 2) == "stored"
            assert await outcome(archive, run, 2) == "duplicate"
        assert await held(archive) <= BOUND + 1
        assert await archive.query("SELECT count(*) FROM health") == [(38,)]

    within(tmp_path, use)


def test_folding_and_forgetting_in_turns_lose_nothing(tmp_path: Path) -> None:
    async def use(archive: Archive) -> None:
        for seq in range(1, 6):
            for run in range(1, 8):
                assert await outcome(archive, run, seq) == "stored"
            await archive.transaction(fold_ranges)
        for run in range(1, 8):
            for seq in range(1, 6):
                assert await outcome(archive, run, seq) == "duplicate"
            assert await outcome(archive, run, 6) == "stored"

    within(tmp_path, use)


def test_the_last_stream_of_a_device_that_has_long_been_silent_is_held(tmp_path: Path) -> None:
    async def use(archive: Archive) -> None:
        await outcome(archive, 1, 3, "bus-01")
        for run in range(2, 30):
            await outcome(archive, run, 1)
        assert archive.seq_gaps("bus-01", f"{1:016x}") == 2

    within(tmp_path, use)


def test_opening_holds_the_last_stream_of_each_device_and_the_newest(tmp_path: Path) -> None:
    async def use(archive: Archive) -> None:
        await outcome(archive, 1, 3, "bus-01")
        for run in range(2, 30):
            await outcome(archive, run, 1)

    async def after(archive: Archive) -> None:
        assert await held(archive) == BOUND + 1
        assert archive.seq_gaps("bus-01", f"{1:016x}") == 2
        assert await outcome(archive, 2, 1) == "duplicate"
        assert await outcome(archive, 1, 2, "bus-01") == "stored"
        assert archive.seq_gaps("bus-01", f"{1:016x}") == 1

    within(tmp_path, use)
    within(tmp_path, after)


def test_forgetting_is_by_when_a_stream_was_last_heard(tmp_path: Path) -> None:
    async def use(archive: Archive) -> None:
        await outcome(archive, 1, 2)
        for run in range(2, 5):
            await outcome(archive, run, 1)
        await outcome(archive, 1, 4)
        for run in range(5, 8):
            await outcome(archive, run, 1)
        assert archive.seq_gaps("bus-07", f"{1:016x}") == 2

    within(tmp_path, use)


def test_an_empty_ledger_holds_nothing() -> None:
    assert Ledger().held == 0
    assert Ledger().missing("bus-07", "0" * 16) == 0
