"""Drives the demonstration's buses under docker compose: real agents on simulated gateways.

    python simulated_buses.py DATA STATE

Runs in mosquitto's network, whose plain listener is on that loopback. Refuses a
collector that does not label its data as simulated. History, timetable and its trips come
from the service `simulated-history`. Does not: drive by that timetable (it drives at any
hour, over and over), so that live driving is on no trip; `homeroute demo` tells its legs itself.
"""

# ruff: noqa: INP001 - a script beside the recipe, not a package
from __future__ import annotations

import asyncio
import json
import signal
import sys
import urllib.request
from datetime import date
from pathlib import Path

from homeroute_agent.clock import wall_clock_ms
from homeroute_collector.broker import Credentials
from homeroute_simulators.agent_file import Cadence
from homeroute_simulators.district import District
from homeroute_simulators.fleet import Broker, Fleet
from homeroute_simulators.itinerary import endless, last_driven
from homeroute_simulators.school_calendar import EveryWeekday
from homeroute_simulators.world import World, found

SEED = 7
FIRST_DAY = date(2026, 8, 17)
COLLECTOR = "http://collector:8080/api/1/fleet"


def objection(fleet: dict[str, object], district: str) -> str | None:
    """Why these buses must not drive for this collector; None when they may."""
    if fleet["simulated"] is not True:
        return "the collector does not say its data is simulated: COLLECTOR_SETTINGS in .env"
    if fleet["district"] != district:
        return f"the collector serves {fleet['district']}, the buses {district}: DISTRICT in .env"
    return None


def ask(url: str, district: str) -> str | None:
    """The objection, asked of the collector itself."""
    # It answers to names of its own machine only; this is one of them.
    request = urllib.request.Request(url, headers={"Host": "localhost"})  # noqa: S310 - ours
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - ours
            return objection(json.load(answer), district)
    except OSError as error:
        return f"the collector does not answer at {url}: {error}"


async def drive(district: District, data: Path, state: Path) -> None:
    """Drive until told to stop."""
    credentials = Credentials(data)
    passwords = credentials.add_all((bus.device for bus in district.buses), replace=True)
    passwords |= credentials.add_all(
        (hotspot.device for hotspot in district.hotspots), kind="hotspot", replace=True
    )
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    now_ms = wall_clock_ms()
    world = World(district, EveryWeekday(FIRST_DAY))
    fleet = Fleet(
        district,
        endless(world, last_driven(world, now_ms), now_ms),
        state=state,
        broker=Broker("127.0.0.1", 1883),
        passwords=passwords,
        cadence=Cadence(),
    )
    await fleet.run(stop)


def main(data: Path, state: Path) -> int:
    """Ask, then drive."""
    district = found(SEED)
    why = ask(COLLECTOR, district.name)
    if why:
        print(f"simulated buses: {why}", file=sys.stderr)
        return 2
    asyncio.run(drive(district, data, state))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
