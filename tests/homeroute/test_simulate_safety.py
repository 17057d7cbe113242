"""`homeroute simulate` begins only where it can harm nothing, and marks what it makes."""

from __future__ import annotations

import argparse
import gzip
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from homeroute_collector.broker import Credentials, site
from homeroute_collector.broker.site import Site
from homeroute_command import simulate_history
from homeroute_command.__main__ import main
from homeroute_command.configured import configuration
from homeroute_command.simulate_fleet_words import agents_unheard
from homeroute_simulators import truth
from homeroute_simulators.filling import STEPS_A_DAY
from homeroute_simulators.filling_state import recall
from tests.analytics.feed_files import FEED, zipped

FLEET = ("fleet", "--buses", "1", "--speed", "60", "--for", "1m", "--start", "2026-11-26T07:00")
HISTORY = ("history", "--buses", "1", "--days", "1", "--processes", "0", "--before", "2026-11-18")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Path]:
    """A real district's folder: a device is enrolled, nothing was received yet."""
    folder = tmp_path / "real"
    folder.mkdir()
    site.remember(folder, Site("springfield", "192.0.2.1"))
    Credentials(folder).add_all(["bus-01"], kind="bus")
    before = contents(folder)
    yield folder
    assert contents(folder) == before


@pytest.mark.parametrize("words", [FLEET, HISTORY])
def test_a_real_districts_folder_is_refused_untouched(
    real: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", *words, "--data", str(real)]) == 2
    assert "is not empty, and a simulation is mixed with nothing" in capsys.readouterr().err


@pytest.mark.parametrize("words", [FLEET, HISTORY])
def test_a_file_that_is_there_is_never_made_a_truth(
    tmp_path: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "thesis.txt"
    file.write_text("years of work")
    data = tmp_path / "data"
    assert main(["simulate", *words, "--data", str(data), "--truth", str(file)]) == 2
    assert "a truth overwrites nothing" in capsys.readouterr().err
    assert file.read_text() == "years of work"
    nowhere = tmp_path / "nowhere" / "truth.gz"
    assert main(["simulate", *words, "--data", str(data), "--truth", str(nowhere)]) == 2
    assert "there is no folder" in capsys.readouterr().err
    assert not nowhere.parent.exists()


@pytest.mark.slow
def test_a_history_goes_on_in_its_own_truth_and_in_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, own = tmp_path / "data", tmp_path / "own.gz"
    words = ["simulate", *HISTORY, "--data", str(data)]
    assert main([*words, "--truth", str(own)]) == 0
    state = json.loads((data / "history.json").read_text())
    assert state["truth"] == str(own)
    told, kept_bytes = own.read_bytes(), state["truth_bytes"]

    other = tmp_path / "other.gz"
    record = truth.Run(
        seed=8, version="0", district="quillhaven", timezone="UTC", made_by="history"
    )
    other.write_bytes(truth.compressed(truth.line(record)) + bytes(len(told)))
    foreign = tmp_path / "foreign.gz"
    foreign.write_bytes(gzip.compress(b"not a truth\n") + bytes(len(told)))
    short = tmp_path / "short.gz"
    short.write_bytes(told[: kept_bytes - 1])
    twin = tmp_path / "twin.gz"
    twin.write_bytes(told + told)
    assert main([*words, "--truth", str(twin)]) == 2
    assert f"the truth of {data} is {own}" in capsys.readouterr().err
    assert twin.read_bytes() == told + told

    # The same folder and file, as somebody who stands beside them calls them.
    monkeypatch.chdir(tmp_path)
    for truth_words in ([], ["--truth", "own.gz"]):
        assert main(["simulate", *HISTORY, "--data", "data", *truth_words]) == 0
    (tmp_path / "beside").mkdir()
    monkeypatch.chdir(tmp_path / "beside")
    for _ in range(2):
        assert main(["simulate", *HISTORY, "--data", "other"]) == 0
    assert own.read_bytes() == told

    own.rename(tmp_path / "moved.gz")
    for file in (other, foreign, short):
        before = file.read_bytes()
        assert main([*words, "--truth", str(file)]) == 2
        assert "is not the truth of this history" in capsys.readouterr().err
        assert file.read_bytes() == before

    # Without --truth it is the remembered one; where it is gone that is said.
    assert main(words) == 2
    assert "is gone" in capsys.readouterr().err
    moved = tmp_path / "moved.gz"
    assert main([*words, "--truth", str(moved)]) == 0
    # What follows the part that is kept, its end, is written anew.
    moved.write_bytes(told[:-40])
    assert main(words) == 0
    assert moved.read_bytes() == told
    assert (tmp_path / "moved.gz").read_bytes() == told
    assert not (data / "truth.jsonl.gz").exists()


@pytest.mark.slow
def test_a_feed_with_services_outside_the_days_filled_is_filled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Saturdays last run a week before the two days that are filled.
    feed = zipped(tmp_path / "feed.zip")
    data = tmp_path / "data"
    words = ["simulate", "history", "--data", str(data), "--gtfs", str(feed), "--days", "2"]
    words += ["--processes", "0", "--json", "--faults", "none"]
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out)["days"] == 2
    drives = [r for r in truth.read(data / "truth.jsonl.gz") if isinstance(r, truth.Drive)]
    assert {drive.trip for drive in drives} == {"am1", "am2", "night"}
    assert "sat" in FEED["trips.txt"]


@pytest.mark.slow
def test_a_fleets_folder_says_that_it_is_simulated_and_takes_no_second_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    words = ["simulate", *FLEET, "--data", str(data), "--json"]
    assert main(words) == 0
    before = contents(data)
    assert main(words) == 2
    assert "is not empty" in capsys.readouterr().err
    assert contents(data) == before

    shown = configuration(argparse.Namespace(config=None, data=data, district=None, port=None))
    assert shown.simulated is True
    assert shown.timezone == "America/Chicago"
    assert shown.district == "quillhaven"
    assert shown.data_dir == data


@pytest.mark.slow
def test_ctrl_c_costs_a_history_no_whole_day_and_it_goes_on_to_the_same_truth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*HISTORY, "--faults", "all"]
    words[words.index("--days") + 1] = "6"
    words[words.index("--buses") + 1] = "3"
    assert main(["simulate", *words, "--data", str(tmp_path / "whole")]) == 0

    told = simulate_history._bar._told

    def ctrl_c_after_two_days(self: Any, done: int, parts: int) -> None:
        told(self, done, parts)
        if done == 2 * STEPS_A_DAY:
            os.kill(os.getpid(), signal.SIGINT)

    data = tmp_path / "parts"
    with monkeypatch.context() as patched:
        patched.setattr(simulate_history._bar, "_told", ctrl_c_after_two_days)
        assert main(["simulate", *words, "--data", str(data)]) == 130
    state = recall(data)
    assert state is not None
    assert 2 <= state.done < 6  # what came meanwhile is kept too
    said = f"stopped after day {state.done} of 6; the same command goes on"
    assert said in capsys.readouterr().err

    assert main(["simulate", *words, "--data", str(data), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["days"] == 6 - state.done
    whole, parts = (list(truth.read(tmp_path / n / "truth.jsonl.gz")) for n in ("whole", "parts"))
    assert whole == parts
    assert main(["simulate", "score", str(data / "truth.jsonl.gz"), "--json"]) == 0


@pytest.mark.slow
def test_a_history_told_to_end_ends_and_leaves_nothing_behind(tmp_path: Path) -> None:
    words = ["history", "--buses", "3", "--days", "400", "--before", "2026-11-18", "--data"]
    program = subprocess.Popen(
        [sys.executable, "-m", "homeroute_command", "simulate", *words, str(tmp_path / "data")],
        stderr=subprocess.PIPE,
        text=True,
    )
    file, until_s = tmp_path / "data" / "truth.jsonl.gz", time.monotonic() + 60.0
    while time.monotonic() < until_s and not (file.exists() and file.stat().st_size > 4_000):
        time.sleep(0.05)
    program.send_signal(signal.SIGTERM)
    _, err = program.communicate(timeout=60)
    assert program.returncode == 130, err
    assert "homeroute: stopped after day" in err
    assert "resource_tracker" not in err


@pytest.mark.slow
def test_faults_there_is_no_room_for_are_said_and_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Half a minute after the first one, and one bus that can have one fault at a time.
    words = [*FLEET, "--faults", "hostapd-restart,gps-loss,modem-hang,filter-off", "--json"]
    words[words.index("--for") + 1] = "90s"
    assert main(["simulate", *words]) == 0
    said = capsys.readouterr()
    outcome = json.loads(said.out)
    assert outcome["faults"] + len(outcome["faults_left_out"]) == 4
    assert outcome["faults_left_out"]
    assert f"the faults asked for: {', '.join(outcome['faults_left_out'])};" in said.err


def test_trips_of_a_feed_that_too_few_buses_drive_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    feed, out = zipped(tmp_path / "feed.zip"), str(tmp_path / "out")
    assert main(["simulate", "timetable", "--gtfs", str(feed), "--buses", "1", "--out", out]) == 0
    assert "3 of the feed's 4 trips are driven; the other 1 need more" in capsys.readouterr().err


def test_what_asyncio_says_of_a_child_that_it_lost_a_race_for_is_not_heard(
    caplog: pytest.LogCaptureFixture,
) -> None:
    logger = logging.getLogger("asyncio")
    with agents_unheard():
        logger.warning("Unknown child process pid %d, will report returncode 255", 4)
        logger.warning("something else")
    assert caplog.messages == ["something else"]
    logger.warning("Unknown child process pid %d, will report returncode 255", 4)
    assert len(caplog.messages) == 2
