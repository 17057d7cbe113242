"""From message to acknowledgement, on a real archive, without a broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from homeroute_collector import ingest as ingest_module
from homeroute_collector.archive import Archive
from homeroute_collector.archive_records import Commit, Committed
from homeroute_collector.archive_writer import Limits
from homeroute_collector.ingest import Ingest
from homeroute_collector.own_clock import OwnClock
from homeroute_wire.batch import Header, frame
from homeroute_wire.messages import Ack, Receipt
from tests.collector.batches import (
    DISTRICT,
    NOW_MS,
    RETENTION_DAYS,
    STREAM,
    batch,
    minute,
    raw_batch,
)

MINUTE = len(minute())

EAGER = Limits(window_s=0.01)


@dataclass
class Bench:
    """An ingest at work, and what it said."""

    archive: Archive
    ingest: Ingest
    wall_s: list[float]
    acks: list[tuple[str, Ack]] = field(default_factory=list)

    def offer(self, payload: bytes, device: str = "bus-07") -> bool:
        return self.ingest.offer(DISTRICT, device, payload)

    def receipts(self) -> list[Receipt]:
        return [receipt for _, ack in self.acks for receipt in ack.receipts]


@asynccontextmanager
async def bench(folder: Path, limits: Limits, now_ms: int) -> AsyncIterator[Bench]:
    wall_s = [now_ms / 1000]
    clock = OwnClock(wall=lambda: wall_s[0])
    archive = await asyncio.to_thread(
        Archive.open,
        folder / "archive.duckdb",
        district=DISTRICT,
        limits=limits,
        now_ms=clock.now_ms,
    )
    ingest = Ingest(
        archive, clock, district=DISTRICT, retention_days=RETENTION_DAYS, clock_poll_s=0.005
    )
    made = Bench(archive, ingest, wall_s)
    ingest.acknowledge = lambda device, ack: made.acks.append((device, ack))
    running = asyncio.create_task(ingest.run())
    try:
        yield made
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await asyncio.to_thread(archive.close)


def within(
    folder: Path,
    use: Callable[[Bench], Awaitable[None]],
    limits: Limits = EAGER,
    now_ms: int = NOW_MS,
) -> None:
    async def run() -> None:
        async with bench(folder, limits, now_ms) as made:
            await asyncio.wait_for(use(made), 30)

    asyncio.run(run())


def test_a_batch_is_acknowledged_once_it_is_on_disk(tmp_path: Path) -> None:
    async def use(made: Bench) -> None:
        assert made.offer(batch())
        assert made.ingest.queued == 1
        await made.ingest.drain()
        assert made.acks == [("bus-07", Ack((Receipt(STREAM, 1, MINUTE, 0),), (), NOW_MS))]
        assert made.archive.totals == (MINUTE, 0)
        assert made.ingest.queued == 0

    within(tmp_path, use)


def test_one_acknowledgement_covers_a_device_s_batches_of_a_commit(tmp_path: Path) -> None:
    async def use(made: Bench) -> None:
        for seq in range(1, 6):
            made.offer(batch(seq=seq), "bus-07")
            made.offer(batch(seq=seq), "bus-08")
        await made.ingest.drain()
        assert [device for device, _ in made.acks] == ["bus-07", "bus-08"]
        assert all(len(ack.receipts) == 5 for _, ack in made.acks)

    within(tmp_path, use, limits=Limits(window_s=30.0, group_points=10 * MINUTE))


def test_a_long_acknowledgement_is_cut_into_messages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest_module, "ACK_RECEIPTS", 2)

    async def use(made: Bench) -> None:
        for seq in range(1, 6):
            made.offer(batch(seq=seq))
        await made.ingest.drain()
        assert [len(ack.receipts) for _, ack in made.acks] == [2, 2, 1]
        assert [receipt.seq for receipt in made.receipts()] == [1, 2, 3, 4, 5]

    within(tmp_path, use, limits=Limits(window_s=30.0, group_points=5 * MINUTE))


def test_what_cannot_be_read_is_counted_acknowledged_and_the_next_flows(tmp_path: Path) -> None:
    async def use(made: Bench) -> None:
        made.offer(b"no clear line")
        made.offer(frame(Header(STREAM, 1, NOW_MS, 42), b"no body"))
        made.offer(raw_batch({"tyres": {"t": [NOW_MS, 0]}}, seq=2))
        made.offer(batch(seq=3))
        await made.ingest.drain()
        assert made.receipts() == [
            Receipt(STREAM, 1, 0, 42),
            Receipt(STREAM, 2, 0, 2),
            Receipt(STREAM, 3, MINUTE, 0),
        ]
        counts = made.ingest.counts
        assert (counts.garbage, counts.received, counts.refused) == (1, 44 + MINUTE, 44)

    within(tmp_path, use)


def test_a_batch_sent_again_is_acknowledged_again_and_counted_as_a_duplicate(
    tmp_path: Path,
) -> None:
    async def use(made: Bench) -> None:
        heard: list[tuple[Commit, Committed]] = []
        made.ingest.listeners.append(lambda commit, committed: heard.append((commit, committed)))
        for _ in range(3):
            made.offer(batch())
        await made.ingest.drain()
        assert made.receipts() == [Receipt(STREAM, 1, MINUTE, 0)] * 3
        assert made.ingest.counts.duplicates == 2
        assert made.ingest.counts.received == 3 * MINUTE
        assert made.ingest.counts.stored == MINUTE
        assert [committed.outcome for _, committed in heard] == ["stored"] + ["duplicate"] * 2

    within(tmp_path, use)


def test_a_held_batch_is_said_to_be_held(tmp_path: Path) -> None:
    async def use(made: Bench) -> None:
        made.offer(raw_batch({"tyres": {"t": [NOW_MS]}}, seq=1))
        made.offer(batch(seq=2))
        await made.ingest.drain()
        assert [held for _, ack in made.acks for held in ack.held] == [(STREAM, 1)]
        assert made.receipts() == [Receipt(STREAM, 2, MINUTE, 0)]
        assert made.ingest.counts.held == 1

    within(tmp_path, use, limits=Limits(window_s=0.01, kept_bytes=1))


def test_nothing_is_committed_until_the_clock_is_trusted(tmp_path: Path) -> None:
    async def use(made: Bench) -> None:
        made.offer(batch())
        await asyncio.sleep(0.05)
        assert made.archive.newest_commit_id == 0
        assert made.acks == []
        made.wall_s[0] = NOW_MS / 1000
        await made.ingest.drain()
        assert made.receipts() == [Receipt(STREAM, 1, MINUTE, 0)]

    within(tmp_path, use, now_ms=60_000)


def test_a_clock_that_falls_behind_the_archive_stops_the_commits(tmp_path: Path) -> None:
    async def use(made: Bench) -> None:
        made.offer(batch(seq=1))
        await made.ingest.drain()
        made.wall_s[0] -= 120
        made.offer(batch(seq=2))
        await asyncio.sleep(0.05)
        assert made.archive.newest_commit_id == 1
        made.wall_s[0] += 120
        await made.ingest.drain()
        assert made.archive.newest_commit_id == 2

    within(tmp_path, use)


def test_a_full_queue_forgets_and_counts_and_history_waits_for_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest_module, "QUEUE_BATCHES", 2)

    async def use(made: Bench) -> None:
        assert [made.offer(batch(seq=seq)) for seq in (1, 2, 3)] == [True, True, False]
        assert made.ingest.counts.overflowed == 1
        for seq in range(3, 12):
            await made.ingest.put(DISTRICT, "bus-07", batch(seq=seq))
        await made.ingest.drain()
        assert made.ingest.counts.overflowed == 1
        assert sorted(receipt.seq for receipt in made.receipts()) == list(range(1, 12))

    within(tmp_path, use)


def test_history_waits_for_as_little_room_as_it_asks_for(tmp_path: Path) -> None:
    async def use(made: Bench) -> None:
        longest = 0
        for seq in range(1, 40):
            await made.ingest.put(DISTRICT, "bus-07", batch(seq=seq), most=3)
            longest = max(longest, len(made.ingest._waiting))
        await made.ingest.drain()
        assert longest == 3
        assert sorted(receipt.seq for receipt in made.receipts()) == list(range(1, 40))

    within(tmp_path, use)


def test_another_district_s_message_is_not_taken(tmp_path: Path) -> None:
    async def use(made: Bench) -> None:
        assert not made.ingest.offer("shelbyville", "bus-07", batch())
        assert made.ingest.counts.garbage == 1

    within(tmp_path, use)


def test_a_listener_that_fails_stops_neither_commit_nor_answer(tmp_path: Path) -> None:
    async def use(made: Bench) -> None:
        def fails(_: Commit, __: Committed) -> None:
            raise KeyError("presence")

        made.ingest.listeners.append(fails)
        made.offer(batch())
        await made.ingest.drain()
        assert len(made.receipts()) == 1

    within(tmp_path, use)


def test_what_the_archive_cannot_take_is_refused_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def use(made: Bench) -> None:
        submit = made.archive.submit

        def fails_on_points(commit: Commit) -> asyncio.Future[Committed]:
            if not commit.columns:
                return submit(commit)
            future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            future.set_exception(duckdb.ConversionException("it will not go in"))
            return future

        monkeypatch.setattr(made.archive, "submit", fails_on_points)
        payload = batch()
        made.offer(payload)
        await made.ingest.drain()
        assert made.receipts() == [Receipt(STREAM, 1, 0, MINUTE)]
        assert await made.archive.query("SELECT payload FROM refusals") == [(payload,)]

    within(tmp_path, use)


def test_ten_thousand_points_in_one_batch_go_through(tmp_path: Path) -> None:
    async def use(made: Bench) -> None:
        columns = {"t": [1] * 10_000, "uptime_s": list(range(10_000))}
        made.offer(raw_batch({"health": columns}, base=NOW_MS - 10_000))
        await made.ingest.drain()
        assert made.receipts() == [Receipt(STREAM, 1, 10_000, 0)]

    within(tmp_path, use, limits=replace(Limits(), window_s=0.01))
