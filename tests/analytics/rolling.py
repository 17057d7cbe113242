"""A day of one straight road, driven or not, and its rollup."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from homeroute_analytics import legs, rollups
from homeroute_analytics.legs import Leg
from tests.analytics.rows import MemoryArchive

ZONE = "America/Chicago"
DAY = date(2026, 11, 9)
LATER_MS = 1_800_000_000_000
LENGTH_M, SPEED_MPS = 2000.0, 10.0
METRE = 1 / 111_320.0


def at(hour: int, minute: int = 0, second: float = 0, day: date = DAY) -> float:
    """Seconds since 1970 of a Chicago wall clock."""
    midnight = datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(ZONE))
    return midnight.timestamp() + second


class Road(MemoryArchive):
    """The archive of a district with one road, due north from 38.5 N, 98 W."""

    def __init__(self, day: date = DAY) -> None:
        super().__init__()
        self.day = day
        self.db.execute(
            "INSERT INTO feeds VALUES (1, 'gtfs', 'f', 'x', ?, ?, ?, 0)", [ZONE, day, day]
        )
        self.db.execute("INSERT INTO feed_services VALUES (1, 'school', ?)", [day])
        self.db.execute(
            "INSERT INTO feed_routes BY NAME SELECT 1 AS feed, '4' AS route, '4 Elm' AS label"
        )
        self.db.execute(
            "INSERT INTO feed_shapes VALUES (1, 's@1', ?, [-98.0, -98.0], ?)",
            [[38.5, 38.5 + LENGTH_M * METRE], [0.0, LENGTH_M]],
        )

    def schedule(self, trip: str, start: float, end: float) -> None:
        """A trip of the road, with a call at both ends."""
        first, last = (int(moment - at(0, day=self.day)) for moment in (start, end))
        self.db.execute(
            "INSERT INTO feed_trips "
            "VALUES (1, ?, '4', 'school', 's@1', 'to', 'AM', ?, ?, ?, ?, ?, ?)",
            [trip, first, last, ["a", "b"], [first, last], [first, last], [0.0, LENGTH_M]],
        )

    def leg(self, device: str, trip: str, start: float, end: float, **other: Any) -> None:
        """A leg of route 4 Elm."""
        leg = Leg(device, self.day, "4 Elm", trip, "AM", round(start * 1000), round(end * 1000))
        legs.put(self.db, [replace(leg, **other)])

    def drive(
        self,
        device: str,
        start: float,
        end: float,
        *,
        state: Callable[[float], int | None] = lambda along_m: 2,
        gps: Callable[[float], bool] = lambda along_m: True,
        clients: int = 0,
    ) -> None:
        """Samples every 10 s of a steady drive over the road from ``start`` to ``end``.

        ``state`` of a place is the uplink's there, None where nothing is told.
        """
        speed = LENGTH_M / (end - start)
        samples: dict[int, int] = {}
        for moment in range(round(start), round(end), 10):
            along = (moment - start) * speed
            if (told := state(along)) is not None:
                samples[moment] = told
                self.add("wifi", [self._point(device, moment, ssid="s", clients=clients)])
            if gps(along):
                lat = 38.5 + along * METRE
                self.add(
                    "position",
                    [self._point(device, moment, lat=lat, lon=-98.0, fix=3, speed_mps=speed)],
                )
        self.uplink(device, samples)

    def session(self, device: str, client: int, start: float, end: float) -> None:
        """A session's last record."""
        self.add(
            "session",
            [
                self._point(
                    device,
                    end,
                    stream="r1",
                    client=client,
                    started_min=int(start // 60),
                    session_s=round(end - start),
                    open=False,
                )
            ],
        )

    def minute(self, device: str, moment: float, **counts: Any) -> None:
        """A clock minute of activity."""
        self.add("activity", [self._point(device, moment, **counts)])

    def hits(self, device: str, moment: float, category: str, hits: int) -> None:
        """Blocks of a clock minute."""
        row = self._point(device, moment, category=category, action="blocked", hits=hits)
        self.add("filter", [row])

    def roll(self, now_ms: int = LATER_MS) -> rollups.RolledDay:
        """Roll the day up."""
        return asyncio.run(
            rollups.rollup_day(self.query, self.replace_day, self.day, timezone=ZONE, now_ms=now_ms)
        )

    def rows(self, table: str, *columns: str, where: str = "true") -> list[tuple[Any, ...]]:
        """Rows of a rolled table."""
        chosen = ", ".join(columns) or "*"
        return self.db.execute(
            f"SELECT {chosen} FROM {table} WHERE {where} ORDER BY ALL"
        ).fetchall()

    def _point(self, device: str, moment: float, **values: Any) -> dict[str, Any]:
        return {"device": device, "kind": "bus", "time_ms": round(moment * 1000), **values}
