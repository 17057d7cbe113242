"""A small district for tests: real agents, broker and collector, on simulated time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
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
from homeroute_simulators.score import Score, score
from homeroute_simulators.sim_clock import SimClock
from homeroute_simulators.truth import Record, Recorder, read
from homeroute_simulators.world import World, found

MONDAY = date(2026, 11, 16)
ON_THE_WAY_MS = 480_000

SPEED, SCORED_SPEED = 20.0, 12.0
CADENCE = Cadence(
    sample_s=5.0, batch_s=10.0, minute_s=15.0, session_interim_s=60.0, boot_delay_s=0.0
)
ORDINARY = Cadence(
    sample_s=10.0, batch_s=30.0, minute_s=60.0, session_interim_s=600.0, boot_delay_s=0.0
)


@dataclass(frozen=True, slots=True)
class Told:
    """What a run came to: the device's ledger and spool, the archive's rows, the truth.

    ``waiting`` are the points of batches that the device, or its clone, still spools;
    ``undated`` those that wait for a date.
    """

    ledger: Ledger
    clone: Ledger | None
    waiting: dict[tuple[str, int], int]
    batches: dict[tuple[str, int], tuple[int, int]]
    rows: dict[str, list[tuple[Any, ...]]]
    truth: list[Record]
    undated: int

    @property
    def stored(self) -> int:
        return sum(stored for stored, _ in self.batches.values())

    @property
    def refused(self) -> int:
        return sum(refused for _, refused in self.batches.values())

    @property
    def only_there(self) -> int:
        """Points that stand on a device and not in the archive."""
        waiting = sum(points for key, points in self.waiting.items() if key not in self.batches)
        return waiting + self.undated


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
    device = place.district.buses[0].device

    async def story() -> Told:
        run = driving(place, START_MS, folder, faults, seconds, speed, cadence)
        async with run as (its, ledgers):
            return await _tell(folder, device, ledgers[device], its, queries or {})

    return asyncio.run(story())


def score_of(
    place: World, start_ms: int, folder: Path, faults: Sequence[Fault], seconds: float
) -> Score:
    """Drive all of a place's devices as agents are by default, and score what is stored."""

    async def story() -> None:
        async with driving(place, start_ms, folder, faults, seconds, SCORED_SPEED, ORDINARY):
            pass

    asyncio.run(story())
    return score(folder / "truth.jsonl.gz", folder / "data" / "archive.duckdb")


@asynccontextmanager
async def driving(
    place: World,
    start_ms: int,
    folder: Path,
    faults: Sequence[Fault],
    seconds: float,
    speed: float,
    cadence: Cadence,
    *,
    stopped_s: float | None = None,
) -> AsyncIterator[tuple[Collecting, dict[str, Ledger]]]:
    """Drive; the collector, while it still stands, and every device's ledger.

    ``stopped_s``: after so long somebody presses Ctrl-C.
    """
    district = place.district
    end_ms = start_ms + round(seconds * 1000)
    clock = SimClock(speed, start_ms)
    names = [(device, "bus") for device in (bus.device for bus in district.buses)]
    names += [(hotspot.device, "hotspot") for hotspot in district.hotspots]
    async with collecting(folder / "data", district.name, clock, names) as its:
        paced, rtt_scale = pace(cadence, speed)
        with Recorder(folder / "truth.jsonl.gz") as recorder:
            fleet = Fleet(
                district,
                school_days(place, start_ms, end_ms),
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
                seed=district.seed,
                version="0",
                district=district.name,
                timezone=district.timezone,
                made_by="fleet",
            )
            stop = asyncio.Event()
            stopping = asyncio.create_task(_stop(stop, clock, start_ms, stopped_s))
            try:
                ledgers = await fleet.run(stop, until_ms=end_ms, quiesce_s=4.0)
            finally:
                stopping.cancel()
        await its.ingest.drain()
        yield its, ledgers


async def _stop(stop: asyncio.Event, clock: SimClock, start_ms: int, after_s: float | None) -> None:
    if after_s is not None:
        await clock.until(start_ms + round(after_s * 1000))
        stop.set()


async def _tell(
    folder: Path, device: str, ledger: Ledger, its: Collecting, queries: dict[str, str]
) -> Told:
    rows = await its.archive.query(
        "SELECT stream, seq, stored, refused FROM batches WHERE device = ?", [device]
    )
    waiting: dict[tuple[str, int], int] = {}
    undated, clone = 0, None
    for name in (device, f"{device}.clone"):
        if not (file := folder / "devices" / name / SPOOL_NAME).exists():
            continue
        spool = Spool.open(file)
        pending = {(stream, seq): points for stream, seq, points in spool.pending()}
        undated += spool.ledger().spooled - sum(pending.values())
        waiting |= pending
        if name != device:
            clone = spool.ledger()
        spool.close()
    return Told(
        ledger,
        clone,
        waiting,
        {(stream, int(seq)): (int(stored), int(refused)) for stream, seq, stored, refused in rows},
        {name: await its.archive.query(sql) for name, sql in queries.items()},
        list(read(folder / "truth.jsonl.gz")),
        undated,
    )
