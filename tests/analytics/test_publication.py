"""A week from the archive's rows to published tables: once, settled, whole."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from homeroute_analytics import legs, publication, rollup_order
from homeroute_analytics.aggregates import ALL
from homeroute_analytics.suppression import Rule
from homeroute_analytics.weeks import Tables
from tests.analytics import published_trips
from tests.analytics.published_trips import MONDAY, ZONE, ms
from tests.analytics.rows import MemoryArchive


class Week(MemoryArchive):
    """An archive in memory, and its publications."""

    def drive(self, device: str, route: str, **drive: Any) -> None:
        """As :func:`tests.analytics.published_trips.drive`."""
        published_trips.drive(self.db, device, route, **drive)

    def due(self, today: date, *, settle_days: int = 7) -> list[date]:
        return asyncio.run(
            publication.due(
                self.query, timezone=ZONE, now_ms=ms(today, 12), settle_days=settle_days
            )
        )

    def publish(self, *, rule: Rule | None = None) -> Tables:
        return asyncio.run(
            publication.publish(
                self.query,
                self.replace_day,
                MONDAY,
                timezone=ZONE,
                now_ms=ms(MONDAY + timedelta(days=14), 12),
                rule=rule or Rule(),
            )
        )


@pytest.fixture
def week() -> Week:
    return Week()


def test_a_week_is_due_once_when_it_has_settled(week: Week) -> None:
    week.drive("bus-1", "7", clients=20)
    assert week.due(date(2026, 11, 22)) == []
    assert week.due(date(2026, 11, 23)) == [MONDAY]
    assert week.due(date(2026, 11, 17), settle_days=1) == [MONDAY]
    week.publish()
    assert week.due(date(2026, 12, 31)) == []
    # What comes later does not publish it again.
    week.drive("bus-2", "8", clients=20)
    assert week.due(date(2026, 12, 31)) == []


def test_a_week_with_a_day_not_sealed_is_not_due(week: Week) -> None:
    week.drive("bus-1", "7", clients=20)
    week.drive("bus-1", "7", clients=20, day=date(2026, 11, 11), sealed=False)
    assert week.due(date(2026, 11, 30)) == []


def test_a_week_whose_raw_points_have_begun_to_expire_is_not_due(week: Week) -> None:
    week.drive("bus-1", "7", clients=20)
    week.db.execute("INSERT INTO meta VALUES ('expired_before_ms', ?)", [str(ms(MONDAY, 0) + 1)])
    assert week.due(date(2026, 11, 30)) == []


def test_what_is_published_stands_in_the_archive_and_what_is_hidden_does_not(
    week: Week,
) -> None:
    week.drive("bus-1", "7", clients=6, hits={"games": 2})
    for number, route in enumerate(("8", "9", "10"), start=2):
        week.drive(f"bus-{number}", route, clients=20 + number, hits={"games": 30, "video": 5})
    published = week.publish()
    assert published.hidden["learning_week", "AM", "7", "d1"] == "small"
    rows = week.db.execute(
        "SELECT day, time_ms, route, client_trips, trips, trips_scheduled, week "
        "FROM learning_week ORDER BY route"
    ).fetchall()
    assert [row[2] for row in rows] == [row.route for row in published.learning]
    assert "7" not in {row[2] for row in rows}
    [total] = [row for row in rows if row[2] == ALL]
    assert total == (MONDAY, ms(MONDAY, 0), ALL, 75, 4, 4, "2026-W46")
    shown, small, complement, min_clients = (
        week.db.execute(
            "SELECT shown, small, complement, min_clients FROM published_weeks"
        ).fetchone()
        or ()
    )
    written = week.db.execute(
        "SELECT (SELECT count(*) FROM learning_week) + (SELECT count(*) FROM filter_week)"
    ).fetchone()
    assert written == (shown,)
    assert small + complement == len(published.hidden)
    assert min_clients == 10


def test_adverts_and_telemetry_count_in_no_category_and_no_total(week: Week) -> None:
    for number, route in enumerate(("7", "8", "9")):
        week.drive(
            f"bus-{number}",
            route,
            clients=20,
            hits={"games": 40, "advertising": 900, "publicite": 800, "tracking": 700},
        )
    published = week.publish()
    assert {row.category for row in published.filter} == {"games", ALL}
    [total] = [r for r in published.filter if r.route == ALL and r.category == ALL]
    assert (total.hits, total.active_client_min) == (120, 300)


def test_an_agent_that_restarted_does_not_make_six_clients_twelve(week: Week) -> None:
    week.drive("bus-1", "7", clients=12, streams=2)
    week.drive("bus-2", "8", clients=12)
    week.drive("bus-3", "9", clients=12)
    hidden = week.publish().hidden
    assert hidden["learning_week", "AM", "7", "d1"] == "small"
    assert hidden.get(("learning_week", "AM", "8", "d1")) != "small"


def test_a_lower_threshold_shows_more_and_never_below_five(week: Week) -> None:
    week.drive("bus-1", "7", clients=6)
    week.drive("bus-2", "8", clients=20)
    assert {row.route for row in week.publish(rule=Rule(5)).learning} == {"7", "8", ALL}


def test_a_day_whose_legs_were_changed_alone_is_not_published_before_it_is_rolled_up(
    week: Week,
) -> None:
    week.drive("bus-1", "7", clients=20)
    (leg,) = asyncio.run(legs.stored(week.query, MONDAY))
    legs.put_day(week.db, MONDAY, [leg])
    assert week.due(date(2026, 11, 30)) == [MONDAY]
    legs.put_day(week.db, MONDAY, [replace(leg, end_ms=leg.end_ms - 60_000)])
    assert week.due(date(2026, 11, 30)) == []
    # Nor when all that was believed of it is gone.
    legs.put_day(week.db, MONDAY, [])
    assert week.due(date(2026, 11, 30)) == []


def test_a_day_that_never_could_be_rolled_up_holds_its_week(week: Week) -> None:
    week.drive("bus-1", "7", clients=20)
    week.uplink("bus-1", {ms(date(2026, 11, 10), 7) // 1000: 2}, kind="hotspot")
    assert week.due(date(2026, 11, 30)) == [MONDAY]
    week.uplink("bus-1", {ms(date(2026, 11, 10), 7) // 1000: 2})
    assert week.due(date(2026, 11, 30)) == []


def test_a_day_of_a_release_that_did_not_tell_its_points_is_rolled_up_before(week: Week) -> None:
    week.drive("bus-1", "7", clients=20)
    week.db.execute("UPDATE rollup_days SET commit_id = NULL")
    assert week.due(date(2026, 11, 30)) == []
    wanted = asyncio.run(
        rollup_order.due(week.query, timezone=ZONE, now_ms=ms(MONDAY + timedelta(days=1), 12))
    )
    assert MONDAY in wanted.days


def test_what_came_after_a_day_was_rolled_up_is_in_no_number_of_its_week(week: Week) -> None:
    for number, route in enumerate(("7", "8", "9")):
        week.drive(f"bus-{number}", route, clients=20, hits={"games": 40})
    before = week.publish()
    late: dict[str, Any] = {"commit_id": 2, "device": "bus-1", "kind": "bus"}
    moment = {"time_ms": ms(MONDAY, 7, 10)}
    week.add("filter", [late | moment | {"category": "games", "action": "blocked", "hits": 900}])
    assert week.publish() == before
    week.db.execute("UPDATE rollup_days SET commit_id = 2")
    assert week.publish() != before
