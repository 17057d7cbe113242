"""The school year: 180 days, with everything that makes a district's year uneven."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from homeroute_simulators.district import FIRST_FEED, SECOND_FEED
from homeroute_simulators.school_calendar import EveryWeekday, SchoolCalendar

SEEDS = range(8)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_year_has_180_days_taught_and_ends_before_the_summer(seed: int) -> None:
    calendar = SchoolCalendar(seed, 2026)
    days = calendar.days()
    assert len(days) == len(set(days)) == 180
    assert list(days) == sorted(days)
    assert days[0].month == 8
    assert days[-1] < date(2027, 6, 12)
    assert all(calendar.kind_of(day) in {"school", "early_release"} for day in days)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_year_has_holidays_early_releases_snow_and_a_summer(seed: int) -> None:
    calendar = SchoolCalendar(seed, 2026)
    whole = [date(2026, 8, 1) + timedelta(days=n) for n in range(365)]
    kinds = [calendar.kind_of(day) for day in whole]
    assert 1 <= kinds.count("snow") <= 3
    assert kinds.count("early_release") >= 7
    assert 20 <= kinds.count("holiday") <= 26
    assert kinds.count("summer") >= 60
    assert calendar.kind_of(date(2026, 11, 26)) == "holiday"
    assert calendar.kind_of(date(2026, 12, 25)) == "holiday"
    assert calendar.kind_of(date(2027, 1, 18)) == "holiday"
    assert calendar.kind_of(date(2026, 7, 4)) == "summer"
    assert calendar.kind_of(date(2026, 11, 21)) == "weekend"


def test_the_feed_changes_after_the_winter_break_and_nothing_runs_on_a_holiday() -> None:
    calendar = SchoolCalendar(7, 2026)
    change = calendar.year().feed_change
    feeds = [calendar.services(day) for day in calendar.days()]
    assert set(feeds) == {frozenset({FIRST_FEED}), frozenset({SECOND_FEED})}
    for day, feed in zip(calendar.days(), feeds, strict=True):
        assert feed == {SECOND_FEED if day >= change else FIRST_FEED}
    assert date(2027, 1, 1) < change < date(2027, 1, 12)
    assert calendar.services(date(2026, 11, 26)) == frozenset()


def test_another_year_is_asked_of_the_same_calendar() -> None:
    calendar = SchoolCalendar(7, 2026)
    assert calendar.kind_of(date(2031, 10, 1)) in {"school", "early_release"}
    assert calendar.kind_of(date(2031, 7, 20)) == "summer"


def test_a_demonstration_may_be_begun_at_christmas() -> None:
    calendar = EveryWeekday(date(2026, 8, 17))
    assert calendar.kind_of(date(2026, 12, 25)) == "school"
    assert calendar.kind_of(date(2026, 12, 26)) == "weekend"
    assert calendar.services(date(2026, 12, 27)) == frozenset()
    assert calendar.days()[0] == date(2026, 8, 17)
