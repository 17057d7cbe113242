"""Listeners to what arrives: every committed batch as one line of JSON.

Guarantees: a listener that does not read holds up nobody; it loses the newest
lines, and is told how many before the next one it gets. Nothing is encoded while
nobody listens.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager

from homeroute_collector.archive_records import Commit

QUEUE_LINES = 256
"""Lines waiting for one listener."""

LISTENERS_BOUND = 16
"""Listeners at a time."""


class Crowded(Exception):
    """There are too many listeners already."""


class Listener:
    """One listener's bounded queue."""

    def __init__(self, device: str | None) -> None:
        self.device = device
        self._lost = 0
        self._lines: asyncio.Queue[bytes | None] = asyncio.Queue()

    def offer(self, line: bytes) -> bool:
        """Queue a line; False when it is lost."""
        if self._lines.qsize() >= QUEUE_LINES:
            self._lost += 1
            return False
        self._tell_lost()
        self._lines.put_nowait(line)
        return True

    def close(self) -> None:
        """End the listening."""
        self._lines.put_nowait(None)

    async def line(self) -> bytes | None:
        """The next line, or how many were lost here; None at the end."""
        if self._lines.empty():
            self._tell_lost()
        return await self._lines.get()

    def _tell_lost(self) -> None:
        if self._lost:
            lost, self._lost = self._lost, 0
            self._lines.put_nowait(_line({"lost": lost}))


class Tail:
    """All listeners. Lost lines are counted in ``lost``."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()
        self.lost = 0

    def __len__(self) -> int:
        return len(self._listeners)

    @contextmanager
    def listen(self, device: str | None = None) -> Iterator[Listener]:
        """Listen to all devices, or to one. Raises :class:`Crowded`."""
        if len(self._listeners) >= LISTENERS_BOUND:
            raise Crowded(f"{LISTENERS_BOUND} listeners already; close one")
        listener = Listener(device)
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    def close(self) -> None:
        """End all listening."""
        for listener in self._listeners:
            listener.close()

    def committed(self, commit: Commit) -> None:
        """A batch was committed."""
        line = b""
        for listener in self._listeners:
            if listener.device in (None, commit.device):
                line = line or _line(document(commit))
                if not listener.offer(line):
                    self.lost += 1


def document(commit: Commit) -> dict[str, object]:
    """A committed batch as JSON: its header, what was refused and why, its points."""
    header = commit.header
    return {
        "received_ms": commit.received_ms,
        "device": commit.device,
        "kind": commit.kind,
        "stream": commit.stream,
        "seq": header.seq if header else None,
        "sent_ms": header.sent_ms if header else None,
        "bytes": commit.size,
        "stored": commit.stored,
        "refused": commit.refused,
        "refusals": [
            {"measurement": r.measurement, "points": r.points, "reason": r.reason}
            for r in commit.refusals
        ],
        "measurements": {
            name: {"time_ms": columns.times_ms, **columns.values}
            for name, columns in commit.columns.items()
        },
    }


def _line(value: dict[str, object]) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
