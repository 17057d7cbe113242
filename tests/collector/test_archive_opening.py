"""Opening an archive: whose it is, what is wrong with its file, which tables it has."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from homeroute_collector.archive import Archive
from homeroute_collector.archive_records import (
    ArchiveError,
)
from homeroute_wire.measurements import MEASUREMENTS, Health
from tests.collector.archives import opened, received, within
from tests.collector.batches import (
    DISTRICT,
    NOW_MS,
    batch,
)


def test_another_district_s_archive_is_not_opened(tmp_path: Path) -> None:
    async def use(archive: Archive) -> None:
        await archive.commit(received(batch([(NOW_MS, Health(uptime_s=1))])))

    within(tmp_path, use)
    with pytest.raises(ArchiveError, match="belongs to district 'springfield'"):
        opened(tmp_path, district="shelbyville")
    opened(tmp_path).close()


def test_a_district_no_device_was_heard_of_may_be_named_anew(tmp_path: Path) -> None:
    opened(tmp_path, district="district").close()
    opened(tmp_path).close()
    opened(tmp_path, district="district").close()


def test_a_damaged_file_is_said_to_be_one(tmp_path: Path) -> None:
    path = tmp_path / "archive.duckdb"
    path.write_bytes(b"this is no database" * 1_000)
    with pytest.raises(ArchiveError) as raised:
        opened(tmp_path)
    assert str(path) in str(raised.value)
    assert "move it aside" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ArchiveError, match="open archive"):
        Archive.open(tmp_path / "file" / "archive.duckdb", district=DISTRICT)


def test_a_column_added_by_a_newer_release_is_added_to_an_older_archive(tmp_path: Path) -> None:
    opened(tmp_path).close()
    with duckdb.connect(str(tmp_path / "archive.duckdb")) as connection:
        connection.execute("ALTER TABLE health DROP COLUMN throttled")
        connection.execute("DROP TABLE pipeline")

    async def use(archive: Archive) -> None:
        await archive.commit(received(batch([(NOW_MS, Health(uptime_s=1, throttled=True))])))
        assert await archive.query("SELECT throttled FROM health") == [(True,)]
        assert await archive.query("SELECT count(*) FROM pipeline") == [(0,)]

    within(tmp_path, use)


def test_other_components_tables_are_made_with_the_archive(tmp_path: Path) -> None:
    ddl = ["CREATE TABLE IF NOT EXISTS legs (device VARCHAR)"]

    async def use(archive: Archive) -> None:
        await archive.execute("INSERT INTO legs VALUES ('bus-07')")
        assert await archive.query("SELECT * FROM legs") == [("bus-07",)]

    within(tmp_path, use, extra_ddl=ddl)


def test_every_measurement_has_a_table_with_its_columns(tmp_path: Path) -> None:
    async def use(archive: Archive) -> None:
        for name, spec in MEASUREMENTS.items():
            rows = await archive.query(
                "SELECT column_name FROM information_schema.columns WHERE table_name = ?"
                " ORDER BY ordinal_position",
                [name],
            )
            assert [column for (column,) in rows][7:] == [c.name for c in spec.columns]

    within(tmp_path, use)
