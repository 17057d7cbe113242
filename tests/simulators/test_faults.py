"""Each fault by itself: real agent, broker and collector, and every point accounted for."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from homeroute_simulators import truth
from homeroute_simulators.faults import (
    COLLECTOR,
    KINDS,
    Fault,
    Kind,
    left_out_of,
    parse_kinds,
    schedule,
)
from homeroute_simulators.faults_apply import APPLIED, BURST_BYTES
from homeroute_simulators.faults_wire import NEW_MEASUREMENT
from tests.simulators.fleets import START_MS, Told, drive, one_bus

SECONDS = 150.0
BEGIN_MS, END_MS = START_MS + 40_000, START_MS + 90_000

AHEAD_MS = 5_000
"""Agents start a sample's time before the world moves."""

QUERIES = {
    "times": "SELECT min(time_ms), max(time_ms) FROM uplink",
    "during": f"SELECT count(*) FROM uplink WHERE time_ms BETWEEN {BEGIN_MS} AND {END_MS}",
    "dead": "SELECT min(time_ms), max(time_ms), count(*) FROM uplink WHERE state = 0",
    "traffic": "SELECT role, sum(down_bytes)::BIGINT, sum(resets)::BIGINT FROM traffic GROUP BY 1",
    "position": "SELECT time_ms FROM position ORDER BY 1",
    "blocked": f"""SELECT coalesce(sum(hits), 0)::BIGINT FROM filter
        WHERE time_ms BETWEEN {BEGIN_MS + 20_000} AND {END_MS - 20_000}""",
    "hits": "SELECT coalesce(sum(hits), 0)::BIGINT FROM filter",
    "again": f"SELECT count(*) FROM session WHERE NOT open AND started_min >= {END_MS} // 60000",
    "moved": "SELECT down_bytes, up_bytes FROM session WHERE NOT open ORDER BY ALL",
    "heard": f"""SELECT count(rsrp_dbm) FILTER (time_ms < {BEGIN_MS}),
        count(rsrp_dbm) FILTER (time_ms BETWEEN {BEGIN_MS + 25_000} AND {END_MS}),
        count(rsrp_dbm) FILTER (time_ms > {END_MS}) FROM uplink""",
    "refused": "SELECT measurement, sum(points)::BIGINT FROM refusals GROUP BY 1",
    "extras": "SELECT measurement, sum(points)::BIGINT FROM extras GROUP BY 1",
    "committed": f"""SELECT count(*) FROM batches
        WHERE received_ms BETWEEN {BEGIN_MS + 5_000} AND {END_MS - 5_000}""",
    "streams": "SELECT count(DISTINCT stream) FROM batches",
}


def accounted(told: Told) -> None:
    """Every point sampled is in exactly one place, asked of both ends."""
    ledger = told.ledger
    assert ledger.sampled == ledger.stored + ledger.refused + ledger.dropped + ledger.spooled
    assert ledger.sampled > 100
    if told.clone is None:
        assert ledger.sampled == told.stored + told.refused + ledger.dropped + told.only_there


def power_cut(told: Told) -> None:
    lost = [r for r in told.truth if isinstance(r, truth.Lost) and not r.of]
    assert len(lost) == 1
    assert 0 < lost[0].end_ms - lost[0].start_ms < 30_000
    assert told.rows["streams"] == [(2,)]
    assert told.ledger.dropped == 0


def boot_1970(told: Told) -> None:
    # What was sampled before anybody could say the date was dated afterwards, and rightly.
    assert told.rows["during"][0][0] >= 4
    first_ms, last_ms = told.rows["times"][0]
    assert START_MS - AHEAD_MS <= first_ms < last_ms <= START_MS + SECONDS * 1000 + 10_000


def clock_jump(told: Told) -> None:
    first_ms, last_ms = told.rows["times"][0]
    assert START_MS - AHEAD_MS <= first_ms < last_ms <= START_MS + SECONDS * 1000 + 10_000
    assert told.rows["during"][0][0] >= 8


def counter_wrap(told: Told) -> None:
    down = {role: (down, resets) for role, down, resets in told.rows["traffic"]}
    assert down["wan"][0] - down["lan"][0] == BURST_BYTES
    assert down["wan"][1] == 0


def counter_reset(told: Told) -> None:
    down = {role: (down, resets) for role, down, resets in told.rows["traffic"]}
    assert down["wan"][1] >= 1
    assert 0 < down["wan"][0] <= down["lan"][0]


def gps_loss(told: Told) -> None:
    times = [time_ms for (time_ms,) in told.rows["position"]]
    assert not [t for t in times if BEGIN_MS + 10_000 < t < END_MS]
    assert [t for t in times if t > END_MS]


def no_service(told: Told) -> None:
    first_ms, last_ms, count = told.rows["dead"][0]
    assert count >= 2
    assert first_ms >= BEGIN_MS
    assert last_ms <= END_MS + 15_000


def filter_off(told: Told) -> None:
    assert told.rows["blocked"] == [(0,)]
    blocks = [r for r in told.truth if isinstance(r, truth.Block)]
    assert not [r for r in blocks if BEGIN_MS + 2_000 <= r.time_ms <= END_MS - 2_000]
    assert blocks
    assert told.rows["hits"][0][0] > 0


def right_sessions(told: Told) -> list[truth.Session]:
    true = [r for r in told.truth if isinstance(r, truth.Session)]
    assert sorted((r.down_bytes, r.up_bytes) for r in true) == told.rows["moved"]
    assert len(true) > 5
    return true


def hostapd_restart(told: Told) -> None:
    # Who is there goes on in a new session, which was told of all the same.
    again = [r for r in right_sessions(told) if END_MS <= r.start_ms <= END_MS + 2_000]
    assert again
    assert told.rows["again"] == [(len(again),)]


def radius_disorder(told: Told) -> None:
    right_sessions(told)


def modem_hang(told: Told) -> None:
    before, during, after = (int(count) for count in told.rows["heard"][0])
    assert before >= 4
    assert after >= 4
    assert during == 0  # an old reading is not taken for a new one
    assert told.rows["during"][0][0] >= 8  # and the uplink is judged all the same


def full_disk(told: Told) -> None:
    assert told.ledger.dropped > 10
    assert [r for r in told.truth if isinstance(r, truth.Lost) and r.why == "the disk was full"]


def cloned_card(told: Told) -> None:
    clone = told.clone
    assert clone is not None
    assert clone.sampled == clone.stored + clone.refused + clone.dropped + clone.spooled
    detail = next(r.detail for r in told.truth if isinstance(r, truth.Fault))
    shared, last = map(int, re.findall(r"[0-9]+", detail))
    assert last == clone.sampled
    # What both cards carried is stored once; what each sampled, beside it.
    assert told.stored + told.only_there == told.ledger.sampled + clone.sampled - shared
    assert told.rows["streams"] == [(2,)]


def newer_agent(told: Told) -> None:
    refused = dict(told.rows["refused"])
    assert refused[NEW_MEASUREMENT] == told.refused == told.ledger.refused > 0
    assert dict(told.rows["extras"])["uplink"] >= 8


def older_agent(told: Told) -> None:
    assert told.refused == 0
    assert told.stored == told.ledger.sampled - told.ledger.spooled


def collector_clock(told: Told) -> None:
    assert told.rows["committed"] == [(0,)]
    assert told.refused == 0
    assert told.rows["during"][0][0] >= 8


STORIES: dict[Kind, Callable[[Told], None]] = {
    "power_cut": power_cut,
    "boot_1970": boot_1970,
    "clock_jump": clock_jump,
    "counter_wrap": counter_wrap,
    "counter_reset": counter_reset,
    "gps_loss": gps_loss,
    "modem_flap": no_service,
    "no_coverage": no_service,
    "filter_off": filter_off,
    "hostapd_restart": hostapd_restart,
    "radius_disorder": radius_disorder,
    "modem_hang": modem_hang,
    "full_disk": full_disk,
    "cloned_card": cloned_card,
    "older_agent": older_agent,
    "newer_agent": newer_agent,
    "collector_clock": collector_clock,
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(STORIES))
def test_a_fault_costs_what_the_truth_says_and_every_point_is_accounted_for(
    kind: Kind, tmp_path: Path
) -> None:
    device = COLLECTOR if kind == "collector_clock" else one_bus().buses[0].device
    fault = Fault(kind, device, BEGIN_MS, END_MS)
    told = drive(tmp_path, [fault], seconds=SECONDS, queries=QUERIES)
    accounted(told)
    recorded = [r for r in told.truth if isinstance(r, truth.Fault)]
    assert [(r.kind, r.device) for r in recorded] == [(kind, device)]
    assert recorded[0].detail != "cut short"
    STORIES[kind](told)


def test_every_fault_that_can_be_made_has_its_story() -> None:
    assert set(STORIES) == set(APPLIED)
    assert set(APPLIED) <= set(KINDS)


def test_a_schedule_follows_from_its_seed_and_gives_a_device_one_fault_at_a_time() -> None:
    devices = [f"bus-{n:02}" for n in range(1, 13)]
    once = schedule(7, devices, 0, 3_600_000, each=2)
    assert once == schedule(7, devices, 0, 3_600_000, each=2)
    assert once != schedule(8, devices, 0, 3_600_000, each=2)
    assert {fault.kind for fault in once} == set(KINDS)
    for device in devices:
        own = [fault for fault in once if fault.device == device]
        assert all(a.end_ms <= b.start_ms for a, b in itertools.pairwise(own))
    assert all(0 <= fault.start_ms < fault.end_ms <= 3_600_000 for fault in once)


def test_kinds_are_read_as_people_write_them() -> None:
    assert parse_kinds("none") == ()
    assert parse_kinds("all") == KINDS
    assert parse_kinds("gps-loss, power_cut") == ("power_cut", "gps_loss")
    with pytest.raises(ValueError, match="no fault is called 'flood'"):
        parse_kinds("flood")


def test_kinds_that_a_small_fleet_has_no_room_for_are_named() -> None:
    made = schedule(7, ["a", "b"], 0, 600_000)
    left_out = left_out_of(made, KINDS)
    assert left_out
    assert {fault.kind for fault in made} | set(left_out) == set(KINDS)
    assert len(made) + len(left_out) == len(KINDS)
    assert left_out_of(schedule(7, [f"bus-{n}" for n in range(40)], 0, 600_000), KINDS) == ()
    one: tuple[Kind, ...] = ("gps_loss",)
    assert left_out_of((), one, 2) == ("gps_loss", "gps_loss")
