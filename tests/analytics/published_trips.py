"""Trips as an archive holds them: legs, sessions, filter blocks, and their rolled up row."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

ZONE = "America/Chicago"
MONDAY = date(2026, 11, 9)


def ms(day: date, hour: int, minute: int = 0) -> int:
    """A Chicago wall clock in ms since 1970."""
    moment = datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(ZONE))
    return int(moment.timestamp() * 1000)


def drive(
    db: Any,
    device: str,
    route: str,
    *,
    clients: int,
    day: date = MONDAY,
    hits: dict[str, int] | None = None,
    streams: int = 1,
    sealed: bool = True,
) -> None:
    """One trip from 7:00 to 7:30: leg, sessions (of so many agent runs), blocks and row."""
    trip, start, end = f"{route}-am", ms(day, 7), ms(day, 7, 30)
    db.execute(
        "INSERT INTO legs BY NAME SELECT ? AS device, ? AS service_day, ? AS route, ? AS trip, "
        "'AM' AS period, ? AS start_ms, ? AS end_ms, 'assignment' AS source, 1.0 AS confidence",
        [device, day, route, trip, start, end],
    )
    for client in range(clients):
        db.execute(
            "INSERT INTO session BY NAME SELECT ? AS device, ? AS time_ms, 'bus' AS kind, "
            "? AS stream, ? AS client, ? AS started_min, 900 AS session_s, 1 AS commit_id",
            [
                device,
                end - 60_000,
                f"{client % streams}" * 16,
                client // streams,
                end // 60_000 - 16,
            ],
        )
    for category, count in (hits or {}).items():
        db.execute(
            "INSERT INTO filter BY NAME SELECT ? AS device, ? AS time_ms, 'bus' AS kind, "
            "? AS category, 'blocked' AS action, ? AS hits, 1 AS commit_id",
            [device, start + 600_000, category, count],
        )
    db.execute(
        "INSERT INTO trip_day BY NAME SELECT ? AS day, ? AS time_ms, ? AS device, "
        "'bus' AS kind, ? AS route, ? AS trip, 'AM' AS period, true AS observed, "
        "1800.0 AS scheduled_s, 1750.0 AS reported_s, ? AS client_trips, "
        "100 AS active_client_min, 40 AS learning_client_min, "
        "30 AS learning_client_min_strict, 50 AS learning_client_min_loose, "
        "600 AS lookups, 400 AS classified_lookups, 'd1' AS definition",
        [day, start, device, route, trip, clients],
    )
    db.execute("DELETE FROM rollup_days WHERE day = ?", [day])
    db.execute(
        "INSERT INTO rollup_days (day, rolled_ms, sealed, commit_id) VALUES (?, ?, ?, 1)",
        [day, end, sealed],
    )
