"""The archive as the InfluxDB follower reads it: whole commits, as lines.

Guarantees: a chunk holds all points of its commits, or it would be no proof that
they were written. Does not: decide when the cursor moves.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

from homeroute_collector.archive import Archive
from homeroute_collector.influx import Chunk
from homeroute_wire.lineprotocol import LineEncoder, LineError
from homeroute_wire.measurements import MEASUREMENTS
from homeroute_wire.schema import COMMON_TAGS, MeasurementSpec

PLAN_COMMITS = 1_000
"""Commits looked up at a time: (number, ms, points) each."""


class Cursor:
    """The place of one follower, stored in the archive under ``name``."""

    def __init__(self, archive: Archive, name: str) -> None:
        self._archive = archive
        self._name = name

    async def cursor(self) -> int:
        """The last commit or revision InfluxDB has; 0 before the first."""
        rows = await self._archive.query(
            "SELECT commit_id FROM cursors WHERE name = ?", [self._name]
        )
        return int(rows[0][0]) if rows else 0

    async def advance(self, commit_id: int) -> None:
        """Store the cursor durably."""
        await self._archive.execute(
            "INSERT INTO cursors VALUES (?, ?) "
            "ON CONFLICT (name) DO UPDATE SET commit_id = excluded.commit_id",
            [self._name, commit_id],
        )


class ArchiveSource(Cursor):
    """The points of devices, for one follower whose cursor has ``name``."""

    def __init__(self, archive: Archive, name: str = "influx") -> None:
        super().__init__(archive, name)
        self._reads = [(_select(spec), LineEncoder(spec)) for spec in MEASUREMENTS.values()]
        self._plan: deque[tuple[int, int, int]] = deque()
        self._planned_after = 0

    async def next_chunk(self, after: int, points: int) -> Chunk | None:
        """About ``points`` points of the commits after ``after``; None: there are none."""
        if not self._plan or self._planned_after != after:
            self._plan = deque(await self._commits(after))
        if not self._plan:
            return None
        upto, received_ms, count = self._plan.popleft()
        while self._plan and count + self._plan[0][2] <= points:
            upto, _, more = self._plan.popleft()
            count += more
        self._planned_after = upto
        lines: list[str] = []
        unwritable = 0
        for select, encoder in self._reads:
            rows = await self._archive.query(select, [after, upto])
            if rows:
                # Off the event loop: thousands of rows take tens of milliseconds.
                unwritable += await asyncio.to_thread(encode, encoder, rows, lines)
        return Chunk(upto, lines, received_ms, unwritable)

    async def _commits(self, after: int) -> Iterable[tuple[int, int, int]]:
        rows = await self._archive.query(
            "SELECT commit_id, committed_ms, points FROM commits WHERE commit_id > ? "
            "ORDER BY commit_id LIMIT ?",
            [after, PLAN_COMMITS],
        )
        return [(int(commit_id), int(ms), int(points)) for commit_id, ms, points in rows]


def _select(spec: MeasurementSpec) -> str:
    names = ("time_ms", *COMMON_TAGS, *(column.name for column in spec.columns))
    columns = ", ".join(f'"{name}"' for name in names)
    # Names come from the measurements' declaration, never from a device.
    return f'SELECT {columns} FROM "{spec.name}" WHERE commit_id > ? AND commit_id <= ?'  # noqa: S608


def encode(encoder: LineEncoder, rows: Iterable[Sequence[Any]], lines: list[str]) -> int:
    """Append a line for each row; returns how many rows have none."""
    unwritable = 0
    for row in rows:
        try:
            lines.append(encoder.line(row))
        except LineError:
            unwritable += 1
    return unwritable
