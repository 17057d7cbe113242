from __future__ import annotations

from collections.abc import Hashable, Sequence

from hypothesis import given
from hypothesis import strategies as st

from homeroute_agent.activity import Activity, Kind, Minute
from homeroute_agent.clients import Stay

M = 60_000


def everywhere(_client: Hashable) -> None:
    """Nobody watches the Wi-Fi: no stays are known."""


def looked_up(*minutes: tuple[int, int], client: int = 1) -> Activity:
    """A client that asked ``count`` learning names in each ``minute``."""
    activity = Activity(0)
    for minute, count in minutes:
        for n in range(count):
            activity.lookup(client, minute * M + n * 1_000, "learning", classified=True)
    return activity


def learning(minutes: list[Minute]) -> list[int]:
    return [minute.learning_clients for minute in minutes]


def test_two_lookups_make_a_learning_minute_and_one_only_loosely() -> None:
    minutes = looked_up((0, 1), (10, 2), (20, 4)).due(40 * M, everywhere)
    assert [m.learning_clients_loose for m in minutes if m.learning_clients_loose] == [1, 1, 1]
    assert [i for i, m in enumerate(minutes) if m.learning_clients] == [10, 20]
    assert [i for i, m in enumerate(minutes) if m.learning_clients_strict] == [20]


def test_a_gap_of_two_minutes_is_bridged_and_of_three_is_not() -> None:
    assert learning(looked_up((0, 2), (3, 2)).due(10 * M, everywhere))[:5] == [1, 1, 1, 1, 0]
    assert learning(looked_up((0, 2), (4, 2)).due(10 * M, everywhere))[:5] == [1, 0, 0, 0, 1]


def test_a_gap_is_not_bridged_past_the_end_of_a_session() -> None:
    def two_sessions(_client: Hashable) -> Sequence[Stay]:
        return [Stay(0, int(1.5 * M)), Stay(int(2.5 * M))]

    minutes = looked_up((0, 2), (3, 2)).due(10 * M, two_sessions)
    assert learning(minutes)[:4] == [1, 0, 0, 1]


def test_a_minute_is_judged_three_minutes_after_it_began_and_once() -> None:
    activity = looked_up((0, 2))
    assert activity.due(3 * M - 1, everywhere) == []
    assert [m.start_ms for m in activity.due(3 * M, everywhere)] == [0]
    assert activity.due(3 * M, everywhere) == []


def test_only_minutes_heard_whole_are_told() -> None:
    activity = Activity(M // 2)
    activity.lookup(1, M // 2 + 1, "learning", classified=True)
    assert [m.start_ms for m in activity.due(5 * M, everywhere)] == [M, 2 * M]
    assert [m.start_ms for m in activity.rest(int(5.5 * M), everywhere)] == [3 * M, 4 * M]


def test_a_minute_without_lookups_is_told_as_none() -> None:
    (first, *_) = Activity(0).due(5 * M, everywhere)
    assert (first.active_clients, first.lookups) == (0, 0)


def test_background_names_make_nobody_active_but_are_counted() -> None:
    activity = Activity(0)
    activity.lookup(1, 0, "excluded", classified=True)
    activity.lookup(2, 0, "other", classified=False)
    (first, *_) = activity.due(5 * M, everywhere)
    assert (first.active_clients, first.lookups, first.classified_lookups) == (1, 2, 1)


def test_ten_kilobytes_make_a_client_active() -> None:
    activity = Activity(0)
    activity.moved(1, 0, 9_999)
    activity.moved(2, 0, 10_000)
    (first, *_) = activity.due(5 * M, everywhere)
    assert first.active_clients == 1


def test_a_client_that_is_not_on_the_wifi_does_not_count() -> None:
    def none(_client: Hashable) -> Sequence[Stay]:
        return ()

    (first, *_) = looked_up((0, 4)).due(5 * M, none)
    assert (first.active_clients, first.learning_clients_loose, first.lookups) == (0, 0, 0)


KINDS: list[Kind] = ["learning", "excluded", "other"]


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 12 * M), st.sampled_from(KINDS)), max_size=150
    ),
    st.lists(st.tuples(st.integers(0, 12 * M), st.integers(0, 12 * M)), max_size=4),
    st.lists(st.integers(0, 20 * M), max_size=10),
)
def test_strict_is_within_default_within_loose_within_active(
    lookups: list[tuple[int, int, Kind]], spans: list[tuple[int, int]], looks: list[int]
) -> None:
    def stays(client: Hashable) -> Sequence[Stay] | None:
        return None if client == 0 else [Stay(min(span), max(span)) for span in spans]

    activity = Activity(0)
    minutes: list[Minute] = []
    for client, at_ms, kind in lookups:
        activity.lookup(client, at_ms, kind, classified=kind != "other")
    for now_ms in sorted(looks):
        minutes += activity.due(now_ms, stays)
    minutes += activity.rest(20 * M, stays)
    assert [m.start_ms for m in minutes] == [n * M for n in range(20)]
    for m in minutes:
        assert (
            0
            <= m.learning_clients_strict
            <= m.learning_clients
            <= m.learning_clients_loose
            <= m.active_clients
            <= 4
        )
        assert 0 <= m.classified_lookups <= m.lookups


def test_bytes_belong_to_the_minutes_in_which_they_were_moved() -> None:
    activity = Activity(0)
    activity.moved(1, 90_000, 30_000, since_ms=30_000)  # half of them in either minute
    activity.moved(2, 61_000, 12_000, since_ms=1_000)  # a sixtieth in the second
    first, second, third = activity.due(5 * 60_000, lambda _: None)[:3]
    assert (first.active_clients, second.active_clients, third.active_clients) == (2, 1, 0)


@given(st.lists(st.tuples(st.integers(0, 200_000), st.integers(0, 200_000), st.integers(0, 10**9))))
def test_no_byte_is_lost_or_made_up_when_it_is_divided(moves: list[tuple[int, int, int]]) -> None:
    activity = Activity(0)
    for since_ms, at_ms, moved in moves:
        activity.moved(1, at_ms, moved, since_ms=since_ms)
    tallies = [tally for minute in activity._minutes.values() for tally in minute.values()]
    assert sum(tally.moved_bytes for tally in tallies) == sum(moved for _, _, moved in moves)
