"""Days summed from aggregates say what raw points say: one definition, two ways."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from homeroute_analytics.connectivity import Connectivity, connectivity
from homeroute_analytics.coverage import Cell
from tests.analytics.rolling import DAY, LATER_MS, ZONE, Road, at


def morning() -> Road:
    """Two drives, one over a full hour and with a hole; and a drive on no trip."""
    road = Road()
    road.schedule("t1", at(7, 50), at(8, 10))
    road.schedule("t2", at(8, 30), at(8, 40))
    road.db.execute("UPDATE feed_trips SET period = 'PM' WHERE trip = 't2'")
    road.leg("bus-01", "t1", at(7, 50), at(8, 10))
    road.leg("bus-02", "t2", at(8, 30), at(8, 40), period="PM")
    road.drive("bus-01", at(7, 50), at(8, 10), state=lambda m: None if 800 < m < 1200 else 2)
    road.drive("bus-02", at(8, 30), at(8, 40), state=lambda m: 0 if m < 500 else 1)
    road.drive("bus-02", at(9), at(9, 10))
    return road


def ask(road: Road, now_ms: int = LATER_MS, period: str | None = None) -> Connectivity:
    days = DAY - timedelta(3), DAY + timedelta(3)
    return asyncio.run(connectivity(road.query, *days, timezone=ZONE, now_ms=now_ms, period=period))


def plain(cells: tuple[Cell, ...]) -> list[tuple[object, ...]]:
    return [
        (c.route, c.hour, round(c.usable_s, 3), round(c.connected_s, 3), round(c.no_service_s, 3),
         round(c.scheduled_s, 3), c.samples, c.trips, c.trips_scheduled, c.days)
        for c in cells
    ]  # fmt: skip


@pytest.mark.parametrize("period", [None, "AM", "PM"])
def test_a_day_does_not_change_when_it_is_rolled_up(period: str | None) -> None:
    road = morning()
    raw = ask(road, period=period)
    road.roll()
    counted = ask(road, period=period)
    assert (raw.counted, raw.raw) == (0, 1) and (counted.counted, counted.raw) == (1, 0)
    for name in ("cells", "routes"):
        assert plain(getattr(counted.coverage, name)) == plain(getattr(raw.coverage, name))
    assert plain((counted.coverage.total,)) == plain((raw.coverage.total,))
    assert counted.moved.moving_s == pytest.approx(raw.moved.moving_s)
    assert counted.moved.unassigned_s == pytest.approx(raw.moved.unassigned_s)
    assert raw.moved.unassigned_s > 0 or period


def test_a_trip_over_two_hours_is_one_trip_of_its_route() -> None:
    road = morning()
    road.roll()
    found = ask(road).coverage
    assert sum(cell.trips for cell in found.cells) == 3
    assert (found.routes[0].trips, found.total.trips) == (2, 2)


def test_today_is_counted_from_points_though_it_was_rolled_up_a_minute_ago() -> None:
    road = morning()
    road.roll()
    noon_ms = int(datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=ZoneInfo(ZONE)).timestamp())
    found = ask(road, now_ms=noon_ms * 1000)
    assert (found.counted, found.raw) == (0, 1)
    assert found.coverage.total.trips == 2


def test_counted_and_raw_days_add_up() -> None:
    both = morning()
    both.roll()
    both.day = DAY + timedelta(1)
    both.leg("bus-01", "t1", at(7, day=both.day), at(7, 10, day=both.day))
    both.drive("bus-01", at(7, day=both.day), at(7, 10, day=both.day))
    found, before = ask(both), ask(morning())
    assert (found.counted, found.raw) == (1, 1)
    assert found.coverage.total.days == 2
    assert found.coverage.total.usable_s == pytest.approx(before.coverage.total.usable_s + 600)


def test_nothing_known_is_no_route_and_no_share() -> None:
    found = ask(Road())
    assert found.coverage.routes == () and found.moved.unassigned_share is None
