"""Legs from the assignment table."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from homeroute_analytics import legs
from homeroute_analytics.legs import Assignment, from_assignments
from tests.analytics.rows import MemoryArchive

MORNING = Assignment("bus-1", "4", "4-am", "AM", 7 * 3600, 8 * 3600)


def days(first: date, count: int) -> list[date]:
    return [first + timedelta(n) for n in range(count)]


def test_a_trip_runs_on_weekdays_at_the_wall_clocks_time() -> None:
    rows = from_assignments([MORNING], days(date(2026, 9, 14), 7), "America/Chicago")
    assert [leg.service_day.isoweekday() for leg in rows] == [1, 2, 3, 4, 5]
    start = datetime.fromtimestamp(rows[0].start_ms / 1000, ZoneInfo("America/Chicago"))
    assert start.isoformat() == "2026-09-14T07:00:00-05:00"
    assert rows[0].end_ms - rows[0].start_ms == 3_600_000


@pytest.mark.parametrize("day", [date(2026, 3, 8), date(2026, 11, 1)])
def test_a_morning_trip_keeps_its_wall_clock_when_the_clocks_change(day: date) -> None:
    sunday = replace(MORNING, weekdays=frozenset({6}))
    (leg,) = from_assignments([sunday], [day], "America/Chicago")
    start = datetime.fromtimestamp(leg.start_ms / 1000, ZoneInfo("America/Chicago"))
    assert (start.day, start.hour) == (day.day, 7)


def test_a_trip_past_midnight_belongs_to_the_day_it_started() -> None:
    late = Assignment("bus-1", "9", "late", "PM", 23 * 3600, 25 * 3600)
    (leg,) = from_assignments([late], [date(2026, 9, 14)], "America/Chicago")
    end = datetime.fromtimestamp(leg.end_ms / 1000, ZoneInfo("America/Chicago"))
    assert (leg.service_day.day, end.day, end.hour) == (14, 15, 1)


def test_an_assignment_holds_only_within_its_dates() -> None:
    dated = replace(MORNING, first_day=date(2026, 9, 15), last_day=date(2026, 9, 16))
    rows = from_assignments([dated], days(date(2026, 9, 14), 5), "America/Chicago")
    assert [leg.service_day.day for leg in rows] == [15, 16]


def test_a_drive_that_ends_before_it_starts_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="bus-1 to trip 4-am"):
        replace(MORNING, end_s=0)


def test_storing_the_same_legs_twice_changes_nothing_and_a_repair_replaces() -> None:
    archive = MemoryArchive()
    rows = from_assignments([MORNING], days(date(2026, 9, 14), 3), "America/Chicago")
    moved = replace(rows[0], route="5", confidence=0.5)

    for stored in ([], rows, rows, [moved]):
        legs.put(archive.db, stored)
    found = asyncio.run(archive.query("SELECT route, confidence FROM legs ORDER BY start_ms"))
    assert found == [("5", 0.5), ("4", 1.0), ("4", 1.0)]
