"""`homeroute routes explain`: why a device is believed to be on a trip, or on none."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any, cast
from urllib.parse import quote

from aiohttp import web
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table

from homeroute_analytics.attribution.explain import Explanation, explain, instant
from homeroute_collector.apart import aside
from homeroute_collector.api_guard import refused
from homeroute_collector.collector import Collector
from homeroute_collector.timezones import zone_words
from homeroute_command import changing, running
from homeroute_command.configured import configuration
from homeroute_command.failure import Failure
from homeroute_command.output import Output

PATH = "/api/1/routes/explain"

VERDICT_ROOM = 24
"""Characters a line below which a verdict stands beneath its trip, not beside it."""

TIMES = "now, 07:42 or 2026-11-09T07:42"

DESCRIPTION = """\
Why a device is believed to be on a trip at a time, or on none: the leg that is kept, the
trips that were weighed, how far off their roads and how late the bus was, which gates
they failed, and what the assignment table says. TIME is now, 07:42 (today), or
2026-11-09T07:42, in the district's time zone.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "explain",
        help="why a device is on a trip at a time, or on none",
        description=DESCRIPTION,
        epilog="Example: homeroute routes explain bus-04 2026-11-09T07:42",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("device", metavar="DEVICE")
    parser.add_argument(
        "time", metavar="TIME", nargs="?", default="now", help=f"{TIMES}; default: now"
    )
    parser.add_argument("--json", action="store_true", help="machine-readable")
    changing.add_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Ask and print; raises :class:`Failure`."""
    found = _asked(args)
    if args.json:
        print(json.dumps(found))
    else:
        _say(found)
    return 0


def mount(app: web.Application, collector: Collector) -> None:
    """Let the running collector be asked: ``?device=bus-04&time=2026-11-09T07:42``."""

    async def asked(request: web.Request) -> web.Response:
        device, text = request.query.get("device", ""), request.query.get("time", "")
        try:
            time_ms = instant(text, collector.timezone, now_ms=collector.clock.now_ms())
        except ValueError:
            return refused(400, _no_time(text))
        query = collector.archive.query
        if not device or not await known(query, device):
            return refused(404, _unknown(device))
        found = await aside(
            query, lambda apart: explain(apart, device, time_ms, collector.timezone)
        )
        told_of = collector.timezone, collector.timezone_assumed
        return web.json_response(document(found, *told_of))

    app.router.add_get(PATH, asked)


def _no_time(text: str) -> str:
    return f"{text[:40]!r} is no time; want {TIMES}"


def _unknown(device: str) -> str:
    return (
        f"no position or leg of a device {device[:63]!r} is kept; `homeroute device list` has "
        "the names"
    )


async def known(query: Any, device: str) -> bool:
    """Whether anything was ever heard, or planned, of the device."""
    for table in ("position", "legs", "fleet"):
        sql = f"SELECT 1 FROM {table} WHERE device = ? LIMIT 1"  # noqa: S608 - names of our own
        if await query(sql, [device]):
            return True
    return False


def document(found: Explanation, timezone: str, timezone_assumed: bool) -> dict[str, Any]:
    """As the API and ``--json`` tell it."""
    fields = asdict(found)
    fields["service_day"] = found.service_day.isoformat()
    if fields["leg"]:
        fields["leg"]["service_day"] = fields["leg"]["service_day"].isoformat()
    return {"timezone": timezone, "timezone_assumed": timezone_assumed, **fields}


def _asked(args: argparse.Namespace) -> dict[str, Any]:
    path = f"{PATH}?device={quote(args.device)}&time={quote(args.time)}"
    return changing.asked_or_here(
        args,
        lambda url: cast("dict[str, Any]", running.get(url, path)),
        lambda: asyncio.run(_here(args)),
        refusals={400: 2, 404: 2},
    )


async def _here(args: argparse.Namespace) -> dict[str, Any]:
    async with changing.opened(args) as (archive, timezone):
        try:
            time_ms = instant(args.time, timezone, now_ms=time.time_ns() // 1_000_000)
        except ValueError:
            raise Failure(_no_time(args.time), exit_code=2) from None
        if not await known(archive.query, args.device):
            raise Failure(_unknown(args.device), exit_code=2)
        found = await explain(archive.query, args.device, time_ms, timezone)
        return document(found, timezone, configuration(args).timezone is None)


def _say(found: dict[str, Any]) -> None:
    from zoneinfo import ZoneInfo

    zone = ZoneInfo(found["timezone"])

    def clock(ms: int) -> str:
        return f"{datetime.fromtimestamp(ms / 1000, zone):%H:%M}"

    out = Output(highlight=False)
    at = datetime.fromtimestamp(found["time_ms"] / 1000, zone)
    where = zone_words(found["timezone"], assumed=found["timezone_assumed"])
    out.print(f"{found['device']} at {at:%Y-%m-%d %H:%M:%S} ({where})", soft_wrap=True)
    out.print(f"  believed    {found['now']}", soft_wrap=True)
    out.print(f"  at the time {found['then']}", soft_wrap=True)
    heard = f"{found['positions']} positions that service day"
    if found["position_age_s"] is not None:
        heard += f", the last one {found['position_age_s']:.0f} s before"
    if found["moved_m"] is not None:
        heard += f", {found['moved_m']} m driven since the first"
    out.print(f"  heard       {heard}", soft_wrap=True)
    out.print(f"  timetable   {found['scheduled_trips']} trips that service day", soft_wrap=True)
    if not found["candidates"]:
        out.print("  weighed     nothing: no trip's road is near at this time")
        return
    rows = [(_figures(row, clock), str(row["verdict"])) for row in found["candidates"]]
    bare = _table(rows, verdicts=False)
    if out.width - Measurement.get(out, out.options, bare).maximum >= VERDICT_ROOM:
        out.print(_table(rows, verdicts=True))
    else:
        for (trip, route, due, *numbers), verdict in rows:
            told = (f"{n} {name}" for n, name in zip(numbers, _NUMBERS, strict=True) if n)
            out.print(f"  {trip}", soft_wrap=True)
            words = ", ".join((f"route {route}", f"due {due}", *told))
            out.print(Padding(f"{words}: {verdict}", (0, 0, 0, 6)))
    if any(row["assigned"] for row in found["candidates"]):
        out.print("  * the assignment table gives it to this device")


def _figures(row: dict[str, Any], clock: Callable[[int], str]) -> tuple[str, ...]:
    """Trip, route, when it is due, and its numbers; empty what is not known."""
    return (
        row["trip"] + (" *" if row["assigned"] else ""),
        row["route"],
        f"{clock(row['scheduled_start_ms'])}-{clock(row['scheduled_end_ms'])}",
        _number(row["lateral_m"], "{:.0f} m"),
        _number(row["late_s"], "{:+.0f} s"),
        "" if row["cost"] is None else f"{row['evidence'] - row['cost']:.1f}",
    )


def _table(rows: list[tuple[tuple[str, ...], str]], *, verdicts: bool) -> Table:
    """A row a trip that was weighed. Only verdicts are broken, between words."""
    table = Table(box=None, padding=(0, 1, 0, 1))
    for name in ("trip", "route", "due", *_NUMBERS):
        table.add_column(
            name,
            justify="right" if name in _NUMBERS else "left",
            no_wrap=True,
            max_width=16 if name == "route" else None,
        )
    if verdicts:
        table.add_column("verdict", overflow="fold")
    for figures, verdict in rows:
        table.add_row(*figures, *([verdict] if verdicts else []))
    return table


_NUMBERS = ("off", "late", "nats")


def _number(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)
