"""Puts a truth and an archive side by side in one database. The archive is only read."""

from __future__ import annotations

from pathlib import Path

import duckdb

from homeroute_simulators.truth import Run, read

MARGIN_MS = 3_600_000
"""What is stored so long before and after the truth is compared too; the rest is another run's."""

_COLUMNS = {
    "what": "VARCHAR",
    "device": "VARCHAR",
    "client": "VARCHAR",
    "start_ms": "BIGINT",
    "end_ms": "BIGINT",
    "down_bytes": "BIGINT",
    "up_bytes": "BIGINT",
    "state": "TINYINT",
    "minute": "BIGINT",
    "active": "INTEGER",
    "learning": "INTEGER",
    "strict": "INTEGER",
    "loose": "INTEGER",
    "time_ms": "BIGINT",
    "category": "VARCHAR",
    "kind": "VARCHAR",
    "of": "VARCHAR",
    "ssid": "VARCHAR",
    "lookups": "INTEGER",
    "records": "BIGINT",
}

_TABLES = {
    "session": "device, client, ssid, start_ms, end_ms, down_bytes, up_bytes",
    "uplink": "device, state, start_ms, end_ms",
    "minute": "device, minute, active, learning, strict, loose, lookups",
    "block": "device, time_ms, category",
    "fault": "device, kind, start_ms, end_ms",
    "lost": "device, start_ms, end_ms, of",
    "unseen": "device, client, start_ms, down_bytes, up_bytes",
}

STORED = ("session", "uplink", "activity", "filter", "wifi")
"""What is read of the archive, as ``stored_…``."""


class ScoreError(Exception):
    """The two cannot be compared; says why."""


def load(work: duckdb.DuckDBPyConnection, truth: Path, archive: Path) -> Run:
    """Make the tables of the truth's records, and views ``stored_…`` of the archive's."""
    run = next(read(truth), None)
    if not isinstance(run, Run):
        raise ScoreError(f"read {truth}: it is empty")
    if not archive.exists():
        raise ScoreError(f"open {archive}: there is no archive; is --data its folder?")
    _load_truth(work, truth)
    _attach(work, archive)
    district = work.execute("SELECT value FROM archive.meta WHERE key = 'district'").fetchone()
    if district is not None and district[0] != run.district:
        raise ScoreError(
            f"the truth is of {run.district}, and {archive} is of {district[0]}: not the same run"
        )
    return run


def _load_truth(work: duckdb.DuckDBPyConnection, truth: Path) -> None:
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in _COLUMNS.items())
    text = str(truth).replace("'", "''")
    try:
        work.execute(
            f"CREATE TABLE truth AS FROM read_json('{text}', format='newline_delimited',"
            f" compression='gzip', columns={{{columns}}})"
        )
    except duckdb.Error as error:
        raise ScoreError(f"read {truth}: {str(error).splitlines()[0]}") from None
    _refuse_half(work, truth)
    for name, chosen in _TABLES.items():
        work.execute(f"CREATE TABLE {name} AS SELECT {chosen} FROM truth WHERE what = '{name}'")  # noqa: S608
    # A truth tells of time; everything else stored by its devices is another run's.
    work.execute(
        "CREATE TABLE span AS SELECT coalesce(min(coalesce(start_ms, time_ms)), 0) - $margin AS a,"
        " coalesce(max(coalesce(end_ms, time_ms)), 0) + $margin AS b FROM truth",
        {"margin": MARGIN_MS},
    )
    work.execute("DROP TABLE truth")


def _refuse_half(work: duckdb.DuckDBPyConnection, truth: Path) -> None:
    """Nothing missing is nothing wrong, to a truth that is not whole: refuse it."""
    row = work.execute(
        "SELECT max(records), count(*) - 1,"
        " count(*) FILTER (what IN ('session', 'uplink', 'minute')) FROM truth"
    ).fetchone()
    assert row is not None
    promised, there, comparable = row
    if promised is None:
        raise ScoreError(
            f"read {truth}: it has no end; its run was interrupted, or goes on"
            " (a history goes on with the same command)"
        )
    if promised != there:
        raise ScoreError(f"read {truth}: of {promised} records {there} are left")
    if not comparable:
        raise ScoreError(f"read {truth}: it tells of nothing that could be compared")


def _attach(work: duckdb.DuckDBPyConnection, archive: Path) -> None:
    text = str(archive).replace("'", "''")
    try:
        work.execute(f"ATTACH '{text}' AS archive (READ_ONLY)")
        for name in STORED:
            work.execute(
                f"CREATE VIEW stored_{name} AS SELECT t.* FROM archive.{name} t, span"  # noqa: S608
                " WHERE t.time_ms BETWEEN span.a AND span.b"
            )
    except duckdb.Error as error:
        first = str(error).splitlines()[0]
        hint = "; stop the collector that has it open" if "lock" in first.lower() else ""
        raise ScoreError(f"open {archive}: {first}{hint}") from None


def lost_while(device: str, start: str, end: str, measurement: str) -> str:
    """SQL that says whether any of a stretch was lost to a measurement.

    ``device`` is qualified: a bare one would be the lost table's own.
    """
    return (
        f"EXISTS (SELECT 1 FROM lost l WHERE l.device = {device} AND l.start_ms < {end}"  # noqa: S608
        f" AND l.end_ms > {start} AND l.of IN ('', '{measurement}'))"
    )
