"""Changes to the archive that a person asks for, whoever has it open.

The same work is done by the running collector, asked over HTTP, and by the command
itself where none runs: one table of operations, each one transaction.

Guarantees: all of an operation is kept or nothing; a dry run is the same work, undone;
a request's body is bounded. Does not: read the files people give (the client does,
so that a collector on a small machine need not).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar, cast
from zoneinfo import ZoneInfo

from aiohttp import web

from homeroute_analytics import rollup_inputs, tables
from homeroute_analytics.imports import Execute, ImportRefused
from homeroute_collector.api_guard import refused
from homeroute_collector.archive import FILE_NAME, Archive
from homeroute_collector.archive_records import ArchiveError
from homeroute_collector.broker import SiteError
from homeroute_collector.collector import Collector
from homeroute_collector.config import ConfigError
from homeroute_collector.timezones import system_timezone
from homeroute_command import running
from homeroute_command.configured import DEFAULT_DATA, configuration
from homeroute_command.failure import Failure
from homeroute_command.operations import OPERATIONS, READS

BODY_BOUND = 1 << 27
"""Bytes of a request; a feed of a million calls is about 40 MB."""

Result = TypeVar("Result")
PATH = "/api/1/timetable/"


NO_CHANGES = (
    "the demo runs there, whose district is simulated and takes no changes; try it with "
    "--dry-run, or begin your own with `homeroute up` once the demo has stopped"
)

SPANS = 4
"""Of days computed anew that are printed; --json has all."""


class _Undone(Exception):
    """Ends a dry run's transaction; carries what it found."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__("dry run")
        self.answer = answer


async def perform(
    archive: Archive, name: str, body: dict[str, Any], *, timezone: str, now_ms: int
) -> dict[str, Any]:
    """Do one operation. ``body["dry_run"]``: and undo it. Raises :class:`ImportRefused`."""
    operation = OPERATIONS[name]
    today = datetime.fromtimestamp(now_ms / 1000, ZoneInfo(timezone)).date()

    def work(connection: Any, _: Any) -> dict[str, Any]:
        def execute(sql: str, params: Any) -> list[tuple[Any, ...]]:
            found: list[tuple[Any, ...]] = connection.execute(sql, params).fetchall()
            return found

        changes = name not in READS
        before = _marks(execute, timezone) if changes else {}
        answer = operation(execute, body, timezone, today, now_ms)
        if changes:
            # Only what this bears on: others may be due for reasons of their own.
            after = _marks(execute, timezone)
            answer["redone"] = [
                day.isoformat()
                for day, (written, now) in sorted(after.items())
                if day < today and now not in (written, before[day][1])
            ]
        if body.get("dry_run"):
            raise _Undone(answer)
        return answer

    try:
        return await archive.transaction(work)
    except _Undone as undone:
        return undone.answer


def _marks(execute: Execute, timezone: str) -> dict[date, tuple[str | None, str]]:
    """What each day's aggregates were made of, and what is told, as of this transaction."""

    async def query(sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
        return execute(sql, params)

    # In the writer's thread, which has no loop of its own.
    return dict(asyncio.run(rollup_inputs.compared(query, timezone)))


def redone_words(answer: dict[str, Any], *, dry_run: bool) -> str:
    """Which past days are computed anew because of an operation; empty: none."""
    days = [date.fromisoformat(day) for day in answer["redone"]]
    if not days:
        return ""
    spans = [
        f"{first}" if first == last else f"{first} to {last}"
        for first, last in rollup_inputs.spans_of(days)
    ]
    more = ", …" if len(spans) > SPANS else ""
    verb = "would be" if dry_run else "will be"
    counted = "1 past day" if len(days) == 1 else f"{len(days)} past days"
    return f"{counted} {verb} computed anew: {', '.join(spans[:SPANS])}{more}"


def mount(app: web.Application, collector: Collector, *, kept: bool = True) -> None:
    """Let the running collector be asked for them.

    ``kept``: False for a demonstration, which reads and tries, and changes nothing of the
    district that it simulates.
    """

    async def asked(request: web.Request) -> web.Response:
        name = request.match_info["operation"]
        if name not in OPERATIONS:
            return refused(404, f"no operation {name[:63]!r}")
        if (text := await _body(request)) is None:
            return refused(413, f"over {BODY_BOUND} bytes; import it with the collector stopped")
        try:
            # A large one takes a while, and the loop has others to serve.
            body = await asyncio.to_thread(json.loads, text or b"{}")
            if not isinstance(body, dict):
                return refused(400, "want a JSON object")
            if not (kept or name in READS or body.get("dry_run")):
                return refused(400, NO_CHANGES)
            answer = await perform(
                collector.archive,
                name,
                body,
                timezone=collector.timezone,
                now_ms=collector.clock.now_ms(),
            )
        except (ImportRefused, ValueError) as error:
            return refused(400, str(error))
        return web.json_response(answer)

    app.router.add_post(PATH + "{operation}", asked)


async def _body(request: web.Request) -> bytes | None:
    """The body, None of a longer one than the bound: the application's own is smaller."""
    parts = bytearray()
    async for part in request.content.iter_chunked(1 << 16):
        parts += part
        if len(parts) > BODY_BOUND:
            return None
    return bytes(parts)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the archive is: a running collector, else its folder."""
    parser.add_argument(
        "--url", metavar="URL", help=f"of the running collector; default: {running.DEFAULT_URL}"
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help=f"the archive's folder, where no collector runs; default: {DEFAULT_DATA}",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="its settings, as for `up`")
    parser.set_defaults(district=None, port=None)


def asked_or_here(
    args: argparse.Namespace,
    ask: Callable[[str], Result],
    here: Callable[[], Result],
    *,
    refusals: Mapping[int, int],
) -> Result:
    """What the running collector says to ``ask(url)``; where none runs, what ``here()`` does.

    ``here`` opens the archive (:func:`opened`): at once where --data or --config name one.
    ``refusals`` are exit codes by HTTP status: of those the collector's own words are told.
    Raises :class:`Failure`, and what ``here`` raises of its own.
    """
    if args.data is None and args.config is None:
        try:
            return ask(args.url or running.DEFAULT_URL)
        except running.NotRunning:
            if args.url is not None or not has_archive():
                raise
        except running.Answered as error:
            if error.status in refusals:
                raise Failure(error.detail, exit_code=refusals[error.status]) from None
            raise
    try:
        return here()
    except (ConfigError, ArchiveError, SiteError) as error:
        raise Failure(str(error), exit_code=2) from None


def ask(args: argparse.Namespace, name: str, body: dict[str, Any]) -> dict[str, Any]:
    """Have one operation done: by the collector that runs, else here. Raises :class:`Failure`."""
    try:
        return asked_or_here(
            args,
            lambda url: cast("dict[str, Any]", running.post(url, PATH + name, body)),
            lambda: asyncio.run(_here(args, name, body)),
            refusals={400: 2},
        )
    except ImportRefused as error:
        raise Failure(str(error), exit_code=2) from None


async def _here(args: argparse.Namespace, name: str, body: dict[str, Any]) -> dict[str, Any]:
    # An import may be the first thing a district does; nothing else has a folder to begin.
    create = name == "import" and not body.get("dry_run")
    async with opened(args, create=create) as (archive, timezone):
        now_ms = time.time_ns() // 1_000_000
        return await perform(archive, name, body, timezone=timezone, now_ms=now_ms)


def has_archive() -> bool:
    """Whether there is an archive in the folder used by default."""
    return (DEFAULT_DATA.expanduser() / FILE_NAME).exists()


@asynccontextmanager
async def opened(
    args: argparse.Namespace, *, create: bool = False
) -> AsyncIterator[tuple[Archive, str]]:
    """The archive that the arguments name, where no collector runs, and the district's zone.

    Only with ``create`` a new one where there is none: a mistyped folder is told, not made.
    Raises ConfigError, ArchiveError, SiteError, :class:`Failure`.
    """
    config = configuration(args)
    if not create and not (config.data_dir / FILE_NAME).exists():
        raise Failure(
            f"no archive in {config.data_dir}; `homeroute up` or `homeroute import` begins one "
            "there, or is it another --data?",
            exit_code=2,
        )
    archive = await asyncio.to_thread(
        Archive.open,
        config.data_dir / FILE_NAME,
        district=config.district,
        memory_limit=config.archive.memory_limit,
        threads=config.archive.threads,
        extra_ddl=tables.DDL,
    )
    try:
        yield archive, config.timezone or system_timezone()
    finally:
        await asyncio.to_thread(archive.close)
