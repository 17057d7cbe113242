"""Every query of every dashboard and alert, asked of a real InfluxDB as Grafana would ask it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest

from homeroute_dashboards.grafana.asked import Asked
from homeroute_dashboards.grafana.interpolate import Chosen
from homeroute_simulators.world import world
from tests.dashboards.followed_history import History, followed, opened
from tests.dashboards.grafana_rows import Answered, Viewer, everything, table
from tests.stores import InfluxDB

pytestmark = [pytest.mark.slow, pytest.mark.real("influxdb")]

BEFORE = date(2026, 11, 18)
WORLD = world(7, buses=4)
ASKED = everything()

SEGMENT = """
SELECT route, segment, sum(usable_s) / sum(usable_s + connected_s + no_service_s),
       count(*) FILTER (usable_s + connected_s + no_service_s > 0),
       any_value(lat), any_value(lon) FROM segment_day GROUP BY ALL
"""


@dataclass(frozen=True, slots=True)
class Filled:
    """A history, the InfluxDB that followed it, and somebody who looks at it."""

    history: History
    viewer: Viewer


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    server = InfluxDB(tmp_path_factory.mktemp("influx"))
    server.start()
    try:
        folder = tmp_path_factory.mktemp("history")
        history = followed(folder, server.url, WORLD, BEFORE, 7, min_clients=5)
        yield Filled(history, Viewer(server, history.timezone))
    finally:
        server.stop()


def archive(filled: Filled, sql: str) -> list[tuple[Any, ...]]:
    """The archive's own answer."""

    async def ask() -> list[tuple[Any, ...]]:
        held = opened(filled.history.folder, WORLD.district.name)
        try:
            return await held.query(sql, [])
        finally:
            await asyncio.to_thread(held.close)

    return asyncio.run(ask())


def asked(dashboard: str, title: str) -> Asked:
    (one,) = [one for one in ASKED if (one.dashboard, one.title) == (dashboard, title)]
    return one


def rows(filled: Filled, dashboard: str, title: str, **chosen: str) -> list[dict[str, Any]]:
    choices = {name: Chosen((value,)) for name, value in chosen.items()}
    return filled.viewer.look(asked(dashboard, title), choices).rows


def test_every_query_is_answered_where_there_is_data(filled: Filled) -> None:
    answers = [filled.viewer.look(one) for one in ASKED]
    empty = [one for one in answers if not one.values and not one.none_of_that_kind]
    assert not empty, "\n".join(f"{one.asked.title}: {one.text}" for one in empty)
    assert len(answers) > 150
    assert len(list(table(answers))) == len(answers) + 1


def test_every_query_is_answered_for_one_choice_of_each_variable_and_for_two(
    filled: Filled,
) -> None:
    by_board: dict[str, list[Asked]] = {}
    for one in ASKED:
        by_board.setdefault(one.dashboard, []).append(one)
    found: list[Answered] = []
    for held in by_board.values():
        values = filled.viewer.values(held)
        for count in (1, 2):
            chosen = {name: Chosen(tuple(some[:count])) for name, some in values.items() if some}
            found += [filled.viewer.look(one, chosen) for one in held]
    # Not all: the first route's first trip, of the first device, may have no dead zone.
    assert sum(answer.values > 0 for answer in found) > 0.8 * len(found)


def test_a_narrower_variable_offers_only_what_is_within_the_wider_ones(filled: Filled) -> None:
    routes = [row["value"] for row in rows(filled, "Route coverage", "$route")]
    trips = {route: rows(filled, "Route coverage", "$trip", route=route) for route in routes}
    every = [row["value"] for held in trips.values() for row in held]
    assert len(routes) > 1
    assert sorted(every) == sorted(set(every))
    assert set(every) == {row["value"] for row in rows(filled, "Route coverage", "$trip")}


def test_shares_by_route_are_the_archives(filled: Filled) -> None:
    ours = {
        row["route"]: (row["Usable"], row["Reported"], row["n trips"], row["Gap, median"])
        for row in rows(filled, "Route coverage", "Routes, the least usable first")
    }
    theirs = {
        route: tuple(numbers)
        for route, *numbers in archive(
            filled,
            "SELECT route, sum(usable_s) / sum(reported_s), sum(reported_s) / sum(scheduled_s), "
            "count(*), median(longest_gap_s) FROM trip_day GROUP BY route",
        )
    }
    assert ours.keys() == theirs.keys()
    for route, numbers in theirs.items():
        assert ours[route] == pytest.approx(numbers), route


def test_segments_are_the_archives_with_their_passes_and_places(filled: Filled) -> None:
    ours = {
        (row["route"], row["segment"]): row
        for row in rows(filled, "Route coverage", "Where: segments of 250 m A")
    }
    theirs = archive(filled, SEGMENT)
    assert len(ours) == len(theirs) > 100
    for route, segment, usable, passes, lat, lon in theirs:
        row = ours[route, segment]
        assert row["n passes"] == passes
        assert (row["lat"], row["lon"]) == pytest.approx((lat, lon))
        if usable is not None and usable == usable:  # noqa: PLR0124 - NaN where none reported
            assert row["Usable"] == pytest.approx(usable)


@pytest.mark.parametrize(
    ("title", "sql"),
    [
        ("Runs observed", "SELECT count(*) FROM trip_day WHERE observed"),
        ("Runs scheduled", "SELECT count(*) FROM trip_day"),
        ("Outage felt", "SELECT sum(client_outage_min) FROM trip_day"),
        ("Longest gap", "SELECT max(longest_gap_s) FROM trip_day"),
    ],
)
def test_headline_numbers_are_the_archives(filled: Filled, title: str, sql: str) -> None:
    (row,) = rows(filled, "Route coverage", title)
    (value,) = [value for key, value in row.items() if key not in ("time", "_name")]
    ((own,),) = archive(filled, sql)
    assert value == pytest.approx(own)
    assert own > 0


def test_runs_a_day_are_counted_by_the_viewers_days(filled: Filled) -> None:
    ours = sum(row["scheduled"] for row in rows(filled, "Route coverage", "Runs observed, a day A"))
    by_day = archive(filled, "SELECT day, count(*) FROM trip_day GROUP BY day ORDER BY day")
    counts = [
        row["scheduled"]
        for row in rows(filled, "Route coverage", "Runs observed, a day A")
        if row["scheduled"]
    ]
    assert counts == [count for _, count in by_day]
    assert ours == sum(count for _, count in by_day)


def test_hours_of_day_are_the_archives(filled: Filled) -> None:
    ours = {
        (row["route"], row["hod"]): row["Usable"]
        for row in rows(filled, "Route coverage", "Usable share by hour of day")
    }
    theirs = archive(
        filled,
        "SELECT route, hod, sum(usable_s) / sum(usable_s + connected_s + no_service_s) "
        "FROM route_hour GROUP BY ALL",
    )
    assert len(theirs) >= len(ours) > 10
    for route, hod, usable in theirs:
        if usable is not None and usable == usable:  # noqa: PLR0124 - NaN where none reported
            assert ours[route, hod] == pytest.approx(usable)
    hours = [row["hod"] for row in rows(filled, "Route coverage", "Usable share by hour of day")]
    assert hours == sorted(hours), "a grid's columns come in the answer's order"


def test_learning_minutes_are_the_published_ones_and_a_hidden_cell_is_not_there(
    filled: Filled,
) -> None:
    ours = {
        (row["route"], row["period"]): (row["Per client-trip"], row["n client-trips"])
        for row in rows(filled, "Learning minutes", "Routes")
    }
    theirs = {
        (route, period): (share, trips)
        for route, period, share, trips in archive(
            filled,
            "SELECT route, period, sum(learning_client_min) / sum(client_trips), "
            "sum(client_trips) FROM learning_week WHERE route != 'all' GROUP BY ALL",
        )
    }
    assert ours.keys() == theirs.keys()
    assert ours
    for key, numbers in theirs.items():
        assert ours[key] == pytest.approx(numbers)
    driven = archive(filled, "SELECT DISTINCT route FROM trip_day WHERE client_trips > 0")
    assert {route for route, _ in ours} <= {route for (route,) in driven}


def test_evaluators_database_holds_nothing_but_what_is_published(filled: Filled) -> None:
    held = filled.viewer.influxdb.query("SHOW MEASUREMENTS", database="reporting")
    assert {row["name"] for row in held} == {"route_hour", "learning_week", "filter_week"}


@pytest.mark.parametrize(
    ("dashboard", "title", "sql"),
    [
        ("Throughput", "Down", "SELECT sum(down_bytes) FROM traffic WHERE role = 'wan'"),
        ("Content filter", "Blocked", "SELECT sum(hits) FROM filter WHERE action = 'blocked'"),
        ("Hotspots", "Down", "SELECT sum(down_bytes) FROM usage"),
        ("Fleet today", "Moving on no trip",
         "SELECT sum(unassigned_s) / sum(moving_s) FROM device_day"),
        ("Hotspots", "Reporting", "SELECT count(DISTINCT device) FROM usage"),
        ("Signal", "n samples", "SELECT count(*) FROM uplink WHERE time_ms >= {week_ago_ms}"),
        ("Power and temperature", "Hottest",
         "SELECT max(temperature_c) FROM health WHERE time_ms >= {week_ago_ms}"),
    ],
)  # fmt: skip
def test_engineers_numbers_are_the_archives(
    filled: Filled, dashboard: str, title: str, sql: str
) -> None:
    (row,) = rows(filled, dashboard, title)
    (value,) = [value for key, value in row.items() if key not in ("time", "_name")]
    one = asked(dashboard, title)
    table_ = one.measurement
    ((newest,),) = archive(filled, f"SELECT max(time_ms) FROM {table_}")
    since = newest + 1 - round(one.hours * 3_600_000)
    sql = sql.format(week_ago_ms=since)
    if "time_ms" not in sql:
        sql += (" AND" if "WHERE" in sql else " WHERE") + f" time_ms >= {since}"
    ((own,),) = archive(filled, sql)
    assert value == pytest.approx(own)


def test_devices_are_counted_once_as_what_they_are_now(filled: Filled) -> None:
    words = ("Offline or unknown", "Degraded", "Online", "Off duty")
    counts = {word: sum(row["devices"] for row in rows(filled, "Devices", word)) for word in words}
    every = archive(filled, "SELECT count(DISTINCT device) FROM device_status")
    assert sum(counts.values()) == every[0][0]
    assert counts["Online"] + counts["Degraded"] > 0


def test_an_outage_of_one_sample_shows_in_a_timeline_of_a_week(filled: Filled) -> None:
    query = asked("Device", "Uplinks")
    week = Asked(query.dashboard, query.title, query.kind, query.database, query.query, 168,
                 query.variables)  # fmt: skip
    shown = [row["state"] for row in filled.viewer.look(week).rows if row["state"] is not None]
    ((dark,),) = archive(filled, "SELECT count(*) FROM uplink WHERE state = 0")
    assert dark > 0
    assert 0 in shown
