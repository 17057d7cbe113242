"""The score: right of a right archive, and never fooled by a wrong one."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

from homeroute_simulators.history_faults import ALL
from homeroute_simulators.score import Metric, active_bound, each_of, score
from homeroute_simulators.score_load import ScoreError
from homeroute_simulators.truth import Lost, Minute, Recorder, Uplink, read
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
    assert found["lookups"].error == 0
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
    assert outside(folder) == {"session bytes down", "session bytes up", "session ends"}


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


ONE_IN_TEN = "state = 0 AND hash(device, time_ms) % 11 = 0"

WRONG_STATES = {
    "scrambled in time": (
        (
            "CREATE TABLE shuffled AS SELECT device, state,"
            " row_number() OVER (PARTITION BY device ORDER BY hash(time_ms)) AS n FROM uplink"
        ),
        (
            "CREATE TABLE numbered AS SELECT device, time_ms,"
            " row_number() OVER (PARTITION BY device ORDER BY time_ms) AS n FROM uplink"
        ),
        (
            "UPDATE uplink SET state = s.state FROM shuffled s JOIN numbered n USING (device, n)"
            " WHERE uplink.device = n.device AND uplink.time_ms = n.time_ms"
        ),
    ),
    "no service and connected exchanged one for one": (
        (
            "CREATE TABLE pairs AS SELECT state, device, time_ms, row_number() OVER (PARTITION BY"
            " device, state ORDER BY time_ms) AS n FROM uplink WHERE state < 2"
        ),
        (
            "CREATE TABLE swapped AS SELECT a.device, a.time_ms AS a_ms, b.time_ms AS b_ms"
            " FROM pairs a JOIN pairs b USING (device, n) WHERE a.state = 0 AND b.state = 1"
        ),
        (
            "UPDATE uplink SET state = 1 - state FROM swapped s WHERE uplink.device = s.device"
            " AND (uplink.time_ms = s.a_ms OR uplink.time_ms = s.b_ms)"
        ),
    ),
    "one in eleven of no service told as usable": (
        f"UPDATE uplink SET state = 2 WHERE {ONE_IN_TEN}",
    ),
    "all of it half a minute late": ("UPDATE uplink SET time_ms = time_ms + 30000",),
}


@pytest.mark.parametrize("how", WRONG_STATES)
def test_states_that_add_up_at_the_wrong_times_are_seen(
    whole: Path, tmp_path: Path, how: str
) -> None:
    sums = {name: metric.reported for name, metric in scored(whole).items()}
    folder = corrupted(whole, tmp_path, *WRONG_STATES[how])
    found = scored(folder)
    assert {"uplink samples", "devices with uplink outside"} <= outside(folder)
    if "scrambled" in how or "exchanged" in how:
        # The sums are what they were: that is why they are not enough.
        after = {name: metric.reported for name, metric in found.items()}
        assert after["uplink usable"] == pytest.approx(sums["uplink usable"], rel=0.01)


def test_one_wrong_sample_is_seen(whole: Path, tmp_path: Path) -> None:
    longest = max(
        (r for r in read(whole / "truth.jsonl.gz") if isinstance(r, Uplink) and r.state == 2),
        key=lambda r: r.end_ms - r.start_ms,
    )
    middle_ms = (longest.start_ms + longest.end_ms) // 2
    one = (
        f"device = '{longest.device}' AND time_ms = (SELECT min(time_ms) FROM uplink WHERE"
        f" device = '{longest.device}' AND time_ms > {middle_ms})"
    )
    folder = corrupted(whole, tmp_path, f"UPDATE uplink SET state = 1 WHERE {one}")
    assert scored(folder)["uplink samples"].error == 1


OTHERWISE = {
    "session ends": "UPDATE session SET session_s = session_s + 5 WHERE NOT open",
    "session SSIDs": "UPDATE session SET ssid = 'Depot' WHERE client = 1",
    "Wi-Fi client counts": "UPDATE wifi SET clients = clients + 2 WHERE device = 'bus-02'",
    "lookups": "UPDATE activity SET lookups = lookups + 1 WHERE lookups > 0",
}


@pytest.mark.parametrize("name", OTHERWISE)
def test_what_else_a_record_tells_is_compared_too(whole: Path, tmp_path: Path, name: str) -> None:
    assert outside(corrupted(whole, tmp_path, OTHERWISE[name])) == {name}


def test_a_truth_without_an_end_or_with_nothing_to_compare_is_refused(
    whole: Path, tmp_path: Path
) -> None:
    folder = corrupted(whole, tmp_path)
    run = next(read(whole / "truth.jsonl.gz"))
    with Recorder(folder / "empty.gz") as recorder:
        recorder.write(run)
        kept = recorder.seal()
    with pytest.raises(ScoreError, match="nothing that could be compared"):
        score(folder / "empty.gz", folder / "archive.duckdb")
    (folder / "half.gz").write_bytes((folder / "empty.gz").read_bytes()[:kept])
    with pytest.raises(ScoreError, match="it has no end"):
        score(folder / "half.gz", folder / "archive.duckdb")


def test_an_archive_that_holds_nothing_of_a_whole_truth_is_out_of_bounds(
    whole: Path, tmp_path: Path
) -> None:
    nothing = [f"DELETE FROM {name}" for name in ("session", "uplink", "activity", "filter")]
    assert {"sessions", "learning client-minutes", "filter hits", "uplink not reported"} <= outside(
        corrupted(whole, tmp_path, *nothing)
    )


def test_a_few_active_minutes_may_differ_by_chance_and_many_by_two_in_a_hundred() -> None:
    assert 1 < active_bound(29) < 2
    assert active_bound(0) == 0
    assert active_bound(10_000) == 200


def test_many_devices_together_are_as_sure_as_one_comparison() -> None:
    assert each_of(1) > 3.0
    assert 4.0 < each_of(100) < 4.6


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
