"""Accounting as stays: twice, late, in another order, and the result is the same."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeroute_agent.clients import Clients
from homeroute_agent.samplers import radius_accounts
from homeroute_agent.samplers.radius_accounts import Accounts, Change
from homeroute_agent.samplers.radius_packet import Accounting, Status
from homeroute_agent.sessions import Totals

SSID, NAS = "Bus-WiFi", "10.77.0.2"
MAC, OTHER = "9e:1a:2b:3c:4d:5e", "00:1b:2b:3c:4d:5f"
S = 1000


def accounts(*ssids: str, interim_s: int = 600) -> Accounts:
    return Accounts(Clients().ordinal, ssids or (SSID,), began_ms=0, interim_ms=interim_s * 1000)


def packet(
    status: Status,
    session: str = "A1",
    *,
    mac: str | None = MAC,
    length_s: int | None = None,
    down: int | None = None,
    up: int | None = None,
    **more: object,
) -> Accounting:
    one = Accounting(
        status, NAS, session, mac=mac, session_s=length_s, down_bytes=down, up_bytes=up
    )
    return replace(one, **more)  # type: ignore[arg-type]


def ends(kept: Accounts, now_ms: int) -> list[tuple[str, int, int, int | None, int | None]]:
    """The stays told by then: cause, start and end in s, bytes down and up."""
    return [told(totals) for _, totals in kept.tick(now_ms)[1] if not totals.open]


def told(totals: Totals) -> tuple[str, int, int, int | None, int | None]:
    return (
        totals.cause,
        totals.started_ms // S,
        totals.until_ms // S,
        totals.down_bytes,
        totals.up_bytes,
    )


def test_a_start_an_interim_and_a_stop_are_one_session() -> None:
    kept = accounts()
    assert kept.hear(packet("start"), 100 * S) == [Change(1, SSID, came=True)]
    assert kept.present(SSID) == {1}
    (change,) = kept.hear(packet("interim", length_s=60, down=900, up=90), 160 * S)
    assert change == Change(1, SSID, moved_bytes=990, since_ms=100 * S, until_ms=160 * S)
    (change,) = kept.hear(packet("stop", length_s=100, down=1000, up=100), 200 * S)
    assert change == Change(1, SSID, False, True, 110, since_ms=160 * S, until_ms=200 * S)
    assert kept.present(SSID) == set()
    assert ends(kept, 290 * S) == [], "it may come back"
    assert ends(kept, 291 * S) == [("left", 100, 200, 1000, 100)]
    assert ends(kept, 999 * S) == []


def test_a_short_absence_is_one_session_and_its_bytes_are_added_up() -> None:
    kept = accounts()
    kept.hear(packet("start"), 0)
    kept.hear(packet("stop", length_s=100, down=10, up=1), 100 * S)
    kept.hear(packet("start", "A2"), 150 * S)
    kept.hear(packet("stop", "A2", length_s=50, down=5, up=2), 200 * S)
    assert ends(kept, 400 * S) == [("left", 0, 200, 15, 3)]


def test_a_long_absence_makes_two_sessions() -> None:
    kept = accounts()
    kept.hear(packet("start"), 0)
    kept.hear(packet("stop", length_s=100, down=10, up=1), 100 * S)
    kept.hear(packet("start", "A2"), 191 * S)
    kept.hear(packet("stop", "A2", length_s=9, down=5, up=2), 200 * S)
    assert ends(kept, 400 * S) == [("left", 0, 100, 10, 1), ("left", 191, 200, 5, 2)]


STORY = [
    (0, packet("start")),
    (60, packet("interim", length_s=60, down=2**32 + 7, up=60)),
    (120, packet("interim", length_s=120, down=2**32 + 70, up=600)),
    (150, packet("stop", length_s=150, down=2**32 + 77, up=606)),
    (10, packet("start", "B1", mac=OTHER)),
    (170, packet("stop", "B1", mac=OTHER, length_s=160, down=3, up=4)),
    (180, packet("start", "A2")),
    (200, packet("stop", "A2", length_s=20, down=1, up=1)),
]
"""Two clients' rides: when it happened, in s, and what was sent."""


@settings(max_examples=300)
@given(st.permutations(STORY), st.lists(st.integers(0, 7), max_size=8), st.booleans())
def test_order_and_repetition_change_nothing(
    story: list[tuple[int, Accounting]], repeated: list[int], delayed: bool
) -> None:
    kept = accounts()
    arriving_s = 201
    for at_s, one in [*story, *(story[i] for i in repeated)]:
        kept.hear(replace(one, delay_s=arriving_s - at_s), arriving_s * S)
        arriving_s += 1 if delayed else 0
    assert sorted(ends(kept, 400 * S)) == [
        ("left", 0, 200, 2**32 + 78, 607),
        ("left", 10, 170, 3, 4),
    ]
    assert kept.present(SSID) == set()
    for at_s, one in story:  # and what comes after it was told tells nothing new
        assert kept.hear(replace(one, delay_s=400 - at_s), 400 * S) == []
    assert ends(kept, 900 * S) == []


def test_a_lost_start_is_made_up_by_the_session_time() -> None:
    kept = accounts()
    kept.hear(packet("stop", length_s=70, down=9, up=9), 100 * S)
    assert ends(kept, 200 * S) == [("left", 30, 100, 9, 9)]


def test_who_was_there_before_did_not_associate_now_nor_move_its_bytes_now() -> None:
    kept = accounts()
    (change,) = kept.hear(packet("interim", length_s=600, down=5000, up=50), 100 * S)
    assert change == Change(1, SSID)
    assert kept.present(SSID) == {1}


def test_a_power_cut_of_the_access_point_ends_its_sessions_where_they_were_last_seen() -> None:
    kept = accounts()
    kept.hear(packet("start"), 0)
    kept.hear(packet("interim", length_s=60, down=8, up=8), 60 * S)
    assert kept.hear(packet("on", "boot", mac=None), 100 * S) == [Change(1, SSID, went=True)]
    kept.hear(packet("start", "A2"), 110 * S)
    kept.hear(packet("stop", "A2", length_s=20, down=1, up=1), 130 * S)
    assert ends(kept, 300 * S) == [("restart", 0, 60, 8, 8), ("left", 110, 130, 1, 1)]


def test_accounting_off_ends_them_there_and_then() -> None:
    kept = accounts()
    kept.hear(packet("start"), 0)
    kept.hear(packet("off", "boot", mac=None), 50 * S)
    assert ends(kept, 200 * S) == [("restart", 0, 50, None, None)]


@pytest.mark.parametrize("late", [False, True])
def test_a_stay_does_not_go_on_past_a_restart_though_each_client_was_stopped(late: bool) -> None:
    kept = accounts()
    kept.hear(packet("start"), 0)
    words = [packet("stop", down=7), packet("off", "o", mac=None)]
    for said in reversed(words) if late else words:
        kept.hear(said, 50 * S)
    kept.hear(packet("on", "p", mac=None), 60 * S)
    kept.hear(packet("start", "b"), 61 * S)
    stays = [told(totals) for _, totals in kept.shutdown(100 * S)]
    assert [stay[1:4] for stay in stays] == [(0, 50, 7), (61, 100, None)]


def test_another_nas_or_another_of_its_access_points_is_left_alone() -> None:
    kept = accounts()
    kept.hear(packet("start", access_point="aa:aa:aa:aa:aa:aa"), 0)
    kept.hear(packet("on", "x", mac=None, nas="10.77.0.3"), 50 * S)
    kept.hear(packet("on", "y", mac=None, access_point="bb:bb:bb:bb:bb:bb"), 51 * S)
    assert kept.present(SSID) == {1}
    kept.hear(packet("on", "z", mac=None, access_point="aa:aa:aa:aa:aa:aa"), 52 * S)
    assert kept.present(SSID) == set()


def test_an_on_that_comes_after_the_first_start_does_not_end_it() -> None:
    kept = accounts()
    kept.hear(packet("start", "old"), 0)
    kept.hear(packet("start", "new"), 100 * S)
    kept.hear(packet("on", "boot", mac=None), 101 * S)
    assert kept.present(SSID) == {1}
    kept.hear(packet("stop", "new", length_s=50), 150 * S)
    assert [end[:3] for end in ends(kept, 300 * S)] == [("restart", 0, 0), ("left", 100, 150)]


def test_a_session_wrongly_ended_goes_on_when_it_is_heard_of_again() -> None:
    kept = accounts()
    kept.hear(packet("start"), 0)
    kept.hear(packet("on", "boot", mac=None), 50 * S)
    assert kept.present(SSID) == set()
    kept.hear(packet("interim", length_s=60, down=1, up=1), 60 * S)
    assert kept.present(SSID) == {1}
    kept.hear(packet("stop", length_s=70, down=2, up=2), 70 * S)
    assert ends(kept, 300 * S) == [("left", 0, 70, 2, 2)]


def test_an_access_point_that_counts_its_session_ids_anew_has_new_sessions() -> None:
    kept = accounts()
    kept.hear(packet("start"), 0)
    kept.hear(packet("stop", length_s=50, down=5, up=5), 50 * S)
    assert len(ends(kept, 200 * S)) == 1
    kept.hear(packet("on", "boot", mac=None), 300 * S)
    kept.hear(packet("start"), 310 * S)
    kept.hear(packet("stop", length_s=20, down=2, up=2), 330 * S)
    assert ends(kept, 500 * S) == [("left", 310, 330, 2, 2)]


def test_a_client_whose_interims_cease_left_when_it_was_last_heard_of() -> None:
    kept = accounts()
    kept.hear(packet("start"), 0)
    for at_s in (60, 120, 180):
        kept.hear(packet("interim", length_s=at_s, down=at_s, up=0), at_s * S)
    assert kept.tick(300 * S)[0] == []
    went, records = kept.tick(361 * S)
    assert went == [Change(1, SSID, went=True)]
    assert [told(totals) for _, totals in records] == [("silent", 0, 180, 180, 0)]
    kept = accounts()
    kept.hear(packet("start"), 0)
    assert kept.tick(3600 * S)[0] == [], "one that sends no interims is not silent"


def test_what_a_silent_session_moves_later_is_told_as_the_rest_of_it() -> None:
    kept = accounts()
    kept.hear(packet("start"), 0)
    kept.hear(packet("interim", length_s=60, down=100, up=10), 60 * S)
    assert ends(kept, 400 * S) == [("silent", 0, 60, 100, 10)]
    kept.hear(packet("stop", length_s=500, down=150, up=15), 500 * S)
    assert ends(kept, 700 * S) == [("left", 60, 500, 50, 5)]


def test_only_the_students_networks_count_where_they_are_named() -> None:
    kept = accounts(SSID, "Yard-WiFi")
    assert kept.hear(packet("start", "D1", ssid="Driver"), 0) == []
    assert kept.hear(packet("interim", "D1", length_s=60), 60 * S) == [], "not named here"
    kept.hear(packet("start", "Y1", mac=OTHER, ssid="Yard-WiFi"), 0)
    kept.hear(packet("start"), 0)
    assert kept.present("Yard-WiFi") == {1}
    assert kept.present(SSID) == {2}
    assert [ssid for ssid, _ in kept.shutdown(10 * S)] == ["Yard-WiFi", SSID]


def test_a_stranger_taken_for_a_student_is_forgotten_when_its_network_is_named() -> None:
    kept = accounts()
    kept.hear(packet("interim", "D1", length_s=6), 6 * S)
    assert kept.present(SSID) == {1}
    kept.hear(packet("start", "D1", ssid="Driver", delay_s=6), 6 * S)
    assert kept.present(SSID) == set()
    assert kept.shutdown(10 * S) == []


def test_interims_fall_due_and_a_shutdown_closes_what_is_open() -> None:
    kept = accounts(interim_s=100)
    kept.hear(packet("start"), 0)
    assert kept.tick(99 * S)[1] == []
    kept.hear(packet("interim", length_s=90, down=1, up=1), 90 * S)
    ((ssid, interim),) = kept.tick(100 * S)[1]
    assert (ssid, interim.open, interim.session_s) == (SSID, True, 90)
    assert kept.tick(199 * S)[1] == []
    ((_, end),) = kept.shutdown(210 * S)
    assert told(end) == ("shutdown", 0, 210, 1, 1)


def test_a_roaming_client_is_here_once() -> None:
    kept = accounts()
    kept.hear(packet("start"), 0)
    assert kept.hear(packet("start", "A2"), 60 * S) == [Change(1, SSID)]
    assert kept.hear(packet("stop", length_s=61, down=7, up=7), 61 * S) == [
        Change(1, SSID, moved_bytes=14, since_ms=0, until_ms=61 * S)
    ]
    kept.hear(packet("stop", "A2", length_s=40, down=1, up=1), 100 * S)
    assert ends(kept, 300 * S) == [("left", 0, 100, 8, 8)]


def test_times_of_a_clock_that_jumped_are_not_believed() -> None:
    kept = accounts()
    kept.hear(packet("interim", length_s=2**31, delay_s=2**31), 100 * S)
    kept.hear(packet("stop", length_s=2**31, delay_s=2**31), 160 * S)
    assert [end[:3] for end in ends(kept, 300 * S)] == [("left", 100, 160)]


def test_memory_is_bounded_and_who_is_crowded_out_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(radius_accounts, "BOUND", 10)
    kept = accounts()
    for number in range(50):
        kept.hear(packet("start", f"A{number}", mac=f"02:00:00:00:00:{number:02x}"), number * S)
    assert len(kept.present(SSID)) == 10
    assert len(ends(kept, 60 * S)) == 40
    assert "02:00" not in repr(kept)
