"""`homeroute report`: coverage, trips, devices, hotspots, as a table or as a file.

The running collector is asked; only where none runs the archive's file is opened.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from homeroute_command import changing, report_text, rolling, running
from homeroute_command.configured import configuration
from homeroute_command.failure import Failure
from homeroute_command.typed_day import typed_day
from homeroute_dashboards.district import District
from homeroute_dashboards.pages.asked import DAYS, DEFAULT_DAYS, PERIODS, AskError
from homeroute_dashboards.reports import answering
from homeroute_dashboards.reports.answering import Answer
from homeroute_dashboards.reports.model import Report
from homeroute_dashboards.reports.mounting import PATH

TIMEOUT_S = 120.0

WHAT = {
    "coverage": "routes worst first, dead zones, longest gaps, unassigned time; before and after",
    "trips": "every scheduled trip of every day, driven or not",
    "devices": "what each device delivered of its days",
    "hotspots": "which lent hotspots are unused, apart from those not reporting",
}

FORMATS = ("table", *answering.FORMATS)

ENDINGS = {**{name: name for name in answering.FORMATS}, "htm": "html", "txt": "table"}
"""Endings of a file's name, and the format each says."""

SECTIONS = {
    "coverage": "routes, dead_zones, gaps, totals, segments; with --fix also fix",
    "trips": "trips",
    "devices": "devices",
    "hotspots": "hotspots",
}
"""The tables of each report. A test compares."""

ASKED = ("from", "to", "route", "period", "fix", "at", "section")
"""Options that are asked for by the same names."""

DESCRIPTION = f"""\
Reports from the day's aggregates, without dates of {DEFAULT_DAYS}, as
on the page Connectivity by route and time. Days are the district's. Every number stands
with its unit, with n, and with the share of time that was reported at all. They name
buses, trips, stops and places: for staff.
What the columns mean: docs/reports.md.
"""
EPILOG = """\
Which routes lose the internet, the last four weeks:
  homeroute report coverage
Did it help?
  homeroute report coverage --route 12 --fix "2027-03-12 antenna replaced"
A page to print, a file for a map, all segments for a spreadsheet:
  homeroute report coverage --from 2027-03-01 --to 2027-03-31 --out march.html
  homeroute report coverage --out segments.geojson
  homeroute report coverage --section segments --out segments.csv
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command and its reports."""
    parser = subparsers.add_parser(
        "report",
        help="coverage, trips, devices, hotspots",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kinds = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    for what, purpose in WHAT.items():
        _arguments(kinds.add_parser(what, help=purpose, description=f"{purpose.capitalize()}."))
    parser.set_defaults(run=run)


def _arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.prog.split()[-1]
    parser.add_argument(
        "--from",
        type=typed_day,
        metavar="YYYY-MM-DD",
        help=f"first day; default: {DAYS} days up to the last",
    )
    parser.add_argument(
        "--to", type=typed_day, metavar="YYYY-MM-DD", help="last day; default: today"
    )
    if what in ("coverage", "trips"):
        parser.add_argument("--route", metavar="R", help="its label, or the number it begins with")
        parser.add_argument("--period", choices=PERIODS, help="part of the school day")
    if what == "coverage":
        parser.add_argument(
            "--fix", metavar='"DAY [WORDS]"', help="compare 28 days before a change with 28 after"
        )
        parser.add_argument(
            "--at", metavar="LAT,LON,M", help="with --fix: only within so many metres of there"
        )
    parser.add_argument(
        "--format",
        choices=FORMATS if what == "coverage" else [f for f in FORMATS if f != "geojson"],
        help="default: table, or what the name of --out ends in",
    )
    parser.add_argument(
        "--section",
        metavar="NAME",
        help=f"one table of the report: {SECTIONS[what]}; default: all, and for csv and parquet "
        "the first",
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write there; default: stdout")
    parser.add_argument("--json", action="store_true", help="the same as --format json")
    changing.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Ask, and print or write; raises :class:`Failure`."""
    wanted = _format(args)
    if wanted == "parquet" and args.out is None and sys.stdout.isatty():
        raise Failure("--format parquet is no text: give --out FILE, or a pipe", exit_code=2)
    first, last = getattr(args, "from"), args.to
    if first and last and first > last:
        raise Failure(f"--from {first} is after --to {last}: swap them", exit_code=2)
    asked = {name: str(value) for name in ASKED if (value := getattr(args, name, None))}
    asked |= {"format": "json", "brief": "1"} if wanted == "table" else {"format": wanted}
    body = _answer(args, asked)
    if wanted == "table":
        try:
            found = Report.of(json.loads(body))
        except (ValueError, KeyError, TypeError):
            raise Failure("the collector answered no report; is it of this version?") from None
        if args.out is None:
            report_text.show(found, only=args.section)
            return 0
        body = report_text.text(found, only=args.section).encode()
    _write(args.out, body)
    return 0


def _format(args: argparse.Namespace) -> str:
    if args.json:
        if args.format not in (None, "json"):
            raise Failure(f"--json and --format {args.format} differ: leave one out", exit_code=2)
        args.format = "json"
    ending = args.out.suffix.removeprefix(".").lower() if args.out else ""
    told = ENDINGS.get(ending)
    if args.format is None:
        if ending and told is None:
            raise Failure(
                f"--out {args.out}: no format is called .{ending}; end it in "
                f"{', '.join(f'.{each}' for each in ENDINGS)}, or say --format",
                exit_code=2,
            )
        return told or "table"
    if told not in (None, args.format):
        raise Failure(
            f"--format {args.format} and --out {args.out} differ: .{ending} says {told}",
            exit_code=2,
        )
    return str(args.format)


def _write(out: Path | None, body: bytes) -> None:
    if out is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(body if body.endswith(b"\n") else body + b"\n")
        sys.stdout.buffer.flush()
        return
    draft = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        # Restricted data: for its owner alone, and whole or not at all.
        draft.touch(mode=0o600)
        draft.write_bytes(body)
        draft.replace(out)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise Failure(f"write {out}: {error.strerror}", exit_code=2) from None
    print(
        f"homeroute report: {out}, {len(body):,} bytes; for staff, not to publish", file=sys.stderr
    )


def _answer(args: argparse.Namespace, asked: dict[str, str]) -> bytes:
    """The file, from the collector that runs, else from the archive here."""
    path = f"{PATH}{args.what}?{urlencode(asked)}"

    def fetched(url: str) -> bytes:
        try:
            return running.fetch(url, path, timeout_s=TIMEOUT_S)
        except running.Answered as error:
            if error.status not in (400, 404):
                raise
            raise Failure(as_typed(error.detail), exit_code=2) from None

    try:
        return changing.asked_or_here(
            args, fetched, lambda: asyncio.run(_here(args, asked)).body, refusals={}
        )
    except AskError as error:
        raise Failure(as_typed(str(error)), exit_code=2) from None


def as_typed(said: str) -> str:
    """An error that begins with a parameter's name, with the option's as it is typed."""
    return re.sub(rf"^({'|'.join(ASKED)})\b", r"--\1", said)


async def _here(args: argparse.Namespace, asked: dict[str, Any]) -> Answer:
    async with changing.opened(args) as (archive, timezone):
        config = configuration(args)
        return await answering.answer(
            archive.query,
            args.what,
            asked,
            District(
                config.district,
                timezone,
                config.simulated,
                limits=rolling.limits_of(config),
                timezone_assumed=config.timezone is None,
            ),
            time.time_ns() // 1_000_000,
            rolling.ladder_of(config),
        )
