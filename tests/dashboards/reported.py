"""A district with two routes and three weeks of aggregates, to report on."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.analytics.rows import MemoryArchive

ZONE = "America/Chicago"
FIRST = date(2026, 11, 2)
DAYS = [FIRST + timedelta(n) for n in range(21) if n % 7 < 5]
NOW_MS = int(datetime(2026, 11, 23, 9, tzinfo=ZoneInfo(ZONE)).timestamp() * 1000)
METRE = 1 / 111_320.0
LENGTH_M = 1500.0
ROUTES = {"4 Elm": 0.6, "=7 Oak": 1.0}
"""Labels, and the usable share of the middle two of six segments. One begins a formula."""


def number(label: str) -> str:
    """Of a route's label."""
    return label.strip("=").split()[0]


def segment_day(day: date, route: str, index: int, share: float, **other: Any) -> dict[str, Any]:
    """A pass of 25 s."""
    return {
        "day": day,
        "time_ms": 0,
        "device": "",
        "kind": "",
        "route": route,
        "trip": f"{number(route)}-AM",
        "period": "AM",
        "segment": f"{number(route)}@1:{index:03d}",
        "usable_s": 25 * share,
        "connected_s": 0.0,
        "no_service_s": 25 * (1 - share),
        "unreported_s": 0.0,
        "client_outage_min": 8 * (1 - share),
        "located": True,
        "lat": 38.5 + (index + 0.5) * 250 * METRE,
        "lon": -98.0,
    } | other


def trip_day(day: date, route: str, usable: float, **other: Any) -> dict[str, Any]:
    """A trip of 150 s, wholly reported."""
    return {
        "day": day,
        "time_ms": 0,
        "device": "bus-01",
        "kind": "bus",
        "route": route,
        "trip": f"{number(route)}-AM",
        "period": "AM",
        "source": "assignment",
        "scheduled_s": 150.0,
        "driven_s": 150.0,
        "reported_s": 150.0,
        "connected_s": 150.0 * usable,
        "usable_s": 150.0 * usable,
        "longest_gap_s": 150.0 * (1 - usable),
        "client_trips": 3,
        "client_outage_min": 16 * (1 - usable),
        "observed": True,
        "late_s": 12.0,
    } | other


def district(*, timetable: bool = True) -> MemoryArchive:
    """Route 4 has a dead zone from 500 to 1000 m; its last segment but one is never told of."""
    held = MemoryArchive()
    if timetable:
        held.db.execute(
            "INSERT INTO feeds VALUES (1, 'gtfs', 'f', 'x', ?, ?, ?, 0)",
            [ZONE, FIRST, FIRST + timedelta(60)],
        )
        for route in ROUTES:
            _road(held, route)
    for day in DAYS:
        for route, middle in ROUTES.items() if timetable else ():
            share = middle if middle == 1.0 else 0.1
            held.add("trip_day", [trip_day(day, route, (4 + 2 * share) / 6)])
            rows = [segment_day(day, route, n, share if n in (2, 3) else 1.0) for n in range(6)]
            if route == "4 Elm":
                rows[4] |= {"usable_s": 0.0, "unreported_s": 25.0}
                del rows[0]
            held.add("segment_day", rows)
        held.add("device_day", [_device_day(day)])
        held.add("rollup_days", [{"day": day, "rolled_ms": 1, "sealed": day != DAYS[-1]}])
    return held


def _road(held: MemoryArchive, label: str) -> None:
    shape = f"{number(label)}@1"
    held.add("feed_routes", [{"feed": 1, "route": number(label), "label": label}])
    held.db.execute(
        "INSERT INTO feed_shapes VALUES (1, ?, ?, [-98.0, -98.0, -98.0], ?)",
        [shape, [38.5, 38.5 + 600 * METRE, 38.5 + LENGTH_M * METRE], [0.0, 600.0, LENGTH_M]],
    )
    stops = ["A", "B", "C"] if label == "4 Elm" else ["x", "y", "z"]
    names = [f"{stop} & Main" if label == "4 Elm" else "" for stop in stops]
    held.add(
        "feed_stops",
        [{"feed": 1, "stop": s, "name": name} for s, name in zip(stops, names, strict=True)],
    )
    held.db.execute(
        "INSERT INTO feed_trips VALUES (1, ?, ?, 'school', ?, 'to', 'AM', 24000, 24150, "
        "?, [24000, 24050, 24150], [24000, 24050, 24150], [0.0, 600.0, ?])",
        [f"{number(label)}-AM", number(label), shape, stops, LENGTH_M],
    )


def _device_day(day: date) -> dict[str, Any]:
    return {
        "day": day,
        "time_ms": 0,
        "device": "bus-01",
        "kind": "bus",
        "scheduled_s": 300.0,
        "reported_s": 240.0,
        "usable_s": 200.0,
        "moving_s": 400.0,
        "unassigned_s": 100.0,
        "points": 900,
        "batches": 19,
        "batches_missing": 1,
        "backfill_delay_s": 42.0,
    }
