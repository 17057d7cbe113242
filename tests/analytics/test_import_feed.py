"""A feed goes into the archive whole or not at all, says what it changes, and comes out by day."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from homeroute_analytics import import_feed, timetable
from homeroute_analytics.feeds.gtfs import read
from homeroute_analytics.imports import Document, ImportRefused, Outcome
from homeroute_analytics.timetable import ScheduledTrip
from tests.analytics.feed_files import FEED, HOLIDAY, MONDAY, SATURDAY, ZONE, zipped
from tests.analytics.timetables import Timetable

TODAY = date(2026, 10, 1)


def imported(
    made: Timetable, path: Path, *, from_day: date | None = None, today: date = TODAY
) -> Outcome:
    """Read and apply; the n-th import is of millisecond n."""

    def execute(sql: str, params: Any) -> list[tuple[Any, ...]]:
        return made.db.execute(sql, params).fetchall()

    [(count,)] = made.db.execute("SELECT count(*) FROM imports").fetchall()
    # By way of what a client would send.
    sent = json.loads(json.dumps(asdict(import_feed.document(read(path)))))
    document = Document.of(sent)
    return import_feed.apply(
        execute, document, from_day=from_day, timezone=ZONE, today=today, now_ms=count + 1
    )


def trips(made: Timetable, day: date) -> list[ScheduledTrip]:
    return asyncio.run(timetable.load(made.query, day, day, ZONE))


def names(made: Timetable, day: date) -> list[str]:
    return [trip.trip for trip in trips(made, day)]


def changes(outcome: Outcome) -> dict[str, int]:
    return {f"{change.thing} {change.how}": change.count for change in outcome.changes}


def test_a_day_comes_out_as_the_feed_has_it(tmp_path: Path) -> None:
    made = Timetable()
    outcome = imported(made, zipped(tmp_path / "feed.zip"))
    assert (outcome.first_day, outcome.last_day) == ("2026-11-02", "2026-11-13")
    assert changes(outcome) == {
        "routes added": 2,
        "trips added": 4,
        "stops added": 4,
        "roads added": 3,
        "service days added": 10,
    }
    first, second, night = trips(made, MONDAY)
    assert (first.trip, second.trip, night.trip) == ("am1", "am2", "night")
    assert (first.label, first.period, first.feed) == ("12 Heron Creek", "AM", 1)
    assert first.shape.shape.startswith("12@")
    assert [call.stop for call in first.calls] == ["a", "b", "c", "a"]
    assert [call.along_m for call in first.calls] == sorted(call.along_m for call in first.calls)
    assert first.calls[-1].along_m == first.shape.length_m
    assert first.end_ms - first.start_ms == 20 * 60_000
    # 24:50 of Monday is 00:50 on Tuesday.
    assert night.start_ms == first.start_ms + (24 * 60 + 50 - 7 * 60) * 60_000
    assert names(made, HOLIDAY) == []
    assert names(made, SATURDAY) == ["sat1"]


def test_the_same_feed_again_changes_nothing_and_says_so(tmp_path: Path) -> None:
    made = Timetable()
    imported(made, zipped(tmp_path / "feed.zip"))
    # As another zip: without marks, in a folder, with Windows line ends.
    windows = {name: text.replace("\n", "\r\n") for name, text in FEED.items()}
    again = imported(made, zipped(tmp_path / "again.zip", windows, folder="x/", bom=False))
    assert again.unchanged
    assert made.db.execute("SELECT count(*) FROM feeds").fetchall() == [(1,)]


def test_a_new_feed_takes_force_on_its_day_and_the_old_one_never_comes_back(
    tmp_path: Path,
) -> None:
    made = Timetable()
    imported(made, zipped(tmp_path / "feed.zip"))
    later = {
        "calendar.txt": FEED["calendar.txt"].replace("20261113", "20261110"),
        "calendar_dates.txt": "service_id,date,exception_type\nsat,20261107,1\n",
        "stop_times.txt": FEED["stop_times.txt"].replace("am1,07:10:00", "am1,07:09:00"),
        "trips.txt": FEED["trips.txt"].replace("r2,wk,night,\n", ""),
    }
    from_day = MONDAY + timedelta(3)
    outcome = imported(made, zipped(tmp_path / "later.zip", later), from_day=from_day)
    told = changes(outcome)
    assert told["service days lost"] == 2
    assert told["service days taken over"] == 7
    assert told["trips removed"] == 1
    assert told["trips changed"] == 1
    assert names(made, from_day - timedelta(1)) == ["am1", "am2", "night"]
    assert names(made, from_day) == ["am1", "am2"]
    assert names(made, date(2026, 11, 12)) == []
    assert timetable.in_force([(1, MONDAY, date(2026, 11, 13))], date(2026, 11, 12)) == 1


def test_an_unchanged_road_keeps_its_name_across_feeds_and_a_changed_one_does_not(
    tmp_path: Path,
) -> None:
    plain = read(zipped(tmp_path / "a.zip"))
    renamed = {
        name: FEED[name].replace("s1", "shape-77").replace("r1", "9001")
        for name in ("shapes.txt", "trips.txt", "routes.txt")
    }
    assert read(zipped(tmp_path / "b.zip", renamed)).shapes == plain.shapes
    moved = {"shapes.txt": FEED["shapes.txt"].replace("40.01,-105.02,3", "40.0101,-105.02,3")}
    other = {shape.shape for shape in read(zipped(tmp_path / "c.zip", moved)).shapes}
    assert len(other & {shape.shape for shape in plain.shapes}) == 2


def test_a_feed_that_ends_before_it_would_take_force_is_refused(tmp_path: Path) -> None:
    made = Timetable()
    with pytest.raises(ImportRefused, match="ends on 2026-11-13, before 2027-01-01"):
        imported(made, zipped(tmp_path / "feed.zip"), from_day=date(2027, 1, 1))


def test_days_of_the_past_and_trips_that_vehicles_lose_are_warned_of(tmp_path: Path) -> None:
    made = Timetable()
    imported(made, zipped(tmp_path / "feed.zip"))
    made.drives("101", "night", MONDAY)
    gone = {"trips.txt": FEED["trips.txt"].replace("r2,wk,night,\n", "")}
    outcome = imported(made, zipped(tmp_path / "later.zip", gone), today=date(2026, 11, 4))
    assert "2 of these days are past, from 2026-11-02" in outcome.warnings[0]
    assert "1 trips that vehicles are assigned to are not in the feed: night" in outcome.warnings[1]


def test_what_is_no_document_is_refused() -> None:
    for sent in (None, {}, {"what": "gtfs"}, {"what": "x", "name": "", "tables": {}}, [1]):
        with pytest.raises(ImportRefused):
            Document.of(sent)
    with pytest.raises(ImportRefused, match="'devices' is none"):
        Document.of({"what": "gtfs", "name": "n", "tables": {"devices": ["{}"]}})


def test_the_end_of_the_calendar_is_known_and_near_14_days_before(tmp_path: Path) -> None:
    made = Timetable()
    assert asyncio.run(timetable.calendar_end(made.query, MONDAY)) is None
    imported(made, zipped(tmp_path / "feed.zip"))
    end = asyncio.run(timetable.calendar_end(made.query, date(2026, 10, 30)))
    assert end is not None
    assert (end.last_day, end.days_left, end.near) == (date(2026, 11, 13), 14, True)
    sooner = asyncio.run(timetable.calendar_end(made.query, date(2026, 10, 29)))
    assert sooner is not None
    assert not sooner.near
