"""What presence, alerts and the timetable's hours cost, by the size of the fleet.

    python benchmarks/presence.py            # 100, 1,000 and 10,000 devices
    python benchmarks/presence.py 1000

Every device has an uplink, a ledger, health and a filter check, and four trips a day.
The median of nine runs; the archive of the hours is in memory.
"""

from __future__ import annotations

import asyncio
import dataclasses
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

from homeroute_analytics import tables
from homeroute_analytics.road_hours import RoadHours, around
from homeroute_collector import alert_journal
from homeroute_collector.alert_conditions import Facts, conditions
from homeroute_collector.alert_messages import Place
from homeroute_collector.alert_states import Condition
from homeroute_collector.alerts import Alerts
from homeroute_collector.config_alerts import AlertSettings
from homeroute_collector.presence import Presence
from homeroute_collector.presence_report import (
    AgentSeen,
    FilterSeen,
    HealthSeen,
    Report,
    UplinkSeen,
)
from homeroute_command.keep_schedule import schedule

ZONE = "America/Chicago"
MONDAY = date(2026, 11, 9)
NOW = 1_794_232_800_000
SIZES = (100, 1_000, 10_000)


def timetable(devices: int) -> duckdb.DuckDBPyConnection:
    """A school year of ``devices`` buses with four trips a day each."""
    db = duckdb.connect(config={"threads": 2, "memory_limit": "512MB"})
    for statement in tables.DDL:
        db.execute(statement)
    last = MONDAY + timedelta(180)
    db.execute(
        "INSERT INTO feeds BY NAME SELECT 1 AS feed, 'gtfs' AS format, 'f' AS name, "
        f"'x' AS sha256, '{ZONE}' AS timezone, ?::DATE AS first_day, ?::DATE AS last_day, "
        "0 AS imported_ms",
        [MONDAY, last],
    )
    db.execute(
        "INSERT INTO feed_services BY NAME SELECT 1 AS feed, 's' AS service, "
        "unnest(generate_series(?::DATE, ?::DATE, INTERVAL 1 DAY))::DATE AS day",
        [MONDAY, last],
    )
    db.execute(
        "INSERT INTO feed_trips BY NAME SELECT 1 AS feed, 't' || i || '-' || k AS trip, "
        "'r' || i AS route, 's' AS service, 'x' AS shape, 'to' AS direction, 'AM' AS period, "
        "21600 + k * 7200 AS start_s, 24000 + k * 7200 AS end_s "
        "FROM range(?) r(i), range(4) q(k)",
        [devices],
    )
    db.execute(
        "INSERT INTO fleet BY NAME SELECT 'bus-' || i AS device, 'v' || i AS vehicle, "
        "?::DATE AS first_day, 0 AS imported_ms FROM range(?) r(i)",
        [MONDAY, devices],
    )
    db.execute(
        "INSERT INTO assignments BY NAME SELECT 'v' || i AS vehicle, 't' || i || '-' || k AS trip,"
        " ?::DATE AS first_day, 127 AS weekdays, 0 AS imported_ms "
        "FROM range(?) r(i), range(4) q(k)",
        [MONDAY, devices],
    )
    return db


def fleet(devices: int, now: list[int]) -> Presence:
    """All online, each heard four times."""
    presence = Presence(lambda: now[0])
    presence.listening(connected=True)
    for number in range(devices):
        for k in range(4):
            at = now[0] - (3 - k) * 1_000
            presence.reported(
                f"bus-{number}",
                Report(
                    "bus",
                    at,
                    at,
                    0,
                    uplinks=(UplinkSeen(at, "wwan0", 2, 50.0, 0.0, "lte", "x", -90.0, 9.0),),
                    agents=(AgentSeen(at, "1", k * 100, 0, 0, 0),),
                    health=(HealthSeen(at, False, False, 4, 0.3, 50.0),),
                    filters=(FilterSeen(at, "f", canary_blocked=True, filter_live=True),),
                ),
            )
    presence.tick()
    return presence


def median_ms(work: Callable[[], object]) -> float:
    """Of nine runs."""
    took = []
    for _ in range(9):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return statistics.median(took) * 1000


def measured(devices: int) -> None:
    """Print the figures of one size."""
    db = timetable(devices)

    async def query(sql: str, params: object) -> list[tuple[object, ...]]:
        return db.cursor().execute(sql, params).fetchall()

    def asked() -> RoadHours:
        return asyncio.run(around(query, MONDAY, ZONE))

    now = [NOW]
    presence = fleet(devices, now)
    presence.schedule = schedule(asked(), ZoneInfo(ZONE))
    with tempfile.TemporaryDirectory() as folder:
        place = Place("springfield", ZoneInfo(ZONE))
        alerts = Alerts(AlertSettings(), place, folder=Path(folder), now_ms=lambda: now[0])

        def found() -> list[Condition]:
            return list(
                conditions(
                    alerts.rules, presence.devices.values(), Facts(), presence.schedule, now[0]
                )
            )

        print(f"{devices:6} devices:", end=" ")
        print(f"tick {median_ms(presence.tick):.1f} ms,", end=" ")
        print(f"hours {median_ms(asked):.0f} ms,", end=" ")
        print(f"look {median_ms(lambda: asyncio.run(alerts.look(found()))):.1f} ms,", end=" ")
        dark = [
            dataclasses.replace(c, holds=True) for c in found() if c.rule == "two_devices_one_id"
        ]
        asyncio.run(alerts.look(dark))
        size = (Path(folder) / alert_journal.FILE_NAME).stat().st_size
        print(f"journal with an alert each {size / 1024:.0f} KiB")


def main(arguments: list[str]) -> None:
    """Measure the sizes that are named, or all."""
    for size in [int(word) for word in arguments] or SIZES:
        measured(size)


if __name__ == "__main__":
    main(sys.argv[1:])
