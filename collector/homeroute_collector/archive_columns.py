"""Rows of many batches as numpy columns, and their insertion.

Guarantees: one INSERT per table and group; an absent value is NULL, never NaN,
zero or an empty text. Does not: begin or end transactions, or look for
duplicates. Measured: executemany writes 1,700 rows/s, columns hundreds of
thousands.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, repeat
from typing import Any

import duckdb
import numpy as np

from homeroute_collector.archive_records import Columns, Commit
from homeroute_wire.measurements import MEASUREMENTS
from homeroute_wire.schema import MeasurementSpec, ValueType

Array = np.ndarray[Any, np.dtype[Any]]

_DTYPES: dict[ValueType, Any] = {"int": np.int64, "float": np.float64, "bool": np.bool_}


def insert_group(
    connection: duckdb.DuckDBPyConnection,
    commit_id: int,
    committed_ms: int,
    commits: Sequence[Commit],
    *,
    district: str,
) -> None:
    """Insert everything of a group of commits, inside the caller's transaction."""
    points = insert_points(connection, commit_id, commits, district=district)
    _insert_batches(connection, commit_id, [c for c in commits if c.header is not None])
    insert_kept(connection, commit_id, commits)
    record_commit(connection, commit_id, committed_ms, points)


def insert_points(
    connection: duckdb.DuckDBPyConnection,
    commit_id: int,
    commits: Sequence[Commit],
    *,
    district: str,
) -> int:
    """Insert the points alone. Returns how many."""
    points = 0
    for name in dict.fromkeys(chain.from_iterable(commit.columns for commit in commits)):
        parts = [(c, c.columns[name]) for c in commits if name in c.columns]
        points += _insert_measurement(connection, commit_id, parts, MEASUREMENTS[name], district)
    return points


def record_commit(
    connection: duckdb.DuckDBPyConnection, commit_id: int, committed_ms: int, points: int
) -> None:
    """Say that a commit was made, for followers and for the next opening."""
    connection.execute("INSERT INTO commits VALUES (?, ?, ?)", [commit_id, committed_ms, points])


def insert_rows(connection: duckdb.DuckDBPyConnection, table: str, rows: dict[str, Array]) -> None:
    """Insert equally long columns into the table's columns of those names."""
    connection.register("incoming", rows)
    try:
        connection.execute(f'INSERT INTO "{table}" BY NAME SELECT * FROM incoming')  # noqa: S608 - a table of ours
    finally:
        connection.unregister("incoming")


def to_array(value_type: ValueType, values: list[Any]) -> Array:
    """One column as DuckDB reads it: text as objects, absent values masked."""
    if value_type == "str":
        return texts(values)
    if None not in values:
        return np.array(values, dtype=_DTYPES[value_type])
    absent = [value is None for value in values]
    filled = [0 if value is None else value for value in values]
    return np.ma.masked_array(np.array(filled, dtype=_DTYPES[value_type]), mask=absent)


def texts(values: Sequence[Any]) -> Array:
    """A column of text or bytes; None is NULL."""
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def _insert_measurement(
    connection: duckdb.DuckDBPyConnection,
    commit_id: int,
    parts: list[tuple[Commit, Columns]],
    spec: MeasurementSpec,
    district: str,
) -> int:
    counts = [len(columns.times_ms) for _, columns in parts]
    total = sum(counts)
    rows: dict[str, Array] = {
        "commit_id": np.full(total, commit_id, dtype=np.int64),
        "received_ms": np.repeat(np.array([c.received_ms for c, _ in parts], np.int64), counts),
        "stream": np.repeat(texts([c.stream for c, _ in parts]), counts),
        "time_ms": np.array(
            list(chain.from_iterable(columns.times_ms for _, columns in parts)), dtype=np.int64
        ),
        "district": np.repeat(texts([district]), total),
        "device": np.repeat(texts([c.device for c, _ in parts]), counts),
        "kind": np.repeat(texts([c.kind for c, _ in parts]), counts),
    }
    for column in spec.columns:
        lists = [columns.values.get(column.name) for _, columns in parts]
        if any(values is not None for values in lists):
            joined = chain.from_iterable(
                repeat(None, count) if values is None else values
                for values, count in zip(lists, counts, strict=True)
            )
            rows[column.name] = to_array(column.value_type, list(joined))
    insert_rows(connection, spec.name, rows)
    return total


def _insert_batches(
    connection: duckdb.DuckDBPyConnection, commit_id: int, commits: list[Commit]
) -> None:
    if not commits:
        return
    headers = [commit.header for commit in commits if commit.header is not None]
    rows: dict[str, Array] = {
        "commit_id": np.full(len(commits), commit_id, dtype=np.int64),
        "device": texts([c.device for c in commits]),
        "kind": texts([c.kind for c in commits]),
        "stream": texts([c.stream for c in commits]),
    }
    numbers = {
        "received_ms": [c.received_ms for c in commits],
        "seq": [h.seq for h in headers],
        "points": [h.points for h in headers],
        "stored": [c.stored for c in commits],
        "refused": [c.refused for c in commits],
        "sent_ms": [h.sent_ms for h in headers],
        "bytes": [c.size for c in commits],
    }
    rows |= {name: np.array(values, dtype=np.int64) for name, values in numbers.items()}
    insert_rows(connection, "batches", rows)


def insert_kept(
    connection: duckdb.DuckDBPyConnection, commit_id: int, commits: Sequence[Commit]
) -> None:
    """Insert what the commits keep aside: refusals and extras."""
    refusals = [(c, r) for c in commits for r in c.refusals]
    if refusals:
        rows = _kept_rows(commit_id, [c for c, _ in refusals], [r for _, r in refusals])
        rows["reason"] = texts([r.reason for _, r in refusals])
        insert_rows(connection, "refusals", rows)
    extras = [(c, e) for c in commits for e in c.extras]
    if extras:
        rows = _kept_rows(commit_id, [c for c, _ in extras], [e for _, e in extras])
        insert_rows(connection, "extras", rows)


def _kept_rows(commit_id: int, commits: list[Commit], kept: Sequence[Any]) -> dict[str, Array]:
    return {
        "commit_id": np.full(len(kept), commit_id, dtype=np.int64),
        "received_ms": np.array([c.received_ms for c in commits], dtype=np.int64),
        "device": texts([c.device for c in commits]),
        "kind": texts([c.kind for c in commits]),
        "stream": texts([c.stream for c in commits]),
        "seq": to_array("int", [c.header.seq if c.header else None for c in commits]),
        "measurement": texts([k.measurement for k in kept]),
        "points": np.array([k.points for k in kept], dtype=np.int64),
        "payload": texts([k.payload for k in kept]),
    }
