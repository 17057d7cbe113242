"""Gathering: nothing undated in a batch, nothing lost between memory and disk."""

from __future__ import annotations

import asyncio
import logging
import math
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from homeroute_agent import undated
from homeroute_agent.clock import Clock
from homeroute_agent.gather import BATCH_POINTS, SAMPLES_BOUND, Gather
from homeroute_agent.sample import Sample
from homeroute_agent.spool import Batch, Spool, SpoolError
from homeroute_wire.batch import BATCH_BOUND, Header, RawBatch, decode, frame
from homeroute_wire.measurements import Filter, Health, Pipeline, Position, Session, Usage
from homeroute_wire.schema import Measurement

NOW_MS = 1_795_299_000_000
STREAM = "00000000000000aa"


class Bench:
    """A gather on a clock that stands at 5 s since boot, over a real spool."""

    def __init__(self, folder: Path, *, kind: str = "bus", boot: str = "boot") -> None:
        self.spool = Spool.open(folder / "spool.sqlite")
        self.ms = 5_000
        self.clock = Clock(monotonic_ms=lambda: self.ms, boot_id=boot)
        self.cuts = 0
        self.gather = Gather(
            self.spool,
            self.clock,
            kind=kind,
            stream=STREAM,
            log=logging.getLogger("test"),
            cut_done=self.cut_done,
        )

    def cut_done(self) -> None:
        self.cuts += 1

    def cut(self) -> None:
        asyncio.run(self.gather.cut())

    def batches(self) -> list[RawBatch]:
        found: list[RawBatch] = []
        while (batch := self.spool.take()) is not None:
            header = Header(batch.stream, batch.seq, NOW_MS, batch.points)
            found.append(decode(frame(header, batch.body)))
        return found[::-1]


def health(uptime_s: int = 1) -> Health:
    return Health(uptime_s=uptime_s)


def test_samples_become_a_dated_batch(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.clock.offer("kernel", NOW_MS)
    bench.gather.emit(health())
    bench.ms += 10_000
    bench.gather.emit(health(11))
    bench.cut()
    (batch,) = bench.batches()
    assert batch.header.seq == 1 and batch.kind == "bus"
    assert batch.measurements["health"].times_ms == [NOW_MS, NOW_MS + 10_000]
    assert bench.cuts == 1


def test_nothing_gathered_cuts_no_batch(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.clock.offer("kernel", NOW_MS)
    bench.cut()
    assert bench.spool.pending() == [] and bench.cuts == 0


def test_before_trust_samples_wait_undated_and_count_as_spooled(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.gather.emit(health())
    bench.cut()
    assert bench.spool.pending() == []
    assert bench.spool.ledger().spooled == 1


def test_once_trusted_what_waited_is_dated_before_anything_newer(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.gather.emit(health(1))
    bench.cut()
    bench.ms = 65_000
    bench.gather.emit(health(60))
    bench.cut()
    bench.ms = 70_000
    bench.clock.offer("gps", NOW_MS)
    bench.gather.emit(health(65))
    bench.cut()
    times = [batch.measurements["health"].times_ms for batch in bench.batches()]
    assert times == [[NOW_MS - 65_000], [NOW_MS - 5_000], [NOW_MS]]
    ledger = bench.spool.ledger()
    assert (ledger.sampled, ledger.spooled, ledger.dropped) == (3, 3, 0)


def test_an_agent_restarted_in_the_same_boot_dates_what_the_other_left(tmp_path: Path) -> None:
    first = Bench(tmp_path)
    first.gather.emit(health())
    first.cut()
    first.spool.close()
    second = Bench(tmp_path)
    second.clock.offer("collector", NOW_MS)
    second.cut()
    (batch,) = second.batches()
    assert batch.measurements["health"].times_ms == [NOW_MS]


def test_a_sessions_start_is_dated_too_and_rounded_to_the_minute(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    record = Session(ssid="Bus", cause="left", client=1, started_min=0, session_s=60, open=False)
    bench.gather.emit(record, started_boot_ms=-3_600_000)
    bench.cut()
    bench.clock.offer("kernel", NOW_MS)
    bench.cut()
    (batch,) = bench.batches()
    assert batch.measurements["session"].values["started_min"] == [(NOW_MS - 3_605_000) // 60_000]


def test_a_time_given_by_the_sampler_is_kept(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.clock.offer("kernel", NOW_MS)
    bench.gather.emit(Filter(category="games", action="blocked", hits=1, clients=1), boot_ms=2_000)
    bench.cut()
    assert bench.batches()[0].measurements["filter"].times_ms == [NOW_MS - 3_000]


@pytest.mark.parametrize(
    "record",
    [
        Position(lat=1.0, lon=2.0, fix=3),
        Session(ssid="x", cause="left", client=1, started_min=0, session_s=1, open=False),
        Filter(category="games", action="blocked", hits=1, clients=1),
        Pipeline(received=1, stored=1, refused=0, queue=0),
    ],
)
def test_a_household_never_sends_what_is_a_buss_or_the_servers(
    tmp_path: Path, record: Measurement
) -> None:
    bench = Bench(tmp_path, kind="hotspot")
    with pytest.raises(ValueError, match="a hotspot does not send"):
        bench.gather.emit(record)
    bench.gather.emit(Usage(carrier="unknown", down_bytes=1, up_bytes=1, active_hours=1))


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_the_samplers_fault_alone(
    tmp_path: Path, number: float
) -> None:
    bench = Bench(tmp_path)
    bench.gather.emit(health())
    with pytest.raises(ValueError, match=r"health\.temperature_c is not finite"):
        bench.gather.emit(Health(uptime_s=1, temperature_c=number))
    bench.cut()
    assert bench.spool.ledger().sampled == 1


def test_many_samples_are_cut_into_several_batches(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.clock.offer("kernel", NOW_MS)
    for number in range(2 * BATCH_POINTS + 5):
        bench.gather.emit(health(number))
    bench.cut()
    assert [(b.header.seq, b.header.points) for b in bench.batches()] == [
        (1, BATCH_POINTS),
        (2, BATCH_POINTS),
        (3, 5),
    ]


def test_a_batch_too_large_for_the_wire_is_halved(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.clock.offer("kernel", NOW_MS)
    long = [chr(0x4E00 + (i * 7919) % 20_000) for i in range(64 * BATCH_POINTS)]
    for number in range(BATCH_POINTS):
        name = "".join(long[64 * number : 64 * number + 64])
        bench.gather.emit(Filter(category=name, action="blocked", hits=1, clients=1))
    bench.cut()
    batches = bench.batches()
    assert sum(batch.header.points for batch in batches) == BATCH_POINTS
    assert len(batches) > 1


def test_more_samples_than_memory_may_hold_are_counted_as_dropped(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    for number in range(SAMPLES_BOUND + 3):
        bench.gather.emit(health(number))
    bench.cut()
    ledger = bench.spool.ledger()
    assert (ledger.sampled, ledger.spooled, ledger.dropped) == (SAMPLES_BOUND + 3, SAMPLES_BOUND, 3)


def test_a_disk_that_refuses_is_said_once_and_the_seq_leaves_a_gap(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    bench = Bench(tmp_path)
    bench.clock.offer("kernel", NOW_MS)
    write = bench.spool._file.write

    def refuse(*_: object) -> None:
        raise SpoolError("cannot append to spool s: database or disk is full")

    bench.gather.emit(health())
    bench.cut()
    monkeypatch.setattr(bench.spool._file, "write", refuse)
    for _ in range(3):
        bench.gather.emit(health())
        bench.cut()
    monkeypatch.setattr(bench.spool._file, "write", write)
    bench.gather.emit(health())
    bench.cut()
    assert [seq for _, seq, _ in bench.spool.pending()] == [1, 5]
    ledger = bench.spool.ledger()
    assert (ledger.sampled, ledger.spooled, ledger.dropped) == (5, 2, 3)
    assert [record.message for record in caplog.records if record.name == "test"] == [
        "cannot append to spool s: database or disk is full; new points are counted as dropped",
        "spool takes points again",
    ]


def test_every_body_leaves_room_for_the_clear_line() -> None:
    longest = f"1 {STREAM} {10**16 - 1} {10**15 - 1} {10**7 - 1}\n"
    assert len(longest) < 128 < BATCH_BOUND


def test_undated_samples_that_cannot_be_read_are_counted_as_dropped(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.spool.append_undated("boot", 4, b"rubbish")
    bench.clock.offer("kernel", NOW_MS)
    bench.cut()
    ledger = bench.spool.ledger()
    assert (ledger.sampled, ledger.dropped, ledger.spooled) == (4, 4, 0)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2**50), st.none() | st.integers(-(2**40), 2**40), st.integers(0, 2**50)
        )
    )
)
def test_undated_samples_read_back_as_they_were(rows: list[tuple[int, int | None, int]]) -> None:
    samples = [Sample(at, Health(uptime_s=up, cpu_ratio=0.5), start) for at, start, up in rows]
    assert undated.decode(undated.encode(samples)) == samples


def test_an_unknown_undated_sample_leaves_its_neighbours(tmp_path: Path) -> None:
    body = undated.encode([Sample(1, health())])
    assert undated.decode(body) == [Sample(1, health())]
    assert undated._sample(1, None, "teleport", {}) is None
    assert undated._sample(1, None, "health", {"beam": 1}) is None


def test_batches_know_their_names() -> None:
    assert Batch(STREAM, 4, 1, b"").key == (STREAM, 4)
