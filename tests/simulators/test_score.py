"""The score: right of a right archive, and never fooled by a wrong one."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

from homeroute_simulators.history_faults import ALL
from homeroute_simulators.score import Metric, score
from homeroute_simulators.score_load import ScoreError
from homeroute_simulators.truth import Lost, Minute, Uplink, read
from tests.simulators import filled

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    filled.history(folder, kinds=())
    return folder


def scored(folder: Path) -> dict[str, Metric]:
    found = score(folder / "truth.jsonl.gz", folder / "archive.duckdb")
    return {metric.name: metric for metric in found.metrics}


def outside(folder: Path) -> set[str]:
    return {name for name, metric in scored(folder).items() if not metric.within}


def corrupted(folder: Path, tmp_path: Path, *statements: str) -> Path:
    for name in ("truth.jsonl.gz", "archive.duckdb"):
        shutil.copy(folder / name, tmp_path / name)
    with duckdb.connect(str(tmp_path / "archive.duckdb")) as archive:
        for statement in statements:
            archive.execute(statement)
    return tmp_path


@pytest.mark.parametrize("kinds", [(), ALL], ids=["faults off", "faults on"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_history_is_scored_right(tmp_path: Path, seed: int, kinds: tuple[str, ...]) -> None:
    filled.history(tmp_path, seed, kinds=kinds, days=4)
    found = scored(tmp_path)
    assert not outside(tmp_path)
    assert found["sessions"].truth > 200
    assert found["session bytes down"].truth > 10**9
    assert found["learning client-minutes"].truth > 200
    assert found["filter hits"].truth > 500
    assert found["uplink usable"].truth > 30_000
    records = list(read(tmp_path / "truth.jsonl.gz"))
    lost = [record for record in records if isinstance(record, Lost)]
    # Only the devices and times that lost something are set apart.
    active = sum(record.active for record in records if isinstance(record, Minute))
    assert found["active client-minutes"].truth > 0.75 * active
    assert bool(lost) == bool(kinds)
    assert bool(found["uplink usable"].lost) == bool(kinds)


def test_a_session_that_was_removed_is_missing(whole: Path, tmp_path: Path) -> None:
    short = "NOT open AND session_s < 600 AND down_bytes > 0 AND up_bytes > 0"
    one = f"SELECT min(time_ms) FROM session WHERE {short}"
    folder = corrupted(whole, tmp_path, f"DELETE FROM session WHERE time_ms = ({one})")
    assert outside(folder) == {"sessions", "session bytes down", "session bytes up"}


def test_a_session_whose_end_was_removed_lacks_its_last_bytes(whole: Path, tmp_path: Path) -> None:
    one = "SELECT max(time_ms) FROM session WHERE NOT open AND session_s > 900"
    folder = corrupted(whole, tmp_path, f"DELETE FROM session WHERE time_ms = ({one})")
    assert outside(folder) == {"session bytes down", "session bytes up"}


def test_a_session_that_never_was_is_invented(whole: Path, tmp_path: Path) -> None:
    again = "SELECT * REPLACE (time_ms + 7 AS time_ms, 99 AS client) FROM session WHERE NOT open"
    folder = corrupted(whole, tmp_path, f"INSERT INTO session {again} LIMIT 1")
    assert "sessions" in outside(folder)


def test_bytes_doubled_are_seen(whole: Path, tmp_path: Path) -> None:
    folder = corrupted(whole, tmp_path, "UPDATE session SET down_bytes = down_bytes * 2")
    found = scored(folder)["session bytes down"]
    assert not found.within
    assert found.reported == 2 * found.truth


def test_a_session_moved_by_a_minute_is_seen(whole: Path, tmp_path: Path) -> None:
    folder = corrupted(
        whole, tmp_path, "UPDATE session SET started_min = started_min + 1 WHERE client = 1"
    )
    assert "sessions" in outside(folder)


def test_one_learning_minute_too_many_is_seen(whole: Path, tmp_path: Path) -> None:
    first = "time_ms = (SELECT max(time_ms) FROM activity)"
    folder = corrupted(
        whole,
        tmp_path,
        f"UPDATE activity SET learning_clients = learning_clients + 1 WHERE {first}",
    )
    assert outside(folder) == {"learning client-minutes"}


def test_errors_that_cancel_one_another_are_both_counted(whole: Path, tmp_path: Path) -> None:
    times = "SELECT time_ms FROM activity WHERE device = 'bus-01' AND learning_clients > 0"
    first, last = (
        f"device = 'bus-01' AND time_ms = (SELECT {which}(time_ms) FROM ({times}))"
        for which in ("min", "max")
    )
    folder = corrupted(
        whole,
        tmp_path,
        f"UPDATE activity SET learning_clients = learning_clients + 1 WHERE {last}",
        f"UPDATE activity SET learning_clients = learning_clients - 1 WHERE {first}",
    )
    metric = scored(folder)["learning client-minutes"]
    assert metric.truth == metric.reported
    assert (metric.error, metric.within) == (2, False)


def test_an_invented_hour_of_uplink_is_seen(whole: Path, tmp_path: Path) -> None:
    end_ms = max(r.end_ms for r in read(whole / "truth.jsonl.gz") if isinstance(r, Uplink))
    folder = corrupted(
        whole,
        tmp_path,
        f"INSERT INTO uplink SELECT t.* REPLACE ({end_ms} + n * 10000 AS time_ms)"
        " FROM (SELECT * FROM uplink ORDER BY time_ms DESC LIMIT 1) t, range(360) r(n)",
    )
    assert "uplink invented" in outside(folder)
    assert scored(folder)["uplink invented"].error > 3_500


def test_a_silent_hour_is_unreported_and_not_good(whole: Path, tmp_path: Path) -> None:
    start_ms = min(r.start_ms for r in read(whole / "truth.jsonl.gz") if isinstance(r, Uplink))
    folder = corrupted(
        whole, tmp_path, f"DELETE FROM uplink WHERE time_ms < {start_ms + 3_600_000}"
    )
    assert "uplink not reported" in outside(folder)
    assert scored(folder)["uplink not reported"].error > 900


def test_no_service_told_as_usable_is_seen(whole: Path, tmp_path: Path) -> None:
    folder = corrupted(whole, tmp_path, "UPDATE uplink SET state = 2 WHERE state = 0")
    assert {"uplink no service", "uplink usable"} <= outside(folder)


def test_what_was_lost_and_is_told_all_the_same_is_invented(tmp_path: Path) -> None:
    filled.history(tmp_path, 1, days=6)
    lost = next(
        r for r in read(tmp_path / "truth.jsonl.gz") if isinstance(r, Lost) and "power" in r.why
    )
    with duckdb.connect(str(tmp_path / "archive.duckdb")) as archive:
        archive.execute(
            "INSERT INTO uplink SELECT t.* REPLACE (? + n * 10000 AS time_ms, ? AS device)"
            " FROM (SELECT * FROM uplink LIMIT 1) t, range(100) r(n)",
            [lost.start_ms, lost.device],
        )
    assert "uplink invented" in outside(tmp_path) or "devices with uplink outside" in outside(
        tmp_path
    )


def test_an_archive_of_another_district_or_none_is_refused(whole: Path, tmp_path: Path) -> None:
    with pytest.raises(ScoreError, match="no archive"):
        score(whole / "truth.jsonl.gz", tmp_path / "archive.duckdb")
    folder = corrupted(
        whole, tmp_path, "UPDATE meta SET value = 'elsewhere' WHERE key = 'district'"
    )
    with pytest.raises(ScoreError, match="not the same run"):
        score(folder / "truth.jsonl.gz", folder / "archive.duckdb")
