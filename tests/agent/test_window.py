"""The window: live before backlog, everything unanswered again, held ones much later."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from homeroute_agent.spool import Batch
from homeroute_agent.window import (
    BACKLOG_GAP_MS,
    HELD_BOUND_MS,
    HELD_MS,
    Window,
    full_jitter_s,
)

STREAM = "00000000000000aa"
TIMEOUT_MS = 30_000


def batch(number: int) -> Batch:
    return Batch(STREAM, number, 1, b"", number)


def window(size: int = 4) -> Window:
    return Window(size, TIMEOUT_MS, uniform=lambda _low, high: high)


def test_the_last_place_is_kept_for_live_data() -> None:
    w = window(3)
    w.sent(batch(9), 0)
    w.sent(batch(8), 0)
    assert w.places() == 1
    assert not w.may_send_backlog(1_000)
    w.sent(batch(10), 0)
    assert w.places() == 0


def test_a_window_of_one_still_sends_its_backlog() -> None:
    assert window(1).may_send_backlog(0)


def test_the_backlog_is_paced_and_live_data_is_not() -> None:
    w = window(8)
    w.sent(batch(9), 100)
    assert w.may_send_backlog(100)
    w.sent(batch(8), 100)
    assert not w.may_send_backlog(100 + BACKLOG_GAP_MS - 1)
    assert w.next_ms(100) == 100 + BACKLOG_GAP_MS
    assert w.may_send_backlog(100 + BACKLOG_GAP_MS)
    assert w.may_send_backlog(100, paced=False)
    assert w.newest == 9


def test_what_is_not_acknowledged_is_due_again_with_growing_jitter() -> None:
    w = window()
    w.sent(batch(1), 0)
    assert w.due(TIMEOUT_MS) == []
    assert w.due(TIMEOUT_MS + 1_500) == [(STREAM, 1)]
    w.sent(batch(1), 40_000)
    assert w.due(40_000 + TIMEOUT_MS + 2_249) == []
    assert w.due(40_000 + TIMEOUT_MS + 2_250) == [(STREAM, 1)]


def test_what_is_acknowledged_frees_its_place() -> None:
    w = window(1)
    w.sent(batch(1), 0)
    w.settle([(STREAM, 1), (STREAM, 7)])
    assert w.places() == 1 and w.idle() and w.due(10**9) == []


def test_a_held_batch_leaves_the_window_and_waits_long() -> None:
    w = window(1)
    w.sent(batch(1), 0)
    assert w.hold((STREAM, 1), 10)
    assert w.places() == 1 and w.idle()
    assert set(w.skip(HELD_MS)) == {(STREAM, 1)}
    assert w.next_ms(10) == 10 + HELD_MS
    assert set(w.skip(10 + HELD_MS)) == set()


def test_each_hold_doubles_the_wait_up_to_an_hour() -> None:
    w, at, waits = window(), 0, []
    for _ in range(6):
        w.sent(batch(1), at)
        w.hold((STREAM, 1), at)
        due = w.next_ms(at + BACKLOG_GAP_MS)
        assert due is not None
        waits.append(due - at)
        at = due
        w.skip(at)
    assert waits == [HELD_MS, 2 * HELD_MS, 4 * HELD_MS, 8 * HELD_MS, HELD_BOUND_MS, HELD_BOUND_MS]


def test_a_batch_held_once_but_sent_twice_stays_marked_and_out_of_the_window() -> None:
    """The other sending may still be stored: dropping it then would count it wrongly."""
    w = window(1)
    w.sent(batch(1), 0)
    w.sent(batch(1), 40_000)
    assert not w.hold((STREAM, 1), 40_001)
    assert w.places() == 1
    assert w.due(40_001 + HELD_MS - 1) == []
    assert w.due(40_001 + HELD_MS) == [(STREAM, 1)]
    assert w.hold((STREAM, 1), 50_000)


def test_what_an_earlier_run_sent_is_due_at_once_and_never_unmarked_by_one_hold() -> None:
    w = window()
    w.restore([(STREAM, 5)], newest=5)
    assert w.due(0) == [(STREAM, 5)]
    assert w.newest == 5
    assert not w.hold((STREAM, 5), 0)


def test_a_hold_for_a_batch_not_in_flight_is_ignored() -> None:
    assert not window().hold((STREAM, 1), 0)


def test_a_new_connection_makes_everything_due() -> None:
    w = window()
    w.sent(batch(1), 0)
    w.sent(batch(2), 0)
    w.connected(500)
    assert w.due(500) == [(STREAM, 1), (STREAM, 2)]


def test_a_hello_repeats_what_the_collector_may_have_missed_and_nothing_else() -> None:
    w = window()
    w.sent(batch(1), 0)
    w.sent(batch(2), 9_500)
    w.hello(10_000)
    assert w.due(11_000) == [(STREAM, 1)]


def test_a_collector_counts_as_silent_when_nothing_at_all_was_answered_for_long() -> None:
    w = window()
    assert not w.silent(10**9)
    w.sent(batch(1), 0)
    w.sent(batch(2), 50_000)
    assert not w.silent(2 * TIMEOUT_MS)
    assert w.silent(2 * TIMEOUT_MS + 1)
    w.answered()
    assert not w.silent(10**9)


@given(st.integers(0, 100))
def test_jitter_is_full_and_bounded(attempt: int) -> None:
    assert 0 <= full_jitter_s(attempt) <= 1.5 ** min(10, attempt) < 58


@given(
    st.lists(
        st.tuples(st.sampled_from(["send", "ack", "hold", "again"]), st.integers(1, 12)),
        max_size=60,
    )
)
def test_sent_only_when_there_is_a_place_the_window_is_never_overrun(
    steps: list[tuple[str, int]],
) -> None:
    w, at = Window(4, TIMEOUT_MS), 0
    for what, number in steps:
        at += 7_000
        if what == "send" and w.places() > 0:
            w.sent(batch(number), at)
        elif what == "ack":
            w.settle([(STREAM, number)])
        elif what == "hold":
            w.hold((STREAM, number), at)
        elif what == "again":
            for stream, seq in w.due(at):
                w.sent(Batch(stream, seq, 1, b"", seq), at)
        assert 0 <= w.places() <= 4
        due = w.next_ms(at)
        assert due is None or due > at
