"""When buses should be on the road, from a timetable written by hand."""

from __future__ import annotations

import asyncio
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from homeroute_analytics.road_hours import RoadHours, around
from tests.analytics.timetables import MONDAY, ZONE, Timetable

FRIDAY = MONDAY + timedelta(4)


def school() -> Timetable:
    """One feed of one week; bus-01 in vehicle 101 drives mornings and afternoons."""
    made = Timetable()
    made.feed(1, MONDAY, FRIDAY)
    made.trip(1, "4-am", "AM", 6.5, 7.5)
    made.trip(1, "4-pm", "PM", 15.0, 16.0)
    made.rides("bus-01", "101", MONDAY)
    made.drives("101", "4-am", MONDAY)
    made.drives("101", "4-pm", MONDAY)
    return made


def asked(timetable: Timetable, day: date) -> RoadHours:
    return asyncio.run(around(timetable.query, day, ZONE))


def told(hours: RoadHours, day: date) -> list[str]:
    """The drives of a day as ``device 06:30-07:30``."""
    zone = ZoneInfo(ZONE)

    def at(ms: int) -> datetime:
        return datetime.fromtimestamp(ms / 1000, zone)

    return sorted(
        f"{drive.device} {at(drive.start_ms):%H:%M}-{at(drive.end_ms):%H:%M}"
        for drive in hours.drives
        if at(drive.start_ms).date() == day
    )


def test_a_bus_is_on_the_road_when_its_vehicle_s_trips_are() -> None:
    hours = asked(school(), MONDAY)
    assert told(hours, MONDAY) == ["bus-01 06:30-07:30", "bus-01 15:00-16:00"]
    assert (hours.begun, hours.current, hours.last_day) == (True, True, FRIDAY)
    assert hours.known == {"bus-01"}


def test_no_timetable_at_all_is_neither_begun_nor_ended() -> None:
    hours = asked(Timetable(), MONDAY)
    assert hours == RoadHours(
        (), frozenset(), frozenset(), begun=False, current=False, last_day=None
    )


def test_a_calendar_that_is_over_has_begun_and_is_not_current() -> None:
    hours = asked(school(), FRIDAY + timedelta(30))
    assert (hours.begun, hours.current, hours.drives) == (True, False, ())


def test_a_calendar_of_the_future_has_not_begun() -> None:
    hours = asked(school(), MONDAY - timedelta(30))
    assert (hours.begun, hours.current, hours.last_day) == (False, False, FRIDAY)


def test_a_snow_day_takes_the_trips_away_and_an_early_release_moves_the_afternoon() -> None:
    made = school()
    made.exception(MONDAY, "snow")
    made.exception(MONDAY + timedelta(1), "early_release", "PM", -2 * 3600)
    hours = asked(made, MONDAY)
    assert told(hours, MONDAY) == []
    assert told(hours, MONDAY + timedelta(1)) == ["bus-01 06:30-07:30", "bus-01 13:00-14:00"]


def test_a_substitute_of_one_day_drives_instead() -> None:
    made = school()
    made.rides("bus-09", "109", MONDAY)
    made.drives("109", "4-am", MONDAY + timedelta(1), MONDAY + timedelta(1))
    hours = asked(made, MONDAY + timedelta(1))
    assert told(hours, MONDAY + timedelta(1)) == ["bus-01 15:00-16:00", "bus-09 06:30-07:30"]
    assert told(hours, MONDAY + timedelta(2)) == ["bus-01 06:30-07:30", "bus-01 15:00-16:00"]
    assert hours.known == {"bus-01", "bus-09"}


def test_of_two_feeds_in_force_the_newest_import_counts() -> None:
    made = school()
    made.feed(2, MONDAY + timedelta(2), FRIDAY)
    made.trip(2, "4-am", "AM", 7.0, 8.0)
    hours = asked(made, MONDAY + timedelta(2))
    assert told(hours, MONDAY + timedelta(1)) == ["bus-01 06:30-07:30", "bus-01 15:00-16:00"]
    assert told(hours, MONDAY + timedelta(2)) == ["bus-01 07:00-08:00"]


def test_a_trip_nobody_is_assigned_to_is_of_nobody_and_without_assignments_nobody_is_known() -> (
    None
):
    made = Timetable()
    made.feed(1, MONDAY, FRIDAY)
    made.trip(1, "4-am", "AM", 6.5, 7.5)
    made.rides("bus-01", "101", MONDAY)
    hours = asked(made, MONDAY)
    assert told(hours, MONDAY) == ["None 06:30-07:30"]
    assert hours.known == frozenset()


def test_a_replaced_device_is_no_longer_known_and_a_retired_one_is_named_from_its_day() -> None:
    made = school()
    made.rides("bus-00", "101", MONDAY - timedelta(60), MONDAY - timedelta(1))
    made.retire("bus-00", MONDAY)
    assert asked(made, MONDAY).known == {"bus-01"}
    assert asked(made, MONDAY).retired == {"bus-00"}
    assert asked(made, MONDAY - timedelta(1)).retired == frozenset()


def test_hours_are_right_on_the_day_the_clocks_change() -> None:
    sunday = date(2026, 11, 1)
    made = Timetable()
    made.feed(1, sunday, sunday, [sunday])
    made.trip(1, "4-am", "AM", 6.5, 7.5)
    assert told(asked(made, sunday), sunday) == ["None 06:30-07:30"]
