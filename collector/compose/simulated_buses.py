"""Drives the demonstration's buses under docker compose: real agents on simulated gateways.

    python simulated_buses.py DATA STATE COLLECTOR_URL BROKER_PORT

Runs in mosquitto's network, whose plain listener is on that loopback. Refuses a
collector that does not label its data as simulated. Drives at any hour, over and over, and
has the collector import what it drives as the timetable of these days, as `homeroute demo`
does, so that live buses are on trips. What was before comes from `simulated-history`.
"""

# ruff: noqa: INP001 - a script beside the recipe, not a package
from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from functools import partial
from pathlib import Path

from homeroute_agent.clock import wall_clock_ms
from homeroute_analytics.imports import Document
from homeroute_collector.broker import Credentials
from homeroute_command import running
from homeroute_command.failure import Failure
from homeroute_simulators import live_timetable
from homeroute_simulators.agent_file import Cadence
from homeroute_simulators.district import District
from homeroute_simulators.fleet import Broker, Fleet
from homeroute_simulators.itinerary import endless, last_driven
from homeroute_simulators.school_calendar import EveryWeekday
from homeroute_simulators.world import World, found

SEED = 7
FIRST_DAY = date(2026, 8, 17)
AGAIN_S = 10.0
"""A collector that is starting again answers soon."""


def objection(fleet: dict[str, object], district: str) -> str | None:
    """Why these buses must not drive for this collector; None when they may."""
    if fleet["simulated"] is not True:
        return "the collector does not say its data is simulated: COLLECTOR_SETTINGS in .env"
    if fleet["district"] != district:
        return f"the collector serves {fleet['district']}, the buses {district}: DISTRICT in .env"
    return None


def ask(url: str, district: str) -> str | None:
    """The objection, asked of the collector itself."""
    try:
        return objection(running.get(url, "/api/1/fleet"), district)
    except Failure as error:
        return str(error)


async def import_into(
    url: str, documents: Sequence[tuple[Document, date | None]], today: date
) -> None:
    """Have the collector import these, as `homeroute import` does; again until it does."""
    for document, day in documents:
        body = {"document": asdict(document), "from_day": day.isoformat() if day else None}
        while True:
            try:
                await asyncio.to_thread(running.post, url, "/api/1/timetable/import", body)
            except running.Answered:
                raise
            except Failure as error:
                print(f"simulated buses: timetable of {today}: {error}", file=sys.stderr)
                await asyncio.sleep(AGAIN_S)
            else:
                break


async def drive(
    district: District, data: Path, state: Path, *, collector: str, broker_port: int
) -> None:
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
    day = last_driven(world, now_ms)
    fleet = Fleet(
        district,
        endless(world, day, now_ms),
        state=state,
        broker=Broker("127.0.0.1", broker_port),
        passwords=passwords,
        cadence=Cadence(),
    )
    scheduling = asyncio.create_task(
        live_timetable.keep(
            world,
            day,
            now_ms,
            partial(import_into, collector),
            folder=state / "timetable",
            now_ms=wall_clock_ms,
        ),
        name="live timetable",
    )
    # One that fails ends the buses, and says why: they would be on no trip.
    scheduling.add_done_callback(lambda _: stop.set())
    try:
        await fleet.run(stop)
    finally:
        scheduling.cancel()
        (failed,) = await asyncio.gather(scheduling, return_exceptions=True)
    if isinstance(failed, Exception):
        raise failed


def main(data: str, state: str, collector: str, broker_port: str) -> int:
    """Ask, then drive."""
    district = found(SEED)
    why = ask(collector, district.name)
    if why:
        print(f"simulated buses: {why}", file=sys.stderr)
        return 2
    driving = drive(
        district, Path(data), Path(state), collector=collector, broker_port=int(broker_port)
    )
    try:
        asyncio.run(driving)
    except Failure as error:
        print(f"simulated buses: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
