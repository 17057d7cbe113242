"""The truth's file, and the facts that become its records."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroute_agent.activity import Activity
from homeroute_agent.clients import Stay
from homeroute_simulators import truth_minutes
from homeroute_simulators.truth import (
    Block,
    End,
    Fault,
    Minute,
    Record,
    Recorder,
    Run,
    Session,
    TruthError,
    Unseen,
    Uplink,
    read,
)
from homeroute_simulators.truth_facts import Facts
from homeroute_simulators.truth_minutes import Deeds

START_MS = 1_795_299_000_000 // 60_000 * 60_000
MINUTE_MS = 60_000
RUN = {"seed": 7, "version": "0", "district": "d", "timezone": "UTC", "made_by": "test"}


def facts(folder: Path) -> tuple[Recorder, Facts]:
    recorder = Recorder(folder / "truth.jsonl.gz")
    recorder.__enter__()
    recorder.run(**RUN)
    return recorder, Facts(recorder, "bus-01", "Bus-WiFi", START_MS - 1)


def told(recorder: Recorder) -> list[Record]:
    recorder.__exit__(None, None, None)
    return list(read(recorder.path))[1:-1]


def test_what_is_written_is_read_and_the_same_records_make_the_same_bytes(tmp_path: Path) -> None:
    records = [
        Fault(device="bus-01", kind="power_cut", start_ms=1, end_ms=2),
        Block(device="bus-01", time_ms=3, category="games"),
    ]
    for name in ("one", "two"):
        with Recorder(tmp_path / name) as recorder:
            recorder.run(**RUN)
            recorder.fault(device="bus-01", kind="power_cut", start_ms=1, end_ms=2)
            recorder.seal()
            recorder.block(device="bus-01", time_ms=3, category="games")
    assert list(read(tmp_path / "one")) == [Run(**RUN), *records, End(records=3)]  # type: ignore[arg-type]
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    of_kind = list(read(tmp_path / "one", (Block,)))
    assert of_kind == [Run(**RUN), records[1], End(records=3)]  # type: ignore[arg-type]


def test_a_truth_goes_on_where_it_was_sealed_and_what_was_not_is_written_anew(
    tmp_path: Path,
) -> None:
    whole, cut, kept = tmp_path / "whole", tmp_path / "cut", 0
    for path in (whole, cut):
        with Recorder(path) as recorder:
            recorder.run(**RUN)
            kept = recorder.seal()
            recorder.block(device="bus-01", time_ms=1, category="games")
    cut.write_bytes(cut.read_bytes()[:-9])
    with Recorder(cut, keep_bytes=kept) as recorder:
        recorder.block(device="bus-01", time_ms=1, category="games")
    assert cut.read_bytes() == whole.read_bytes()


def test_a_truth_that_was_interrupted_has_no_end(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl.gz"

    def interrupted() -> None:
        with Recorder(path) as recorder:
            recorder.run(**RUN)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(read(path)) == [Run(**RUN)]  # type: ignore[arg-type]


def test_a_truth_that_lost_a_member_of_its_file_says_how_many_records_are_left(
    tmp_path: Path,
) -> None:
    path = tmp_path / "truth.jsonl.gz"
    with Recorder(path) as recorder:
        recorder.run(**RUN)
        first = recorder.seal()
        recorder.block(device="bus-01", time_ms=1, category="games")
        second = recorder.seal()
    whole = path.read_bytes()
    path.write_bytes(whole[:first] + whole[second:])
    with pytest.raises(TruthError, match="of 2 records 1 are left"):
        list(read(path))


@pytest.mark.parametrize("how", ["cut", "other", "older"])
def test_a_file_that_is_no_truth_is_said_to_be_none(tmp_path: Path, how: str) -> None:
    path = tmp_path / "truth.jsonl.gz"
    with Recorder(path) as recorder:
        recorder.run(**RUN)
    if how == "cut":
        path.write_bytes(path.read_bytes()[:-6])
    elif how == "other":
        path.write_bytes(gzip.compress(b'{"what":"weather"}\n'))
    else:
        path.write_bytes(
            gzip.compress(b'{"what":"block","device":"a","time_ms":1,"category":""}\n')
        )
    with pytest.raises(TruthError, match=r"read .*truth\.jsonl\.gz"):
        list(read(path))


def test_an_absence_of_ninety_seconds_is_one_session_and_a_longer_one_two(tmp_path: Path) -> None:
    recorder, bus = facts(tmp_path)
    bus.joined("a", START_MS)
    bus.moved("a", START_MS + 500, 100, 10)
    bus.left("a", START_MS + 1_000)
    bus.joined("a", START_MS + 91_000)
    bus.moved("a", START_MS + 91_500, 200, 20)
    bus.left("a", START_MS + 92_000)
    bus.joined("a", START_MS + 183_000)
    bus.power_off(START_MS + 184_000)
    sessions = [record for record in told(recorder) if isinstance(record, Session)]
    spans = [(s.start_ms - START_MS, s.end_ms - START_MS, s.down_bytes) for s in sessions]
    assert spans == [(0, 92_000, 300), (183_000, 184_000, 0)]


def test_a_restart_of_the_access_point_parts_two_sessions_however_short_it_is(
    tmp_path: Path,
) -> None:
    recorder, bus = facts(tmp_path)
    bus.joined("a", START_MS)
    bus.left("a", START_MS + 1_000)
    bus.parted(START_MS + 1_000)
    bus.joined("a", START_MS + 5_000)
    bus.power_off(START_MS + 6_000)
    spans = [(r.start_ms, r.end_ms) for r in told(recorder) if isinstance(r, Session)]
    assert spans == [(START_MS, START_MS + 1_000), (START_MS + 5_000, START_MS + 6_000)]


@pytest.mark.parametrize("forgotten", [True, False], ids=["socket", "accounting"])
def test_what_moved_after_an_access_point_was_asked_is_unseen_where_it_goes_with_the_client(
    tmp_path: Path, forgotten: bool
) -> None:
    recorder, bus = facts(tmp_path)
    bus.joined("a", START_MS)
    bus.moved("a", START_MS + 1_000, 100, 10)
    bus.told("a")
    bus.moved("a", START_MS + 2_000, 200, 20)
    bus.left("a", START_MS + 3_000, forgotten=forgotten)
    bus.joined("a", START_MS + 4_000)
    bus.told("a")
    bus.moved("a", START_MS + 5_000, 400, 40)
    bus.left("a", START_MS + 6_000, forgotten=forgotten)
    bus.power_off(START_MS + 7_000)
    records = told(recorder)
    (session,) = [r for r in records if isinstance(r, Session)]
    assert (session.down_bytes, session.up_bytes) == (700, 70)
    unseen = [(r.start_ms, r.down_bytes, r.up_bytes) for r in records if isinstance(r, Unseen)]
    assert unseen == ([(START_MS, 600, 60)] if forgotten else [])


def test_a_device_that_does_not_ask_is_not_excused(tmp_path: Path) -> None:
    recorder, bus = facts(tmp_path)
    bus.joined("a", START_MS)
    bus.moved("a", START_MS + 1_000, 100, 10)  # a minute in which it could have asked
    bus.moved("a", START_MS + 60_000, 7, 1)
    bus.left("a", START_MS + 61_000, forgotten=True)
    bus.power_off(START_MS + 61_000)
    unseen = [(r.down_bytes, r.up_bytes) for r in told(recorder) if isinstance(r, Unseen)]
    assert unseen == [(7, 1)]


def test_a_name_is_blocked_once_also_right_after_the_filter_was_off(tmp_path: Path) -> None:
    recorder, bus = facts(tmp_path)
    bus.joined("a", START_MS)
    for after_ms, blocked in ((0, False), (2_000, True), (4_000, True)):
        bus.asked("a", START_MS + after_ms, "www.tinyarena.example", blocked=blocked)
    bus.power_off(START_MS + MINUTE_MS)
    records = told(recorder)
    assert [r.time_ms - START_MS for r in records if isinstance(r, Block)] == [2_000]
    assert [r.lookups for r in records if isinstance(r, Minute)] == [1]


def test_a_state_is_one_run_until_it_changes(tmp_path: Path) -> None:
    recorder, bus = facts(tmp_path)
    for second, state in enumerate((2, 2, 0, 0, 0, 2)):
        bus.service(START_MS + second * 1000, state)
    bus.power_off(START_MS + 6_000)
    runs = [record for record in told(recorder) if isinstance(record, Uplink)]
    assert [(r.state, r.end_ms - r.start_ms) for r in runs] == [(2, 2000), (0, 3000), (2, 1000)]


def test_the_same_name_within_ten_seconds_is_one_lookup_and_one_block(tmp_path: Path) -> None:
    recorder, bus = facts(tmp_path)
    bus.joined("a", START_MS)
    for after_ms in (0, 9_999, 10_000):
        bus.asked("a", START_MS + after_ms, "www.tinyarena.example", blocked=True)
    bus.power_off(START_MS + MINUTE_MS)
    records = told(recorder)
    assert sum(isinstance(record, Block) for record in records) == 2
    minutes = [record for record in records if isinstance(record, Minute)]
    assert [(m.lookups, m.active, m.loose) for m in minutes] == [(2, 1, 0)]


COUNTS = st.lists(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 2), st.booleans()), min_size=3, max_size=3
    ),
    min_size=1,
    max_size=12,
)


@given(COUNTS)
def test_the_world_and_the_agent_count_client_minutes_alike(
    minutes: list[list[tuple[int, int, bool]]],
) -> None:
    agent = Activity(since_ms=0)
    deeds: list[dict[int, Deeds]] = [{}, {}, {}]
    for minute, clients in enumerate(minutes):
        for client, (learning, other, much) in enumerate(clients):
            moved = 12_000 if much else 500
            deeds[client][minute] = Deeds(learning, other, learning + other, moved)
            at_ms = minute * MINUTE_MS + 1
            for _ in range(learning):
                agent.lookup(client, at_ms, "learning", classified=True)
            for _ in range(other):
                agent.lookup(client, at_ms, "other", classified=False)
            agent.moved(client, at_ms, moved)
    stay = (Stay(0, len(minutes) * MINUTE_MS),)
    reported = agent.rest(len(minutes) * MINUTE_MS, lambda _: stay)
    columns = np.array(minutes, dtype=np.int64)
    moved_bytes = np.where(columns[:, :, 2] > 0, 12_000, 500)
    active = truth_minutes.active_matrix(columns[:, :, 0], columns[:, :, 1], moved_bytes)
    for least, name in ((1, "loose"), (2, "default"), (4, "strict")):
        matrix = truth_minutes.learning_matrix(columns[:, :, 0], least).sum(axis=1)
        for told_minute in reported:
            minute = told_minute.start_ms // MINUTE_MS
            naive = sum(truth_minutes.learning(d, minute, least, lambda *_: True) for d in deeds)
            suffix = "" if name == "default" else f"_{name}"
            assert naive == matrix[minute] == getattr(told_minute, f"learning_clients{suffix}")
    for told_minute in reported:
        minute = told_minute.start_ms // MINUTE_MS
        naive = sum(truth_minutes.active(d, minute, lambda *_: True) for d in deeds)
        assert naive == active[minute].sum() == told_minute.active_clients


def test_a_gap_is_not_bridged_past_the_end_of_a_session() -> None:
    deeds = {0: Deeds(learning=2), 2: Deeds(learning=2)}
    assert truth_minutes.learning(deeds, 1, 2, lambda *_: True)
    assert not truth_minutes.learning(deeds, 1, 2, lambda *_: False)
