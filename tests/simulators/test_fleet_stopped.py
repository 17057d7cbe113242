"""A fleet that is stopped early is a whole run that was shorter: its score has no false alarm."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from homeroute_agent.spool import Ledger
from homeroute_simulators import truth
from homeroute_simulators.faults import Fault, Kind
from homeroute_simulators.score import score
from homeroute_simulators.world import world
from tests.simulators.fleets import MONDAY, ORDINARY, SCORED_SPEED, driving

STOPPED_S, ASKED_S = 200.0, 900.0


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_stopped_in_the_middle_of_faults_everything_is_delivered_and_the_truth_closed(
    tmp_path: Path,
) -> None:
    place = world(7, buses=4)
    departures = sorted(drive.depart_ms for drive in place.drives(MONDAY))
    start_ms = departures[2] // 60_000 * 60_000 + 360_000
    buses = place.district.buses
    planned: list[tuple[Kind, int, int, int]] = [
        ("no_coverage", 0, 60, 700),
        ("power_cut", 1, 150, 600),
        ("gps_loss", 2, 100, 800),
        ("no_coverage", 3, 600, 700),
    ]
    faults = [
        Fault(kind, buses[bus].device, start_ms + begin_s * 1000, start_ms + end_s * 1000)
        for kind, bus, begin_s, end_s in planned
    ]

    async def story() -> dict[str, Ledger]:
        run = driving(
            place,
            start_ms,
            tmp_path,
            faults,
            ASKED_S,
            SCORED_SPEED,
            ORDINARY,
            stopped_s=STOPPED_S,
        )
        async with run as (_, ledgers):
            return ledgers

    ledgers = asyncio.run(story())
    # What the dark bus had spooled has come, and is not thrown away.
    assert {device: ledger.spooled for device, ledger in ledgers.items() if ledger.spooled} == {}

    records = list(truth.read(tmp_path / "truth.jsonl.gz"))
    drives = [r for r in records if isinstance(r, truth.Drive)]
    ended_ms = max(drive.end_ms for drive in drives)
    assert STOPPED_S <= (ended_ms - start_ms) / 1000 < ASKED_S / 2
    told = {r.kind: r for r in records if isinstance(r, truth.Fault)}
    assert set(told) == {"no_coverage", "power_cut", "gps_loss"}  # the last had not begun
    assert all(fault.end_ms <= ended_ms + 10_000 for fault in told.values())

    found = score(tmp_path / "truth.jsonl.gz", tmp_path / "data" / "archive.duckdb")
    assert [metric for metric in found.metrics if not metric.within] == []
    sessions = next(metric for metric in found.metrics if metric.name == "sessions")
    assert sessions.truth > 5
