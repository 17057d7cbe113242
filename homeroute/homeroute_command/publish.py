"""`homeroute publish`: which weeks evaluators may read, and how much of each is hidden and why."""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import time
from datetime import date
from typing import Any, cast

from rich.table import Table

from homeroute_command import changing, keep_published, running
from homeroute_command.configured import configuration
from homeroute_command.failure import Failure
from homeroute_command.output import Output

DESCRIPTION = """\
Publish the weeks that have settled: learning and filter blocks by route and week, small
groups hidden (docs/privacy.md). `homeroute up` does this by itself; by hand it is for a
folder that nobody serves, like that of `homeroute simulate history`. Each week is
published once. Of what is hidden only is told how many cells and why: small ones, and
those that would give a small one away (complement).
"""

HIDDEN = ("small", "complement")
"""Why a cell is hidden."""

LEGEND = "(small), (complement): cells hidden, and why"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "publish",
        help="publish settled weeks, or list what is published and how much is hidden",
        description=DESCRIPTION,
        epilog="Example: homeroute publish --week 2026-W46 --dry-run",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--list", action="store_true", help="publish nothing, list the weeks")
    which.add_argument(
        "--week", type=_monday, metavar="YYYY-Www", help="with --dry-run: what of it would be shown"
    )
    parser.add_argument("--dry-run", action="store_true", help="publish nothing")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    changing.add_arguments(parser)
    parser.set_defaults(run=run)


def _monday(text: str) -> date:
    found = re.fullmatch(r"(\d{4})-?W(\d{2})", text)
    try:
        return date.fromisocalendar(int(found[1]), int(found[2]), 1) if found else _no_week(text)
    except ValueError:
        return _no_week(text)


def _no_week(text: str) -> date:
    raise argparse.ArgumentTypeError(f"{text!r} is no week; want one like 2026-W46")


def run(args: argparse.Namespace) -> int:
    """Publish, or tell; raises :class:`Failure`."""
    if args.week and not args.dry_run:
        raise Failure("--week wants --dry-run: weeks are published when they settle", exit_code=2)
    body: dict[str, Any] = {"publish": not (args.list or args.dry_run)}
    if args.week:
        body = {"week": args.week.isoformat()}
    found = _ask(args, body)
    if args.json:
        print(json.dumps(found))
    elif args.week:
        _say_week(found)
    else:
        _say(found)
    failing = [week for week in found.get("weeks", ()) if week["state"] == "fails"]
    return 1 if failing and body.get("publish") else 0


def _ask(args: argparse.Namespace, body: dict[str, Any]) -> dict[str, Any]:
    try:
        return changing.asked_or_here(
            args,
            lambda url: cast("dict[str, Any]", running.post(url, keep_published.PATH, body)),
            lambda: asyncio.run(_here(args, body)),
            refusals={409: 1},
        )
    except keep_published.NotDue as error:
        raise Failure(str(error)) from None


async def _here(args: argparse.Namespace, body: dict[str, Any]) -> dict[str, Any]:
    async with changing.opened(args) as (archive, timezone):
        return await keep_published.answer(
            archive,
            configuration(args).publish,
            body,
            timezone=timezone,
            now_ms=time.time_ns() // 1_000_000,
            failing={},
        )


def _say(found: dict[str, Any]) -> None:
    out = Output(highlight=False)
    if found["done"]:
        out.print(f"published: {', '.join(found['done'])}", soft_wrap=True)
    if not found["weeks"]:
        out.print("no week has trips that were rolled up")
        return
    table = Table("week", box=None, caption=LEGEND, caption_justify="left")
    table.add_column("state", no_wrap=True)
    for name in ("clients ≥", "shown", *(f"({why})" for why in HIDDEN)):
        table.add_column(name, justify="right")
    for week in found["weeks"]:
        state = {
            "published": f"published {week.get('published')}",
            "due": "due",
            "fails": f"cannot be published: {week.get('why')}",
        }.get(week["state"], str(week.get("why")))
        counts = [str(week.get(name, "")) for name in ("min_clients", "shown", *HIDDEN)]
        table.add_row(week["week"], state, *counts)
    out.print(table)


def _say_week(found: dict[str, Any]) -> None:
    out = Output(highlight=False)
    when = f"waits: {found['why']}" if found["why"] else "due"
    out.print(
        f"{found['week']} {when}; by {found['min_clients']} clients would be shown or hidden:",
        soft_wrap=True,
    )
    table = Table("table", "period", box=None, caption=LEGEND, caption_justify="left")
    for name in ("cells", "shown", *(f"({why})" for why in HIDDEN)):
        table.add_column(name, justify="right")
    for row in found["cells"]:
        counts = [row[name] for name in ("shown", *HIDDEN)]
        table.add_row(row["table"], row["period"], str(sum(counts)), *map(str, counts))
    out.print(table)
    out.print("dry run: nothing was published")
