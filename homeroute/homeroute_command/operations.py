"""What a person may ask the archive to change, by name. Each runs in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from homeroute_analytics import device_lives, importing, timetable
from homeroute_analytics.imports import Document, Execute, ImportRefused
from homeroute_wire.schema import ID_PATTERN

Operation = Callable[[Execute, dict[str, Any], str, date, int], dict[str, Any]]
"""Takes how to execute, the request, the district's zone, today and now (ms)."""


NOT_TAKEN = (duckdb.InvalidInputException, duckdb.DataError, duckdb.IntegrityError)
"""What the database says to rows that are none of its table's; a full disk is another."""


def _import(
    execute: Execute, body: dict[str, Any], timezone: str, today: date, now_ms: int
) -> dict[str, Any]:
    """Store a document that a reader left."""
    document = Document.of(body.get("document"))
    try:
        outcome = importing.store(
            execute,
            document,
            from_day=_day(body.get("from_day")),
            timezone=timezone,
            today=today,
            now_ms=now_ms,
        )
    except NOT_TAKEN as error:
        # Whoever sent it has another version, or no reader of ours.
        said = str(error).splitlines()[0][:200]
        raise ImportRefused(f"{document.name[:63]}: rows of another form: {said}") from None
    return asdict(outcome)


def _replace(
    execute: Execute, body: dict[str, Any], _: str, today: date, now_ms: int
) -> dict[str, Any]:
    old, new, told = _device(body, "device"), _device(body, "by"), _day(body.get("on"))
    answer: dict[str, Any] = {"device": old, "by": new}
    if since := _ended(execute, old, new, told, today):
        return answer | since
    day = told or today
    vehicle = device_lives.replace(execute, old, new, day, now_ms=now_ms)
    return answer | {"on": day.isoformat(), "vehicle": vehicle, "unchanged": False}


def _retire(
    execute: Execute, body: dict[str, Any], _: str, today: date, now_ms: int
) -> dict[str, Any]:
    device, told = _device(body, "device"), _day(body.get("on"))
    answer: dict[str, Any] = {"device": device}
    if since := _ended(execute, device, None, told, today):
        return answer | since
    day = told or today
    vehicle = device_lives.retire(execute, device, day, now_ms=now_ms)
    return answer | {"on": day.isoformat(), "vehicle": vehicle, "unchanged": False}


def _ended(
    execute: Execute, device: str, by: str | None, told: date | None, today: date
) -> dict[str, Any]:
    """What is answered where the same was done before; empty: it was not."""
    since = device_lives.ended(execute, device, by, told)
    if since is None or (told is None and since > today):
        return {}
    return {"on": since.isoformat(), "vehicle": None, "unchanged": True}


def _devices(
    execute: Execute, body: dict[str, Any], _: str, today: date, __: int
) -> dict[str, Any]:
    day = _day(body.get("on")) or today
    found = [asdict(life) for life in device_lives.listed(execute, day)]
    return {"on": day.isoformat(), "devices": [_plain(life) for life in found]}


AHEAD_DAYS = 400
"""How far service hours are told: to the end of the next school year's first term."""


def _hours(
    execute: Execute, _: dict[str, Any], timezone: str, today: date, __: int
) -> dict[str, Any]:
    """First departure and last arrival of every day ahead that has a trip, in minutes."""

    async def query(sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
        return execute(sql, list(params))

    last_day = today + timedelta(AHEAD_DAYS)
    # It waits for nothing but the database, which this very thread holds.
    drives = asyncio.run(timetable.drives(query, today, last_day, timezone))
    zone = ZoneInfo(timezone)
    days: dict[str, list[int]] = {}
    for drive in drives:
        held = days.setdefault(drive.service_day.isoformat(), [24 * 60, 0])
        start, end = (_minute(ms, drive.service_day, zone) for ms in (drive.start_ms, drive.end_ms))
        held[:] = min(held[0], start), max(held[1], end)
    return {"timezone": timezone, "today": today.isoformat(), "days": days}


def _minute(time_ms: int, day: date, zone: ZoneInfo) -> int:
    """Minutes on the clock of that day; what ends after midnight ends with it."""
    local = datetime.fromtimestamp(time_ms / 1000, zone)
    if local.date() != day:
        return 0 if local.date() < day else 24 * 60
    return local.hour * 60 + local.minute + (local.second > 0)


def _plain(life: dict[str, Any]) -> dict[str, Any]:
    return {k: v.isoformat() if isinstance(v, date) else v for k, v in life.items()}


def _device(body: dict[str, Any], key: str) -> str:
    name = str(body.get(key))
    if not ID_PATTERN.fullmatch(name):
        raise ImportRefused(f"{name[:63]!r} is no device's id; want one like bus-07")
    return name


def _day(text: object) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        raise ImportRefused(f"{str(text)[:20]!r} is no day; want YYYY-MM-DD") from None


READS = frozenset({"devices", "hours"})
"""Operations that change nothing."""

OPERATIONS: dict[str, Operation] = {
    "import": _import,
    "replace": _replace,
    "retire": _retire,
    "devices": _devices,
    "hours": _hours,
}
