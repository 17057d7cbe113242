"""What a demonstration's buses drive, as a timetable."""

from __future__ import annotations

from datetime import date, datetime
from itertools import islice
from zoneinfo import ZoneInfo

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
