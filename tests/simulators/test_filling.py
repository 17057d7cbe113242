"""Filling: once, whatever interrupts it, and the same whoever generates."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from homeroute_simulators.filling_state import FillState, StateError, recall, taught_days
from homeroute_simulators.score import score
from homeroute_simulators.truth import read
from tests.simulators import filled

pytestmark = pytest.mark.slow

FILL = """
import argparse, sys
from homeroute_command import simulate_history
parser = argparse.ArgumentParser()
simulate_history.add_parser(parser.add_subparsers())
if __name__ == "__main__":
    args = parser.parse_args()
    sys.exit(args.run(args))
"""


def stored(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    """What is in the archive, but for when it came."""
    with duckdb.connect(str(folder / "archive.duckdb"), read_only=True) as archive:
        return {
            name: archive.execute(
                f"SELECT * EXCLUDE (commit_id, received_ms) FROM {name} ORDER BY ALL"
            ).fetchall()
            for name in ("session", "uplink", "activity", "filter", "traffic", "usage")
        }


def test_filling_twice_stores_nothing_twice_and_tells_the_same_truth(tmp_path: Path) -> None:
    where = filled.place()
    days = taught_days(where, filled.BEFORE, 2)
    filled.run(tmp_path, where, days)
    once, truth = stored(tmp_path), (tmp_path / "truth.jsonl.gz").read_bytes()
    filled.run(tmp_path, where, days)
    assert stored(tmp_path) == once
    assert (tmp_path / "truth.jsonl.gz").read_bytes() == truth


def test_processes_beside_make_what_one_makes_alone(tmp_path: Path) -> None:
    where = filled.place()
    days = taught_days(where, filled.BEFORE, 3)
    for name, processes in (("alone", 0), ("beside", 2)):
        (tmp_path / name).mkdir()
        filled.run(tmp_path / name, where, days, processes=processes)
    assert stored(tmp_path / "alone") == stored(tmp_path / "beside")
    truths = [(tmp_path / name / "truth.jsonl.gz").read_bytes() for name in ("alone", "beside")]
    assert truths[0] == truths[1]


def test_a_truth_goes_on_after_the_last_day_that_is_on_disk(tmp_path: Path) -> None:
    where = filled.place()
    days = taught_days(where, filled.BEFORE, 4)
    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
    told: list[tuple[int, int]] = []
    filled.run(tmp_path / "whole", where, days)
    filled.run(
        tmp_path / "parts", where, days[:2], checkpoint=lambda done, size: told.append((done, size))
    )
    with (tmp_path / "parts" / "truth.jsonl.gz").open("ab") as file:
        file.write(b"half a day")
    assert told[-1][0] == 2
    filled.run(tmp_path / "parts", where, days[2:], keep_bytes=told[-1][1])
    assert stored(tmp_path / "whole") == stored(tmp_path / "parts")
    whole, parts = (list(read(tmp_path / n / "truth.jsonl.gz")) for n in ("whole", "parts"))
    assert whole == parts


def test_killed_with_no_mercy_the_command_goes_on_and_nothing_is_missing(tmp_path: Path) -> None:
    script = tmp_path / "fill.py"
    script.write_text(FILL)
    folder = tmp_path / "data"
    command = [
        *(sys.executable, str(script), "history", "--data", str(folder), "--json"),
        *("--buses", "3", "--days", "40", "--before", "2026-11-18", "--seed", "5"),
    ]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    archive = folder / "archive.duckdb"
    until_s = time.monotonic() + 60
    while time.monotonic() < until_s and not (
        (folder / "truth.jsonl.gz").exists() and (folder / "truth.jsonl.gz").stat().st_size > 40_000
    ):
        time.sleep(0.02)
    os.kill(first.pid, signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    assert archive.exists()
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    assert json.loads(done.stdout)["days"] > 0
    state = recall(folder)
    assert state is not None
    assert state.done == 40
    assert score(folder / "truth.jsonl.gz", archive).within
    again = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    assert json.loads(again.stdout)["points"] == 0


def test_a_folder_with_another_history_is_not_mixed_with_this_one(tmp_path: Path) -> None:
    FillState(seed=1, buses=3, days=4, before="2026-11-18", faults="some").save(tmp_path)
    script = tmp_path / "fill.py"
    script.write_text(
        FILL.replace("sys.exit(args.run(args))", "print(simulate_history._state(args, args.data))")
    )
    other = subprocess.run(
        [sys.executable, str(script), "history", "--data", str(tmp_path), "--seed", "2"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert other.returncode != 0
    assert "holds a history with seed 1, not 2" in other.stderr


def test_a_damaged_state_is_said_to_be_damaged(tmp_path: Path) -> None:
    (tmp_path / "history.json").write_text("{")
    with pytest.raises(StateError, match=r"history\.json"):
        recall(tmp_path)
    assert recall(tmp_path / "nowhere") is None


def test_the_days_are_the_last_on_which_buses_drive() -> None:
    where = filled.place()
    days = taught_days(where, filled.BEFORE, 180)
    assert sorted(set(days)) == days
    assert len(days) == 180
    assert days[-1] < filled.BEFORE
    assert all(where.drives(day) for day in days[::30])
