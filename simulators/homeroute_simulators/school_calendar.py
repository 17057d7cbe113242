"""Which days buses drive: a school year with its holidays, snow and early releases. Pure.

A school year of the Midwest: 180 days taught from mid-August on, a timetable
that changes after the winter break, and a summer. Federal holidays are by
law (5 U.S.C. 6103); the rest is custom.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Literal, Protocol

from homeroute_simulators.district import FIRST_FEED, SECOND_FEED
from homeroute_simulators.seeds import source

DayKind = Literal[
    "school", "early_release", "snow", "holiday", "weekend", "summer", "service", "no_service"
]
"""The last two are all that a feed's own calendar says."""

TAUGHT_DAYS = 180
"""As most states ask for; a day lost to snow is made up in May."""

MONDAY, WEDNESDAY, THURSDAY, SATURDAY = 0, 2, 3, 5


class Calendar(Protocol):
    """Which days have service, and of which kind each is."""

    def days(self) -> tuple[date, ...]:
        """Every day buses drive, in order."""

    def kind_of(self, day: date) -> DayKind:
        """Of any day at all."""

    def services(self, day: date) -> frozenset[str]:
        """The services whose trips are driven that day; none when nobody drives."""


@dataclass(frozen=True, slots=True)
class SchoolYear:
    """One year: ``days`` are the days taught; from ``feed_change`` on the second feed holds."""

    days: tuple[date, ...]
    early: frozenset[date]
    snow: frozenset[date]
    holidays: frozenset[date]
    feed_change: date


@dataclass(frozen=True, slots=True)
class SchoolCalendar:
    """The school years of a seed; :meth:`days` are those of the one that begins in August.

    :meth:`kind_of` and :meth:`services` answer for any year.
    """

    seed: int
    first_year: int

    def year(self) -> SchoolYear:
        """The school year that begins in ``first_year``."""
        return school_year(self.seed, self.first_year)

    def days(self) -> tuple[date, ...]:
        """The 180 days taught."""
        return self.year().days

    def kind_of(self, day: date) -> DayKind:
        """What that day is."""
        year = self._around(day)
        if not year.days[0] <= day <= year.days[-1]:
            return "summer"
        if day.weekday() >= SATURDAY:
            return "weekend"
        if day in year.snow:
            return "snow"
        if day in year.holidays:
            return "holiday"
        return "early_release" if day in year.early else "school"

    def services(self, day: date) -> frozenset[str]:
        """The feed in force, on days taught."""
        if self.kind_of(day) not in {"school", "early_release"}:
            return frozenset()
        changed = day >= self._around(day).feed_change
        return frozenset({SECOND_FEED if changed else FIRST_FEED})

    def _around(self, day: date) -> SchoolYear:
        return school_year(self.seed, day.year if day.month >= 7 else day.year - 1)


@dataclass(frozen=True, slots=True)
class EveryWeekday:
    """For a demonstration, which may be begun on Christmas Day: every weekday is taught.

    :meth:`days` is the year of weekdays from ``first_day`` on.
    """

    first_day: date

    def days(self) -> tuple[date, ...]:
        """A year of weekdays."""
        year = (self.first_day + timedelta(days=n) for n in range(365))
        return tuple(day for day in year if day.weekday() < SATURDAY)

    def kind_of(self, day: date) -> DayKind:
        """A weekday or not."""
        return "school" if day.weekday() < SATURDAY else "weekend"

    def services(self, day: date) -> frozenset[str]:
        """The first feed on weekdays."""
        return frozenset({FIRST_FEED}) if day.weekday() < SATURDAY else frozenset()


@lru_cache(maxsize=64)
def school_year(seed: int, first_year: int) -> SchoolYear:
    """The school year that begins in August of ``first_year``."""
    rng = source(seed, "school year", first_year)
    first = _nth(first_year, 8, WEDNESDAY, rng.choice((2, 3)))
    winter = _winter_break(first_year)
    holidays = _holidays(first_year) | frozenset(winter)
    back = _next_weekday(winter[-1], holidays)
    snow = _snow(rng, first_year, holidays)
    days: list[date] = []
    day = first
    while len(days) < TAUGHT_DAYS:
        if day.weekday() < SATURDAY and day not in holidays and day not in snow:
            days.append(day)
        day += timedelta(days=1)
    # Teachers confer on the first Wednesday of a month.
    early = frozenset(d for d in days[1:] if d.weekday() == WEDNESDAY and d.day <= 7)
    return SchoolYear(tuple(days), early, snow, holidays, back)


def _holidays(year: int) -> frozenset[date]:
    thanksgiving = _nth(year, 11, THURSDAY, 4)
    spring = _nth(year + 1, 3, MONDAY, 2)
    return frozenset(
        {
            _nth(year, 9, MONDAY, 1),  # Labor Day
            _nth(year, 10, MONDAY, 2),  # Columbus Day
            date(year, 11, 11),  # Veterans Day
            *(thanksgiving + timedelta(days=n) for n in (-1, 0, 1)),
            _nth(year + 1, 1, MONDAY, 3),  # Birthday of Martin Luther King, Jr.
            _nth(year + 1, 2, MONDAY, 3),  # Washington's Birthday
            *(spring + timedelta(days=n) for n in range(5)),
            _memorial_day(year + 1),
            date(year + 1, 6, 19),  # Juneteenth
        }
    )


def _memorial_day(year: int) -> date:
    last = date(year, 5, 31)
    return last - timedelta(days=last.weekday())


def _winter_break(year: int) -> list[date]:
    """Two weeks of weekdays, from the Monday of the week that holds 24 December."""
    eve = date(year, 12, 24)
    monday = eve - timedelta(days=eve.weekday())
    if eve.weekday() >= SATURDAY:
        monday += timedelta(days=7)
    return [monday + timedelta(days=n) for n in (*range(5), *range(7, 12))]


def _snow(rng: random.Random, year: int, holidays: frozenset[date]) -> frozenset[date]:
    """One to three days between December and February."""
    winter = (date(year, 12, 1) + timedelta(days=n) for n in range(90))
    taught = [d for d in winter if d.weekday() < SATURDAY and d not in holidays]
    return frozenset(rng.sample(taught, rng.choice((1, 1, 2, 3))))


def _next_weekday(day: date, holidays: frozenset[date]) -> date:
    day += timedelta(days=1)
    while day.weekday() >= SATURDAY or day in holidays:
        day += timedelta(days=1)
    return day


def _nth(year: int, month: int, weekday: int, nth: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))
