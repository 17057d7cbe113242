"""An archive on a real DuckDB file, opened, used and closed by a test."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from homeroute_collector.archive import Archive
from homeroute_collector.archive_records import Commit
from homeroute_collector.archive_writer import Limits
from homeroute_collector.validation import validate
from tests.collector.batches import DISTRICT, NOW_MS, RETENTION_DAYS

EAGER = Limits(window_s=0.01)


def opened(folder: Path, **changes: Any) -> Archive:
    """An archive in a folder, committing eagerly; ``changes`` to how it is opened."""
    settings: dict[str, Any] = {"district": DISTRICT, "limits": EAGER, "now_ms": lambda: NOW_MS}
    return Archive.open(folder / "archive.duckdb", **(settings | changes))


def within(folder: Path, use: Callable[[Archive], Awaitable[None]], **changes: Any) -> None:
    """Open, use in a loop of its own, close."""
    archive = opened(folder, **changes)
    try:
        asyncio.run(_awaited(use(archive)))
    finally:
        archive.close()


async def _awaited(work: Awaitable[None]) -> None:
    await work


def received(payload: bytes, device: str = "bus-07") -> Commit:
    """A payload as the ingest would hand it to the archive."""
    return validate(device, payload, received_ms=NOW_MS, retention_days=RETENTION_DAYS)
