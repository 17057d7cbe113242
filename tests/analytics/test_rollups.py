"""Rollups of a day: every second once, silence never good, done twice the same."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeroute_analytics import rollups
from homeroute_analytics.coverage import by_route_hour
from tests.analytics.rolling import DAY, LATER_MS, ZONE, Road, at

START, END = at(7, 30), at(7, 33, 20)
"""200 s over 2000 m."""

STATES = ("usable_s", "connected_s", "no_service_s", "unreported_s")


def one_drive(**how: object) -> Road:
    road = Road()
    road.schedule("t1", START, END)
    road.leg("bus-1", "t1", START, END)
    road.drive("bus-1", START, END, **how)  # type: ignore[arg-type]
    return road


def test_a_dead_stretch_lies_in_its_own_segments_each_sample_in_the_middle_of_its_time() -> None:
    # Samples every 100 m: those at 500 m to 900 m, which stand for 450 m to 950 m.
    road = one_drive(state=lambda m: 0 if 500 <= m < 1000 else 2, clients=12)
    road.roll()
    found = road.rows("segment_day", "segment", "no_service_s", "client_outage_min")
    assert [row[0] for row in found] == [f"s@1:{n:03d}" for n in range(8)]
    assert [row[1] for row in found] == [0, 5, 25, 20, 0, 0, 0, 0]
    assert [row[2] for row in found] == [0, 1, 5, 4, 0, 0, 0, 0]
    ((usable_s, no_service_s),) = road.rows("trip_day", "usable_s", "reported_s - connected_s")
    assert (usable_s, no_service_s) == (150, 50)


def test_silence_is_interpolated_along_the_shape_and_unreported() -> None:
    # Neither uplink nor position from 500 m to 1500 m.
    road = one_drive(
        state=lambda m: None if 500 <= m < 1500 else 2, gps=lambda m: not 500 <= m < 1500
    )
    road.roll()
    found = road.rows("segment_day", "segment", "unreported_s", "located", "usable_s")
    assert [row[1] for row in found] == [0, 5, 25, 25, 25, 20, 0, 0]
    assert sum(row[3] for row in found) == 100
    assert [row[2] for row in found] == [True, *[False] * 5, True, True]
    # Three passes were driven of which nobody can say whether there was internet.
    told = [passes for _, passes in road.rows("segment_day", "segment", "reported_passes")]
    assert told == [int(row[3] > 0) for row in found] == [1, 1, 0, 0, 0, 1, 1, 1]


def test_what_a_bus_recorded_offline_and_sent_days_later_corrects_the_day() -> None:
    road = one_drive(state=lambda m: None)
    road.roll()
    assert road.rows("trip_day", "reported_s", "observed") == [(0.0, False)]
    road.drive("bus-1", START, END, gps=lambda m: False)
    road.roll()
    assert road.rows("trip_day", "reported_s", "usable_s", "observed") == [(200.0, 200.0, True)]


def test_a_scheduled_trip_nobody_drove_is_there_and_unreported() -> None:
    road = Road()
    road.schedule("t1", START, END)
    road.roll()
    assert road.rows("trip_day", "trip", "source", "scheduled_s", "driven_s", "longest_gap_s") == [
        ("t1", "none", 200.0, 0.0, 200.0)
    ]
    assert road.rows("segment_day") == []
    assert road.rows("route_hour", "unreported_s", "trips", "trips_scheduled") == [(200.0, 0, 1)]


def test_a_trip_without_gps_is_spread_by_the_timetable_and_says_so() -> None:
    road = one_drive(gps=lambda m: False)
    road.roll()
    found = road.rows("segment_day", "usable_s", "located", "unreported_s")
    assert found == [(20.0, False, 0), *[(25.0, False, 0)] * 6, (30.0, False, 0)]


def test_two_buses_on_one_trip_are_one_drive() -> None:
    road = one_drive()
    road.leg("bus-2", "t1", START + 50, END + 100, source="gps", confidence=0.6)
    road.drive("bus-2", START + 50, END + 100)
    road.roll()
    found = road.rows("trip_day", "device", "driven_s", "reported_s", "source")
    assert found == [("bus-1", 300.0, 300.0, "assignment")]


def test_a_second_of_two_overlapping_legs_counts_for_the_later_one() -> None:
    road = one_drive()
    road.leg("bus-1", "t2", START + 150, END + 50)
    road.roll()
    found = road.rows("trip_day", "trip", "driven_s", "reported_s")
    assert found == [("t1", 150.0, 150.0), ("t2", 100.0, 50.0)]


def test_clients_and_their_minutes_are_those_of_the_leg() -> None:
    road = one_drive()
    for client, (start, end) in enumerate([(-300, 30), (10, 190), (10, 900), (-900, -5)], 1):
        road.session("bus-1", client, START + start, START + end)
    counts = {
        "active_clients": 3,
        "learning_clients": 2,
        "learning_clients_strict": 1,
        "learning_clients_loose": 3,
        "lookups": 50,
        "classified_lookups": 40,
    }
    for minute in range(-1, 5):
        road.minute("bus-1", START + 60 * minute, definition="abc", **counts)
    road.minute("bus-1", START + 60.001, definition="other", **counts)
    road.hits("bus-1", START, "games", 4)
    road.hits("bus-1", START, "advertising", 400)
    road.hits("bus-1", START + 600, "games", 4)
    road.roll()
    # 3 min 20 s: the minutes whose middle lies within are three, the definition the commoner.
    assert road.rows(
        "trip_day",
        *("client_trips", "definition", "active_client_min", "learning_client_min"),
        *("learning_client_min_strict", "learning_client_min_loose", "lookups", "filter_hits"),
    ) == [(3, "abc", 9, 6, 3, 9, 150, 4)]


def test_the_longest_gap_is_of_silence_and_no_service_together() -> None:
    road = one_drive(state=lambda m: 0 if 500 <= m < 800 else None if 800 <= m < 1000 else 1)
    road.roll()
    ((gap_s, connected_s, usable_s),) = road.rows(
        "trip_day", "longest_gap_s", "connected_s", "usable_s"
    )
    assert (gap_s, connected_s, usable_s) == (50.0, 150.0, 0.0)


def test_done_twice_a_day_is_the_same_but_for_the_number_of_its_writing() -> None:
    road = one_drive(state=lambda m: int(m) // 250 % 3)
    road.roll()
    before = {name: road.rows(name) for name in rollups.DAILY}
    road.roll()
    assert {name: road.rows(name) for name in rollups.DAILY} == before
    assert road.rows("rollup_days", "writing", "sealed") == [(2, True)]


def test_a_day_in_progress_is_known_until_three_minutes_ago() -> None:
    road = one_drive()
    road.schedule("t9", START + 3600, END + 3600)
    road.roll(now_ms=round(START * 1000) + 100_000 + rollups.SETTLE_MS)
    assert road.rows("trip_day", "trip", "scheduled_s", "driven_s", "reported_s") == [
        ("t1", 100.0, 100.0, 100.0)
    ]
    assert road.rows("rollup_days", "sealed") == [(False,)]


def test_a_day_written_of_later_points_is_not_put_back_by_who_began_before() -> None:
    road = one_drive()
    road.add("commits", [{"commit_id": 7}])
    road.roll()
    before = road.rows("rollup_days"), road.rows("legs"), road.rows("trip_day")
    # As somebody's snapshot has it who began before the seventh commit.
    road.db.execute("UPDATE commits SET commit_id = 6")
    road.db.execute("UPDATE uplink SET state = 0")
    road.roll()
    assert (road.rows("rollup_days"), road.rows("legs"), road.rows("trip_day")) == before
    road.add("commits", [{"commit_id": 8}])
    road.roll()
    assert road.rows("trip_day") != before[2]


def test_a_day_whose_raw_points_expired_keeps_what_was_computed() -> None:
    road = one_drive()
    road.roll()
    before = road.rows("trip_day")
    road.add("meta", [{"key": "expired_before_ms", "value": str(round(at(12)) * 1000)}])
    road.db.execute("DELETE FROM uplink")
    with pytest.raises(rollups.DayExpired):
        road.roll()
    assert road.rows("trip_day") == before


def test_a_device_is_told_what_is_missing_and_when_it_moved_on_no_leg() -> None:
    road = one_drive()
    for device, kind in (("bus-1", "bus"), ("bus-2", "bus"), ("spot-1", "hotspot")):
        road.add("devices", [{"device": device, "kind": kind, "first_seen_ms": 0}])
    road.drive("bus-1", END + 100, END + 300)
    for seq in (3, 4, 9):
        row = {"device": "bus-1", "stream": "r1", "seq": seq, "sent_ms": round(START * 1000)}
        road.add("batches", [row])
    midnight = round(at(0)) * 1000
    road.add(
        "usage",
        [
            {"device": "spot-1", "time_ms": midnight - days * 86_400_000, "kind": "hotspot"}
            | {"down_bytes": size, "up_bytes": 0, "carrier": "c", "active_hours": size // 500}
            for days, size in ((0, 0), (3, 500))
        ],
    )
    usage = {"device": "spot-2", "day": DAY - timedelta(2), "down_bytes": 7_000_000, "up_bytes": 1}
    road.add("imported_usage", [usage])
    road.roll()
    columns = ("device", "moving_s", "unassigned_s", "batches", "batches_missing", "idle_days")
    assert road.rows("device_day", *columns) == [
        ("bus-1", 400.0, 200.0, 3, 6, None),
        ("bus-2", 0.0, 0.0, 0, 0, None),
        ("spot-1", 0.0, 0.0, 0, 0, 3),
        ("spot-2", 0.0, 0.0, 0, 0, 2),
    ]
    assert road.rows("device_day", "down_bytes", where="device = 'spot-1'") == [(0,)]


def same_drives(day: date) -> list[tuple[object, ...]]:
    road = Road(day)
    start = at(7, 30, day=day)
    road.schedule("t1", start, start + 200)
    road.leg("bus-1", "t1", start, start + 200)
    road.drive("bus-1", start, start + 200, state=lambda m: int(m) // 250 % 3)
    road.roll()
    return road.rows("segment_day", "segment", *STATES) + road.rows("trip_day", "usable_s")


def test_the_same_drive_on_another_day_has_the_same_seconds_across_daylight_saving_too() -> None:
    assert same_drives(DAY) == same_drives(DAY + timedelta(1)) == same_drives(date(2026, 11, 1))


samples = st.dictionaries(st.integers(-40, 700), st.integers(0, 2), max_size=60)
parts = st.lists(
    st.tuples(
        st.sampled_from(["bus-1", "bus-2"]),
        st.integers(0, 400),
        st.integers(1, 300),
    ),
    min_size=1,
    max_size=4,
)


@pytest.mark.slow
@settings(max_examples=15)
@given(samples, parts)
def test_seconds_are_conserved_and_agree_with_the_page(
    told: dict[int, int], legs: list[tuple[str, int, int]]
) -> None:
    road = Road()
    for number, (device, start, size) in enumerate(legs):
        road.schedule(f"t{number}", START + start, START + start + size)
        road.leg(device, f"t{number}", START + start, START + start + size)
    road.uplink("bus-1", {round(START) + moment: state for moment, state in told.items()})
    road.roll()
    sums = ", ".join(f"round(sum({state}) * 1000)::BIGINT" for state in STATES)
    by_segment = road.db.execute(f"SELECT trip, {sums} FROM segment_day GROUP BY 1").fetchall()
    by_trip = {
        trip: (round(driven * 1000), round(reported * 1000))
        for trip, driven, reported in road.rows("trip_day", "trip", "driven_s", "reported_s")
    }
    for trip, *states in by_segment:
        assert sum(states) == by_trip[trip][0]
        assert sum(states[:3]) == by_trip[trip][1]
    page = asyncio.run(
        by_route_hour(
            road.query,
            start_ms=round(at(0)) * 1000,
            end_ms=round(at(23)) * 1000,
            timezone=ZONE,
        )
    )
    undriven = sum(
        round(scheduled * 1000)
        for scheduled, driven in road.rows("trip_day", "scheduled_s", "driven_s")
        if not driven
    )
    ((usable, connected, no_service, unreported),) = road.db.execute(
        f"SELECT {sums} FROM route_hour"
    ).fetchall()
    assert (usable, connected, no_service) == (
        round(page.total.usable_s * 1000),
        round(page.total.connected_s * 1000),
        round(page.total.no_service_s * 1000),
    )
    assert unreported - undriven == round(page.total.unreported_s * 1000)


def test_rolling_up_without_replacing_says_what_it_would_write_and_writes_nothing() -> None:
    road = one_drive()
    found = asyncio.run(rollups.rollup_day(road.query, None, DAY, timezone=ZONE, now_ms=LATER_MS))
    assert found.rows == {"segment_day": 8, "trip_day": 1, "route_hour": 1, "device_day": 1}
    assert road.rows("trip_day") == []
