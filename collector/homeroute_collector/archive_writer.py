"""The archive's one writer: a thread that commits in groups.

Guarantees: what is handed in is written in that order; everything handed in
within :attr:`Writer.window_s`, or up to a number of points, shares one
transaction, so that a commit's cost is shared too. A future is resolved only
after its transaction is on disk. A failure of the disk keeps the group in hand
and tries again with full jitter until it succeeds; after it, whether the failed
commit had reached the file is read back from the file, so nothing is written
twice. A commit that the archive itself cannot take fails alone.

Does not: validate, or bound how much is handed in (its callers wait for their
futures).
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import logging
import queue
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import duckdb

from homeroute_collector.archive_columns import insert_group
from homeroute_collector.archive_ledger import Ledger, fold_ranges
from homeroute_collector.archive_records import ArchiveClosedError, Commit, Committed
from homeroute_collector.archive_sift import sift

logger = logging.getLogger(__name__)

Connection = duckdb.DuckDBPyConnection

DISK = (duckdb.OperationalError, duckdb.FatalException, OSError)
"""Failures that are not the commit's fault: the same commit may succeed later."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How the writer groups, and how much it keeps aside for one device.

    ``window_s``: longest wait for company. ``group_points``: points after which
    it does not wait. ``kept_bytes``: refused and unknown data of one device.
    """

    window_s: float = 0.25
    group_points: int = 50_000
    kept_bytes: int = 16_777_216


@dataclass(frozen=True, slots=True)
class _Waiting:
    commit: Commit
    future: asyncio.Future[Committed]


@dataclass(frozen=True, slots=True)
class _Task:
    run: Callable[[Connection, Ledger], Any]
    future: asyncio.Future[Any]


class Writer:
    """Owns the archive's connection; see the module's docstring.

    ``problem`` is the text of the failure it is waiting out, None when it works.
    ``reading`` is a connection for readers to make cursors of.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        *,
        district: str,
        limits: Limits,
        now_ms: Callable[[], int],
    ) -> None:
        self.connection = connect()
        self.reading = self.connection.cursor()
        self.ledger = Ledger.load(self.connection)
        self.problem: str | None = None
        self.commits = 0
        self.commit_s = 0.0
        self._connect = connect
        self._district = district
        self._limits = limits
        self._now_ms = now_ms
        self._inbox: queue.SimpleQueue[_Waiting | _Task | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="archive-writer", daemon=True)
        self._thread.start()
        # A program that ends without closing would end the thread inside DuckDB, and abort.
        atexit.register(self.close)

    def submit(self, commit: Commit) -> asyncio.Future[Committed]:
        """Hand in a commit; called in an event loop, whose future is returned."""
        future: asyncio.Future[Committed] = asyncio.get_running_loop().create_future()
        self._hand_in(_Waiting(commit, future))
        return future

    def run(self, task: Callable[[Connection, Ledger], Any]) -> asyncio.Future[Any]:
        """Run ``task`` in the writer's thread, in one transaction of its own.

        What it raises is raised to the caller, and its transaction undone.
        """
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._hand_in(_Task(task, future))
        return future

    def close(self) -> None:
        """Write what was handed in, write the ranges down, and end the thread.

        A disk that fails now is tried once more; what is not written stays
        unacknowledged.
        """
        if self._closing.is_set():
            return
        self._closing.set()
        atexit.unregister(self.close)
        self._inbox.put(None)
        self._thread.join()
        self._disconnect()

    def _hand_in(self, item: _Waiting | _Task) -> None:
        if self._closing.is_set():
            item.future.set_exception(ArchiveClosedError("the archive is closed"))
        else:
            self._inbox.put(item)

    def _run(self) -> None:
        try:
            self._work()
            with contextlib.suppress(duckdb.Error):
                self._transact(fold_ranges)
        except BaseException as error:
            # Nothing known does this. Who waits must not wait for ever.
            logger.critical("archive: the writer failed; restart the collector", exc_info=True)
            self.problem = f"the writer failed: {type(error).__name__}"
            self._closing.set()
        while not self._inbox.empty():
            if (item := self._inbox.get()) is not None:
                _resolve([(item.future, None, ArchiveClosedError("the archive is closed"))])

    def _work(self) -> None:
        after: _Task | None = None
        while True:
            item = after or self._inbox.get()
            after = None
            if isinstance(item, _Waiting):
                group, after, ended = self._gather(item)
                self._write(group)
                if ended:
                    return
            elif item is None:
                return
            else:
                self._perform(item)

    def _gather(self, first: _Waiting) -> tuple[list[_Waiting], _Task | None, bool]:
        group, points = [first], first.commit.stored
        until = time.monotonic() + self._limits.window_s
        while points < self._limits.group_points:
            # While closing nobody else will come: take what is there.
            left = 0.0 if self._closing.is_set() else until - time.monotonic()
            try:
                item = self._inbox.get(timeout=left) if left > 0 else self._inbox.get_nowait()
            except queue.Empty:
                break
            if item is None:
                return group, None, True
            if isinstance(item, _Task):
                return group, item, False
            group.append(item)
            points += item.commit.stored
        return group, None, False

    def _write(self, group: list[_Waiting]) -> None:
        """Write a group; a commit the archive cannot take is set apart and fails alone."""
        try:
            self._settle(group, self._store([waiting.commit for waiting in group]))
        except ArchiveClosedError as error:
            _resolve([(w.future, None, error) for w in group])
        except Exception as error:
            if len(group) > 1:
                logger.exception("archive: a group of %d is written one by one", len(group))
                for waiting in group:
                    self._write([waiting])
            else:
                _resolve([(group[0].future, None, error)])

    def _settle(self, group: list[_Waiting], outcomes: list[Committed]) -> None:
        _resolve([(w.future, o, None) for w, o in zip(group, outcomes, strict=True)])

    def _store(self, commits: list[Commit]) -> list[Committed]:
        for attempt in _attempts(self._closing):
            commit_id = self.ledger.commit_id + 1
            committed_ms = self._now_ms()
            outcomes: list[Committed] = []
            began = time.perf_counter()
            try:
                fresh, outcomes = sift(
                    commits,
                    self.ledger,
                    self.connection,
                    commit_id=commit_id,
                    kept_bound=self._limits.kept_bytes,
                )
                if not fresh:
                    return outcomes
                self.connection.begin()
                insert_group(
                    self.connection, commit_id, committed_ms, fresh, district=self._district
                )
                self._see_devices(fresh)
                self.connection.commit()
            except DISK as error:
                self._failed(error, attempt)
                if not self._reopened() or self.ledger.commit_id < commit_id:
                    continue
                # The commit had reached the file before it failed.
                self._works()
                return outcomes
            except duckdb.InternalException:
                # The database is unusable until opened anew; the commit may be why.
                self._reopened()
                raise
            except Exception:
                self._undo()
                raise
            self.ledger.committed(commit_id, committed_ms, fresh)
            self.commits += 1
            self.commit_s += time.perf_counter() - began
            self._works()
            return outcomes
        raise ArchiveClosedError("the archive was closed before this was written")

    def _see_devices(self, commits: list[Commit]) -> None:
        seen = {c.device: c for c in commits if c.header is not None}
        for device, commit in seen.items():
            # A batch that could not be read does not tell its kind.
            known = self.ledger.kinds.get(device)
            if known is None or (commit.kind and commit.kind != known):
                self.connection.execute(
                    "INSERT INTO devices VALUES (?, ?, ?)"
                    " ON CONFLICT DO UPDATE SET kind = excluded.kind",
                    [device, commit.kind, commit.received_ms],
                )

    def _perform(self, task: _Task) -> None:
        try:
            result = self._transact(task.run)
            self._works()
            _resolve([(task.future, result, None)])
        except DISK as error:
            self._failed(error, 0)
            self._reopened()
            _resolve([(task.future, None, error)])
        except Exception as error:  # noqa: BLE001 - it belongs to the caller
            if isinstance(error, duckdb.InternalException):
                self._reopened()
            _resolve([(task.future, None, error)])

    def _transact(self, run: Callable[[Connection, Ledger], Any]) -> Any:
        self.connection.begin()
        try:
            result = run(self.connection, self.ledger)
            self.connection.commit()
        except BaseException:
            self._undo()
            raise
        return result

    def _undo(self) -> None:
        with contextlib.suppress(duckdb.Error):
            self.connection.rollback()

    def _disconnect(self) -> None:
        for connection in (self.reading, self.connection):
            with contextlib.suppress(duckdb.Error):
                connection.close()

    def _failed(self, error: Exception, attempt: int) -> None:
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        if self.problem is None:
            logger.error(
                "archive cannot be written: %s; nothing is acknowledged until it can", text
            )
        self.problem = text
        self._closing.wait(random.uniform(0, 1.5 ** min(10, attempt)))

    def _works(self) -> None:
        if self.problem is not None:
            logger.warning("archive can be written again")
        self.problem = None

    def _reopened(self) -> bool:
        """Open the file anew after a failure. False when even that fails."""
        self._undo()
        self._disconnect()
        try:
            self.connection = self._connect()
            self.reading = self.connection.cursor()
            self.ledger = Ledger.load(self.connection)
        except Exception as error:  # noqa: BLE001 - told, and tried again
            self.problem = str(error)
            return False
        return True


def _attempts(closing: threading.Event) -> Iterator[int]:
    attempt = 0
    yield attempt
    while not closing.is_set():
        attempt += 1
        yield attempt


def _resolve(
    results: Iterable[tuple[asyncio.Future[Any], Any, Exception | None]],
) -> None:
    """Give futures their results, each in its own loop, one wake-up per loop."""
    loops: dict[asyncio.AbstractEventLoop, list[Any]] = {}
    for result in results:
        loops.setdefault(result[0].get_loop(), []).append(result)
    for loop, mine in loops.items():
        # A loop that has ended waits for nothing.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_set_all, mine)


def _set_all(results: list[tuple[asyncio.Future[Any], Any, Exception | None]]) -> None:
    for future, value, error in results:
        if future.done():
            continue
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(value)
