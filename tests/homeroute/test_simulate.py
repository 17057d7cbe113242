"""`homeroute simulate`: a fleet and a load, as a user starts them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from homeroute_command.__main__ import main
from homeroute_simulators import truth


@pytest.mark.parametrize(
    "words",
    [
        ("fleet", "--buses", "0"),
        ("fleet", "--speed", "0"),
        ("fleet", "--faults", "flood"),
        ("fleet", "--start", "monday"),
        ("load", "--up", "--host", "broker.example"),
        ("load", "--username", "somebody"),
        ("load", "--for", "2h"),
    ],
)
def test_what_cannot_be_simulated_is_said_in_one_line(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", *words]) == 2
    said = capsys.readouterr().err
    assert said.startswith("homeroute simulate: ")
    assert said.count("\n") == 1


@pytest.mark.slow
def test_a_fleet_with_faults_adds_up_and_tells_its_truth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "truth.jsonl.gz"
    words = ["simulate", "fleet", "--buses", "3", "--speed", "20", "--for", "5m", "--json"]
    words += ["--data", str(tmp_path / "data"), "--truth", str(file)]
    words += ["--faults", "power-cut,no-coverage,counter-reset"]
    assert main(words) == 0
    outcome = json.loads(capsys.readouterr().out)
    assert outcome["adds_up"] is True
    assert outcome["devices"] == 5
    assert outcome["stored"] > 200
    records = list(truth.read(file))
    assert isinstance(records[0], truth.Run)
    faults = {r.kind for r in records if isinstance(r, truth.Fault)}
    assert faults == {"power_cut", "no_coverage", "counter_reset"}
    assert any(isinstance(r, truth.Uplink) for r in records)
    assert (tmp_path / "data" / "archive.duckdb").exists()
