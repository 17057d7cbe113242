"""`homeroute import`: timetables, fleet, calendar and usage from files, or what they change."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

from rich.table import Table

from homeroute_analytics import importing
from homeroute_analytics.feeds.problems import FeedError
from homeroute_command import changing
from homeroute_command.failure import Failure
from homeroute_command.output import Output
from homeroute_command.typed_day import typed_day

PLAIN = {
    "fleet": "device, vehicle, from, to",
    "assignments": "vehicle, trip, from, to, weekdays",
    "calendar": "day, kind, to, periods, shift, note",
    "usage": "device, day, total (or down and up), carrier",
}
"""The plain tables and their columns."""

SHOWN = 4
"""Names of each change that are printed; --json has more."""

DESCRIPTION = """\
Bring a timetable into the archive. All of a file is taken, or nothing of it; what is
wrong is said with file, line and column. With --dry-run nothing is kept, and what
would change is told. File formats: docs/timetable.md.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command and what it can bring in."""
    parser = subparsers.add_parser(
        "import",
        help="bring in a timetable, the fleet, a calendar, usage",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kinds = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    feed = kinds.add_parser(
        "gtfs",
        help="a GTFS zip: its buses' routes, stops, shapes, trips, days",
        description="Bring in the buses of a GTFS zip as a new version of the timetable. It takes "
        "force on --from, and the versions before it end there.",
    )
    feed.add_argument("files", nargs=1, type=Path, metavar="FEED.zip")
    _common(feed, "when the feed takes force; default: its first day of service")
    pair = kinds.add_parser(
        "routes",
        help="a routing program's export: a CSV of its runs and one of their stops",
        description="Bring in the two CSVs that a school-routing program exports as a new "
        "version of the timetable; where they name vehicles, the assignments too.",
    )
    pair.add_argument(
        "files", nargs=2, type=Path, metavar="FILE.csv", help="ROUTES.csv, then STOPS.csv"
    )
    pair.add_argument(
        "--until",
        type=typed_day,
        metavar="YYYY-MM-DD",
        help="last day of runs that name none",
    )
    pair.add_argument(
        "--mapping", type=Path, metavar="M.toml", help="what the files call their columns"
    )
    _common(pair, "when it takes force, and the first day of runs that name none")
    for what, columns in PLAIN.items():
        table = kinds.add_parser(
            what, help=f"a CSV of {columns}", description=f"A CSV with the columns {columns}."
        )
        table.add_argument("files", nargs=1, type=Path, metavar="FILE.csv")
        table.add_argument(
            "--mapping", type=Path, metavar="M.toml", help="what the file calls its columns"
        )
        _common(table, "first day of rows that say none" if "from" in columns else None)
    parser.set_defaults(run=run)


def _common(parser: argparse.ArgumentParser, from_day: str | None) -> None:
    if from_day is not None:
        parser.add_argument(
            "--from", dest="from_day", type=typed_day, metavar="YYYY-MM-DD", help=from_day
        )
    parser.set_defaults(from_day=None, until=None, mapping=None)
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would change, keep nothing"
    )
    parser.add_argument("--json", action="store_true", help="machine-readable")
    changing.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Read the files, have them stored, and say what changed; raises :class:`Failure`."""
    try:
        document = importing.document(
            args.what, args.files, told=args.mapping, from_day=args.from_day, until=args.until
        )
    except FeedError as error:
        said = "\n  ".join(str(error).splitlines())
        raise Failure(f"{args.files[0]}: nothing imported:\n  {said}", exit_code=2) from None
    except OSError as error:
        raise Failure(f"{error.filename or args.files[0]}: {error.strerror}", exit_code=2) from None
    body = {
        "document": dataclasses.asdict(document),
        "from_day": args.from_day.isoformat() if args.from_day else None,
        "dry_run": args.dry_run,
    }
    outcome = changing.ask(args, "import", body)
    if args.json:
        print(json.dumps(outcome | {"dry_run": args.dry_run}))
    else:
        _say(outcome, dry_run=args.dry_run)
    return 0


def _say(outcome: dict[str, Any], *, dry_run: bool) -> None:
    """What changed, for people."""
    out = Output(highlight=False)
    name, span = outcome["name"], ""
    if outcome["first_day"]:
        span = f", in force {outcome['first_day']} to {outcome['last_day']}"
    if outcome["unchanged"]:
        out.print(f"{name}: nothing changes; it is there already{span}", soft_wrap=True)
    else:
        verb = "would be" if dry_run else "are"
        out.print(f"{name}: {outcome['rows']} rows {verb} imported{span}", soft_wrap=True)
        table = Table(box=None, show_header=False, expand=True, padding=(0, 2, 0, 2))
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, justify="right")
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        for change in outcome["changes"]:
            shown = list(change["examples"][:SHOWN])
            if change["count"] > len(shown) > 0 and change["how"] != "taken over":
                shown.append("…")
            table.add_row(
                f"{change['thing']} {change['how']}", str(change["count"]), ", ".join(shown)
            )
        out.print(table)
    if not outcome["unchanged"] and (words := changing.redone_words(outcome, dry_run=dry_run)):
        out.print(f"  {words}", soft_wrap=True)
    for note in outcome["notes"]:
        out.print(f"  note: {note}", soft_wrap=True)
    for warning in outcome["warnings"]:
        out.print(f"  warning: {warning}", soft_wrap=True)
    if dry_run:
        out.print("dry run: nothing was kept")
