"""Which route each bus of the demonstration drives now, kept in the archive's legs."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from homeroute_analytics import legs
from homeroute_collector.collector import Collector
from homeroute_simulators.district import District

LEG_S = 15.0
"""How often the live legs are drawn out to the present."""


async def keep_legs(district: District, collector: Collector) -> None:
    """Say which route each bus drives now: one leg a bus from the start to the present."""
    zone = ZoneInfo(district.timezone)
    began = datetime.now(zone)
    period: Literal["AM", "MID", "PM"] = (
        "AM" if began.hour < 11 else "MID" if began.hour < 13 else "PM"
    )
    while True:
        # A little ahead of the present: the end is overtaken before it is reached.
        until = datetime.now(zone) + timedelta(seconds=LEG_S + 2)
        await legs.store(
            collector.archive.execute,
            [
                legs.Leg(
                    device=bus.device,
                    service_day=began.date(),
                    route=district.route_of(bus).label,
                    trip=f"{district.route_of(bus).number}-live-{began:%H%M%S}",
                    period=period,
                    start_ms=round(began.timestamp() * 1000),
                    end_ms=round(until.timestamp() * 1000),
                )
                for bus in district.buses
            ],
        )
        await asyncio.sleep(LEG_S)
