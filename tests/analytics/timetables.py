"""A small timetable in an archive's tables, by hand: a week of one school's buses."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import duckdb

from homeroute_analytics import tables

ZONE = "America/Chicago"
MONDAY = date(2026, 11, 9)


def database() -> duckdb.DuckDBPyConnection:
    """The tables of analytics, empty."""
    db = duckdb.connect()
    for statement in tables.DDL:
        db.execute(statement)
    return db


class Timetable:
    """Fills the timetable's tables; ``query`` is what analytics ask through."""

    def __init__(self, db: duckdb.DuckDBPyConnection | None = None) -> None:
        self.db = db or database()

    async def query(self, sql: str, params: Any = ()) -> list[tuple[Any, ...]]:
        return self.db.cursor().execute(sql, list(params)).fetchall()

    def feed(self, feed: int, first: date, last: date, days: Iterable[date] = ()) -> None:
        """A feed whose one service ``school`` runs on ``days``: none said, every weekday."""
        self.db.execute(
            "INSERT INTO feeds VALUES (?, 'gtfs', 'feed.zip', 'x', ?, ?, ?, 0)",
            [feed, ZONE, first, last],
        )
        weekdays = (first + timedelta(n) for n in range((last - first).days + 1))
        for day in list(days) or [day for day in weekdays if day.weekday() < 5]:
            self.db.execute("INSERT INTO feed_services VALUES (?, 'school', ?)", [feed, day])

    def trip(self, feed: int, trip: str, period: str, start_h: float, end_h: float) -> None:
        start_s, end_s = int(start_h * 3600), int(end_h * 3600)
        self.db.execute(
            "INSERT INTO feed_trips VALUES (?, ?, '4', 'school', 's@1', 'to', ?, ?, ?, ?, ?, ?, ?)",
            [
                *(feed, trip, period, start_s, end_s, ["a", "b"]),
                *([start_s, end_s], [start_s, end_s], [0.0, 1000.0]),
            ],
        )

    def rides(self, device: str, vehicle: str, first: date, last: date | None = None) -> None:
        self.db.execute("INSERT INTO fleet VALUES (?, ?, ?, ?, 0)", [device, vehicle, first, last])

    def drives(
        self,
        vehicle: str,
        trip: str,
        first: date,
        last: date | None = None,
        weekdays: int = 31,
    ) -> None:
        self.db.execute(
            "INSERT INTO assignments VALUES (?, ?, ?, ?, ?, 0)",
            [vehicle, trip, first, last, weekdays],
        )

    def exception(self, day: date, kind: str, periods: str = "", shift_s: int = 0) -> None:
        self.db.execute(
            "INSERT INTO calendar_days VALUES (?, ?, ?, ?, NULL, 0)", [day, kind, periods, shift_s]
        )

    def retire(self, device: str, day: date) -> None:
        self.db.execute("INSERT INTO device_lives VALUES (?, ?, NULL, 0)", [device, day])
