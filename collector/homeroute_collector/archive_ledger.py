"""What the archive remembers of what it has: the writer's memory.

Guarantees: loaded from the archive when it opens, and changed only after a
commit has succeeded; so it never knows of a batch that is not on disk. Its
memory is bounded: a year has tens of thousands of agent runs (a device's
power-ons, each a stream) and millions of batches, so only the newest of either
are held, and others are read back when they are asked for. Of every device the
stream it was last heard with is held. Used by the writer thread alone, except
for the plain counters and the gaps of a held stream. Does not: decide anything
about a batch's contents.

Sizes: about 400 bytes per stream held and recent batch, 7 MB at both bounds.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence

import duckdb

from homeroute_collector.archive_records import Commit
from homeroute_collector.ranges import Ranges
from homeroute_wire.messages import Receipt

RECENT_BOUND = 8_192
"""Receipts kept in memory; older ones are read back from the archive."""

STREAMS_BOUND = 8_192
"""Streams kept in memory, beside each device's last one."""

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
        self.kinds: dict[str, str] = {}
        self.kept_bytes: dict[str, int] = {}
        self.garbage: dict[str, int] = {}
        self._ranges: OrderedDict[Stream, Ranges] = OrderedDict()
        self._last_heard: dict[str, str] = {}
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
        newest = connection.execute(_NEWEST, [STREAMS_BOUND]).fetchall()
        ledger._read_back(connection, [(device, stream) for device, stream, _ in newest])
        ledger._last_heard = {device: stream for device, stream, last in newest if last}
        ledger.kinds = dict(connection.execute("SELECT device, kind FROM devices").fetchall())
        ledger.kept_bytes = dict(connection.execute(_KEPT_BYTES).fetchall())
        ledger.garbage = dict(connection.execute(_GARBAGE).fetchall())
        return ledger

    def recall(self, connection: duckdb.DuckDBPyConnection, commits: Iterable[Commit]) -> None:
        """Read back what is known of these commits' streams, where it is not in memory.

        Before :meth:`has` is asked of them.
        """
        streams = dict.fromkeys((c.device, c.stream) for c in commits if c.header is not None)
        self._read_back(connection, [each for each in streams if each not in self._ranges])

    def has(self, device: str, stream: str, seq: int) -> bool:
        """Whether this batch is in the archive. The stream has been recalled."""
        ranges = self._ranges.get((device, stream))
        return ranges is not None and seq in ranges

    def missing(self, device: str, stream: str) -> int:
        """How many batches of a stream are missing below its newest one, if it is held."""
        ranges = self._ranges.get((device, stream))
        return ranges.missing if ranges else 0

    @property
    def held(self) -> int:
        """How many streams are held in memory."""
        return len(self._ranges)

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
            self._heard(commit.device, commit.stream, seq)
            receipt = Receipt(commit.stream, seq, commit.stored, commit.refused)
            self._recent[commit.device, commit.stream, seq] = receipt
            self.stored += receipt.stored
            self.refused += receipt.refused
            self.kinds[commit.device] = commit.kind or self.kinds.get(commit.device, "")
        while len(self._recent) > RECENT_BOUND:
            self._recent.popitem(last=False)
        self._forget()

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

    def _heard(self, device: str, stream: str, seq: int) -> None:
        self._ranges.setdefault((device, stream), Ranges()).add(seq)
        self._ranges.move_to_end((device, stream))
        self._last_heard[device] = stream

    def _forget(self) -> None:
        """Let go of the streams heard longest ago, but of no device's last one."""
        while len(self._ranges) > STREAMS_BOUND + len(self._last_heard):
            device, stream = oldest = next(iter(self._ranges))
            if self._last_heard.get(device) == stream:
                self._ranges.move_to_end(oldest)
            else:
                del self._ranges[oldest]

    def _read_back(self, connection: duckdb.DuckDBPyConnection, streams: Sequence[Stream]) -> None:
        if not streams:
            return
        known: dict[Stream, list[tuple[int, int]]] = {}
        for device, stream, first, last in connection.execute(
            _KNOWN, [[device for device, _ in streams], [stream for _, stream in streams]]
        ).fetchall():
            known.setdefault((device, stream), []).append((first, last))
        for key in streams:
            if key in known:
                self._ranges[key] = Ranges(known[key])

    def _kept(self, commit: Commit) -> None:
        if commit.stream == "":
            self.garbage[commit.device] = self.garbage.get(commit.device, 0) + 1
        elif kept := commit.kept_bytes:
            self.kept_bytes[commit.device] = self.kept_bytes.get(commit.device, 0) + kept


def fold_ranges(connection: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    """Write down the ranges of batches since the last time, so that fewer rows are read back.

    Inside the caller's transaction. A stream that goes on has a row from each time.
    """
    connection.execute(f"INSERT INTO ranges {_FRESH}")
    connection.execute(
        "INSERT OR REPLACE INTO meta VALUES ('ranges_commit', ?)", [str(ledger.commit_id)]
    )


def _one(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[int, int]:
    row = connection.execute(sql).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


# Gaps and islands: seq less its rank is constant within a run.
_RUNS = """
SELECT device, stream, min(seq) AS first_seq, max(seq) AS last_seq FROM (
    SELECT device, stream, seq,
           seq - row_number() OVER (PARTITION BY device, stream ORDER BY seq) AS run
    FROM batches {chosen} WHERE commit_id > coalesce(
        (SELECT value::BIGINT FROM meta WHERE key = 'ranges_commit'), 0))
GROUP BY device, stream, run
"""

_FRESH = _RUNS.format(chosen="")

_KNOWN = f"""
WITH asked AS (SELECT unnest(?) AS device, unnest(?) AS stream)
SELECT device, stream, first_seq, last_seq FROM ranges SEMI JOIN asked USING (device, stream)
UNION ALL {_RUNS.format(chosen="SEMI JOIN asked USING (device, stream)")}
"""  # noqa: S608 - names of ours

_NEWEST = """
SELECT device, stream, last FROM (
    SELECT device, stream, newest,
           row_number() OVER (PARTITION BY device ORDER BY newest DESC, stream) = 1 AS last
    FROM (SELECT device, stream, max(commit_id) AS newest FROM batches GROUP BY device, stream))
QUALIFY last OR row_number() OVER (ORDER BY newest DESC, device, stream) <= ?
ORDER BY newest, device, stream
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
