"""Which drive each bus of the demonstration is on now, kept in the archive's legs."""

from __future__ import annotations

import asyncio
from datetime import datetime
from zoneinfo import ZoneInfo

from homeroute_agent.clock import wall_clock_ms
from homeroute_analytics import legs
from homeroute_collector.collector import Collector
from homeroute_simulators.fleet import Fleet
from homeroute_simulators.planned_drive import PlannedDrive

LEG_S = 15.0
"""How often the live legs are drawn out to the present."""

SOON_S = 0.5
"""How often it is looked for while nothing drives yet."""


async def keep_legs(fleet: Fleet, timezone: str, collector: Collector) -> None:
    """Say which drive each bus is on: a leg from its departure, or ours, to the present."""
    began_ms = wall_clock_ms()
    while True:
        # A little ahead of the present: the end is overtaken before it is reached.
        until_ms = wall_clock_ms() + round((LEG_S + 2) * 1000)
        driving = fleet.driving
        await legs.store(
            collector.archive.execute,
            [leg(planned, began_ms, until_ms, timezone) for planned in driving],
        )
        await asyncio.sleep(LEG_S if driving else SOON_S)


def leg(planned: PlannedDrive, began_ms: int, until_ms: int, timezone: str) -> legs.Leg:
    """The leg of a drive as far as it is driven.

    The trip is driven again and again, at any hour: each time has a name of its own,
    and the period is that of the hour, not of the timetable.
    """
    departed = datetime.fromtimestamp(planned.depart_ms / 1000, ZoneInfo(timezone))
    return legs.Leg(
        device=planned.bus.device,
        service_day=departed.date(),
        route=planned.trip.route.label,
        trip=f"{planned.trip.name}-live-{departed:%H%M%S}",
        period="AM" if departed.hour < 11 else "MID" if departed.hour < 13 else "PM",
        start_ms=max(planned.depart_ms, began_ms),
        end_ms=min(planned.arrive_ms, until_ms),
        reason=legs.GIVEN + "driven at any hour by the demonstration, in no timetable",
    )
