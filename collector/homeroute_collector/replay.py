"""One transaction of a replay: refused rows judged again, in the writer's thread.

Guarantees: what passes moves from ``refusals`` into its measurement and from
``refused`` to ``stored`` in ``batches``, under one new commit; what does not
stays as it is. A point whose identity is stored already stays refused.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import duckdb

from homeroute_collector.archive_columns import insert_kept, insert_points, record_commit
from homeroute_collector.archive_ledger import Ledger
from homeroute_collector.archive_records import Columns, Commit, Refusal
from homeroute_collector.kept import pack, unpack
from homeroute_collector.validation import Window, judge, validate
from homeroute_wire.batch import Header
from homeroute_wire.measurements import MEASUREMENTS

CHUNK = 50
"""Refusals in one transaction: live commits wait no longer than for those."""

ALREADY_STORED = "a point with the same tags and time is stored already"

_CHUNK = """
SELECT id, received_ms, device, kind, stream, seq, measurement, payload FROM refusals
WHERE id > ? AND stream <> '' AND octet_length(payload) > 0 AND (? IS NULL OR device = ?)
ORDER BY id LIMIT ?
"""

_MOVED = """
UPDATE batches SET stored = stored + $points, refused = refused - $points,
       kind = CASE WHEN kind = '' THEN $kind ELSE kind END
WHERE device = $device AND stream = $stream AND seq = $seq
"""


@dataclass(frozen=True, slots=True)
class Scope:
    """What judging again needs beside the rows."""

    district: str
    retention_days: int
    now_ms: int


def replay_chunk(
    connection: duckdb.DuckDBPyConnection,
    ledger: Ledger,
    scope: Scope,
    *,
    after: int,
    device: str | None,
) -> tuple[int, int]:
    """Replay the refusals next after id ``after``.

    Returns the last id looked at (0: there were none) and the points now stored.
    """
    rows = connection.execute(_CHUNK, [after, device, device, CHUNK]).fetchall()
    commit_id = ledger.commit_id + 1
    moved = 0
    for refusal_id, *row in rows:
        judged = _without_stored(connection, _judged(scope, *row))
        if judged.stored:
            _move(connection, scope, commit_id, refusal_id, judged)
            moved += judged.stored
    if moved:
        record_commit(connection, commit_id, scope.now_ms, moved)
        ledger.reload_kept(connection)
        ledger.replayed(commit_id, scope.now_ms, moved)
    return (rows[-1][0] if rows else 0), moved


def _judged(
    scope: Scope,
    received_ms: int,
    device: str,
    kind: str,
    stream: str,
    seq: int,
    measurement: str,
    payload: bytes,
) -> Commit:
    """A refusal as a commit. Its times are judged as of when it was received."""
    if not measurement:
        return validate(
            device, payload, received_ms=received_ms, retention_days=scope.retention_days
        )
    times_ms, values = unpack(payload)
    window = Window.at(received_ms, scope.retention_days)
    verdict = judge(kind, measurement, times_ms, values, window)
    return Commit(
        device=device,
        kind=kind,
        stream=stream,
        received_ms=received_ms,
        columns={measurement: verdict.columns} if verdict.columns else {},
        refusals=verdict.refusals,
        extras=(verdict.extra,) if verdict.extra else (),
        header=Header(stream, seq, received_ms, len(times_ms)),
    )


def _without_stored(connection: duckdb.DuckDBPyConnection, commit: Commit) -> Commit:
    """The commit with points refused whose identity the archive already has."""
    columns: dict[str, Columns] = {}
    refusals = list(commit.refusals)
    for name, rows in commit.columns.items():
        tags = [tag.name for tag in MEASUREMENTS[name].tags]
        stored = _identities(connection, name, tags, commit.device, rows.times_ms)
        identities = zip(rows.times_ms, *(rows.values[tag] for tag in tags), strict=True)
        known = [identity in stored for identity in identities]
        if any(known):
            again = _picked(rows, known, wanted=True)
            packed = pack(again.times_ms, again.values)
            refusals.append(Refusal(name, len(again.times_ms), ALREADY_STORED, packed))
            rows = _picked(rows, known, wanted=False)  # noqa: PLW2901 - the rest of them
        if rows.times_ms:
            columns[name] = rows
    return replace(commit, columns=columns, refusals=tuple(refusals))


def _identities(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    tags: list[str],
    device: str,
    times_ms: list[int],
) -> set[tuple[Any, ...]]:
    names = ", ".join(f'"{column}"' for column in ("time_ms", *tags))
    sql = f'SELECT {names} FROM "{name}" WHERE device = ? AND time_ms BETWEEN ? AND ?'  # noqa: S608
    return set(connection.execute(sql, [device, min(times_ms), max(times_ms)]).fetchall())


def _picked(rows: Columns, marks: list[bool], *, wanted: bool) -> Columns:
    at = [row for row, mark in enumerate(marks) if mark is wanted]
    values = {name: [column[row] for row in at] for name, column in rows.values.items()}
    return Columns([rows.times_ms[row] for row in at], values)


def _move(
    connection: duckdb.DuckDBPyConnection,
    scope: Scope,
    commit_id: int,
    refusal_id: int,
    commit: Commit,
) -> None:
    assert commit.header is not None
    connection.execute("DELETE FROM refusals WHERE id = ?", [refusal_id])
    insert_points(connection, commit_id, [commit], district=scope.district)
    insert_kept(connection, commit_id, [commit])
    connection.execute(
        _MOVED,
        {
            "points": commit.stored,
            "kind": commit.kind,
            "device": commit.device,
            "stream": commit.stream,
            "seq": commit.header.seq,
        },
    )
