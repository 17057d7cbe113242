"""What a demonstration's buses drive, as a timetable."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from homeroute_analytics.imports import Document
from homeroute_analytics.legs import instant_ms
from homeroute_simulators import live_timetable
from homeroute_simulators.itinerary import endless, last_driven
from homeroute_simulators.school_calendar import EveryWeekday
from homeroute_simulators.world import World, found


def test_what_buses_drive_at_any_hour_is_scheduled_that_day_and_no_excursion_is() -> None:
    world = World(found(7), EveryWeekday(date(2026, 8, 17)))
    now_ms = 1_795_671_000_000  # 23:30 on a Wednesday, in the district
    plan = endless(world, last_driven(world, now_ms), now_ms)
    mine = [d for d in islice(plan["bus-01"], 300) if not d.excursion]
    live = live_timetable.scheduled(
        world, endless(world, last_driven(world, now_ms), now_ms), now_ms
    )
    wednesday, thursday = date(2026, 11, 25), date(2026, 11, 26)
    zone = ZoneInfo(world.district.timezone)
    for day in (wednesday, thursday):
        due = sorted(
            instant_ms(day, trip.depart_s, zone)
            for trip in live.trips(day)
            if trip.bus.device == "bus-01"
        )
        driven = [
            d.scheduled_ms
            for d in mine
            if datetime.fromtimestamp(d.scheduled_ms / 1000, zone).date() == day
            and d.depart_ms < now_ms + live_timetable.AHEAD_MS
            and d.trip.bus.device == "bus-01"
        ]
        assert len(due) == len(driven) > 0
        assert max(abs(a - b) for a, b in zip(due, driven, strict=True)) <= 500
    names = [trip.name for day in (wednesday, thursday) for trip in live.trips(day)]
    assert len(names) == len(set(names))
    assert live.trips(date(2026, 11, 27)) == world.trips(date(2026, 11, 27))


@pytest.mark.slow
def test_what_buses_drive_for_days_is_kept_up_each_day_whole_and_past_days_left_alone(
    tmp_path: Path,
) -> None:
    world = World(found(7), EveryWeekday(date(2026, 8, 17)))
    began_ms = 1_795_671_000_000
    day = last_driven(world, began_ms)
    later_ms = began_ms + 2 * live_timetable.AHEAD_MS
    zone = ZoneInfo(world.district.timezone)
    friday = date(2026, 11, 27)
    assert datetime.fromtimestamp(later_ms / 1000, zone).date() == friday
    live = live_timetable.scheduled(world, endless(world, day, began_ms), later_ms)
    begun = {trip.service for trip in live.district.trips if trip.service.startswith("live-")}
    assert begun == {"live-2026-11-27", "live-2026-11-28"}
    # Of today also what was driven before it was asked: its version replaces this morning's.
    assert min(trip.depart_s for trip in live.trips(friday)) < 3_600

    taken: list[tuple[date, list[str]]] = []
    moments = iter((began_ms, later_ms))

    async def take(documents: Sequence[tuple[Document, date | None]], today: date) -> None:
        taken.append((today, [document.what for document, _ in documents]))
        assert [from_day for _, from_day in documents if from_day] == [today]
        if len(taken) == 2:
            raise EnoughError

    async def story() -> None:
        await live_timetable.keep(
            world, day, began_ms, take, folder=tmp_path, now_ms=lambda: next(moments), every_s=0.0
        )

    with pytest.raises(EnoughError):
        asyncio.run(story())
    assert [today for today, _ in taken] == [date(2026, 11, 25), friday]
    assert all(whats == ["gtfs", "fleet", "assignments"] for _, whats in taken)


class EnoughError(Exception):
    """Stops it."""
