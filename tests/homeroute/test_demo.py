"""`homeroute demo`: where it keeps its data, what it counts, and the whole of it running."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest

from homeroute_agent.spool import Batch, Spool
from homeroute_collector.archive import Archive
from homeroute_command import demo_cut
from homeroute_command.__main__ import main
from homeroute_command.called import called
from homeroute_command.demo_count import Count, count
from homeroute_command.demo_folder import MARKER, fresh, resumed
from homeroute_command.duration import duration_s
from homeroute_command.failure import Failure

# -- the data directory


def test_without_data_a_cache_directory_is_begun_afresh_each_time(tmp_path: Path) -> None:
    with fresh(tmp_path, seed=3) as folder:
        assert folder.path == tmp_path / "demo"
        (folder.path / "left-over").touch()
    with fresh(tmp_path, seed=None) as folder:
        assert [entry.name for entry in folder.path.iterdir()] == [MARKER]
        assert folder.seed == 7


def test_a_cache_directory_that_is_no_demonstrations_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    precious = tmp_path / "demo" / "precious"
    precious.touch()
    with pytest.raises(Failure, match="left alone"), fresh(tmp_path, seed=None):
        pass
    assert precious.exists()


def test_a_second_demonstration_gets_a_directory_of_its_own(tmp_path: Path) -> None:
    with fresh(tmp_path, seed=1) as first, fresh(tmp_path, seed=2) as second:
        assert first.path != second.path
        assert (first.path / MARKER).exists()
        assert (second.path / MARKER).exists()


def test_past_the_bound_of_demonstrations_it_says_so(tmp_path: Path) -> None:
    locks = []
    for name in ("demo", *(f"demo-{n}" for n in range(2, 10))):
        lock = (tmp_path / f"{name}.lock").open("w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        locks.append(lock)
    with pytest.raises(Failure, match="run already"), fresh(tmp_path, seed=None):
        pass
    for lock in locks:
        lock.close()


def test_data_named_is_resumed_with_its_seed_and_its_days(tmp_path: Path) -> None:
    folder = resumed(tmp_path / "mine", seed=5)
    folder.days = [date(2026, 11, 20)]
    folder.remember()
    again = resumed(tmp_path / "mine", seed=None)
    assert (again.seed, again.days) == (5, [date(2026, 11, 20)])
    with pytest.raises(Failure, match="begun with seed 5") as caught:
        resumed(tmp_path / "mine", seed=6)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("marker", ["{}", "[]", "nonsense", '{"seed": "x", "days": []}', ""])
def test_a_damaged_marker_is_one_line(tmp_path: Path, marker: str) -> None:
    (tmp_path / MARKER).write_text(marker)
    with pytest.raises(Failure, match=MARKER):
        resumed(tmp_path, seed=None)


def test_data_that_is_not_empty_and_no_demonstrations_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(Failure, match="not empty") as caught:
        resumed(tmp_path, seed=None)
    assert caught.value.exit_code == 2
    with pytest.raises(Failure, match="not empty"):
        resumed(tmp_path / "thesis.txt", seed=None)


# -- durations


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30.0), ("2m", 120.0), ("1h", 3600.0), ("45", 45.0), ("1.5min", 90.0), (" 5s ", 5.0)],
)
def test_durations_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "0", "-3s", "3x", "1e9", "800h", "1h30m", "nan"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        duration_s(text)


# -- counting


def test_the_identity_holds_or_is_seen_not_to() -> None:
    good = Count(sampled=10, stored=5, refused=1, dropped=2, spooled=2)
    assert good.adds_up
    assert "=" in str(good)
    bad = Count(sampled=10, stored=5, refused=1, dropped=2, spooled=1)
    assert not bad.adds_up
    assert "≠" in str(bad)


def test_a_batch_whose_acknowledgement_was_lost_is_counted_once(tmp_path: Path) -> None:
    live, past = "a" * 16, "b" * 16
    (tmp_path / "bus-01").mkdir()
    spool = Spool.open(tmp_path / "bus-01" / "spool.sqlite")
    for seq, points in ((1, 3), (2, 4)):
        spool.append(Batch(live, seq, points, b"body"), now_ms=1)
    ledger = spool.ledger()
    spool.close()

    async def story() -> Count:
        archive = Archive.open(tmp_path / "archive.duckdb", district="quillhaven")
        try:
            for stream, seq, stored in ((live, 1, 3), (past, 1, 99)):
                await archive.execute(
                    "INSERT INTO batches VALUES (1, 1, 'bus-01', 'bus', ?, ?, ?, ?, 0, 1, 1)",
                    [stream, seq, stored, stored],
                )
            return await count(archive, {"bus-01": ledger}, tmp_path, {past})
        finally:
            archive.close()

    counted = asyncio.run(story())
    assert counted == Count(sampled=7, stored=3, refused=0, dropped=0, spooled=4)


# -- the second terminal


def test_cutting_without_a_demonstration_says_how_to_start_one(
    free_port: Callable[[], int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "cut", "bus-04", "--port", str(free_port())]) == 1
    assert "no demonstration runs" in capsys.readouterr().err


def test_the_demonstration_started_last_is_found_and_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_cut, "cache_directory", lambda: tmp_path)
    with (
        socket.create_server(("127.0.0.1", 0)) as first,
        socket.create_server(("127.0.0.1", 0)) as second,
        socket.create_server(("127.0.0.1", 0)) as killed,
    ):
        urls = [f"http://127.0.0.1:{door.getsockname()[1]}" for door in (first, second, killed)]
        killed.close()
        with demo_cut.noted(urls[0]):
            with demo_cut.noted(urls[1]):
                assert demo_cut.newest_url() == urls[1]
                with demo_cut.noted(urls[2]):
                    assert demo_cut.newest_url() == urls[1]
            assert demo_cut.newest_url() == urls[0]
        assert demo_cut.newest_url() == "http://127.0.0.1:8080"


def test_data_in_an_unwritable_place_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--no-open", "--data", "/proc/demo"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("homeroute demo: --data /proc/demo: ")
    assert error.count("\n") == 1


def test_a_damaged_archive_is_exit_code_2_as_for_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    resumed(tmp_path / "mine", seed=None)
    (tmp_path / "mine" / "archive.duckdb").write_bytes(b"this is no database" * 1_000)
    words = ["demo", "--no-open", "--data", str(tmp_path / "mine"), "--port", "0"]
    assert main(words) == 2
    assert "archive.duckdb" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("program", "on_path", "called_as"),
    [
        ("{bin}/homeroute", True, "homeroute"),
        ("{bin}/homeroute", False, "venv/bin/homeroute"),
        ("/opt/homeroute/bin/homeroute", True, "/opt/homeroute/bin/homeroute"),
        ("/usr/bin/pytest", True, "homeroute"),
        ("/x/homeroute_command/__main__.py", True, f"{sys.executable} -m homeroute_command"),
    ],
)
def test_what_to_type_next_is_how_this_program_was_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, on_path: bool, called_as: str
) -> None:
    folder = tmp_path / "venv" / "bin"
    folder.mkdir(parents=True)
    (folder / "homeroute").write_text("#!/bin/sh\n")
    (folder / "homeroute").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(folder) if on_path else "/nowhere")
    monkeypatch.setattr(sys, "argv", [program.format(bin=folder)])
    assert called() == called_as


@pytest.mark.parametrize(
    "arguments",
    [
        ["--for", "soon"],
        ["--port", "70000"],
        ["--seed", "-1"],
        ["cut"],
        ["cut", "b", "--for", "2h"],
    ],
)
def test_wrong_usage_is_exit_code_2_without_a_traceback(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(["demo", *arguments])
    except SystemExit as exit_:
        code = int(str(exit_.code))
    assert code == 2
    assert "Traceback" not in capsys.readouterr().err


# -- the whole of it


@contextmanager
def running(*arguments: str, cache: Path) -> Iterator[subprocess.Popen[str]]:
    program = subprocess.Popen(
        [sys.executable, "-m", "homeroute_command", "demo", "--no-open", *arguments],
        env={**os.environ, "XDG_CACHE_HOME": str(cache), "HOME": str(cache)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield program
    finally:
        if program.poll() is None:
            program.kill()
        program.communicate()


def outcome(program: subprocess.Popen[str], within_s: float) -> tuple[int, dict[str, Any], str]:
    out, err = program.communicate(timeout=within_s)
    assert len(out.splitlines()) == 1, err
    return program.returncode, json.loads(out), err


def fetch(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.load(answer)


def until(true: Callable[[], bool], within_s: float = 60.0) -> None:
    end_s = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < end_s, "it did not happen"
        time.sleep(0.1)


def serving(url: str) -> bool:
    try:
        rows = fetch(f"{url}/api/1/fleet")["devices"]
    except OSError:
        return False
    return any(row["uplink_state"] is not None for row in rows)


def said_by_positions(url: str) -> bool:
    """Whether one of some buses is on a trip that its own positions speak for, and why is told."""
    for device in ("bus-02", "bus-05", "bus-07"):
        now = datetime.now(ZoneInfo("America/Chicago")).isoformat(timespec="seconds")
        asked = urlencode({"device": device, "time": now})
        told = fetch(f"{url}/api/1/routes/explain?{asked}")
        if told["leg"] is not None and "off the road" in told["now"]:
            weighed = {c["trip"] for c in told["candidates"]}
            assert told["leg"]["trip"] in weighed
            return True
    return False


@pytest.mark.slow
def test_a_demonstration_runs_stops_by_itself_adds_up_and_can_be_gone_on_with(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    data = str(tmp_path / "data")
    arguments = ("--json", "--for", "8s", "--data", data, "--port", str(free_port()))
    with running(*arguments, cache=tmp_path) as program:
        code, first, _ = outcome(program, 100)
    assert code == 0
    assert first["adds_up"] is True
    assert first["sampled"] == sum(first[k] for k in ("stored", "refused", "dropped", "spooled"))
    assert first["stored"] > 200
    assert first["refused"] == 0
    assert (first["devices"], first["routes"], first["history_days"]) == (14, 17, 10)
    assert first["history_points"] > 100_000
    assert first["first_page_s"] < 60

    with running(*arguments, cache=tmp_path) as program:
        code, second, _ = outcome(program, 100)
    assert code == 0
    assert second["history_points"] == 0
    assert second["history_days"] == 10
    assert second["sampled"] > first["sampled"]
    assert second["adds_up"] is True


@pytest.mark.slow
def test_a_bus_that_is_cut_goes_dark_comes_back_and_ctrl_c_ends_it_within_five_seconds(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"

    def state(device: str) -> str:
        rows = fetch(f"{url}/api/1/fleet")["devices"]
        return str(next(row["state"] for row in rows if row["device"] == device))

    def cut(bus: str, seconds: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "homeroute_command", "demo", "cut", bus, "--for", seconds]
        environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path)}
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=30, check=False
        )

    with running("--json", "--port", str(port), cache=tmp_path) as program:
        until(lambda: serving(url))
        until(lambda: state("bus-06") == "online")
        unknown = cut("bus-99", "5s")
        assert unknown.returncode == 2
        assert "there are bus-01, bus-02" in unknown.stderr
        assert cut("bus-06", "10s").returncode == 0
        until(lambda: state("bus-06") == "offline")
        until(lambda: said_by_positions(url), within_s=90.0)
        until(lambda: state("bus-06") == "online", within_s=90.0)
        began_s = time.monotonic()
        program.send_signal(signal.SIGINT)
        code, result, _ = outcome(program, 20)
        assert time.monotonic() - began_s < 5.0
    assert code == 0
    assert result["adds_up"] is True


@pytest.mark.slow
def test_a_taken_port_is_said_and_the_next_one_used_and_ctrl_c_while_filling_is_clean(
    tmp_path: Path,
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with running("--port", str(port), cache=tmp_path) as program:
            assert program.stderr is not None
            line = program.stderr.readline()
            until((tmp_path / "homeroute/demo/archive.duckdb").exists)
            program.send_signal(signal.SIGINT)
            _, rest = program.communicate(timeout=20)
    assert f"Port {port} is taken" in line
    assert program.returncode == 0, rest
    assert "Traceback" not in rest
