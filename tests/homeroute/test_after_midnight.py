"""A trip after midnight is of the service day it began: live, by night, and in every answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from homeroute_analytics import legs, tables
from homeroute_analytics.attribution.explain import Explanation, explain
from homeroute_analytics.connectivity import connectivity
from homeroute_analytics.coverage import Coverage
from homeroute_analytics.legs import Leg
from homeroute_collector.archive import Archive
from homeroute_command import rolling
from homeroute_dashboards.district import District
from homeroute_dashboards.reports import answering

pytestmark = pytest.mark.slow

ZONE = "America/Chicago"
DAY = date(2026, 11, 10)
NEXT = DAY + timedelta(1)
MIDNIGHT_S = datetime(2026, 11, 11, tzinfo=ZoneInfo(ZONE)).timestamp()
MINUTE_S = 60.0
LENGTH_M = 20_000.0
METRE = 1 / 111_320.0

TRIPS = {
    "1-late": ("bus-1", "1 Elm", -20, 30),
    "2-night": ("bus-2", "2 Oak", 10, 50),
    "1-morning": ("bus-1", "1 Elm", -17 * 60, -17 * 60 + 40),
}
"""Device, route, and minutes from the midnight that ends the day: to 24:30, and wholly after."""


class Night:
    """An archive with that timetable, to which two buses tell minute by minute."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self.commits = 0
        self.now_ms = 0
        self.failing: dict[date, str] = {}

    @classmethod
    @asynccontextmanager
    async def begun(cls, folder: Path) -> AsyncIterator[Night]:
        """At 23:30, the timetable imported."""
        archive = Archive.open(folder / "archive.duckdb", district="d", extra_ddl=tables.DDL)
        night = cls(archive)
        await archive.transaction(lambda db, _: _timetable(db))
        try:
            yield night
        finally:
            archive.close()

    async def minutes(self, number: int, *, past: bool) -> None:
        """What is told until that many minutes after midnight, and what is made of it."""
        begin_s, end_s = self.now_ms / 1000, MIDNIGHT_S + number * MINUTE_S
        self.commits += 1
        await self.archive.transaction(lambda db, _: _tell(db, self.commits, begin_s, end_s))
        self.now_ms = round(end_s * 1000)
        await rolling.once(self.archive, ZONE, self.now_ms, failing=self.failing, past=past)
        assert self.failing == {}

    async def now(self) -> dict[str, str]:
        """The trip each device is said to be on now."""
        rows = await self.archive.query(
            "SELECT device, trip FROM legs WHERE start_ms <= ? AND end_ms > ?",
            [self.now_ms, self.now_ms],
        )
        assert len({device for device, _ in rows}) == len(rows)
        return dict(rows)

    async def told(self, first: date, last: date) -> Coverage:
        """As the page of connectivity asks."""
        found = await connectivity(
            self.archive.query, first, last, timezone=ZONE, now_ms=self.now_ms
        )
        return found.coverage

    async def trips(self) -> dict[tuple[date, str], dict[str, Any]]:
        """The trips report of both days, those that were heard of."""
        found = await answering.report(
            self.archive.query,
            "trips",
            {"from": DAY.isoformat(), "to": NEXT.isoformat()},
            District("d", ZONE, simulated=False),
            self.now_ms,
        )
        (table,) = found.tables
        names = [column.name for column in table.columns]
        rows = [dict(zip(names, row, strict=True)) for row in table.rows]
        return {(row["day"], row["trip"]): row for row in rows if row["reported_s"]}


def _timetable(db: Any) -> None:
    db.execute(
        "INSERT INTO feeds VALUES (1, 'gtfs', 'f', 'x', ?, ?, ?, 0)",
        [ZONE, DAY, DAY + timedelta(30)],
    )
    for day in (DAY, NEXT):
        db.execute("INSERT INTO feed_services VALUES (1, 'school', ?)", [day])
    for number, (trip, (device, route, start, end)) in enumerate(TRIPS.items()):
        name, lon = route.split()[0], _lon(route)
        first, last = (86_400 + minutes * 60 for minutes in (start, end))
        stops, along = ["a", "b", "c"], [0.0, LENGTH_M / 2, LENGTH_M]
        times = [first, (first + last) // 2, last]
        if number < 2:
            db.execute(
                "INSERT INTO feed_routes BY NAME SELECT 1 AS feed, ? AS route, ? AS label",
                [name, route],
            )
            db.execute(
                "INSERT INTO feed_shapes VALUES (1, ?, ?, ?, ?)",
                [
                    f"{name}@1",
                    [38.5, 38.5 + LENGTH_M * METRE / 2, 38.5 + LENGTH_M * METRE],
                    [lon] * 3,
                    along,
                ],
            )
            db.execute("INSERT INTO devices VALUES (?, 'bus', 0)", [device])
            db.execute("INSERT INTO fleet VALUES (?, ?, ?, NULL, 0)", [device, device, DAY])
        db.execute(
            "INSERT INTO feed_trips VALUES (1, ?, ?, 'school', ?, 'to', 'PM', ?, ?, ?, ?, ?, ?)",
            [trip, name, f"{name}@1", first, last, stops, times, times, along],
        )
        db.execute("INSERT INTO assignments VALUES (?, ?, ?, NULL, 127, 0)", [device, trip, DAY])


def _lon(route: str) -> float:
    return -98.0 + 0.05 * int(route.split(maxsplit=1)[0])


def _tell(db: Any, commit: int, from_s: float, end_s: float) -> None:
    """A position and a usable uplink every 10 s between, of each bus that is on its trip."""
    db.execute("INSERT INTO commits VALUES (?, ?, 1)", [commit, round(end_s * 1000)])
    for device, route, start, end in list(TRIPS.values())[:2]:
        begin_s, until_s = (MIDNIGHT_S + minutes * MINUTE_S for minutes in (start, end))
        for moment in range(round(begin_s), round(until_s), 10):
            if not from_s <= moment < end_s:
                continue
            along = LENGTH_M * (moment - begin_s) / (until_s - begin_s)
            head = {
                "commit_id": commit, "received_ms": moment * 1000, "stream": "0" * 16,
                "time_ms": moment * 1000, "district": "d", "device": device, "kind": "bus",
            }  # fmt: skip
            speed = LENGTH_M / (until_s - begin_s)
            _row(db, "position", head, lat=38.5 + along * METRE, lon=_lon(route), fix=3,
                 speed_mps=speed)  # fmt: skip
            _row(db, "uplink", head, interface="wwan0", state=2)


def _row(db: Any, table: str, head: dict[str, Any], **values: Any) -> None:
    row = head | values
    db.execute(
        f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})",
        list(row.values()),
    )


MORNING = 8 * 60
EXPLAINED = {20: {"bus-1": "1-late", "bus-2": "2-night"}, 40: {"bus-2": "2-night"}}


@dataclass
class Seen:
    """What was told through the night, by minutes from midnight."""

    live: dict[int, dict[str, str]] = field(default_factory=dict)
    told: dict[int, Coverage] = field(default_factory=dict)
    explained: dict[tuple[int, int, str], Explanation] = field(default_factory=dict)
    legs: dict[date, list[Leg]] = field(default_factory=dict)
    moved_min: dict[date, tuple[int, int]] = field(default_factory=dict)
    trips: dict[tuple[date, str], dict[str, Any]] = field(default_factory=dict)
    morning: dict[tuple[date, date], Coverage] = field(default_factory=dict)
    raw: dict[tuple[date, date], Coverage] = field(default_factory=dict)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """From 23:36 to 00:56, past days as seldom as the collector does them; then the morning."""
    found = Seen()

    async def all_night() -> None:
        async with Night.begun(tmp_path_factory.mktemp("night")) as night:
            for number in range(-24, 57, 4):
                await night.minutes(number, past=number in (-8, 8, 24, 40))
                found.live[number] = await night.now()
                found.told[number] = await night.told(DAY, NEXT)
                await explained(night, number)
            await night.minutes(MORNING, past=True)
            await explained(night, MORNING)
            await in_the_morning(night)

    async def explained(night: Night, number: int) -> None:
        for minute, expected in EXPLAINED.items():
            for device in expected if number in (minute, MORNING) else ():
                at_ms = round((MIDNIGHT_S + minute * MINUTE_S) * 1000) - 30_000
                found.explained[number, minute, device] = await explain(
                    night.archive.query, device, at_ms, ZONE
                )

    async def in_the_morning(night: Night) -> None:
        query = night.archive.query
        for day in (DAY, NEXT):
            found.legs[day] = await legs.stored(query, day)
        for day, moving_s, on_none_s in await query(
            "SELECT day, sum(moving_s), sum(unassigned_s) FROM device_day GROUP BY day", []
        ):
            found.moved_min[day] = round(moving_s / 60), round(on_none_s / 60)
        found.trips = await night.trips()
        spans = ((DAY, NEXT), (DAY, DAY), (NEXT, NEXT))
        found.morning = {span: await night.told(*span) for span in spans}
        await night.archive.transaction(lambda db, _: db.execute("DELETE FROM rollup_days"))
        found.raw = {span: await night.told(*span) for span in spans}

    asyncio.run(all_night())
    return found


def test_live_each_bus_is_on_its_trip_before_and_after_midnight(seen: Seen) -> None:
    for trip, (device, _, start, end) in TRIPS.items():
        on = {number for number, live in seen.live.items() if live.get(device) == trip}
        # It is known after 400 m; and a leg is drawn a little beyond the present.
        assert on >= {number for number in seen.live if start + 3 <= number < end}, trip
        assert on <= {number for number in seen.live if start <= number < end + 2}, trip


def test_both_trips_stay_with_the_day_they_are_of(seen: Seen) -> None:
    driven = {leg.trip: leg for leg in seen.legs[DAY] if leg.covered}
    assert driven.keys() == {"1-late", "2-night"}
    for trip, leg in driven.items():
        _, _, start, end = TRIPS[trip]
        assert leg.start_ms == pytest.approx((MIDNIGHT_S + start * 60) * 1000, abs=20_000)
        assert leg.end_ms == pytest.approx((MIDNIGHT_S + end * 60) * 1000, abs=20_000)
    assert not [leg for leg in seen.legs[NEXT] if leg.covered]


def test_time_moved_after_midnight_is_the_next_calendar_day_s_and_on_a_trip(seen: Seen) -> None:
    assert seen.moved_min == {DAY: (20, 0), NEXT: (30 + 40, 0)}


def test_explain_says_the_same_trip_and_day_at_every_hour_of_the_night(seen: Seen) -> None:
    assert len(seen.explained) == 6
    for (number, minute, device), found in seen.explained.items():
        trip = EXPLAINED[minute][device]
        assert found.service_day == DAY
        assert found.leg is not None and found.leg.trip == trip, (number, device)
        assert trip in found.then


def test_the_trips_report_has_each_on_its_own_day(seen: Seen) -> None:
    assert seen.trips.keys() == {(DAY, "1-late"), (DAY, "2-night")}
    assert all(row["observed"] for row in seen.trips.values())
    assert [round(row["driven_s"] / 60) for row in seen.trips.values()] == [50, 40]


def test_the_page_counts_each_second_once_while_the_night_goes_on(seen: Seen) -> None:
    for number, told in seen.told.items():
        due_min = sum(
            max(0, min(number, end) - start) for _, _, start, end in list(TRIPS.values())[:2]
        )
        # A trip is known after 400 m, and a day that was rolled up until three minutes ago.
        assert due_min - 8 <= told.total.reported_s / 60 <= due_min + 0.1, number
        assert told.total.trips <= 2


@pytest.mark.parametrize("how", ["morning", "raw"])
def test_the_page_counts_the_same_of_a_night_before_and_after_it_is_rolled_up(
    seen: Seen, how: str
) -> None:
    told: dict[tuple[date, date], Coverage] = getattr(seen, how)
    for span in ((DAY, NEXT), (DAY, DAY)):
        assert told[span].total.trips == 2
        assert told[span].total.reported_s / 60 == pytest.approx(50 + 40, abs=0.2)
        hours = {cell.hour for cell in told[span].cells if cell.reported_s}
        assert hours == {23, 0}
    assert told[NEXT, NEXT].total.reported_s == 0
