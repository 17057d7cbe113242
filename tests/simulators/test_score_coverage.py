"""Coverage and dead zones against the truth, through attribution and rollups as they run."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import duckdb
import pytest

from homeroute_analytics import tables
from homeroute_collector.archive import Archive
from homeroute_command import rolling
from homeroute_simulators.filling_state import taught_days
from homeroute_simulators.history_faults import ALL
from homeroute_simulators.score_coverage import CoverageScore, score_file
from tests.simulators import filled

pytestmark = pytest.mark.slow

SEED, BUSES, DAYS = 3, 4, 12
WHERE = filled.place(SEED, BUSES)
LATER_MS = 1_800_000_000_000


def history(folder: Path, kinds: tuple[str, ...]) -> None:
    """Fill and roll up."""
    days = taught_days(WHERE, filled.BEFORE, DAYS)
    filled.run(folder, WHERE, days, kinds=kinds)

    async def roll() -> None:
        archive = Archive.open(
            folder / "archive.duckdb", district=WHERE.district.name, extra_ddl=tables.DDL
        )
        for day in days:
            await rolling.roll(archive, day, timezone=WHERE.district.timezone, now_ms=LATER_MS)
        await asyncio.to_thread(archive.close)

    asyncio.run(roll())


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faulty")
    history(folder, ALL)
    return folder


def scored(folder: Path) -> CoverageScore:
    found = score_file(folder / "archive.duckdb", folder / "truth.jsonl.gz", WHERE)
    assert found is not None
    return found


def test_with_every_fault_shares_are_within_a_point_and_every_hollow_is_found(faulty: Path) -> None:
    found = scored(faulty)
    assert found.within, found
    assert found.hollows >= 5
    assert found.segments > 300


@pytest.mark.parametrize(
    "lie",
    [
        "UPDATE trip_day SET usable_s = least(reported_s, usable_s * 1.05)",
        "UPDATE trip_day SET reported_s = greatest(reported_s, 0.99 * driven_s)",
        "UPDATE segment_day SET usable_s = 0 WHERE segment LIKE '%:00_'",
        "UPDATE segment_day SET usable_s = usable_s + no_service_s, no_service_s = 0",
    ],
)
def test_a_wrong_rollup_is_out_of_its_bound(faulty: Path, tmp_path: Path, lie: str) -> None:
    for name in ("archive.duckdb", "truth.jsonl.gz"):
        shutil.copy(faulty / name, tmp_path / name)
    with duckdb.connect(str(tmp_path / "archive.duckdb")) as archive:
        archive.execute(lie)
    assert not scored(tmp_path).within


def test_what_was_rolled_up_of_other_days_is_not_scored(faulty: Path, tmp_path: Path) -> None:
    shutil.copy(faulty / "archive.duckdb", tmp_path / "archive.duckdb")
    with duckdb.connect(str(tmp_path / "archive.duckdb")) as archive:
        for table in ("trip_day", "segment_day"):
            archive.execute(
                f"INSERT INTO {table} SELECT * REPLACE (day + 3000 AS day, 0.0 AS usable_s) "
                f"FROM {table}"
            )
    assert score_file(tmp_path / "archive.duckdb", faulty / "truth.jsonl.gz", WHERE) == scored(
        faulty
    )


def test_what_was_not_rolled_up_has_no_score(faulty: Path, tmp_path: Path) -> None:
    shutil.copy(faulty / "archive.duckdb", tmp_path / "archive.duckdb")
    with duckdb.connect(str(tmp_path / "archive.duckdb")) as archive:
        archive.execute("DELETE FROM trip_day")
    assert score_file(tmp_path / "archive.duckdb", faulty / "truth.jsonl.gz", WHERE) is None
