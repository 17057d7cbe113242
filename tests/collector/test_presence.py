"""Presence is a pure machine: every time here is made up."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroute_collector.archive_records import Columns
from homeroute_collector.presence import Presence, State, level
from homeroute_collector.presence_report import (
    HISTORICAL_MS,
    AgentSeen,
    Report,
    UplinkSeen,
    WifiSeen,
    digest,
)
from homeroute_wire.messages import Status

START = 1_795_299_000_000
OLD, NEW = "0" * 16, "f" * 16
MINUTE = 60_000


class Watched:
    """One bus in front of a presence whose clock the test turns."""

    def __init__(self) -> None:
        self.now = START
        self.presence = Presence(lambda: self.now)
        self.presence.listening(connected=True)

    def state(self) -> State:
        self.presence.tick()
        return self.presence.devices["bus-07"].state

    def born(self, *, stream: str = NEW, batch_s: float = 60.0, retained: bool = False) -> None:
        status = Status("online", stream, kind="bus", version="1.0", batch_s=batch_s)
        self.presence.heard("bus-07", status, retained=retained)

    def died(self, *, stream: str = NEW) -> None:
        self.presence.heard("bus-07", Status("offline", stream))

    def reports(self, *, uplink: int | None = 2, late_ms: int = 0, spooled: int = 0) -> None:
        time = self.now - late_ms
        live = late_ms <= HISTORICAL_MS
        self.presence.reported(
            "bus-07",
            Report(
                kind="bus",
                received_ms=self.now,
                newest_ms=time if live else None,
                historical=0 if live else 6,
                uplinks=(UplinkSeen(time, "wwan0", uplink, 40.0, 0.0),)
                if live and uplink is not None
                else (),
                wifi=(WifiSeen(time, "Bus-WiFi", "5", 12),) if live else (),
                agents=(AgentSeen(time, "1.0", self.now // 600 % 10**9, spooled, 0, 0),)
                if live
                else (),
            ),
        )

    def passes(self, ms: int) -> None:
        self.now += ms


def test_a_device_never_heard_is_unknown() -> None:
    bus = Watched()
    bus.presence.heard("bus-07", Status("online", NEW), retained=True)
    assert bus.state() == "unknown"
    assert bus.presence.devices["bus-07"].age_s(bus.now) is None


def test_a_birth_is_online_at_once() -> None:
    bus = Watched()
    bus.born()
    assert bus.state() == "online"


def test_three_batch_intervals_of_silence_are_offline_and_not_a_millisecond_less() -> None:
    bus = Watched()
    bus.born(batch_s=2.0)
    bus.reports()
    bus.passes(6_000)
    assert bus.state() == "online"
    bus.passes(1)
    assert bus.state() == "offline"


def test_a_returning_device_is_online_with_its_first_live_batch() -> None:
    bus = Watched()
    bus.born()
    bus.passes(10 * MINUTE)
    assert bus.state() == "offline"
    bus.reports()
    assert bus.state() == "online"


def test_historical_points_never_change_the_live_state() -> None:
    bus = Watched()
    bus.born()
    bus.reports()
    bus.passes(10 * MINUTE)
    assert bus.state() == "offline"
    bus.reports(late_ms=HISTORICAL_MS + 1, uplink=0)
    device = bus.presence.devices["bus-07"]
    assert bus.state() == "offline"
    assert device.backfilling(bus.now)
    assert device.newest_ms == START
    bus.passes(10 * MINUTE)
    assert not device.backfilling(bus.now)


def test_a_short_hole_is_seen_to_fill_although_none_of_its_points_is_historical() -> None:
    bus = Watched()
    bus.born(batch_s=2.0)
    bus.reports()
    bus.passes(40_000)
    bus.reports()
    assert not bus.presence.devices["bus-07"].backfilling(bus.now)
    bus.reports(late_ms=20_000)
    device = bus.presence.devices["bus-07"]
    assert device.newest_ms == bus.now
    assert device.backfilling(bus.now + 10_000)
    assert not device.backfilling(bus.now + 10_001)


def test_batches_in_order_fill_no_hole() -> None:
    bus = Watched()
    bus.born()
    for _ in range(4):
        bus.passes(MINUTE)
        bus.reports()
    assert not bus.presence.devices["bus-07"].backfilling(bus.now)


def test_a_death_counts_after_one_interval_unless_the_device_is_heard_again() -> None:
    bus = Watched()
    bus.born()
    bus.reports()
    bus.died()
    bus.passes(30_000)
    assert bus.state() == "online"
    bus.born()
    bus.passes(60_000)
    assert bus.state() == "online"
    bus.died()
    bus.passes(60_000)
    assert bus.state() == "offline"


def test_a_live_batch_contradicts_a_death() -> None:
    bus = Watched()
    bus.born()
    bus.died()
    bus.passes(1_000)
    bus.reports()
    bus.passes(90_000)
    assert bus.state() == "online"


def test_the_death_of_an_older_run_is_ignored() -> None:
    bus = Watched()
    bus.born(stream=OLD)
    bus.born(stream=NEW)
    bus.died(stream=OLD)
    bus.passes(2 * MINUTE)
    assert bus.state() == "online"


def test_a_retained_birth_tells_the_interval_but_not_that_the_device_is_there() -> None:
    bus = Watched()
    bus.born(batch_s=2.0, retained=True)
    assert bus.state() == "unknown"
    assert bus.presence.devices["bus-07"].batch_s == 2.0


def test_degraded_and_online_change_places_only_when_two_batches_agree() -> None:
    bus = Watched()
    bus.born()
    bus.reports()
    seen = []
    for uplink in (0, 2, 1, 1, 2, 0, 2, 2):
        bus.passes(MINUTE)
        bus.reports(uplink=uplink)
        seen.append(bus.state())
    assert seen == [
        *("online", "online", "online", "degraded"),
        *("degraded", "degraded", "degraded", "online"),
    ]


def test_the_best_of_several_uplinks_decides() -> None:
    bus = Watched()
    bus.born()
    for _ in range(3):
        bus.passes(MINUTE)
        uplinks = (
            UplinkSeen(bus.now - 20, "wwan0", 2, 40.0, 0.0),
            UplinkSeen(bus.now - 10, "wwan1", 0, None, 1.0),
        )
        bus.presence.reported("bus-07", Report("bus", bus.now, bus.now, 0, uplinks=uplinks))
    assert bus.state() == "online"
    best = bus.presence.devices["bus-07"].uplink
    assert best is not None
    assert best.interface == "wwan0"


def test_an_uplink_that_is_no_longer_sampled_is_forgotten() -> None:
    bus = Watched()
    bus.born()
    bus.reports(uplink=0)
    assert bus.state() == "degraded"
    for _ in range(6):
        bus.passes(MINUTE)
        bus.reports(uplink=None)
    assert bus.state() == "online"


def test_a_growing_backlog_is_degraded_and_a_waiting_batch_is_not() -> None:
    bus = Watched()
    bus.born()
    for spooled in (0, 100, 0, 100, 100, 0):
        bus.passes(MINUTE)
        bus.reports(spooled=spooled)
        assert bus.state() == "online"
    for spooled in (100, 200, 300, 400):
        bus.passes(MINUTE)
        bus.reports(spooled=spooled)
    assert bus.state() == "degraded"
    for spooled in (300, 200):
        bus.passes(MINUTE)
        bus.reports(spooled=spooled)
    assert bus.state() == "online"


def test_a_lost_broker_makes_nobody_offline_but_at_last_unknown() -> None:
    bus = Watched()
    bus.born()
    bus.reports()
    bus.presence.listening(connected=False)
    bus.passes(10 * MINUTE)
    assert bus.state() == "unknown"
    bus.presence.listening(connected=True)
    bus.passes(3 * MINUTE)
    assert bus.state() == "unknown"
    bus.passes(1)
    assert bus.state() == "offline"


def test_a_restart_begins_where_the_last_run_ended() -> None:
    before = Watched()
    before.born()
    before.reports()
    assert before.state() == "online"
    after = Watched()
    after.now = before.now + 30_000
    after.presence.restore(before.presence.devices.values())
    assert after.presence.tick() == []
    assert after.state() == "online"
    after.passes(1_000 * MINUTE)
    assert after.state() == "offline"


def test_changes_are_told_once() -> None:
    bus = Watched()
    bus.born()
    assert [(c.before, c.after) for c in bus.presence.tick()] == [("unknown", "online")]
    assert bus.presence.tick() == []
    assert bus.presence.devices["bus-07"].state_since_ms == START


@pytest.mark.parametrize(
    ("state", "number"),
    [("unknown", 0), ("offline", 0), ("degraded", 1), ("online", 2), ("parked", 3)],
)
def test_levels_are_those_of_the_wire(state: State, number: int) -> None:
    assert level(state) == number


def test_a_digest_keeps_the_live_rows_of_what_presence_needs() -> None:
    received = START + HISTORICAL_MS
    columns: Mapping[str, Columns] = {
        "uplink": Columns(
            [START - 1, START],
            {
                "interface": ["wwan0", "wwan0"],
                "technology": ["LTE", "LTE"],
                "carrier": ["unknown", "unknown"],
                "state": [0, 2],
            },
        ),
        "wifi": Columns([START + 5], {"ssid": ["a"], "band": ["5"], "clients": [3]}),
    }
    assert digest("bus", received, columns) == Report(
        kind="bus",
        received_ms=received,
        newest_ms=START + 5,
        historical=1,
        uplinks=(UplinkSeen(START, "wwan0", 2, None, None, "LTE", "unknown"),),
        wifi=(WifiSeen(START + 5, "a", "5", 3),),
    )


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("passes"), st.integers(0, 400_000)),
        st.tuples(st.just("reports"), st.integers(0, 2)),
        st.tuples(st.just("late"), st.integers(0, 2)),
        st.tuples(st.just("born"), st.just(0)),
        st.tuples(st.just("died"), st.just(0)),
        st.tuples(st.just("broker"), st.integers(0, 1)),
    ),
    max_size=60,
)


@given(EVENTS)
def test_whatever_happens_no_live_state_outlasts_the_silence_limit(
    events: list[tuple[str, int]],
) -> None:
    bus = Watched()
    bus.presence.restore([])
    heard: int | None = None
    for event, number in events:
        if event == "passes":
            bus.passes(number)
        elif event == "reports":
            bus.reports(uplink=number)
            heard = bus.now
        elif event == "late":
            bus.reports(uplink=number, late_ms=HISTORICAL_MS + 1)
        elif event == "born":
            bus.born()
            heard = bus.now
        elif event == "died":
            bus.died()
        else:
            bus.presence.listening(connected=bool(number))
        if "bus-07" not in bus.presence.devices:
            continue
        fresh = heard is not None and bus.now - heard <= 180_000
        if bus.state() in {"online", "degraded"}:
            assert fresh
        if bus.state() == "unknown":
            assert not fresh
