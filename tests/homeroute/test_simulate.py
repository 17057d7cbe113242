"""`homeroute simulate`: a fleet and a load, as a user starts them."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from datetime import date, datetime, timedelta
from math import hypot
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from homeroute_collector.archive import Archive
from homeroute_command import simulate_score
from homeroute_command.__main__ import main
from homeroute_simulators import truth
from homeroute_simulators.score import Metric, Score
from homeroute_simulators.world import world
from tests.analytics.feed_files import FEED, zipped


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
        ("load", "--port", "99999"),
        ("load", "--district", "springfield"),
        ("load", "--username", "somebody", "--password-file", "/dev/null"),
        ("fleet", "--speed", "1e9"),
        ("fleet", "--seed", "-4"),
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
    words += ["--start", "2026-11-16T07:52", "--data", str(tmp_path / "data"), "--truth", str(file)]
    words += ["--faults", "power-cut,no-coverage,counter-reset"]
    assert main(words) == 0
    outcome = json.loads(capsys.readouterr().out)
    assert outcome["adds_up"] is True
    assert outcome["devices"] == 5
    assert outcome["stored"] > 200
    assert outcome["drives"] == 2
    records = list(truth.read(file))
    assert isinstance(records[0], truth.Run)
    faults = {r.kind for r in records if isinstance(r, truth.Fault)}
    assert faults == {"power_cut", "no_coverage", "counter_reset"}
    assert any(isinstance(r, truth.Uplink) for r in records)
    drives = [r for r in records if isinstance(r, truth.Drive)]
    assert len(drives) == outcome["drives"]
    assert (tmp_path / "data" / "archive.duckdb").exists()
    on_their_roads(tmp_path / "data", drives)


def on_their_roads(data: Path, driven: list[truth.Drive]) -> None:
    """Every position in the archive lies where the bus was planned to be, within 10 s."""
    place = world(7, buses=3)
    planned = {(d.bus.device, d.trip.name): d for d in place.drives(date(2026, 11, 16))}
    archive = Archive.open(data / "archive.duckdb", district=place.district.name)
    try:
        for drive in driven:
            its = planned[drive.device, drive.trip]
            rows = asyncio.run(
                archive.query(
                    "SELECT time_ms, lat, lon FROM position WHERE device = ? "
                    "AND lat IS NOT NULL AND time_ms BETWEEN ? AND ?",
                    [drive.device, drive.start_ms, drive.end_ms],
                )
            )
            assert len(rows) >= (drive.end_ms - drive.start_ms) // 20_000
            for time_ms, lat, lon in rows:
                east_m, north_m = place.district.projection.metres(lat, lon)
                around = [its.at(time_ms + second * 1000) for second in range(-10, 11)]
                assert min(hypot(m.east_m - east_m, m.north_m - north_m) for m in around) < 20.0
    finally:
        archive.close()


@pytest.mark.slow
def test_ctrl_c_ends_a_fleet_early_with_its_sum_and_its_truth_whole(tmp_path: Path) -> None:
    file = tmp_path / "truth.jsonl.gz"
    words = ["simulate", "fleet", "--buses", "1", "--truth", str(file)]
    program = subprocess.Popen(
        [sys.executable, "-m", "homeroute_command", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    end_s = time.monotonic() + 60.0
    while not file.exists() and program.poll() is None and time.monotonic() < end_s:
        time.sleep(0.05)
    program.send_signal(signal.SIGINT)
    out, err = program.communicate(timeout=30)
    assert program.returncode == 0, err
    assert "(stopped; 1,800 s were asked for)" in out
    assert err == ""
    assert isinstance(next(truth.read(file)), truth.Run)


@pytest.mark.slow
def test_a_fleet_on_a_holiday_says_that_nothing_is_driven(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["simulate", "fleet", "--buses", "1", "--speed", "60", "--for", "1m", "--json"]
    assert main([*words, "--start", "2026-11-26T07:00"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["drives"] == 0
    assert "Thursday, 26 November 2026 is a holiday" in said.err


def test_no_number_of_a_score_is_cut_off(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    year = 18_716_328_609_987
    metric = Metric("session bytes down", "bytes", year, year, year, year, year)
    simulate_score._show(Score("springfield", 7, (metric,), (), {}))
    said = capsys.readouterr().out
    assert said.count("18,716,328,609,987") == 5
    assert "…" not in said
    assert max(map(len, said.splitlines())) < 200


def history(folder: Path, *words: str) -> int:
    return main(["simulate", "history", "--data", str(folder), "--processes", "0", *words])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--gtfs", "nowhere.zip"), "nowhere.zip: No such file or directory"),
        (("--gtfs", __file__), "no zip; want a GTFS zip"),
        (("--faults", "flood"), "'flood': want none, some, all, or a list of no_power"),
        (("--before", "2010-01-01"), "more than 3660 days ago"),
        (("--buses", "0"), "1 to 5000 --buses"),
        (("--faults", ""), "no fault of a history is called ''"),
    ],
)
def test_a_history_that_cannot_be_is_said_in_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert history(tmp_path / "data", *words) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert not (tmp_path / "data" / "archive.duckdb").exists()


def test_a_feed_that_lacks_something_is_named_with_the_file_in_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    feed = zipped(tmp_path / "feed.zip", {"stops.txt": "stop_id,stop_lat,stop_lon\na,north,1\n"})
    for words in (["history", "--data", str(tmp_path / "data")], ["fleet"]):
        assert main(["simulate", *words, "--gtfs", str(feed)]) == 2
        assert f"read {feed}: stops.txt:2: stop_lat: 'north'" in capsys.readouterr().err


@pytest.mark.slow
def test_a_history_over_a_feed_is_scored_right_and_goes_on_only_with_that_feed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    feed, data = zipped(tmp_path / "feed.zip"), tmp_path / "data"
    assert history(data, "--gtfs", str(feed), "--faults", "all", "--json") == 0
    filled = json.loads(capsys.readouterr().out)
    assert filled["days"] == 10
    assert filled["points"] > 5_000
    assert main(["simulate", "score", str(data / "truth.jsonl.gz"), "--json"]) == 0
    drives = [r for r in truth.read(data / "truth.jsonl.gz") if isinstance(r, truth.Drive)]
    assert {drive.trip for drive in drives} == {"am1", "am2", "night", "sat1"}

    feed.rename(tmp_path / "elsewhere.zip")
    capsys.readouterr()
    assert history(data) == 2
    assert "it is gone; say where it is now with --gtfs" in capsys.readouterr().err
    assert history(data, "--gtfs", str(tmp_path / "elsewhere.zip")) == 0
    capsys.readouterr()
    other = zipped(tmp_path / "other.zip", bom=False)
    assert history(data, "--gtfs", str(other)) == 2
    assert "is another one" in capsys.readouterr().err


@pytest.mark.slow
def test_a_feed_of_long_ago_is_moved_by_whole_weeks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    days = {
        "calendar.txt": FEED["calendar.txt"].replace("2026", "2012"),
        "calendar_dates.txt": "service_id,date,exception_type\nsat,20121103,1\n",
    }
    feed, data = zipped(tmp_path / "feed.zip", days), tmp_path / "data"
    assert history(data, "--gtfs", str(feed), "--faults", "none", "--json") == 0
    said = capsys.readouterr()
    assert "calendar is moved by" in said.err
    outcome = json.loads(said.out)
    assert outcome["refused"] == 0
    assert outcome["points"] > 5_000
    drives = [r for r in truth.read(data / "truth.jsonl.gz") if isinstance(r, truth.Drive)]
    weekdays = {
        datetime.fromtimestamp(d.start_ms / 1000, ZoneInfo("America/Denver"))
        for d in drives
        if d.trip == "am1"
    }
    assert {each.weekday() for each in weekdays} <= {0, 1, 2, 3, 4}
    assert max(weekdays) > datetime.now(ZoneInfo("America/Denver")) - timedelta(days=15)


@pytest.mark.slow
def test_a_fleet_drives_the_roads_of_a_feed_whenever_that_ran(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    feed, file = zipped(tmp_path / "feed.zip"), tmp_path / "truth.jsonl.gz"
    words = ["simulate", "fleet", "--gtfs", str(feed), "--buses", "1", "--speed", "60", "--for"]
    words += ["4m", "--start", "2027-03-01T07:01", "--truth", str(file), "--json"]
    assert main(words) == 0
    said = capsys.readouterr()
    assert "nothing of the feed runs on 2027-03-01; its calendar is moved by" in said.err
    assert json.loads(said.out)["drives"] == 1
    drives = [r for r in truth.read(file) if isinstance(r, truth.Drive)]
    assert [(drive.trip, drive.route) for drive in drives] == [("am1", "12 Heron Creek")]


def test_a_timetable_s_files_overwrite_no_others_unless_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet = tmp_path / "fleet.csv"
    fleet.write_text("the district's own")
    words = ["simulate", "timetable", "--buses", "1", "--out", str(tmp_path)]
    words += ["--from", "2026-11-02", "--to", "2026-11-03"]
    assert main(words) == 2
    assert "fleet.csv is there already; --overwrite" in capsys.readouterr().err
    assert fleet.read_text() == "the district's own"
    assert [path.name for path in tmp_path.iterdir()] == ["fleet.csv"]
    assert main([*words, "--overwrite"]) == 0
    assert fleet.read_text().startswith("device,vehicle,from")
