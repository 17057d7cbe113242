"""Before a group is written: what of it is new, and what each will be told.

Guarantees: a batch that is in the archive, or earlier in the same group, is a
duplicate and keeps the counts it was first given; a device whose refused data
would pass its bound is held, with nothing of that batch kept. Does not: write.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from homeroute_collector.archive_ledger import GARBAGE_BOUND, Ledger
from homeroute_collector.archive_records import Commit, Committed
from homeroute_wire.messages import Receipt


def sift(
    commits: Sequence[Commit],
    ledger: Ledger,
    connection: duckdb.DuckDBPyConnection,
    *,
    commit_id: int,
    kept_bound: int,
) -> tuple[list[Commit], list[Committed]]:
    """The commits to write under ``commit_id``, and the outcome of every one if they are."""
    ledger.recall(connection, commits)
    known = ledger.receipts(
        connection,
        [c for c in commits if c.header and ledger.has(c.device, c.stream, c.header.seq)],
    )
    kept = dict(ledger.kept_bytes)
    garbage = dict(ledger.garbage)
    held = Committed("held", ledger.commit_id, None)
    fresh: list[Commit] = []
    outcomes: list[Committed] = []
    for commit in commits:
        receipt = None
        if commit.header is not None:
            key = (commit.device, commit.stream, commit.header.seq)
            if key in known:
                outcomes.append(Committed("duplicate", ledger.commit_id, known[key]))
                continue
            if not _fits(kept, commit.device, commit.kept_bytes, kept_bound):
                outcomes.append(held)
                continue
            receipt = Receipt(commit.stream, commit.header.seq, commit.stored, commit.refused)
            known[key] = receipt
        elif commit.stream == "" and not _fits(garbage, commit.device, 1, GARBAGE_BOUND):
            outcomes.append(held)
            continue
        fresh.append(commit)
        outcomes.append(Committed("stored", commit_id, receipt))
    return fresh, outcomes


def _fits(taken: dict[str, int], device: str, more: int, bound: int) -> bool:
    """Take ``more`` of a device's bound, unless it would pass it. Nothing always fits."""
    total = taken.get(device, 0) + more
    if more and total > bound:
        return False
    taken[device] = total
    return True
