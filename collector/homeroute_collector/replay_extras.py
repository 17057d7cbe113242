"""Fields that were unknown when their points were stored, added to them since.

Guarantees: only fields a point does not have are written, so nothing that was
stored changes; the completed points get a new commit, so the follower sends them
again, over themselves. A field with a value that does not pass stays kept.
"""

from __future__ import annotations

from typing import Any

import duckdb

from homeroute_collector.archive_columns import Array, record_commit, to_array
from homeroute_collector.archive_ledger import Ledger
from homeroute_collector.kept import pack, unpack
from homeroute_collector.validators import passes
from homeroute_wire.measurements import FROM_DEVICES
from homeroute_wire.schema import FieldSpec, MeasurementSpec

_EXTRAS = """
SELECT id, device, stream, measurement, payload FROM extras
WHERE (? IS NULL OR device = ?) ORDER BY id
"""


def complete(
    connection: duckdb.DuckDBPyConnection, ledger: Ledger, *, now_ms: int, device: str | None
) -> int:
    """Add what is known by now to its points, in the caller's transaction.

    Returns how many points were completed.
    """
    commit_id = ledger.commit_id + 1
    completed = 0
    for extra_id, owner, stream, measurement, payload in connection.execute(
        _EXTRAS, [device, device]
    ).fetchall():
        spec = FROM_DEVICES[measurement]
        times_ms, values = unpack(payload)
        known = [f for f in spec.fields if f.name in values and passes(f, values[f.name])]
        if not known:
            continue
        _add(connection, commit_id, spec, (owner, stream), times_ms, values, known)
        completed += len(times_ms)
        _keep_rest(connection, extra_id, spec, times_ms, values, known)
    if completed:
        record_commit(connection, commit_id, now_ms, completed)
        ledger.reload_kept(connection)
        ledger.replayed(commit_id, now_ms, 0)
    return completed


def _add(
    connection: duckdb.DuckDBPyConnection,
    commit_id: int,
    spec: MeasurementSpec,
    owner: tuple[str, str],
    times_ms: list[int],
    values: dict[str, list[Any]],
    fields: list[FieldSpec],
) -> None:
    incoming: dict[str, Array] = {"time_ms": to_array("int", list(times_ms))}
    for column in (*spec.tags, *fields):
        incoming[column.name] = to_array(column.value_type, values[column.name])
    target = f'"{spec.name}"'
    new = ", ".join(
        f'"{f.name}" = coalesce({target}."{f.name}", incoming."{f.name}")' for f in fields
    )
    same = " AND ".join(
        f'{target}."{name}" = incoming."{name}"'
        for name in ("time_ms", *(tag.name for tag in spec.tags))
    )
    connection.register("incoming", incoming)
    try:
        connection.execute(
            # Names are the declaration's own.
            f"UPDATE {target} SET commit_id = ?, {new} FROM incoming"  # noqa: S608
            f" WHERE {target}.device = ? AND {target}.stream = ? AND {same}",
            [commit_id, *owner],
        )
    finally:
        connection.unregister("incoming")


def _keep_rest(
    connection: duckdb.DuckDBPyConnection,
    extra_id: int,
    spec: MeasurementSpec,
    times_ms: list[int],
    values: dict[str, list[Any]],
    done: list[FieldSpec],
) -> None:
    added = {field.name for field in done}
    rest = {name: column for name, column in values.items() if name not in added}
    if rest.keys() <= {tag.name for tag in spec.tags}:
        connection.execute("DELETE FROM extras WHERE id = ?", [extra_id])
    else:
        connection.execute(
            "UPDATE extras SET payload = ? WHERE id = ?", [pack(times_ms, rest), extra_id]
        )
