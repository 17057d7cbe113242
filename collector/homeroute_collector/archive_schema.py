"""The archive's tables, made from the measurements' declaration.

Guarantees: opening an archive of an older release adds the columns and tables
it lacks and changes nothing else. Does not: remove or retype a column (a field
never changes its type; docs/measurements.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import duckdb

from homeroute_collector.archive_records import ArchiveError
from homeroute_wire.measurements import MEASUREMENTS
from homeroute_wire.schema import COMMON_TAGS, MeasurementSpec

SCHEMA_VERSION = "1"

SQL_TYPES = {"int": "BIGINT", "float": "DOUBLE", "bool": "BOOLEAN", "str": "VARCHAR"}

LEADING = {
    "commit_id": "BIGINT",
    "received_ms": "BIGINT",
    "stream": "VARCHAR",
    "time_ms": "BIGINT",
    **dict.fromkeys(COMMON_TAGS, "VARCHAR"),
}
"""Columns before a measurement's own, in every measurement's table."""

TABLES = (
    "CREATE SEQUENCE IF NOT EXISTS kept_ids",
    "CREATE TABLE IF NOT EXISTS meta (key VARCHAR PRIMARY KEY, value VARCHAR NOT NULL)",
    # One row per transaction: the follower's unit, and the archive's own clock.
    """CREATE TABLE IF NOT EXISTS commits (
        commit_id BIGINT, committed_ms BIGINT, points BIGINT)""",
    # The ledger of what was received. The truth behind `ranges`.
    """CREATE TABLE IF NOT EXISTS batches (
        commit_id BIGINT, received_ms BIGINT, device VARCHAR, kind VARCHAR, stream VARCHAR,
        seq BIGINT, points BIGINT, stored BIGINT, refused BIGINT, sent_ms BIGINT, bytes BIGINT)""",
    # `batches` up to meta's ranges_commit, folded, so that opening reads only the rest.
    """CREATE TABLE IF NOT EXISTS ranges (
        device VARCHAR, stream VARCHAR, first_seq BIGINT, last_seq BIGINT)""",
    """CREATE TABLE IF NOT EXISTS refusals (
        id BIGINT DEFAULT nextval('kept_ids'), commit_id BIGINT, received_ms BIGINT,
        device VARCHAR, kind VARCHAR, stream VARCHAR, seq BIGINT, measurement VARCHAR,
        points BIGINT, reason VARCHAR, payload BLOB)""",
    """CREATE TABLE IF NOT EXISTS extras (
        id BIGINT DEFAULT nextval('kept_ids'), commit_id BIGINT, received_ms BIGINT,
        device VARCHAR, kind VARCHAR, stream VARCHAR, seq BIGINT, measurement VARCHAR,
        points BIGINT, payload BLOB)""",
    """CREATE TABLE IF NOT EXISTS devices (
        device VARCHAR PRIMARY KEY, kind VARCHAR, first_seen_ms BIGINT)""",
    "CREATE TABLE IF NOT EXISTS cursors (name VARCHAR PRIMARY KEY, commit_id BIGINT NOT NULL)",
)


def create(
    connection: duckdb.DuckDBPyConnection, *, path: str, district: str, extra_ddl: Iterable[str]
) -> None:
    """Make or complete the tables. Raises :class:`ArchiveError` for another district's.

    A district that no device has been heard of yet may be given another name.
    """
    connection.begin()
    for statement in TABLES:
        connection.execute(statement)
    for spec in MEASUREMENTS.values():
        _create_measurement(connection, spec)
    for statement in extra_ddl:
        connection.execute(statement)
    for key, value in (("district", district), ("schema", SCHEMA_VERSION)):
        connection.execute("INSERT INTO meta VALUES (?, ?) ON CONFLICT DO NOTHING", [key, value])
    connection.execute(
        "UPDATE meta SET value = ? WHERE key = 'district' AND value <> ? "
        "AND NOT EXISTS (SELECT 1 FROM devices) AND NOT EXISTS (SELECT 1 FROM batches)",
        [district, district],
    )
    held = dict(connection.execute("SELECT key, value FROM meta").fetchall())
    connection.commit()
    if held["district"] != district:
        raise ArchiveError(
            "open archive",
            path,
            f"it belongs to district {held['district']!r}, not {district!r}",
            "one district, one archive: give this one its own data_dir",
        )
    if held["schema"] != SCHEMA_VERSION:
        raise ArchiveError(
            "open archive",
            path,
            f"its layout is version {held['schema']}, this release reads {SCHEMA_VERSION}",
            "run the release that wrote it, or a newer one",
        )


def columns_of(spec: MeasurementSpec) -> dict[str, str]:
    """Every column of a measurement's table, with its SQL type, in order."""
    return LEADING | {c.name: SQL_TYPES[c.value_type] for c in spec.columns}


def _create_measurement(connection: duckdb.DuckDBPyConnection, spec: MeasurementSpec) -> None:
    wanted = columns_of(spec)
    declared = ", ".join(f'"{name}" {sql_type}' for name, sql_type in wanted.items())
    connection.execute(f'CREATE TABLE IF NOT EXISTS "{spec.name}" ({declared})')
    present = _present(connection, spec.name)
    for name, sql_type in wanted.items():
        if name not in present:
            connection.execute(f'ALTER TABLE "{spec.name}" ADD COLUMN "{name}" {sql_type}')


def _present(connection: duckdb.DuckDBPyConnection, table: str) -> Sequence[str]:
    rows = connection.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = ?", [table]
    ).fetchall()
    return [name for (name,) in rows]
