"""A small district for tests: real agents, broker and collector, on simulated time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from homeroute_agent.run import SPOOL_NAME
from homeroute_agent.spool import Ledger, Spool
from homeroute_simulators.agent_file import Cadence
from homeroute_simulators.district import District
from homeroute_simulators.faults import Fault
from homeroute_simulators.fleet import Broker, Fleet
from homeroute_simulators.fleet_collector import Collecting, collecting
from homeroute_simulators.fleet_pace import pace
from homeroute_simulators.itinerary import school_days
from homeroute_simulators.school_calendar import SchoolCalendar
from homeroute_simulators.sim_clock import SimClock
from homeroute_simulators.truth import Record, Recorder, read
from homeroute_simulators.world import World, found

MONDAY = date(2026, 11, 16)
ON_THE_WAY_MS = 480_000

SPEED = 20.0
CADENCE = Cadence(
    sample_s=5.0, batch_s=10.0, minute_s=15.0, session_interim_s=60.0, boot_delay_s=0.0
)


@dataclass(frozen=True, slots=True)
class Told:
    """What a run came to: the device's ledger and spool, the archive's rows, the truth."""

    ledger: Ledger
    clone: Ledger | None
    waiting: frozenset[tuple[str, int]]
    batches: dict[tuple[str, int], tuple[int, int]]
    rows: dict[str, list[tuple[Any, ...]]]
    truth: list[Record]

    @property
    def stored(self) -> int:
        return sum(stored for stored, _ in self.batches.values())

    @property
    def refused(self) -> int:
        return sum(refused for _, refused in self.batches.values())


def one_bus(seed: int = 7) -> District:
    """The district's first bus alone, where the radio is always good."""
    whole = found(seed)
    bus = whole.buses[0]
    trips = tuple(trip for trip in whole.trips if trip.bus is bus)
    return replace(whole, buses=(bus,), hotspots=(), trips=trips, zones=())


def one_bus_world(seed: int = 7) -> World:
    """Its school year."""
    return World(one_bus(seed), SchoolCalendar(seed, 2026))


START_MS = one_bus_world().drives(MONDAY)[0].depart_ms // 60_000 * 60_000 + ON_THE_WAY_MS
"""A Monday morning: the bus is on its way to school, and half full."""


def drive(
    folder: Path,
    faults: Sequence[Fault] = (),
    *,
    seconds: float,
    queries: dict[str, str] | None = None,
    speed: float = SPEED,
    cadence: Cadence = CADENCE,
) -> Told:
    """Drive one bus for so many simulated seconds, and tell everything."""
    place = one_bus_world()
    district = place.district
    end_ms = START_MS + round(seconds * 1000)
    device = district.buses[0].device

    async def story() -> Told:
        clock = SimClock(speed, START_MS)
        names = [(device, "bus")]
        async with collecting(folder / "data", district.name, clock, names) as its:
            paced, rtt_scale = pace(cadence, speed)
            with Recorder(folder / "truth.jsonl.gz") as recorder:
                fleet = Fleet(
                    district,
                    school_days(place, START_MS, end_ms),
                    state=folder / "devices",
                    broker=Broker(its.broker.host, its.broker.port),
                    passwords=its.passwords,
                    cadence=paced,
                    clock=clock,
                    rtt_scale=rtt_scale,
                    faults=faults,
                    recorder=recorder,
                    wall=its.wall,
                )
                recorder.run(
                    seed=7, version="0", district=district.name, timezone="UTC", made_by="fleet"
                )
                ledgers = await fleet.run(asyncio.Event(), until_ms=end_ms, quiesce_s=4.0)
            await its.ingest.drain()
            return await _tell(folder, device, ledgers[device], its, queries or {})

    return asyncio.run(story())


async def _tell(
    folder: Path, device: str, ledger: Ledger, its: Collecting, queries: dict[str, str]
) -> Told:
    rows = await its.archive.query(
        "SELECT stream, seq, stored, refused FROM batches WHERE device = ?", [device]
    )
    spool = Spool.open(folder / "devices" / device / SPOOL_NAME)
    waiting = frozenset((stream, seq) for stream, seq, _ in spool.pending())
    spool.close()
    clone = None
    if (copy := folder / "devices" / f"{device}.clone" / SPOOL_NAME).exists():
        spool = Spool.open(copy)
        clone = spool.ledger()
        spool.close()
    return Told(
        ledger,
        clone,
        waiting,
        {(stream, int(seq)): (int(stored), int(refused)) for stream, seq, stored, refused in rows},
        {name: await its.archive.query(sql) for name, sql in queries.items()},
        list(read(folder / "truth.jsonl.gz")),
    )
