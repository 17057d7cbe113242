"""The simulated district's timetable, written, imported and loaded again, is the world's own."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from homeroute_analytics import tables, timetable
from homeroute_analytics.imports import Outcome
from homeroute_analytics.timetable import ScheduledTrip
from homeroute_collector.archive import Archive
from homeroute_simulators import world_timetable
from homeroute_simulators.timetable_files import write
from homeroute_simulators.world import World, world
from homeroute_simulators.world_day import drivers

PLACE = world(7, buses=12)
DISTRICT, YEAR = PLACE.district, PLACE.calendar.year()  # type: ignore[attr-defined]
FIRST, LAST = YEAR.days[0], YEAR.days[-1]


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> dict[date, list[ScheduledTrip]]:
    """Every day of the school year, as the archive has it."""
    folder = tmp_path_factory.mktemp("timetable")

    async def loaded(archive: Archive) -> list[ScheduledTrip]:
        def stored(db: Any, now_ms: int) -> list[Outcome]:
            def execute(sql: str, params: Any) -> list[tuple[Any, ...]]:
                return db.execute(sql, params).fetchall()  # type: ignore[no-any-return]

            files = folder / "files"
            return world_timetable.store(execute, PLACE, FIRST, LAST, folder=files, now_ms=now_ms)

        told = await archive.transaction(lambda db, _: stored(db, 1_000))
        again = await archive.transaction(lambda db, _: stored(db, 2_000))
        assert not any(outcome.unchanged for outcome in told)
        assert all(outcome.unchanged for outcome in again)
        return await timetable.load(archive.query, FIRST, LAST, DISTRICT.timezone)

    archive = Archive.open(folder / "archive.duckdb", district=DISTRICT.name, extra_ddl=tables.DDL)
    try:
        found = asyncio.run(loaded(archive))
    finally:
        archive.close()
    days: dict[date, list[ScheduledTrip]] = {}
    for trip in found:
        days.setdefault(trip.service_day, []).append(trip)
    return days


def test_every_day_has_the_trips_that_the_world_schedules(
    year: dict[date, list[ScheduledTrip]],
) -> None:
    assert sorted(year) == sorted(YEAR.days)
    assert not YEAR.snow & year.keys()
    one_of_each = [FIRST, min(YEAR.early), YEAR.feed_change, LAST]
    for day in one_of_each:
        planned = {
            drive.trip.name: drive.scheduled_ms
            for drive in PLACE.drives(day)
            if not drive.excursion
        }
        assert {trip.trip: trip.start_ms for trip in year[day]} == planned


def test_roads_and_stops_are_where_the_world_has_them(
    year: dict[date, list[ScheduledTrip]],
) -> None:
    trips = {trip.name: trip for trip in PLACE.trips(FIRST)}
    for found in year[FIRST]:
        route, inbound = trips[found.trip].route, trips[found.trip].inbound
        assert found.label == route.label
        assert found.shape.length_m == pytest.approx(route.shape.length_m, rel=1e-3)
        along = np.array([stop.along_m for stop in route.stops])
        wanted = along if inbound else route.shape.length_m - along[::-1]
        assert np.abs(np.array([c.along_m for c in found.calls]) - wanted).max() < 10.0


def test_an_unchanged_road_keeps_its_name_after_the_feed_change(
    year: dict[date, list[ScheduledTrip]],
) -> None:
    before = {trip.shape.shape for trip in year[FIRST]}
    after = {trip.shape.shape for trip in year[LAST]}
    assert before == after
    assert {trip.feed for trip in year[FIRST]} != {trip.feed for trip in year[LAST]}


def test_who_drives_is_told_but_for_exchanges_that_nobody_wrote_down(
    year: dict[date, list[ScheduledTrip]],
) -> None:
    told = untold = 0
    for day, trips in year.items():
        really = drivers(DISTRICT, day)
        assigned = {t.name: t.bus.device for t in PLACE.trips(day)}
        for trip in trips:
            usual, driver = assigned[trip.trip], really[assigned[trip.trip]].device
            assert trip.device in {usual, driver}
            if driver != usual:
                told += trip.device == driver
                untold += trip.device == usual
    assert told > 0
    assert untold > 0


def test_the_same_world_and_days_make_the_same_bytes(tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        write(PLACE, folder, FIRST, FIRST + timedelta(30))
    one, other = ({p.name: p.read_bytes() for p in folder.iterdir()} for folder in folders)
    assert one == other
    assert sorted(one) == ["assignments.csv", "calendar.csv", "feed-1.zip", "fleet.csv"]


def test_days_without_buses_are_no_timetable(tmp_path: Path) -> None:
    summer: World = PLACE
    with pytest.raises(ValueError, match="no bus is scheduled"):
        write(summer, tmp_path, date(2027, 7, 1), date(2027, 7, 10))
