"""The spool's file: opening it, checking it, and putting a broken one aside.

Guarantees: a :class:`SpoolFile` is a sound database, exclusively ours; a corrupt
file is kept beside under another name, never deleted, and as much of its ledger
as can still be read goes on, what it held counted as dropped. Does not: know
what the rows mean; that is :mod:`homeroute_agent.spool`.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

SCHEMA_VERSION = 1

Log = logging.Logger | logging.LoggerAdapter[logging.Logger]

T = TypeVar("T")

_SCHEMA = """
CREATE TABLE batches (
  id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used twice: a greater id is newer
  stream TEXT NOT NULL,
  seq INTEGER NOT NULL,
  points INTEGER NOT NULL,
  created_ms INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  sent INTEGER NOT NULL DEFAULT 0,       -- 1: the collector may have it
  body BLOB NOT NULL,
  UNIQUE (stream, seq)
);
CREATE TABLE undated (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  boot TEXT NOT NULL,
  points INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  body BLOB NOT NULL
);
CREATE TABLE ledger (sampled INTEGER, stored INTEGER, refused INTEGER, dropped INTEGER);
CREATE TABLE clock (boot TEXT, offset_ms INTEGER, saved_ms INTEGER);
"""


class SpoolError(Exception):
    """The spool cannot be used now: says the operation, the file and the cause."""


@dataclass(frozen=True, slots=True)
class Counters:
    """The part of the ledger that is written down; what is spooled follows from the rows."""

    sampled: int = 0
    stored: int = 0
    refused: int = 0
    dropped: int = 0


def is_corruption(error: sqlite3.Error) -> bool:
    """Whether the file itself is broken, rather than the disk full or the file busy."""
    return isinstance(error, sqlite3.DatabaseError) and not isinstance(
        error,
        sqlite3.OperationalError | sqlite3.IntegrityError | sqlite3.ProgrammingError,
    )


class SpoolFile:
    """The open database: transactions, and a new file when this one breaks.

    Not for several threads at once; raises :class:`SpoolError` for whatever
    SQLite cannot do, also when it is opened.
    """

    def __init__(self, path: Path, log: Log) -> None:
        self._path, self._log = path, log
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _create_private(path)
        except OSError as error:
            raise SpoolError(f"spool {path}: cannot open: {error.strerror}") from None
        try:
            try:
                self._db = _open_sound(path)
            except sqlite3.DatabaseError as error:
                if not is_corruption(error):
                    raise
                self._db = _replace(path, _salvage(path), log, str(error))
            self._known = read_counters(self._db)
        except (sqlite3.Error, OSError) as error:
            raise SpoolError(f"spool {path}: cannot open: {_reason(error)}") from None

    def close(self) -> None:
        """Close; everything committed stays."""
        self._db.close()

    def read(self, step: Callable[[sqlite3.Connection], T]) -> T:
        """Run ``step``, which only reads."""
        return self._sound("read", lambda: step(self._db))

    def write(self, what: str, step: Callable[[sqlite3.Connection], T]) -> T:
        """Run ``step`` in one transaction, durable when this returns. ``what`` names it."""
        return self._sound(what, lambda: self._transaction(step))

    def _transaction(self, step: Callable[[sqlite3.Connection], T]) -> T:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            result = step(self._db)
            known = read_counters(self._db)
            self._db.execute("COMMIT")
        except BaseException:
            # SQLite has already rolled back when the disk was full.
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise
        self._known = known
        return result

    def _sound(self, what: str, work: Callable[[], T]) -> T:
        """Do it; once more on a new file if this one proves corrupt."""
        try:
            try:
                return work()
            except sqlite3.DatabaseError as error:
                if not is_corruption(error):
                    raise
                self._db.close()
                self._db = _replace(self._path, self._known, self._log, str(error))
                return work()
        except (sqlite3.Error, OSError) as error:
            raise SpoolError(f"cannot {what} spool {self._path}: {error}") from None


def read_counters(db: sqlite3.Connection) -> Counters:
    """The ledger's counters."""
    return Counters(*db.execute("SELECT sampled, stored, refused, dropped FROM ledger").fetchone())


def _replace(path: Path, known: Counters, log: Log, reason: str) -> sqlite3.Connection:
    """Put a broken file aside and start an empty one.

    The ledger goes on; what the broken file held is counted as dropped.
    """
    aside = _free_name(path)
    for suffix in ("-wal", "-shm", "-journal", ""):
        with suppress(FileNotFoundError):
            Path(f"{path}{suffix}").replace(f"{aside}{suffix}")
    log.error(
        "spool %s is corrupt (%s); moved to %s; starting empty; %s",
        path,
        reason,
        aside.name,
        "the ledger goes on, what the file held counts as dropped"
        if known.sampled
        else "the ledger begins anew at 0, earlier points stay in that file",
    )
    _create_private(path)
    db = _open_sound(path)
    db.execute(
        "UPDATE ledger SET sampled = ?, stored = ?, refused = ?, dropped = ?",
        (known.sampled, known.stored, known.refused, known.sampled - known.stored - known.refused),
    )
    return db


def _create_private(path: Path) -> None:
    """Readable by the agent alone, before SQLite creates it for everyone."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _open_sound(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1.0)
    try:
        # Ours alone: no second agent on the same spool, and no shared memory file,
        # which some flash file systems cannot map.
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA wal_autocheckpoint = 250")
        db.execute("PRAGMA cache_size = -512")
        db.execute("BEGIN IMMEDIATE")
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            _create(db)
        db.execute("COMMIT")
        _check(db)
    except BaseException:
        db.close()
        raise
    return db


def _check(db: sqlite3.Connection) -> None:
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version != SCHEMA_VERSION:
        raise sqlite3.DatabaseError(f"schema version {version}, want {SCHEMA_VERSION}")
    verdict = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise sqlite3.DatabaseError(verdict.splitlines()[-1])


def _create(db: sqlite3.Connection) -> None:
    for statement in _SCHEMA.split(";"):
        db.execute(statement)
    db.execute("INSERT INTO ledger VALUES (0, 0, 0, 0)")
    db.execute("INSERT INTO clock VALUES (NULL, NULL, NULL)")
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _salvage(path: Path) -> Counters:
    """The ledger of a broken file, or zeros."""
    with suppress(sqlite3.Error, TypeError), closing(sqlite3.connect(path, timeout=1.0)) as db:
        counters = read_counters(db)
        if counters.sampled >= counters.stored + counters.refused + counters.dropped >= 0:
            return counters
    return Counters()


def _free_name(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.corrupt-{number}")).exists():
        number += 1
    return aside


def _reason(error: Exception) -> str:
    if "locked" in str(error):
        return "another agent uses it"
    return str(error)
