"""Raw points do not stay for ever: what is past its retention leaves the archive.

Guarantees: the ledger (``batches``, ``ranges``) stays, so a batch that comes
again is still known; the newest commit stays, so commits count on. Each table is
its own transaction: commits of points go on in between. Does not: seal a day's
aggregates first; that is its caller's order of work.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from homeroute_collector.archive import Archive
from homeroute_collector.archive_ledger import Ledger, fold_ranges
from homeroute_wire.measurements import MEASUREMENTS

DAY_MS = 86_400_000

_COMMITS = """
DELETE FROM commits WHERE committed_ms < ? AND commit_id < (SELECT max(commit_id) FROM commits)
"""


@dataclass(frozen=True, slots=True)
class Expired:
    """What one run removed: points, and rows kept aside (refusals, unknown fields)."""

    points: int
    kept: int


async def expire(archive: Archive, *, retention_days: int, now_ms: int) -> Expired:
    """Remove what is older than ``retention_days`` by event time (kept rows: by receipt)."""
    before_ms = now_ms - retention_days * DAY_MS
    points = kept = 0
    for name in MEASUREMENTS:
        # The names are the measurements' own, never a device's.
        points += await _delete(archive, f'DELETE FROM "{name}" WHERE time_ms < ?', before_ms)  # noqa: S608
    for table in ("refusals", "extras"):
        kept += await _delete(archive, f"DELETE FROM {table} WHERE received_ms < ?", before_ms)  # noqa: S608
    await _delete(archive, _COMMITS, before_ms)
    await archive.transaction(fold_ranges)
    await archive.transaction(_reload_kept)
    return Expired(points, kept)


async def _delete(archive: Archive, sql: str, before_ms: int) -> int:
    rows = await archive.execute(sql, [before_ms])
    return int(rows[0][0])


def _reload_kept(connection: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    ledger.reload_kept(connection)
