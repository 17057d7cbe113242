"""Rows are stored by key, whole or not; the newest wins; devices come and go with their history."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from homeroute_analytics import device_lives, import_rows, timetable
from homeroute_analytics.imports import ImportRefused, Outcome
from tests.analytics.feed_files import MONDAY, ZONE, zipped
from tests.analytics.test_import_feed import changes, imported
from tests.analytics.timetables import Timetable

TUESDAY, WEDNESDAY = MONDAY + timedelta(1), MONDAY + timedelta(2)


def executing(made: Timetable) -> Any:
    return lambda sql, params: made.db.execute(sql, params).fetchall()


def stored(made: Timetable, what: str, names: str, *rows: tuple[Any, ...], now_ms: int) -> Outcome:
    columns = {
        name: [str(v) if isinstance(v, date) else v for v in column]
        for name, column in zip(names.split(), zip(*rows, strict=True), strict=True)
    }
    document = import_rows.document(what, f"{what}.csv", columns)
    return import_rows.apply(executing(made), document, now_ms=now_ms)


def fleet(made: Timetable, *rows: tuple[Any, ...], now_ms: int = 1) -> Outcome:
    return stored(made, "fleet", "device vehicle first_day last_day", *rows, now_ms=now_ms)


def assigned(made: Timetable, *rows: tuple[Any, ...], now_ms: int = 1) -> Outcome:
    names = "vehicle trip first_day last_day weekdays"
    return stored(made, "assignments", names, *rows, now_ms=now_ms)


def crews(made: Timetable, day: date) -> dict[str, tuple[str | None, str | None]]:
    trips = asyncio.run(timetable.load(made.query, day, day, ZONE))
    return {trip.trip: (trip.vehicle, trip.device) for trip in trips}


def district(folder: Path) -> Timetable:
    made = Timetable()
    imported(made, zipped(folder / "feed.zip"))
    fleet(made, ("bus-01", "101", MONDAY, None), ("bus-09", "109", MONDAY, None))
    assigned(made, ("101", "am1", MONDAY, None, 31), ("101", "night", MONDAY, None, 31))
    return made


def test_a_trip_names_the_device_of_its_vehicle_and_a_substitute_for_one_day(
    tmp_path: Path,
) -> None:
    made = district(tmp_path)
    outcome = assigned(made, ("109", "am1", TUESDAY, TUESDAY, 31), now_ms=2)
    assert changes(outcome) == {
        "assignments rows added": 1,
        "assignments rows overruled": 1,
        "assignments rows not in the file, kept": 2,
    }
    assert outcome.changes[1].examples == ("101 on am1 from 2026-11-02",)
    of_101, of_109 = ("101", "bus-01"), ("109", "bus-09")
    assert crews(made, MONDAY) == {"am1": of_101, "am2": (None, None), "night": of_101}
    assert crews(made, TUESDAY)["am1"] == of_109
    assert crews(made, WEDNESDAY)["am1"] == of_101


def test_the_same_rows_again_change_nothing(tmp_path: Path) -> None:
    made = district(tmp_path)
    outcome = fleet(
        made, ("bus-01", "101", MONDAY, None), ("bus-09", "109", MONDAY, None), now_ms=9
    )
    assert outcome.unchanged
    assert changes(outcome) == {"fleet rows as they are": 2}
    assert made.db.execute("SELECT max(imported_ms) FROM fleet").fetchall() == [(1,)]
    changed = fleet(made, ("bus-01", "101", MONDAY, TUESDAY), now_ms=9)
    assert changes(changed) == {
        "fleet rows changed": 1,
        "fleet rows not in the file, kept": 1,
    }


def test_a_device_that_moved_is_in_its_newest_vehicle_alone(tmp_path: Path) -> None:
    made = district(tmp_path)
    fleet(made, ("bus-01", "120", TUESDAY, None), now_ms=2)
    assert crews(made, MONDAY)["am1"] == ("101", "bus-01")
    assert crews(made, TUESDAY)["am1"] == ("101", None)


def test_of_two_rows_from_one_day_the_newest_import_wins(tmp_path: Path) -> None:
    made = district(tmp_path)
    assigned(made, ("109", "am1", MONDAY, None, 31), now_ms=2)
    assert crews(made, MONDAY)["am1"] == ("109", "bus-09")


def test_a_substitute_on_the_very_first_day_drives_that_day(tmp_path: Path) -> None:
    made = district(tmp_path)
    assigned(made, ("109", "am1", MONDAY, MONDAY, 31), now_ms=0)
    assert crews(made, MONDAY)["am1"] == ("109", "bus-09")
    assert crews(made, TUESDAY)["am1"] == ("101", "bus-01")


def test_what_names_no_trip_or_vehicle_is_warned_of(tmp_path: Path) -> None:
    made = district(tmp_path)
    outcome = assigned(made, ("777", "am9", MONDAY, None, 31), now_ms=2)
    assert outcome.warnings == (
        "1 trips are in no feed: am9",
        "1 vehicles have no device: import the fleet too: 777",
    )


def test_exceptions_cancel_or_shift_their_periods(tmp_path: Path) -> None:
    made = district(tmp_path)
    names = "day kind periods shift_s note"
    days = [
        (MONDAY, "snow", "AM,MID,PM", 0, ""),
        (TUESDAY, "late_start", "AM", 7200, "ice"),
        (WEDNESDAY, "no_school", "AM", 0, ""),
    ]
    outcome = stored(made, "calendar", names, *days, now_ms=3)
    assert changes(outcome) == {"days added": 3}
    assert crews(made, MONDAY) == {}
    late = asyncio.run(timetable.load(made.query, TUESDAY, TUESDAY, ZONE))
    plain = asyncio.run(
        timetable.load(made.query, MONDAY + timedelta(3), MONDAY + timedelta(3), ZONE)
    )
    moved_ms = [
        a.start_ms - b.start_ms - (-2) * 86_400_000 for a, b in zip(late, plain, strict=True)
    ]
    assert moved_ms == [7_200_000] * 3
    assert late[0].calls[0].depart_s == plain[0].calls[0].depart_s + 7200
    assert crews(made, WEDNESDAY) == {}
    stored(made, "calendar", names, (MONDAY, "regular", "", 0, "no snow after all"), now_ms=4)
    assert list(crews(made, MONDAY)) == ["am1", "am2", "night"]


def test_trips_under_way_are_found_across_midnight(tmp_path: Path) -> None:
    made = district(tmp_path)
    [night] = [
        trip
        for trip in asyncio.run(timetable.load(made.query, MONDAY, MONDAY, ZONE))
        if trip.trip == "night"
    ]

    def at(from_ms: int, until_ms: int) -> list[str]:
        found = timetable.scheduled_between(made.query, from_ms, until_ms, ZONE)
        return [trip.trip for trip in asyncio.run(found)]

    assert at(night.start_ms, night.start_ms + 1) == ["night"]
    assert at(night.start_ms - 1000, night.start_ms) == []
    assert at(night.end_ms, night.end_ms + 1000) == []


def test_a_new_device_takes_the_old_one_s_place_and_history_stays(tmp_path: Path) -> None:
    made = district(tmp_path)
    assert device_lives.replace(executing(made), "bus-01", "bus-31", WEDNESDAY, now_ms=5) == "101"
    assert crews(made, TUESDAY)["am1"] == ("101", "bus-01")
    assert crews(made, WEDNESDAY)["am1"] == ("101", "bus-31")
    lives = {life.device: life for life in device_lives.listed(executing(made), WEDNESDAY)}
    assert (lives["bus-01"].vehicle, lives["bus-01"].retired_day) == (None, WEDNESDAY)
    assert lives["bus-01"].replaced_by == "bus-31"
    assert (lives["bus-31"].vehicle, lives["bus-31"].since) == ("101", WEDNESDAY)
    with pytest.raises(ImportRefused, match="'bus-09' rides in 109"):
        device_lives.replace(executing(made), "bus-31", "bus-09", WEDNESDAY, now_ms=6)


def test_a_retired_device_rides_no_more_and_one_nobody_knows_cannot_retire(tmp_path: Path) -> None:
    made = district(tmp_path)
    assert device_lives.retire(executing(made), "bus-01", TUESDAY, now_ms=5) == "101"
    assert crews(made, MONDAY)["am1"] == ("101", "bus-01")
    assert crews(made, TUESDAY)["am1"] == ("101", None)
    with pytest.raises(ImportRefused, match="'bus-77' is in no fleet"):
        device_lives.retire(executing(made), "bus-77", TUESDAY, now_ms=5)
    again = fleet(made, ("bus-01", "101", WEDNESDAY, None), now_ms=6)
    assert again.warnings == ("1 devices are retired, and ride all the same: bus-01",)
