"""Dates and periods as a visitor asks for them."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from homeroute_dashboards.pages.asked import DEFAULT_DAYS, Asked, AskError, read
from homeroute_dashboards.reports import question

ZONE = "America/Chicago"
# 23:30 in Chicago, the next day in UTC.
NOW_MS = int(datetime(2026, 9, 18, 23, 30, tzinfo=ZoneInfo(ZONE)).timestamp() * 1000)


def test_without_dates_it_is_the_last_four_weeks_of_the_districts_own_calendar() -> None:
    assert read({}, ZONE, NOW_MS) == Asked(date(2026, 8, 22), date(2026, 9, 18), None)
    assert DEFAULT_DAYS == "the last 28 days, today included"


def test_a_report_asks_for_the_same_days_as_the_page() -> None:
    assert question.read({}, ZONE, NOW_MS).days == read({}, ZONE, NOW_MS)


def test_only_a_simulated_district_has_days_that_have_not_come() -> None:
    query = {"from": "2026-09-18", "to": "2026-09-30"}
    with pytest.raises(AskError, match="to 2026-09-30 is yet to come"):
        read(query, ZONE, NOW_MS)
    assert read(query, ZONE, NOW_MS, simulated=True).last == date(2026, 9, 30)
    with pytest.raises(AskError, match="from 2030-01-01 is after today, 2026-09-18"):
        read({"from": "2030-01-01"}, ZONE, NOW_MS, simulated=True)


def test_a_window_is_whole_local_days_and_ends_now_at_the_latest() -> None:
    asked = Asked(date(2026, 9, 18), date(2026, 9, 30), None)
    start, end = asked.window_ms(ZONE, NOW_MS)
    assert datetime.fromtimestamp(start / 1000, ZoneInfo(ZONE)).hour == 0
    assert end == NOW_MS


def test_the_day_the_clocks_change_has_25_hours() -> None:
    asked = Asked(date(2025, 11, 2), date(2025, 11, 2), None)
    start, end = asked.window_ms(ZONE, NOW_MS)
    assert end - start == 25 * 3_600_000


def test_days_that_have_not_come_are_an_empty_window() -> None:
    asked = Asked(date(2027, 1, 1), date(2027, 1, 2), None)
    start, end = asked.window_ms(ZONE, NOW_MS)
    assert start == end


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"from": "yesterday"}, "from 'yesterday'"),
        ({"to": "2026-13-01"}, "to '2026-13-01'"),
        ({"to": "0001-01-01"}, "between 1980 and 2200"),
        ({"from": "2026-09-02", "to": "2026-09-01"}, "swap them"),
        ({"from": "2020-01-01", "to": "2026-09-01"}, "at most 400 days"),
        ({"from": "2026-09-19"}, "from 2026-09-19 is yet to come; .* today, 2026-09-18"),
        ({"period": "pm"}, "one of AM, MID, PM"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_by_name(
    query: dict[str, str], named: str
) -> None:
    with pytest.raises(AskError, match=named):
        read(query, ZONE, NOW_MS)
