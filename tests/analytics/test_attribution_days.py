"""Attribution from an archive's tables and back into them."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest

from homeroute_analytics import legs, timetable
from homeroute_analytics.attribution.days import attribute_day, under_way
from homeroute_simulators.planned_drive import PlannedDrive
from homeroute_simulators.world import world
from tests.analytics.driven import scheduled, told
from tests.analytics.timetables import MONDAY, ZONE, Timetable, database

WORLD = world(7, buses=6)
DAY = date(2026, 9, 10)


def in_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an asynchronous test to its end."""

    @functools.wraps(test)
    def run(*args: Any, **named: Any) -> None:
        asyncio.run(test(*args, **named))

    return run


class Database:
    """A database with positions, and a timetable that is the simulated district's own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.db = database()
        self.db.execute(
            "CREATE TABLE position (device VARCHAR, kind VARCHAR, time_ms BIGINT, lat DOUBLE, "
            "lon DOUBLE, accuracy_m DOUBLE)"
        )
        self.writes = 0

        async def load(*_: Any) -> list[timetable.ScheduledTrip]:
            return scheduled(WORLD, DAY)

        monkeypatch.setattr(timetable, "load", load)

    async def query(self, sql: str, params: Any = ()) -> list[tuple[Any, ...]]:
        return self.db.cursor().execute(sql, list(params)).fetchall()

    async def transaction(self, run: Callable[[Any, Any], object]) -> None:
        self.writes += 1
        self.db.begin()
        try:
            run(self.db, None)
        except BaseException:
            self.db.rollback()
            raise
        self.db.commit()

    def hear(self, drives: tuple[PlannedDrive, ...]) -> None:
        """Store what the receivers of those drives tell."""
        for found in told(WORLD, drives):
            times = (found.time_s * 1000).round().astype(int)
            self.db.execute(
                "INSERT INTO position SELECT ?, 'bus', unnest(?::BIGINT[]), unnest(?::DOUBLE[]), "
                "unnest(?::DOUBLE[]), NULL",
                [found.device, times.tolist(), found.lat.tolist(), found.lon.tolist()],
            )


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> Database:
    return Database(monkeypatch)


@in_a_loop
async def test_a_day_attributed_twice_is_written_once(stored: Database) -> None:
    stored.hear(WORLD.drives(DAY))
    first = await attribute_day(stored.query, stored.transaction, DAY, ZONE)
    assert len(first.changes.written) == len(first.legs) == first.scheduled > 0
    second = await attribute_day(stored.query, stored.transaction, DAY, ZONE)
    assert (second.changes, stored.writes) == (legs.Changes((), ()), 1)


@in_a_loop
async def test_what_comes_late_repairs_the_day_and_what_was_wrong_goes(stored: Database) -> None:
    drives = WORLD.drives(DAY)
    late = drives[0].bus.device
    stored.hear(tuple(drive for drive in drives if drive.bus.device != late))
    legs.put(stored.db, [legs.Leg("bus-99", DAY, "no such route", "gone", "AM", 1, 2)])
    await attribute_day(stored.query, stored.transaction, DAY, ZONE)
    before = {leg.trip: leg for leg in await legs.stored(stored.query, DAY)}
    assert "gone" not in before
    assert any(leg.device == late and leg.covered is None for leg in before.values())
    stored.hear(tuple(drive for drive in drives if drive.bus.device == late))
    outcome = await attribute_day(stored.query, stored.transaction, DAY, ZONE)
    after = {leg.trip: leg for leg in await legs.stored(stored.query, DAY)}
    assert all(leg.covered is not None for leg in after.values())
    written = {leg.trip for leg in outcome.changes.written}
    assert written == {trip for trip, leg in after.items() if before.get(trip) != leg}
    assert 0 < len(written) < len(outcome.legs)


@in_a_loop
async def test_a_day_whose_positions_have_expired_keeps_its_legs(stored: Database) -> None:
    stored.hear(WORLD.drives(DAY))
    await attribute_day(stored.query, stored.transaction, DAY, ZONE)
    before = await legs.stored(stored.query, DAY)
    stored.db.execute("DELETE FROM position")
    await attribute_day(stored.query, stored.transaction, DAY, ZONE)
    assert await legs.stored(stored.query, DAY) == before


@pytest.mark.slow
@in_a_loop
async def test_the_legs_of_today_grow_by_the_minute_keep_their_label_and_agree_with_the_night(
    stored: Database,
) -> None:
    drives = WORLD.drives(DAY)
    stored.hear(drives)
    truth = {drive.trip.name: drive.bus.device for drive in drives if not drive.excursion}
    begin_ms, end_ms = drives[0].depart_ms, drives[-1].arrive_ms + 600_000
    labels: dict[tuple[str, str], set[str]] = {}
    for now_ms in range(begin_ms, end_ms, 240_000):
        if not any(d.depart_ms < now_ms < d.arrive_ms + 600_000 for d in drives):
            continue
        await attribute_day(stored.query, stored.transaction, DAY, ZONE, now_ms=now_ms)
        for drive in drives:
            at = [
                leg.trip
                for leg in await legs.stored(stored.query, DAY)
                if leg.covered is not None
                and leg.device == drive.bus.device
                and leg.start_ms <= now_ms < leg.end_ms
                and drive.depart_ms <= now_ms < drive.arrive_ms
            ]
            assert len(at) <= 1
            labels.setdefault((drive.bus.device, drive.trip.name), set()).update(at)
    assert all(len(said) == 1 for (_, trip), said in labels.items() if trip in truth)
    assert all(not said for (_, trip), said in labels.items() if trip not in truth)
    live = {leg.trip: leg.device for leg in await legs.stored(stored.query, DAY)}
    assert live == truth
    await attribute_day(stored.query, stored.transaction, DAY, ZONE)
    night = {leg.trip: leg.device for leg in await legs.stored(stored.query, DAY)}
    assert night == truth


@in_a_loop
async def test_an_archive_of_the_first_version_gains_the_columns() -> None:
    db = duckdb.connect()
    db.execute(
        "CREATE TABLE legs (device VARCHAR NOT NULL, service_day DATE NOT NULL, route VARCHAR "
        "NOT NULL, trip VARCHAR NOT NULL, period VARCHAR NOT NULL, start_ms BIGINT NOT NULL, "
        "end_ms BIGINT NOT NULL, source VARCHAR NOT NULL, confidence DOUBLE NOT NULL, "
        "PRIMARY KEY (device, service_day, trip))"
    )
    db.execute("INSERT INTO legs VALUES ('b', '2026-09-10', 'r', 't', 'AM', 1, 2, 'gps', 0.9)")
    for statement in (legs.DDL, *legs.UPGRADES, *legs.UPGRADES):
        db.execute(statement)

    async def query(sql: str, params: Any = ()) -> list[tuple[Any, ...]]:
        return db.execute(sql, list(params)).fetchall()

    (old,) = await legs.stored(query, date(2026, 9, 10))
    assert old == legs.Leg("b", date(2026, 9, 10), "r", "t", "AM", 1, 2, "gps", 0.9)


@in_a_loop
async def test_a_day_is_under_way_until_the_bus_of_its_last_trip_cannot_be_late() -> None:
    table = Timetable()
    table.feed(1, MONDAY, MONDAY + timedelta(30))
    tuesday, wednesday = MONDAY + timedelta(1), MONDAY + timedelta(2)

    async def days(day: date, hour: float) -> tuple[date, ...]:
        now_ms = legs.instant_ms(day, int(hour * 3600), ZoneInfo(ZONE))
        return await under_way(table.query, now_ms, ZONE)

    table.trip(1, "am", "AM", 6.5, 7.25)
    assert await days(tuesday, 7) == (tuesday,)
    assert await days(tuesday, 0.2) == (tuesday,)
    table.trip(1, "night", "PM", 24.5, 27.5)
    assert await days(tuesday, 0.2) == (tuesday, MONDAY)
    # 40 minutes late, at most.
    assert await days(tuesday, 4.1) == (tuesday, MONDAY)
    assert await days(tuesday, 4.2) == (tuesday,)
    assert await days(wednesday, 3.9) == (wednesday, tuesday)
    table.exception(tuesday, "snow")
    assert await days(wednesday, 3.9) == (wednesday,)
