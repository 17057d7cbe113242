"""What the archive remembers of what it has: the writer's memory.

Guarantees: loaded from the archive when it opens, and changed only after a
commit has succeeded; so it never knows of a batch that is not on disk. Used by
the writer thread alone, except for the plain counters. Does not: decide
anything about a batch's contents.

Sizes: about 400 bytes per agent run (a device's power-on) and recent batch.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

import duckdb
import numpy as np

from homeroute_collector.archive_columns import insert_rows, texts
from homeroute_collector.archive_records import Commit
from homeroute_collector.ranges import Ranges
from homeroute_wire.messages import Receipt

RECENT_BOUND = 65_536
"""Receipts kept in memory; older ones are read back from the archive."""

GARBAGE_BOUND = 64
"""Messages without a clear line that are kept of each device; more are only counted."""

Stream = tuple[str, str]
"""A device and one of its streams."""


class Ledger:
    """Which batches are in the archive, and how much is kept aside for each device."""

    def __init__(self) -> None:
        self.commit_id = 0
        self.committed_ms = 0
        self.stored = 0
        self.refused = 0
        self.ranges: dict[Stream, Ranges] = {}
        self.kinds: dict[str, str] = {}
        self.kept_bytes: dict[str, int] = {}
        self.garbage: dict[str, int] = {}
        self._recent: OrderedDict[tuple[str, str, int], Receipt] = OrderedDict()

    @classmethod
    def load(cls, connection: duckdb.DuckDBPyConnection) -> Ledger:
        """Read it from the archive."""
        ledger = cls()
        ledger.commit_id, ledger.committed_ms = _one(
            connection,
            "SELECT coalesce(max(commit_id), 0), coalesce(max(committed_ms), 0) FROM commits",
        )
        ledger.stored, ledger.refused = _one(
            connection,
            "SELECT coalesce(sum(stored), 0)::BIGINT, coalesce(sum(refused), 0)::BIGINT"
            " FROM batches",
        )
        known: dict[Stream, list[tuple[int, int]]] = {}
        for device, stream, first, last in connection.execute(_KNOWN).fetchall():
            known.setdefault((device, stream), []).append((first, last))
        ledger.ranges = {stream: Ranges(ranges) for stream, ranges in known.items()}
        ledger.kinds = dict(connection.execute("SELECT device, kind FROM devices").fetchall())
        ledger.kept_bytes = dict(connection.execute(_KEPT_BYTES).fetchall())
        ledger.garbage = dict(connection.execute(_GARBAGE).fetchall())
        return ledger

    def has(self, device: str, stream: str, seq: int) -> bool:
        """Whether this batch is in the archive."""
        ranges = self.ranges.get((device, stream))
        return ranges is not None and seq in ranges

    def receipts(
        self, connection: duckdb.DuckDBPyConnection, commits: Iterable[Commit]
    ) -> dict[tuple[str, str, int], Receipt]:
        """The receipts that batches already in the archive were first given."""
        found: dict[tuple[str, str, int], Receipt] = {}
        asked = []
        for commit in commits:
            assert commit.header is not None
            key = (commit.device, commit.stream, commit.header.seq)
            if (receipt := self._recent.get(key)) is not None:
                found[key] = receipt
            else:
                asked.append(key)
        if asked:
            devices, streams, seqs = (list(column) for column in zip(*asked, strict=True))
            for device, stream, seq, stored, refused in connection.execute(
                _RECEIPTS, [devices, streams, seqs]
            ).fetchall():
                found[device, stream, seq] = Receipt(stream, seq, stored, refused)
        return found

    def committed(self, commit_id: int, committed_ms: int, commits: Iterable[Commit]) -> None:
        """Remember a group that is now on disk."""
        self.commit_id, self.committed_ms = commit_id, committed_ms
        for commit in commits:
            self._kept(commit)
            if commit.header is None:
                continue
            seq = commit.header.seq
            self.ranges.setdefault((commit.device, commit.stream), Ranges()).add(seq)
            receipt = Receipt(commit.stream, seq, commit.stored, commit.refused)
            self._recent[commit.device, commit.stream, seq] = receipt
            self.stored += receipt.stored
            self.refused += receipt.refused
            self.kinds[commit.device] = commit.kind or self.kinds.get(commit.device, "")
        while len(self._recent) > RECENT_BOUND:
            self._recent.popitem(last=False)

    def replayed(self, commit_id: int, committed_ms: int, points: int) -> None:
        """Remember a commit that stored points which had been refused."""
        self.commit_id, self.committed_ms = commit_id, committed_ms
        self._recent.clear()
        self.stored += points
        self.refused -= points

    def reload_kept(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Read again how much is kept aside, after some of it went."""
        self.kept_bytes = dict(connection.execute(_KEPT_BYTES).fetchall())
        self.garbage = dict(connection.execute(_GARBAGE).fetchall())

    def _kept(self, commit: Commit) -> None:
        if commit.stream == "":
            self.garbage[commit.device] = self.garbage.get(commit.device, 0) + 1
        elif kept := commit.kept_bytes:
            self.kept_bytes[commit.device] = self.kept_bytes.get(commit.device, 0) + kept


def fold_ranges(connection: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    """Write the ranges down, so that the next opening reads only later batches.

    Inside the caller's transaction.
    """
    rows = [
        (device, stream, first, last)
        for (device, stream), ranges in ledger.ranges.items()
        for first, last in ranges
    ]
    connection.execute("DELETE FROM ranges")
    if rows:
        devices, streams, firsts, lasts = zip(*rows, strict=True)
        columns = {
            "device": texts(devices),
            "stream": texts(streams),
            "first_seq": np.array(firsts, dtype=np.int64),
            "last_seq": np.array(lasts, dtype=np.int64),
        }
        insert_rows(connection, "ranges", columns)
    connection.execute(
        "INSERT OR REPLACE INTO meta VALUES ('ranges_commit', ?)", [str(ledger.commit_id)]
    )


def _one(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[int, int]:
    row = connection.execute(sql).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


# Gaps and islands: seq less its rank is constant within a run.
_KNOWN = """
SELECT device, stream, first_seq, last_seq FROM ranges
UNION ALL
SELECT device, stream, min(seq), max(seq) FROM (
    SELECT device, stream, seq,
           seq - row_number() OVER (PARTITION BY device, stream ORDER BY seq) AS run
    FROM batches WHERE commit_id > coalesce(
        (SELECT value::BIGINT FROM meta WHERE key = 'ranges_commit'), 0))
GROUP BY device, stream, run
"""

_KEPT_BYTES = """
SELECT device, sum(bytes)::BIGINT FROM (
    SELECT device, octet_length(payload) AS bytes FROM refusals WHERE stream <> ''
    UNION ALL SELECT device, octet_length(payload) FROM extras)
GROUP BY device
"""

_GARBAGE = "SELECT device, count(*) FROM refusals WHERE stream = '' GROUP BY device"

_RECEIPTS = """
SELECT device, stream, seq, stored, refused FROM batches
JOIN (SELECT unnest(?) AS device, unnest(?) AS stream, unnest(?) AS seq)
USING (device, stream, seq)
"""
