"""The timetable on its way into a running collector's presence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from homeroute_analytics import tables
from homeroute_analytics.legs import instant_ms
from homeroute_analytics.road_hours import OnRoad, RoadHours
from homeroute_collector.schedule import Run, Schedule
from homeroute_command.keep_schedule import keep_schedule, schedule
from tests.analytics.timetables import ZONE
from tests.collector.serving import batch as a_batch
from tests.collector.serving import config, offer, serving, until, uplink

HOUR = 3_600_000
DAY = date(2026, 11, 9)


def test_hours_become_joined_runs_and_a_spare_has_none() -> None:
    hours = RoadHours(
        drives=(
            OnRoad("bus-01", HOUR, 2 * HOUR),
            OnRoad("bus-01", 2 * HOUR + HOUR // 4, 3 * HOUR),
            OnRoad(None, 5 * HOUR, 6 * HOUR),
        ),
        known=frozenset({"bus-01", "bus-02"}),
        retired=frozenset({"bus-00"}),
        begun=True,
        current=True,
        last_day=DAY,
        installed=frozenset({"bus-01", "bus-02", "bus-03"}),
    )
    zone = ZoneInfo(ZONE)
    assert schedule(hours, zone) == Schedule(
        calendar="current",
        runs={"bus-01": (Run(HOUR, 3 * HOUR),), "bus-02": ()},
        district=(Run(HOUR, 3 * HOUR), Run(5 * HOUR, 6 * HOUR)),
        ends_ms=instant_ms(DAY + timedelta(1), 0, zone),
        retired=frozenset({"bus-00"}),
        installed=frozenset({"bus-01", "bus-02", "bus-03"}),
    )


@pytest.mark.parametrize(
    ("begun", "current", "calendar"),
    [(False, False, "none"), (True, True, "current"), (True, False, "ended")],
)
def test_a_calendar_is_none_current_or_ended(begun: bool, current: bool, calendar: str) -> None:
    hours = RoadHours((), frozenset(), frozenset(), begun=begun, current=current, last_day=None)
    assert schedule(hours, ZoneInfo(ZONE)).calendar == calendar


@pytest.mark.slow
def test_an_import_and_a_retirement_reach_a_collector_that_runs(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    async def run() -> None:
        settings = config(tmp_path / "data", free_port())
        async with serving(settings, extra_ddl=tables.DDL, connected=False) as (collector, session):
            await offer(collector, a_batch(1, uplink()))
            collector.presence.tick()
            assert collector.presence.devices["bus-07"].state == "online"
            keeping = asyncio.create_task(keep_schedule(collector, every_s=0.05))
            try:
                await until(lambda: collector.presence.schedule is not None)
                assert collector.presence.schedule == Schedule()
                today = datetime.now(ZoneInfo(collector.timezone)).date()
                await collector.archive.execute(
                    "INSERT INTO feeds BY NAME SELECT 1 AS feed, 'gtfs' AS format, 'f' AS name, "
                    "'x' AS sha256, 'America/Chicago' AS timezone, ?::DATE AS first_day, "
                    "?::DATE AS last_day, 0 AS imported_ms",
                    [today - timedelta(30), today - timedelta(3)],
                )
                await until(
                    lambda: (
                        collector.presence.schedule
                        and collector.presence.schedule.calendar == "ended"
                    )
                )
                await collector.archive.execute(
                    "INSERT INTO device_lives BY NAME SELECT 'bus-07' AS device, "
                    "?::DATE AS retired_day, 0 AS noted_ms",
                    [today],
                )
                await until(lambda: collector.presence.devices["bus-07"].state == "retired")
                async with session.get("/api/1/fleet") as answer:
                    [bus] = (await answer.json())["devices"]
                assert (bus["state"], bus["scheduled"]) == ("retired", None)
            finally:
                keeping.cancel()
                await asyncio.gather(keeping, return_exceptions=True)

    asyncio.run(run())
