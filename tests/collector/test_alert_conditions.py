"""What holds of each rule, from presence and facts made by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from homeroute_collector.alert_conditions import TWIN_MS, Ending, Facts, conditions
from homeroute_collector.alert_rules import RULES
from homeroute_collector.archive_records import Columns
from homeroute_collector.presence import Device, Presence
from homeroute_collector.presence_report import (
    HISTORICAL_MS,
    AgentSeen,
    FilterSeen,
    HealthSeen,
    UplinkSeen,
    digest,
)
from homeroute_collector.schedule import NO_TIMETABLE, Run, Schedule

NOW = 1_795_299_000_000
DAY = 86_400_000
ON_RUN = Schedule(
    "current", {"bus-07": (Run(NOW - 1, NOW + 1),)}, (Run(NOW - 1, NOW + 1),), NOW + 100 * DAY
)
AT_NIGHT = Schedule("current", {"bus-07": ()}, (), NOW + 100 * DAY)
SUMMER = Schedule("ended", ends_ms=NOW - 10 * DAY)
ZONE = ZoneInfo("America/Chicago")

LOUD = {name for name, rule in RULES.items() if rule.always}


def bus(state: Any = "online", **known: Any) -> Device:
    return Device("bus-07", "bus", state, newest_ms=NOW - 600_000, **known)


def judged(
    *devices: Device, facts: Facts | None = None, schedule: Schedule | None = ON_RUN
) -> dict[str, bool | None]:
    """Rules by name; a district's too."""
    found = conditions(RULES, devices, facts or Facts(), schedule, NOW, ZONE)
    return {condition.rule: condition.holds for condition in found}


def detail(rule: str, *devices: Device, facts: Facts | None = None) -> str:
    found = conditions(RULES, devices, facts or Facts(), ON_RUN, NOW, ZONE)
    return next(condition.detail for condition in found if condition.rule == rule)


def agents(*ledgers: tuple[int, int, int, int]) -> tuple[AgentSeen, ...]:
    """Ledgers as sampled, spooled, dropped, refused."""
    return tuple(AgentSeen(NOW + i, "1", *ledger) for i, ledger in enumerate(ledgers))


def test_all_is_well_with_a_bus_that_reports_and_says_nothing_bad() -> None:
    well = judged(bus(agents=agents((100, 0, 0, 0), (200, 0, 0, 0))))
    assert set(well) == set(RULES)
    assert {name for name, holds in well.items() if holds} == set()


def test_a_bus_offline_on_its_run_is_silent_and_says_when_it_was_heard() -> None:
    assert judged(bus("offline"))["bus_silent"] is True
    assert detail("bus_silent", bus("offline")) == "last heard Sat 21 Nov 16:00"


@pytest.mark.parametrize("state", ["parked", "unknown", "unscheduled"])
def test_of_a_bus_that_is_off_its_run_nobody_can_tell_and_what_fired_stays(state: Any) -> None:
    assert judged(bus(state), schedule=AT_NIGHT)["bus_silent"] is None


def test_that_a_bus_is_heard_again_is_told_although_school_is_over() -> None:
    assert judged(bus("online"), schedule=AT_NIGHT)["bus_silent"] is False
    assert judged(bus("online"), schedule=SUMMER)["bus_silent"] is False


@pytest.mark.parametrize("schedule", [None, NO_TIMETABLE])
def test_without_a_timetable_no_bus_is_silent_but_the_rest_is_told(
    schedule: Schedule | None,
) -> None:
    assert judged(bus("offline"), schedule=schedule)["bus_silent"] is None
    assert judged(bus("degraded"), schedule=schedule)["device_degraded"] is True


BROKEN = bus(
    "degraded",
    uplinks=(UplinkSeen(NOW, "wwan0", 0, None, 1.0),),
    health=HealthSeen(
        NOW,
        undervoltage=True,
        throttled=None,
        clock_offset_ms=None,
        disk_ratio=None,
        temperature_c=None,
    ),
    agents=agents((100, 10, 0, 0), (200, 110, 0, 0), (300, 210, 5, 0), (400, 310, 5, 2)),
    filters=(FilterSeen(NOW, "dnsmasq", canary_blocked=False, filter_live=True),),
    twin_ms=NOW - TWIN_MS,
)
BAD = Facts(
    broker_problem="refused",
    archive_problem="disk full",
    rollup_problem="2026-11-09 cannot be rolled up",
    publication_problem="the week of 2026-11-09 cannot be published",
    follower_lag_s=301.0,
    follower_problem="401",
    disk_free_ratio=0.05,
    certificates=(Ending("server.pem", NOW + 29 * DAY), Ending("ca.pem", NOW + 900 * DAY)),
)
OF_DEVICES = {name for name, rule in RULES.items() if rule.scope == "device"}


def test_each_thing_that_is_wrong_holds_and_is_said_with_its_number() -> None:
    found = {c.rule: c for c in conditions(RULES, [BROKEN], BAD, ON_RUN, NOW, ZONE)}
    holding = {name for name, condition in found.items() if condition.holds}
    assert holding == set(RULES) - {"bus_silent", "calendar_ending"}
    assert {name: found[name].detail for name in sorted(holding)} == {
        "archive_stuck": "disk full",
        "broker_lost": "refused",
        "certificate_ending": "server.pem ends in 29 days",
        "device_degraded": "uplink no service",
        "disk_full": "5.0% free",
        "filter_canary": "dnsmasq did not block the canary",
        "influx_lag": "301 s behind: 401",
        "points_lost": "5 points dropped and 2 points refused",
        "publication_failing": "the week of 2026-11-09 cannot be published",
        "rollup_failing": "2026-11-09 cannot be rolled up",
        "spool_growing": "310 points wait on the device",
        "two_devices_one_id": "an older run of its agent came back after a newer one",
        "undervoltage": "undervoltage now",
    }


@pytest.mark.parametrize("schedule", [AT_NIGHT, SUMMER])
def test_outside_school_only_what_matters_always_can_hold(schedule: Schedule) -> None:
    found = judged(BROKEN, facts=BAD, schedule=schedule)
    holding = {name for name, holds in found.items() if holds}
    assert holding <= LOUD
    assert {"broker_lost", "disk_full", "certificate_ending", "two_devices_one_id"} <= holding
    assert {found[name] for name in set(RULES) - LOUD - {"bus_silent"}} == {None}


def test_the_calendar_is_told_of_from_fourteen_days_before_until_one_is_imported() -> None:
    def told(days: float, calendar: Any = "current") -> bool | None:
        schedule = Schedule(calendar, ends_ms=NOW + int(days * DAY))
        return judged(schedule=schedule)["calendar_ending"]

    assert (told(14.01), told(14), told(0.5), told(-40, "ended")) == (False, True, True, True)
    assert judged(schedule=NO_TIMETABLE)["calendar_ending"] is False
    assert judged(schedule=None)["calendar_ending"] is None


def test_what_a_device_last_said_is_not_what_is_so_once_it_is_silent() -> None:
    silent = replace(BROKEN, state="offline", twin_ms=None)
    found = judged(silent)
    assert {name for name in OF_DEVICES if found[name]} == {"bus_silent"}


def test_a_retired_device_has_no_alerts_and_ends_those_it_had() -> None:
    found = judged(replace(BROKEN, state="retired"))
    assert {found[name] for name in OF_DEVICES} == {False}


def test_a_hotspot_is_told_of_only_where_points_or_its_name_are_at_stake() -> None:
    found = judged(replace(BROKEN, device="home-01", kind="hotspot"))
    assert {name for name in OF_DEVICES if name in found} == {
        "spool_growing",
        "points_lost",
        "two_devices_one_id",
    }


def test_a_new_card_that_begins_at_zero_has_lost_nothing() -> None:
    fresh = bus(agents=agents((900, 0, 40, 7), (10, 0, 0, 0)))
    assert judged(fresh)["points_lost"] is False


def test_a_backlog_of_last_week_fires_nothing() -> None:
    """Every bad thing there is, recorded in the past and uploaded now by a bus that is well."""
    now = [NOW - 60_000]
    presence = Presence(lambda: now[0])
    presence.schedule = ON_RUN
    presence.listening(connected=True)

    def batch(time_ms: int, *, bad: bool) -> None:
        times = [time_ms, time_ms + 1]
        columns = {
            "uplink": Columns(times, {"interface": ["w"] * 2, "state": [0 if bad else 2] * 2}),
            "health": Columns(times, {"undervoltage": [bad] * 2}),
            "filter_check": Columns(
                times,
                {"filter": ["f"] * 2, "canary_blocked": [not bad] * 2, "filter_live": [True] * 2},
            ),
            "agent": Columns(
                times,
                {
                    "version": ["1"] * 2,
                    "sampled": [time_ms // 1000, time_ms // 1000 + 9],
                    "spooled": [0, 9 * bad],
                    "dropped": [0, 500 * bad],
                    "refused": [0, 50 * bad],
                    "spool_bytes": [0, 0],
                    "config_version": [0, 0],
                },
            ),
        }
        presence.reported("bus-07", digest("bus", now[0], columns))

    batch(now[0], bad=False)
    for hours in range(200, 0, -1):
        batch(NOW - hours * 3_600_000 - HISTORICAL_MS, bad=True)
    now[0] = NOW
    batch(NOW, bad=False)
    presence.tick()
    found = judged(*presence.devices.values())
    assert {name for name in OF_DEVICES if found[name]} == set()
    batch(NOW + 1, bad=True)
    assert judged(*presence.devices.values())["undervoltage"] is True
