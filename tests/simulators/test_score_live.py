"""Real agents over simulated gateways, scored against what their gateways did.

Over a hostapd socket the bytes of a session's last half minute go with the station:
its poll is all there is. So bytes are held here to what thirty seconds can move.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from homeroute_simulators.agent_file import Cadence
from homeroute_simulators.faults import Fault, Kind
from homeroute_simulators.score import STATES, Score, score
from tests.simulators.fleets import START_MS, drive, one_bus

pytestmark = pytest.mark.slow

CADENCE = Cadence(
    sample_s=10.0, batch_s=20.0, minute_s=60.0, session_interim_s=600.0, boot_delay_s=0.0
)
SECONDS, SPEED = 600.0, 10.0
BYTES_SHARE = 0.15
BUSY_SHARE = 0.05
"""A busy machine's delays are ten times as long at ten times the speed."""


def fault(kind: Kind, begin_s: int, end_s: int) -> Fault:
    device = one_bus().buses[0].device
    return Fault(kind, device, START_MS + begin_s * 1000, START_MS + end_s * 1000)


def driven(folder: Path, *faults: Fault) -> Score:
    drive(folder, faults, seconds=SECONDS, speed=SPEED, cadence=CADENCE)
    return score(folder / "truth.jsonl.gz", folder / "data" / "archive.duckdb")


def test_with_no_faults_a_live_run_is_told_right(tmp_path: Path) -> None:
    by_name = {metric.name: metric for metric in driven(tmp_path).metrics}
    assert by_name["sessions"].truth > 5
    assert by_name["sessions"].within
    assert by_name["uplink invented"].within
    assert by_name["filter hits"].truth > 20
    total_s = sum(by_name[f"uplink {state}"].truth for state in STATES)
    assert total_s > 500
    for state in STATES:
        assert by_name[f"uplink {state}"].error <= BUSY_SHARE * total_s
    for way in ("down", "up"):
        moved = by_name[f"session bytes {way}"]
        assert (1 - BYTES_SHARE) * moved.truth <= moved.reported <= moved.truth
    for name in ("filter hits", "active client-minutes"):
        told = by_name[name]
        assert abs(told.reported - told.truth) <= max(2, BUSY_SHARE * told.truth)
    for definition in ("", " (strict)", " (loose)"):
        assert by_name[f"learning{definition} client-minutes"].error <= 2


def test_what_a_power_cut_took_is_missing_and_not_good(tmp_path: Path) -> None:
    found = driven(tmp_path, fault("power_cut", 200, 290))
    by_name = {metric.name: metric for metric in found.metrics}
    assert by_name["uplink usable"].lost > 0
    assert by_name["uplink invented"].within
    assert by_name["uplink not reported"].within
