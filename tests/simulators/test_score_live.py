"""Real agents over simulated gateways, held to what their gateways did: to the score's bounds.

A few buses at twelve times the speed. Simulated time waits for the world, so that a busy
machine makes these runs longer and not different.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest

from homeroute_agent import names
from homeroute_agent.samplers import dns_log
from homeroute_simulators.faults import COLLECTOR, KINDS, Fault, Kind
from homeroute_simulators.score import Metric, Score, score
from homeroute_simulators.truth import Lost, Unseen, read
from homeroute_simulators.world import World, world
from tests.simulators.fleets import MONDAY, START_MS, one_bus_world, score_of

pytestmark = [
    pytest.mark.slow,
    # A busy machine makes a run longer; see the module.
    pytest.mark.timeout(400),
]

SECONDS = 480.0

FAULTS: dict[int, Sequence[tuple[Kind, int, int]]] = {
    0: (("no_coverage", 60, 180), ("filter_off", 200, 300), ("power_cut", 330, 390)),
    1: (("modem_hang", 60, 180), ("clock_jump", 200, 320), ("hostapd_restart", 350, 362)),
    2: (("hostapd_restart", 60, 70), ("older_agent", 90, 180), ("boot_1970", 210, 390)),
    3: (("radius_disorder", 30, 280), ("gps_loss", 300, 390), ("counter_reset", 420, 430)),
    4: (("full_disk", 120, 250), ("counter_wrap", 350, 360)),
    5: (("modem_flap", 60, 110), ("cloned_card", 130, 250), ("newer_agent", 300, 400)),
}
"""By the bus's place: kind, from, to (seconds). All kinds but the collector's own."""

COLLECTOR_S = (400, 450)


@pytest.fixture(scope="module")
def place() -> World:
    return world(7, buses=6)


@pytest.fixture(scope="module")
def start_ms(place: World) -> int:
    """A minute at which most buses drive, with riders."""
    departures = sorted(drive.depart_ms for drive in place.drives(MONDAY))
    return departures[4] // 60_000 * 60_000 + 360_000


def faults(place: World, start_ms: int) -> list[Fault]:
    def fault(kind: Kind, device: str, begin_s: int, end_s: int) -> Fault:
        return Fault(kind, device, start_ms + begin_s * 1000, start_ms + end_s * 1000)

    buses = place.district.buses
    made = [fault(k, buses[bus].device, a, b) for bus, its in FAULTS.items() for k, a, b in its]
    return [*made, fault("collector_clock", COLLECTOR, *COLLECTOR_S)]


def test_no_lookup_is_missed_by_an_agent_that_is_slow_to_open_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Reading the lists of names takes a busy machine longer than connecting and probing.
    def load(categories: Path | None, learning: Path | None) -> names.Names:
        time.sleep(1.5)
        return names.load(categories, learning)

    monkeypatch.setattr(dns_log, "load", load)
    told = metrics(score_of(one_bus_world(), START_MS, tmp_path, (), 70.0))
    assert told["lookups"].truth > 30
    assert told["lookups"].error == told["filter hits"].error == 0


def metrics(found: Score) -> dict[str, Metric]:
    return {metric.name: metric for metric in found.metrics}


def outside(found: Score) -> list[Metric]:
    return [metric for metric in found.metrics if not metric.within]


def rescored(folder: Path, statement: str) -> set[str]:
    """The metrics out of bounds once the archive has been made wrong."""
    wrong = folder / "wrong.duckdb"
    wrong.write_bytes((folder / "data" / "archive.duckdb").read_bytes())
    with duckdb.connect(str(wrong)) as archive:
        archive.execute(statement)
    return {metric.name for metric in outside(score(folder / "truth.jsonl.gz", wrong))}


WRONG = {
    "UPDATE session SET up_bytes = up_bytes + 1 WHERE up_bytes > 0": "session bytes up",
    "UPDATE activity SET learning_clients = learning_clients + 1": "learning client-minutes",
    "DELETE FROM filter WHERE time_ms = (SELECT max(time_ms) FROM filter)": "filter hits",
}


def test_with_no_faults_a_live_run_is_told_right_and_what_is_wrong_is_seen(
    place: World, start_ms: int, tmp_path: Path
) -> None:
    found = score_of(place, start_ms, tmp_path, (), SECONDS)
    assert outside(found) == []
    told = metrics(found)
    assert told["sessions"].truth > 30
    assert told["session bytes down"].truth > 10**8
    assert told["active client-minutes"].truth > 100
    assert told["learning client-minutes"].truth > 20
    assert told["filter hits"].truth > 50
    assert sum(told[f"uplink {state}"].truth for state in ("no service", "usable")) > 3_000
    # Nothing was lost but what a hostapd socket cannot tell, and that is on one bus.
    records = list(read(tmp_path / "truth.jsonl.gz"))
    assert not [r for r in records if isinstance(r, Lost)]
    unseen = [r for r in records if isinstance(r, Unseen) and r.down_bytes]
    assert len({r.device for r in unseen}) == 1
    assert 0 < told["session bytes down"].lost < 0.05 * told["session bytes down"].truth

    for statement, name in WRONG.items():
        assert name in rescored(tmp_path, statement)
    # Bytes that nobody could see may not be told either.
    whole = (
        f"UPDATE session SET down_bytes = down_bytes + {unseen[0].down_bytes}"
        f" WHERE device = '{unseen[0].device}' AND NOT open AND down_bytes > 0"
    )
    assert "session bytes down" in rescored(tmp_path, whole)


def test_with_every_fault_a_live_run_is_right_but_for_what_was_lost(
    place: World, start_ms: int, tmp_path: Path
) -> None:
    made = faults(place, start_ms)
    assert {fault.kind for fault in made} == set(KINDS)
    found = score_of(place, start_ms, tmp_path, made, SECONDS)
    assert outside(found) == []
    assert found.faults == {
        kind: sum(fault.kind == kind for fault in made) for kind in {fault.kind for fault in made}
    }
    told = metrics(found)
    assert told["sessions"].truth > 30
    assert told["learning client-minutes"].truth > 10
    assert told["filter hits"].truth > 30
    # What was lost is set apart, and is little.
    assert told["uplink usable"].lost > 0
    records = list(read(tmp_path / "truth.jsonl.gz"))
    lost = [r for r in records if isinstance(r, Lost) and not r.of]
    buses = place.district.buses
    assert {r.device for r in lost} == {buses[bus].device for bus in (0, 2, 4)}
    assert sum(r.end_ms - r.start_ms for r in lost) < 300_000
