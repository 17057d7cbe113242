from __future__ import annotations

import itertools
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from homeroute_agent.clients import Clients, Stay
from homeroute_agent.sessions import GRACE_MS, Sessions, Sighting, Totals

RADIO = "wlan0"
S = 1_000
MIN = 60_000


def ends(records: list[Totals]) -> list[Totals]:
    return [record for record in records if not record.open]


def test_a_session_starts_when_the_association_did() -> None:
    sessions = Sessions()
    came, _ = sessions.reconcile(RADIO, [Sighting(1, connected_s=100)], 500 * S)
    assert came == [1]
    (record,) = sessions.shutdown(510 * S)
    assert (record.started_ms, record.until_ms, record.cause) == (400 * S, 510 * S, "shutdown")


def test_a_client_back_within_the_grace_keeps_its_session() -> None:
    sessions = Sessions()
    sessions.connected(1, RADIO, 0)
    sessions.disconnected(1, RADIO, 60 * S)
    assert sessions.present(RADIO) == []
    assert not sessions.tick(60 * S + GRACE_MS)
    assert sessions.connected(1, RADIO, 60 * S + GRACE_MS)
    (record,) = sessions.shutdown(200 * S)
    assert (record.started_ms, record.until_ms) == (0, 200 * S)


def test_a_client_gone_past_the_grace_left_when_it_said_so() -> None:
    sessions = Sessions()
    sessions.connected(1, RADIO, 0)
    sessions.disconnected(1, RADIO, 60 * S)
    (record,) = sessions.tick(60 * S + GRACE_MS + 1)
    assert (record.cause, record.until_ms, record.session_s) == ("left", 60 * S, 60)
    assert not sessions.shutdown(300 * S)


def test_a_client_that_vanished_ended_when_last_seen() -> None:
    sessions = Sessions()
    sessions.reconcile(RADIO, [Sighting(1)], 0)
    sessions.reconcile(RADIO, [Sighting(1)], 30 * S)
    _, went = sessions.reconcile(RADIO, [], 60 * S)
    assert went == [1]
    (record,) = sessions.tick(30 * S + GRACE_MS + 1)
    assert (record.cause, record.until_ms) == ("silent", 30 * S)


def test_an_access_point_that_does_not_answer_ends_nothing() -> None:
    sessions = Sessions(interim_ms=10**9)
    sessions.reconcile(RADIO, [Sighting(1)], 0)
    assert sessions.tick(3_600 * S) == []
    (record,) = sessions.shutdown(7_200 * S)
    assert record.until_ms == 0  # never later than it was seen


def test_who_comes_back_after_a_restart_before_its_record_is_told_has_both_stays() -> None:
    sessions, clients = Sessions(), Clients()
    sessions.connected(1, RADIO, 0)
    clients.note_stay(1, sessions.stays(1)[0])
    sessions.reconcile(RADIO, [Sighting(1)], 55_000)
    sessions.restarted(RADIO)
    sessions.connected(1, RADIO, 62_000)
    for stay in sessions.stays(1):
        clients.note_stay(1, stay)
    assert clients.stays(1) == (Stay(0, 55_000), Stay(62_000))
    sessions.tick(63_000)
    assert sessions.stays(1) == [Stay(62_000)]


def test_a_restarted_access_point_ends_its_sessions_where_they_were_last_seen() -> None:
    sessions = Sessions()
    sessions.reconcile(RADIO, [Sighting(1)], 0)
    sessions.reconcile("wlan1", [Sighting(2)], 0)
    sessions.restarted(RADIO)
    sessions.reconcile(RADIO, [Sighting(1, connected_s=1)], 20 * S)
    (record,) = sessions.tick(21 * S)
    assert (record.client, record.cause, record.until_ms) == (1, "restart", 0)
    assert {r.client for r in sessions.shutdown(30 * S)} == {1, 2}


def test_a_client_that_left_and_came_back_unwatched_has_two_sessions() -> None:
    sessions = Sessions()
    sessions.reconcile(RADIO, [Sighting(1, connected_s=0)], 0)
    sessions.reconcile(RADIO, [Sighting(1, connected_s=10)], 600 * S)
    first, second = sessions.shutdown(600 * S)
    assert (first.cause, first.until_ms) == ("silent", 0)
    assert second.started_ms == 590 * S


def test_interims_are_cumulative_and_on_their_beat() -> None:
    sessions = Sessions(interim_ms=10 * MIN)
    sessions.connected(1, RADIO, 0)
    told = []
    for minute in range(1, 31):
        sighting = Sighting(1, minute * 60, down_bytes=minute * 100, up_bytes=minute)
        sessions.reconcile(RADIO, [sighting], minute * MIN)
        told += sessions.tick(minute * MIN)
    assert [(r.cause, r.open, r.session_s, r.down_bytes) for r in told] == [
        ("interim", True, 600, 1_000),
        ("interim", True, 1_200, 2_000),
        ("interim", True, 1_800, 3_000),
    ]


def test_a_new_association_adds_to_the_bytes_of_the_old() -> None:
    sessions = Sessions()
    sessions.connected(1, RADIO, 0)
    sessions.reconcile(RADIO, [Sighting(1, 30, 1_000, 100)], 30 * S)
    sessions.disconnected(1, RADIO, 40 * S)
    sessions.connected(1, RADIO, 50 * S)
    sessions.reconcile(RADIO, [Sighting(1, 10, 5_000, 7)], 60 * S)
    (record,) = sessions.shutdown(60 * S)
    assert (record.down_bytes, record.up_bytes) == (6_000, 107)


def test_a_32_bit_counter_that_wrapped_is_not_a_new_association() -> None:
    sessions = Sessions()
    sessions.reconcile(RADIO, [Sighting(1, 1_000, 4_294_967_000, 0)], 1_000 * S)
    sessions.reconcile(RADIO, [Sighting(1, 1_030, 500, 0)], 1_030 * S)
    (record,) = sessions.shutdown(1_030 * S)
    assert record.down_bytes == 4_294_967_796


def test_a_driver_without_counters_gives_sessions_without_bytes() -> None:
    sessions = Sessions()
    sessions.reconcile(RADIO, [Sighting(1)], 0)
    (record,) = sessions.shutdown(5 * S)
    assert (record.down_bytes, record.up_bytes) == (None, None)


def test_roaming_to_the_other_radio_is_the_same_session() -> None:
    sessions = Sessions()
    sessions.connected(1, "wlan0", 0)
    sessions.connected(1, "wlan1", 60 * S)
    assert not sessions.disconnected(1, "wlan0", 61 * S)
    sessions.reconcile("wlan0", [], 70 * S)
    sessions.reconcile("wlan1", [Sighting(1)], 70 * S)
    assert sessions.present("wlan1") == [1]
    (record,) = sessions.shutdown(80 * S)
    assert (record.started_ms, record.until_ms) == (0, 80 * S)


@dataclass
class Happening:
    what: str
    client: int
    radio: str
    after_ms: int
    connected_s: int | None
    grown: int


HAPPENINGS = st.lists(
    st.builds(
        Happening,
        st.sampled_from(["connect", "leave", "poll", "poll", "restart", "tick", "tick"]),
        st.integers(1, 3),
        st.sampled_from(["wlan0", "wlan1"]),
        st.integers(0, 200_000),
        st.none() | st.integers(0, 400),
        st.integers(0, 2**33),
    ),
    max_size=60,
)


@given(HAPPENINGS)
def test_whatever_happens_each_session_ends_once_and_none_overlap(story: list[Happening]) -> None:
    sessions = Sessions(interim_ms=120_000)
    now_ms, records = 1_000_000, []
    for event in story:
        now_ms += event.after_ms
        if event.what == "connect":
            sessions.connected(event.client, event.radio, now_ms)
        elif event.what == "leave":
            sessions.disconnected(event.client, event.radio, now_ms)
        elif event.what == "poll":
            sighting = Sighting(event.client, event.connected_s, event.grown, event.grown // 2)
            sessions.reconcile(event.radio, [sighting], now_ms)
        elif event.what == "restart":
            sessions.restarted(event.radio)
        else:
            records += sessions.tick(now_ms)
    records += sessions.shutdown(now_ms)

    open_records = [record for record in records if record.open]
    for client in (1, 2, 3):
        mine = sorted(
            (r for r in ends(records) if r.client == client),
            key=lambda r: (r.started_ms, r.until_ms),
        )
        for earlier, later in itertools.pairwise(mine):
            assert earlier.until_ms <= later.started_ms
        for record in mine:
            assert record.session_s >= 0
            assert record.until_ms <= now_ms
            interims = [
                r.down_bytes or 0
                for r in open_records
                if (r.client, r.started_ms) == (client, record.started_ms)
            ]
            # A session of no length may begin where the next one does: leave those out.
            if [r.started_ms for r in mine].count(record.started_ms) == 1:
                assert interims == sorted(interims)
                assert not interims or interims[-1] <= (record.down_bytes or 0)
        assert {r.started_ms for r in open_records if r.client == client} <= {
            r.started_ms for r in mine
        }
    assert not sessions.shutdown(now_ms)
    assert not sessions.present("wlan0")


def test_who_leaves_while_a_poll_goes_on_left_then_with_all_that_was_counted() -> None:
    sessions = Sessions()
    sessions.reconcile("wlan0", [Sighting(1, 0, 10, 1)], 0)
    listed = Sighting(1, 30, 900, 90)
    assert sessions.reconcile("wlan0", [], 30_000, leaving=[listed]) == ([], [1])
    sessions.disconnected(1, "wlan0", 30_000)  # the event waited behind the poll
    (told,) = sessions.tick(200_000)
    assert (told.until_ms, told.down_bytes, told.up_bytes) == (30_000, 900, 90)
