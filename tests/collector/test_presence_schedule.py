"""What silence means under a timetable: every time here is made up."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroute_collector.presence import Device, Presence, State
from homeroute_collector.presence_absence import HOTSPOT_SILENT_MS
from homeroute_collector.presence_report import Report
from homeroute_collector.schedule import NO_TIMETABLE, Run, Schedule, joined
from homeroute_wire.messages import Status

SIX = 1_795_262_400_000
MINUTE, HOUR = 60_000, 3_600_000
STREAM, OTHER = "f" * 16, "0" * 16
MORNING = Run(SIX + 30 * MINUTE, SIX + 90 * MINUTE)
TODAY = Schedule("current", {"bus-07": (MORNING,), "bus-08": ()}, (MORNING,), SIX + 400 * HOUR)
SUMMER = Schedule("ended", ends_ms=SIX - HOUR)


class Yard:
    """A presence at six in the morning, with a device of last night."""

    def __init__(self, schedule: Schedule | None = TODAY, name: str = "bus-07") -> None:
        self.now = SIX - 12 * HOUR
        self.name = name
        self.presence = Presence(lambda: self.now)
        self.presence.listening(connected=True)
        self.presence.schedule = schedule
        self.reports()
        assert self.state() == "online"

    def reports(self, kind: str = "bus") -> None:
        self.presence.reported(self.name, Report(kind, self.now, self.now, 0))

    def state(self) -> State:
        self.presence.tick()
        return self.presence.devices[self.name].state

    def at(self, ms: int) -> State:
        self.now = ms
        return self.state()


def test_a_bus_that_is_off_outside_its_trips_is_parked() -> None:
    yard = Yard()
    assert yard.at(SIX) == "parked"
    assert yard.presence.devices["bus-07"].state_since_ms == SIX


def test_a_bus_off_all_night_is_offline_only_after_three_intervals_of_its_trip() -> None:
    yard = Yard()
    yard.at(SIX)
    assert yard.at(MORNING.start_ms) == "parked"
    assert yard.at(MORNING.start_ms + 180_000) == "parked"
    assert yard.at(MORNING.start_ms + 180_001) == "offline"
    assert yard.at(MORNING.end_ms - 1) == "offline"
    assert yard.at(MORNING.end_ms) == "parked"


def test_a_bus_heard_outside_its_trips_is_online_all_the_same() -> None:
    yard = Yard()
    yard.at(SIX)
    yard.reports()
    assert yard.state() == "online"


def test_who_is_installed_and_was_never_heard_is_listed_until_people_say_otherwise() -> None:
    yard = Yard(replace(TODAY, installed=frozenset({"bus-07", "bus-09", "bus-10"})))
    devices = yard.presence.devices
    yard.presence.restore([Device("bus-11", "bus")])
    assert yard.at(SIX) == "parked"
    assert sorted(devices) == ["bus-07", "bus-09", "bus-10", "bus-11"]
    assert yard.at(MORNING.end_ms - 1) == "offline"
    assert (devices["bus-09"].state, devices["bus-09"].kind) == ("unknown", "bus")
    yard.presence.reported("bus-09", Report("bus", yard.now, yard.now, 0))
    yard.presence.schedule = TODAY
    yard.state()
    # One was a slip of the pen; what was ever heard stays, whatever the table says.
    assert sorted(devices) == ["bus-07", "bus-09", "bus-11"]
    assert devices["bus-09"].state == "online"


def test_a_bus_that_falls_silent_on_its_trip_is_offline_after_three_intervals() -> None:
    yard = Yard()
    yard.at(MORNING.start_ms + 10 * MINUTE)
    yard.reports()
    assert yard.state() == "online"
    assert yard.at(MORNING.start_ms + 13 * MINUTE) == "online"
    assert yard.at(MORNING.start_ms + 13 * MINUTE + 1) == "offline"


def test_a_death_on_a_trip_counts_after_one_interval_and_off_it_is_parking() -> None:
    yard = Yard()
    for moment, state in ((MORNING.start_ms + 5 * MINUTE, "offline"), (MORNING.end_ms, "parked")):
        yard.at(moment)
        yard.presence.heard("bus-07", Status("online", STREAM, kind="bus"))
        yard.reports()
        yard.presence.heard("bus-07", Status("offline", STREAM))
        assert yard.at(moment + MINUTE) == state


def test_a_spare_that_the_fleet_table_knows_is_parked_while_others_drive() -> None:
    assert Yard(name="bus-08").at(MORNING.start_ms + HOUR // 2) == "parked"


def test_a_bus_the_fleet_table_does_not_know_is_expected_whenever_anyone_drives() -> None:
    yard = Yard(name="bus-new")
    assert yard.at(SIX) == "parked"
    assert yard.at(MORNING.start_ms + HOUR // 2) == "offline"


def test_summer_neither_looks_like_an_outage_nor_hides_a_bus_that_drives() -> None:
    yard = Yard(SUMMER)
    assert yard.at(SIX) == "unscheduled"
    yard.reports()
    assert yard.state() == "online"


@pytest.mark.parametrize("schedule", [None, NO_TIMETABLE])
def test_without_any_timetable_silence_alone_says_offline(schedule: Schedule | None) -> None:
    yard = Yard(schedule)
    assert yard.at(yard.now + 180_000) == "online"
    assert yard.at(yard.now + 1) == "offline"


@pytest.mark.parametrize("state", ["parked", "unscheduled", "retired"])
def test_until_the_timetable_is_told_again_a_restart_keeps_what_it_said(state: State) -> None:
    before = Yard(SUMMER if state == "unscheduled" else TODAY)
    if state == "retired":
        before.presence.schedule = Schedule("current", retired=frozenset({"bus-07"}))
    assert before.at(SIX) == state
    after = Presence(lambda: SIX + MINUTE)
    after.restore(before.presence.devices.values())
    after.listening(connected=True)
    assert after.tick() == []
    after.schedule = before.presence.schedule
    assert after.tick() == []


def test_a_retired_device_is_retired_whatever_is_heard_until_that_is_taken_back() -> None:
    yard = Yard()
    yard.presence.schedule = Schedule("current", retired=frozenset({"bus-07"}))
    yard.reports()
    assert yard.state() == "retired"
    yard.presence.schedule = TODAY
    assert yard.state() == "online"


def test_a_hotspot_is_parked_until_its_own_limit_whatever_the_timetable() -> None:
    for schedule in (None, NO_TIMETABLE, TODAY, SUMMER):
        yard = Yard(schedule, name="home-01")
        yard.reports("hotspot")
        heard = yard.now
        assert yard.at(heard + 180_001) == "parked"
        assert yard.at(heard + HOTSPOT_SILENT_MS) == "parked"
        assert yard.at(heard + HOTSPOT_SILENT_MS + 1) == "offline"


def test_a_collector_that_has_only_just_begun_to_listen_calls_nobody_absent() -> None:
    yard = Yard()
    yard.at(MORNING.start_ms + 10 * MINUTE)
    yard.reports()
    yard.state()
    yard.presence.listening(connected=False)
    assert yard.at(MORNING.start_ms + 20 * MINUTE) == "unknown"
    yard.presence.listening(connected=True)
    assert yard.at(MORNING.start_ms + 23 * MINUTE) == "unknown"
    assert yard.at(MORNING.start_ms + 24 * MINUTE) == "offline"


def test_two_tiers_with_a_short_pause_are_one_run_and_overlaps_too() -> None:
    tiers = [Run(5 * HOUR, 6 * HOUR), Run(0, HOUR), Run(HOUR + 30 * MINUTE, 2 * HOUR)]
    assert joined(tiers) == (Run(0, 2 * HOUR), Run(5 * HOUR, 6 * HOUR))
    assert joined([Run(0, 9), Run(1, 3)]) == (Run(0, 9),)
    assert joined([]) == ()


def test_an_older_run_of_the_agent_that_is_born_again_gives_a_twin_away() -> None:
    yard = Yard()
    for stream in (STREAM, OTHER):
        yard.presence.heard("bus-07", Status("online", stream, kind="bus"))
        assert yard.presence.devices["bus-07"].twin_ms is None
    yard.presence.heard("bus-07", Status("online", STREAM, kind="bus"), retained=True)
    assert yard.presence.devices["bus-07"].twin_ms is None
    yard.presence.heard("bus-07", Status("online", OTHER, kind="bus"))
    assert yard.presence.devices["bus-07"].twin_ms == yard.now


def test_a_bus_that_is_lost_just_before_its_trip_is_never_called_parked_on_it() -> None:
    yard = Yard()
    yard.at(MORNING.start_ms - MINUTE)
    yard.reports()
    assert yard.at(MORNING.start_ms + 2 * MINUTE) == "online"
    assert yard.at(MORNING.start_ms + 2 * MINUTE + 1) == "offline"


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 20)), max_size=4),
    st.sets(st.integers(0, 60)),
)
def test_minute_by_minute_each_state_is_what_timetable_and_silence_say(
    minutes: list[tuple[int, int]], reporting: set[int]
) -> None:
    runs = joined((Run(SIX + a * MINUTE, SIX + (a + b) * MINUTE) for a, b in minutes), MINUTE)
    yard = Yard(Schedule("current", {"bus-07": runs}, runs))
    last = yard.now
    for minute in range(60):
        yard.now = SIX + minute * MINUTE
        if minute in reporting:
            yard.reports()
            last = yard.now
        state = yard.state()
        silent = yard.now - last > 180_000
        run = next((run for run in runs if run.start_ms <= yard.now < run.end_ms), None)
        assert (state == "online") == (not silent)
        if state == "offline":
            assert run
        if silent and run and yard.now - max(last, run.start_ms) > 180_000:
            assert state == "offline"
        if state == "parked" and run:
            assert last < run.start_ms and yard.now - run.start_ms <= 180_000
