"""Raw points do not stay for ever: what is past its retention leaves the archive.

Guarantees: the ledger (``batches``, ``ranges``) stays, so a batch that comes
again is still known; the newest commit stays, so commits count on. Each table is
its own transaction: commits of points go on in between. Does not: seal a day's
aggregates first; that is its caller's order of work (the service's ``seal``).
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from homeroute_collector.archive import Archive
from homeroute_collector.archive_ledger import Ledger, fold_ranges
from homeroute_wire.measurements import MEASUREMENTS

_COMMITS = """
DELETE FROM commits WHERE committed_ms < ? AND commit_id < (SELECT max(commit_id) FROM commits)
"""


_NOTE = """
INSERT INTO meta VALUES ('expired_before_ms', ?) ON CONFLICT DO UPDATE
SET value = greatest(value::BIGINT, excluded.value::BIGINT)::VARCHAR
"""


@dataclass(frozen=True, slots=True)
class Expired:
    """What one run removed: points, and rows kept aside (refusals, unknown fields)."""

    points: int
    kept: int


async def expire(
    archive: Archive, *, before_ms: int, points_before_ms: int | None = None
) -> Expired:
    """Remove what is older than ``before_ms`` by event time (kept rows: by receipt).

    ``points_before_ms``, when earlier, spares points that are still needed. From when on
    points are whole is noted first (``expired_before_ms``), so that nobody computes a day
    of which a part is gone.
    """
    edge_ms = before_ms if points_before_ms is None else min(before_ms, points_before_ms)
    await archive.execute(_NOTE, [str(edge_ms)])
    points = kept = 0
    for name in MEASUREMENTS:
        # The names are the measurements' own, never a device's.
        points += await _delete(archive, f'DELETE FROM "{name}" WHERE time_ms < ?', edge_ms)  # noqa: S608
    for table in ("refusals", "extras"):
        kept += await _delete(archive, f"DELETE FROM {table} WHERE received_ms < ?", before_ms)  # noqa: S608
    await _delete(archive, _COMMITS, edge_ms)
    await archive.transaction(fold_ranges)
    await archive.transaction(_reload_kept)
    return Expired(points, kept)


async def _delete(archive: Archive, sql: str, before_ms: int) -> int:
    rows = await archive.execute(sql, [before_ms])
    return int(rows[0][0])


def _reload_kept(connection: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    ledger.reload_kept(connection)
