"""What waits on the device until the collector has it: batches, and the ledger.

Guarantees, over power cuts too:

- ``sampled = stored + refused + dropped + spooled`` in every committed state;
  each step moves points between these in one transaction.
- A batch is immutable. It goes only by an exact acknowledgement, or at the
  bound while it was never sent: what the collector may have is never dropped.
- At the bound, in bytes, the oldest unsent batch is dropped and counted.
- When the disk is full, new points are counted as dropped and the rest stays.
- A corrupt file is moved aside and said; see :mod:`homeroute_agent.spool_file`.

Methods may be called from any thread; each blocks for one disk sync. Does not:
know MQTT, or decide when to send.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TypeVar

from homeroute_agent.spool_file import Counters, Log, SpoolError, SpoolFile, read_counters
from homeroute_agent.spool_records import (
    ROW_BYTES,
    Batch,
    Key,
    Ledger,
    SavedClock,
    Settlement,
    Undated,
)
from homeroute_wire.messages import Receipt

__all__ = ["Batch", "Key", "Ledger", "SavedClock", "Settlement", "Spool", "SpoolError", "Undated"]

DEFAULT_MAX_BYTES = 67_108_864

LOG = logging.getLogger("homeroute.agent")

T = TypeVar("T")


class Spool:
    """The batches on disk. Make one with :meth:`open`; one agent at a time may."""

    def __init__(self, file: SpoolFile, max_bytes: int) -> None:
        self._file, self._max_bytes = file, max_bytes
        self._lock = threading.Lock()
        # Sampled and at once dropped, but not yet written down: the disk was full.
        self._owed = 0
        # Bytes of all rows, or more: when it seems too much, they are counted anew.
        self._bytes = 0
        self._read(self._refresh)

    @classmethod
    def open(cls, path: Path, *, max_bytes: int = DEFAULT_MAX_BYTES, log: Log = LOG) -> Spool:
        """Open or create. Raises :class:`SpoolError` when the file cannot be used at all."""
        return cls(SpoolFile(path, log), max_bytes)

    def close(self) -> None:
        """Close the file; everything committed stays."""
        with self._lock:
            self._file.close()

    # -- what comes in

    def append(self, batch: Batch, *, now_ms: int) -> None:
        """Keep a new batch, dropping the oldest unsent at the bound.

        Raises :class:`SpoolError` when the disk refuses; the batch's points are
        then counted as sampled and dropped.
        """

        def step(db: sqlite3.Connection) -> None:
            self._count(db, sampled=batch.points)
            self._insert(db, batch, now_ms)

        self._write_new("append to", step, batch.points)

    def append_undated(self, boot: str, points: int, body: bytes) -> None:
        """Keep samples that cannot be dated yet. Raises as :meth:`append`."""

        def step(db: sqlite3.Connection) -> None:
            self._count(db, sampled=points)
            size = len(body) + ROW_BYTES
            if self._make_room(db, size):
                db.execute(
                    "INSERT INTO undated (boot, points, bytes, body) VALUES (?, ?, ?, ?)",
                    (boot, points, size, body),
                )
            else:
                self._count(db, dropped=points)

        self._write_new("append to", step, points)

    def drop(self, points: int) -> None:
        """Count points that were sampled and could not be kept at all."""
        with self._lock:
            self._owed += points

    # -- undated samples

    def undated(self, boot: str, limit: int = 16) -> list[Undated]:
        """The oldest undated samples of this boot."""
        sql = "SELECT id, points, body FROM undated WHERE boot = ? ORDER BY id LIMIT ?"
        return [Undated(*row) for row in self._read(lambda db: db.execute(sql, (boot, limit)))]

    def date(self, undated: Undated, batches: Sequence[Batch], *, now_ms: int) -> None:
        """Replace undated samples by the batches they became; what is missing is dropped."""

        def step(db: sqlite3.Connection) -> None:
            if not db.execute("DELETE FROM undated WHERE id = ?", (undated.id,)).rowcount:
                return
            lost = undated.points - sum(batch.points for batch in batches)
            if lost < 0:
                raise ValueError(f"{-lost} points too many for undated row {undated.id}")
            self._count(db, dropped=lost)
            for batch in batches:
                self._insert(db, batch, now_ms)

        self._write("write", step)

    def drop_undated_of_other_boots(self, boot: str) -> int:
        """Give up, and count, samples whose boot ended before its clock was trusted."""

        def step(db: sqlite3.Connection) -> int:
            sql = "DELETE FROM undated WHERE boot <> ? RETURNING points"
            lost: int = sum(points for (points,) in db.execute(sql, (boot,)).fetchall())
            self._count(db, dropped=lost)
            return lost

        return self._write("write", step)

    # -- what goes out

    def take(self, *, newer_than: int = 0, skip: Collection[Key] = ()) -> Batch | None:
        """The newest unsent batch, durably marked as sent before this returns.

        Only one whose id is greater than ``newer_than`` and whose key is not in
        ``skip``; None when there is none.
        """

        def step(db: sqlite3.Connection) -> Batch | None:
            sql = "SELECT stream, seq FROM batches WHERE sent = 0 AND id > ? ORDER BY id DESC"
            rows = db.execute(sql, (newer_than,))
            key = next((key for key in rows if key not in skip), None)
            if key is None:
                return None
            db.execute("UPDATE batches SET sent = 1 WHERE stream = ? AND seq = ?", key)
            return self._batch(db, key)

        return self._write("write", step)

    def sent(self, keys: Collection[Key] | None = None) -> list[Batch]:
        """Batches sent and not yet settled, newest first: all, or those named."""

        def step(db: sqlite3.Connection) -> list[Batch]:
            sql = "SELECT stream, seq FROM batches WHERE sent = 1 ORDER BY id DESC"
            wanted = db.execute(sql).fetchall() if keys is None else keys
            found = [self._batch(db, key) for key in wanted]
            return [batch for batch in found if batch is not None]

        return self._read(step)

    def settle(self, receipts: Sequence[Receipt]) -> Settlement:
        """Delete exactly what was sent and is acknowledged, and enter it in the ledger.

        A receipt for a batch unknown or never sent is ignored; one whose counts
        do not add up to the batch's points is returned as wrong, and ignored.
        """

        def step(db: sqlite3.Connection) -> Settlement:
            settled, wrong = [], []
            for receipt in receipts:
                key = (receipt.stream, receipt.seq)
                row = db.execute(
                    "SELECT id, points FROM batches WHERE stream = ? AND seq = ? AND sent = 1", key
                ).fetchone()
                if row is None:
                    continue
                if receipt.stored + receipt.refused != row[1]:
                    wrong.append(receipt)
                    continue
                db.execute("DELETE FROM batches WHERE id = ?", (row[0],))
                self._count(db, stored=receipt.stored, refused=receipt.refused)
                settled.append(key)
            return Settlement(tuple(settled), tuple(wrong))

        return self._write("write", step)

    def release(self, keys: Collection[Key]) -> None:
        """Unmark sent batches that the collector says it does not have."""

        def step(db: sqlite3.Connection) -> None:
            db.executemany("UPDATE batches SET sent = 0 WHERE stream = ? AND seq = ?", list(keys))

        self._write("write", step)

    # -- what is known

    def ledger(self) -> Ledger:
        """All counters of one moment."""

        def step(db: sqlite3.Connection) -> Ledger:
            counters, spooled, size = self._refresh(db)
            owed = self._owed
            return Ledger(
                counters.sampled + owed,
                counters.stored,
                counters.refused,
                counters.dropped + owed,
                spooled,
                size,
            )

        return self._read(step)

    def pending(self) -> list[tuple[str, int, int]]:
        """Every batch on disk, oldest first: stream, seq, points."""
        sql = "SELECT stream, seq, points FROM batches ORDER BY id"
        return self._read(lambda db: db.execute(sql).fetchall())

    def clock(self) -> SavedClock:
        """What :meth:`remember_clock` kept."""
        sql = "SELECT boot, offset_ms, saved_ms FROM clock"
        return SavedClock(*self._read(lambda db: db.execute(sql).fetchone()))

    def remember_clock(self, boot: str, offset_ms: int, now_ms: int) -> None:
        """Keep the offset fixed in this boot, and the time now."""

        def step(db: sqlite3.Connection) -> None:
            sql = "UPDATE clock SET boot = ?, offset_ms = ?, saved_ms = ?"
            db.execute(sql, (boot, offset_ms, now_ms))

        self._write("write", step)

    # -- inside a transaction

    def _insert(self, db: sqlite3.Connection, batch: Batch, now_ms: int) -> None:
        size = len(batch.body) + ROW_BYTES
        if not self._make_room(db, size):
            self._count(db, dropped=batch.points)
            return
        db.execute(
            "INSERT INTO batches (stream, seq, points, created_ms, bytes, body)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (batch.stream, batch.seq, batch.points, now_ms, size, batch.body),
        )
        db.execute("UPDATE clock SET saved_ms = ?", (now_ms,))

    def _make_room(self, db: sqlite3.Connection, size: int) -> bool:
        """Drop the oldest unsent until ``size`` fits. False when it cannot."""
        if self._bytes + size <= self._max_bytes:
            self._bytes += size
            return True
        self._refresh(db)
        while self._bytes + size > self._max_bytes:
            row = (
                db.execute(
                    "DELETE FROM batches WHERE id = (SELECT min(id) FROM batches WHERE sent = 0)"
                    " RETURNING points, bytes"
                ).fetchone()
                or db.execute(
                    "DELETE FROM undated WHERE id = (SELECT min(id) FROM undated)"
                    " RETURNING points, bytes"
                ).fetchone()
            )
            if row is None:
                return False
            self._count(db, dropped=row[0])
            self._bytes -= row[1]
        self._bytes += size
        return True

    def _count(self, db: sqlite3.Connection, **steps: int) -> None:
        for name, step in steps.items():
            if step:
                db.execute(f"UPDATE ledger SET {name} = {name} + ?", (step,))  # noqa: S608

    def _batch(self, db: sqlite3.Connection, key: Key) -> Batch | None:
        row = db.execute(
            "SELECT stream, seq, points, body, id FROM batches WHERE stream = ? AND seq = ?", key
        ).fetchone()
        return None if row is None else Batch(*row)

    def _refresh(self, db: sqlite3.Connection) -> tuple[Counters, int, int]:
        counters = read_counters(db)
        spooled, size = db.execute(
            "SELECT coalesce(sum(points), 0), coalesce(sum(bytes), 0) FROM"
            " (SELECT points, bytes FROM batches UNION ALL SELECT points, bytes FROM undated)"
        ).fetchone()
        self._bytes = size
        return counters, spooled, size

    # -- transactions

    def _write_new(
        self, what: str, step: Callable[[sqlite3.Connection], None], points: int
    ) -> None:
        try:
            self._write(what, step)
        except SpoolError:
            self.drop(points)
            raise

    def _write(self, what: str, step: Callable[[sqlite3.Connection], T]) -> T:
        with self._lock:
            owed, size = self._owed, self._bytes

            def whole(db: sqlite3.Connection) -> T:
                self._count(db, sampled=owed, dropped=owed)
                return step(db)

            try:
                result = self._file.write(what, whole)
            except BaseException:
                self._bytes = size
                raise
            self._owed -= owed
            return result

    def _read(self, step: Callable[[sqlite3.Connection], T]) -> T:
        with self._lock:
            return self._file.read(step)
