"""What was refused, listed; and replayed when a newer release understands it.

Guarantees: a replay moves points from refused to stored and never loses or
doubles one: ``stored + refused`` of every batch stays what its device was told.
Points that pass get a new commit, so the follower sends them on; they keep the
time they were received. Fields that were unknown are added to their points.
Does not: replay garbage (no clear line), or points whose contents were not kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import duckdb

from homeroute_collector.archive import Archive
from homeroute_collector.archive_ledger import Ledger
from homeroute_collector.replay import Scope, replay_chunk
from homeroute_collector.replay_extras import complete


@dataclass(frozen=True, slots=True)
class Refused:
    """One row of what is kept aside. ``measurement`` empty: the whole batch.

    ``stream`` empty and ``seq`` None: garbage, a message without a clear line.
    """

    id: int
    received_ms: int
    device: str
    kind: str
    stream: str
    seq: int | None
    measurement: str
    points: int
    reason: str
    payload_bytes: int


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay did.

    Points now ``stored``; still ``refused``, in all; and ``completed`` with fields
    that had been unknown.
    """

    stored: int
    refused: int
    completed: int


_LIST = """
SELECT id, received_ms, device, kind, stream, seq, measurement, points, reason,
       octet_length(payload)
FROM refusals WHERE (? IS NULL OR device = ?) ORDER BY id DESC LIMIT ?
"""


async def newest(archive: Archive, *, device: str | None = None, limit: int = 100) -> list[Refused]:
    """What is refused, newest first."""
    return [Refused(*row) for row in await archive.query(_LIST, [device, device, limit])]


async def contents(archive: Archive, refusal_id: int) -> bytes | None:
    """The payload kept of one refusal, as received or packed; None when there is none."""
    rows = await archive.query("SELECT payload FROM refusals WHERE id = ?", [refusal_id])
    return bytes(rows[0][0]) if rows else None


async def replay(
    archive: Archive,
    *,
    retention_days: int,
    device: str | None = None,
    now_ms: Callable[[], int] = lambda: int(time.time() * 1000),
) -> Replayed:
    """Judge everything kept aside again, with this release; of one device, or of all."""
    stored, after = 0, 0
    while True:

        def chunk(
            connection: duckdb.DuckDBPyConnection, ledger: Ledger, after: int = after
        ) -> tuple[int, int]:
            scope = Scope(archive.district, retention_days, now_ms())
            return replay_chunk(connection, ledger, scope, after=after, device=device)

        after, moved = await archive.transaction(chunk)
        stored += moved
        if not after:
            break
    completed = await archive.transaction(
        lambda connection, ledger: complete(connection, ledger, now_ms=now_ms(), device=device)
    )
    rows = await archive.query(
        "SELECT coalesce(sum(points), 0)::BIGINT FROM refusals WHERE (? IS NULL OR device = ?)",
        [device, device],
    )
    return Replayed(stored, int(rows[0][0]), completed)
