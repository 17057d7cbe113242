"""What a person may ask the archive to change, by name. Each runs in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from typing import Any

from homeroute_analytics import import_feed
from homeroute_analytics.imports import Document, Execute, ImportRefused

Operation = Callable[[Execute, dict[str, Any], str, date, int], dict[str, Any]]
"""Takes how to execute, the request, the district's zone, today and now (ms)."""


def _import(
    execute: Execute, body: dict[str, Any], timezone: str, today: date, now_ms: int
) -> dict[str, Any]:
    """Store a document that a reader left."""
    document = Document.of(body.get("document"))
    from_day = _day(body.get("from_day"))
    return asdict(
        import_feed.apply(
            execute, document, from_day=from_day, timezone=timezone, today=today, now_ms=now_ms
        )
    )


def _day(text: object) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        raise ImportRefused(f"{str(text)[:20]!r} is no day; want YYYY-MM-DD") from None


OPERATIONS: dict[str, Operation] = {"import": _import}
