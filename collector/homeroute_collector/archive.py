"""The archive: one DuckDB file that holds every point of one district.

Guarantees: a commit that was answered survives SIGKILL and power loss; a batch
is in it once, whatever is sent twice; points, refusals and the ledger of one
batch appear together or not at all; readers see whole commits and never wait
for the writer, and in a snapshot the same ones throughout. Does not: let a second
process open the file while it is open (DuckDB forbids it), or validate.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any, Self, TypeVar

import duckdb
import numpy as np

from homeroute_collector import archive_schema
from homeroute_collector.archive_columns import Array, insert_rows
from homeroute_collector.archive_ledger import Ledger
from homeroute_collector.archive_records import ArchiveError, Commit, Committed, Query
from homeroute_collector.archive_writer import Connection, Limits, Writer

FILE_NAME = "archive.duckdb"

Result = TypeVar("Result")


def _wall_ms() -> int:
    return int(time.time() * 1000)


class Archive:
    """The archive of one district, open in this process. Make it with :meth:`open`."""

    def __init__(self, path: Path, district: str, writer: Writer, readers: int) -> None:
        self.path = path
        self.district = district
        self._writer = writer
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="archive-reader")

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        district: str,
        memory_limit: str = "512MB",
        threads: int = 2,
        extra_ddl: Sequence[str] = (),
        limits: Limits | None = None,
        now_ms: Callable[[], int] = _wall_ms,
    ) -> Self:
        """Open or make the archive at ``path``.

        ``extra_ddl`` are statements (``CREATE TABLE IF NOT EXISTS …``) for tables
        of other components. ``now_ms`` dates commits. Raises :class:`ArchiveError`
        when the file is in use, damaged, or another district's.
        """
        config = {"memory_limit": memory_limit, "threads": threads}

        def connect() -> Connection:
            return _connect(path, config)

        first = connect()
        try:
            archive_schema.create(first, path=str(path), district=district, extra_ddl=extra_ddl)
        except duckdb.Error as error:
            raise _unusable(path, error) from error
        finally:
            first.close()
        writer = Writer(connect, district=district, limits=limits or Limits(), now_ms=now_ms)
        return cls(path, district, writer, readers=2)

    def close(self) -> None:
        """Commit what was handed in, and close the file."""
        self._readers.shutdown(cancel_futures=True)
        self._writer.close()

    async def commit(self, commit: Commit) -> Committed:
        """Commit one batch, in a group with others, within 250 ms plus the disk's time.

        Waits as long as the disk fails (see ``problem``). Cancelling the wait does
        not undo it. Raises what the database raises for a commit it cannot take.
        """
        return await self._writer.submit(commit)

    def submit(self, commit: Commit) -> asyncio.Future[Committed]:
        """As :meth:`commit`, but return at once with the future."""
        return self._writer.submit(commit)

    async def query(self, sql: str, params: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        """Rows of a SELECT, read in a thread beside the writer; two run at a time."""
        return await asyncio.get_running_loop().run_in_executor(
            self._readers, self._query, sql, params
        )

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Query]:
        """A ``query`` all of whose answers are of one state, whatever is written meanwhile.

        The state is that of its first question. For seconds: what is deleted meanwhile stays
        in the file until it ends.
        """
        cursor = self._writer.reading.cursor()
        # A caller that is cancelled leaves while its question still runs in a reader's thread.
        asking = threading.Lock()

        def ask(sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
            with asking:
                return cursor.execute(sql, params).fetchall()

        def end() -> None:
            with asking:
                cursor.close()

        async def query(sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
            return await asyncio.get_running_loop().run_in_executor(self._readers, ask, sql, params)

        cursor.execute("BEGIN TRANSACTION READ ONLY")
        try:
            yield query
        finally:
            await asyncio.to_thread(end)

    async def execute(self, sql: str, params: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        """Run one small write (a cursor, a leg) through the writer, in its own transaction."""

        def run(connection: Connection, _: Ledger) -> list[tuple[Any, ...]]:
            return connection.execute(sql, params).fetchall()

        return await self.transaction(run)

    async def transaction(self, run: Callable[[Connection, Ledger], Result]) -> Result:
        """Run ``run(connection, ledger)`` in the writer's thread, in one transaction.

        What it raises is raised here, and nothing of it is kept. It must not begin
        or commit itself, nor keep the connection.
        """
        result: Result = await self._writer.run(run)
        return result

    async def replace_day(
        self,
        day: date,
        tables: Mapping[str, Mapping[str, Array]],
        first: Callable[[Connection], bool] | None = None,
    ) -> None:
        """Put columns into tables (each has ``day DATE``) in place of that day's rows there.

        All in one transaction, which ``first`` begins with what it reads and writes of its own;
        nothing more is written where it says False.
        The names are the caller's own, never a device's.
        """

        def run(connection: Connection, _: Ledger) -> None:
            if first is not None and not first(connection):
                return
            for table, columns in tables.items():
                connection.execute(f'DELETE FROM "{table}" WHERE day = ?', [day])  # noqa: S608
                size = len(next(iter(columns.values())))
                if size:
                    days = np.full(size, np.datetime64(day, "s"))
                    insert_rows(connection, table, {"day": days, **columns})

        await self.transaction(run)

    @property
    def problem(self) -> str | None:
        """Why the archive cannot be written just now; None when it can."""
        return self._writer.problem

    @property
    def newest_commit_id(self) -> int:
        """The newest commit's id; they count up by one, across restarts."""
        return self._writer.ledger.commit_id

    @property
    def newest_commit_ms(self) -> int:
        """When the newest commit was made; 0 when there is none."""
        return self._writer.ledger.committed_ms

    @property
    def totals(self) -> tuple[int, int]:
        """Points of devices ever stored and refused: the archive's side of the ledger."""
        ledger = self._writer.ledger
        return ledger.stored, ledger.refused

    @property
    def commit_cost(self) -> tuple[int, float]:
        """Commits made since opening, and the seconds they took together."""
        return self._writer.commits, self._writer.commit_s

    def seq_gaps(self, device: str, stream: str) -> int:
        """How many batches of a stream are missing below its newest one.

        Of the stream a device was last heard with, and of the newest ones of all; 0
        of a stream that is neither.
        """
        return self._writer.ledger.missing(device, stream)

    def _query(self, sql: str, params: Sequence[Any] | None) -> list[tuple[Any, ...]]:
        with self._writer.reading.cursor() as cursor:
            return cursor.execute(sql, params).fetchall()


def _connect(path: Path, config: dict[str, Any]) -> Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return duckdb.connect(str(path), config=config)
    except (duckdb.Error, OSError) as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, error: Exception) -> ArchiveError:
    text = str(error)
    if "lock" in text.lower():
        return ArchiveError(
            "open archive",
            str(path),
            "another process has it open",
            "stop that collector, or ask it over its HTTP API",
        )
    if isinstance(error, PermissionError) or "permission denied" in text.lower():
        return ArchiveError(
            "open archive", str(path), "permission denied", "give it to the user who runs this"
        )
    first_line = text.splitlines()[0] if text else type(error).__name__
    return ArchiveError(
        "open archive",
        str(path),
        f"it cannot be read ({first_line})",
        "move it aside to begin a new one, or restore a copy",
    )
