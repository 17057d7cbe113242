"""`homeroute device`: replace one, retire one, list them with their vehicles."""

from __future__ import annotations

import argparse
import json
from typing import Any

from rich.table import Table

from homeroute_command import changing
from homeroute_command.output import Output
from homeroute_command.typed_day import typed_day

DESCRIPTION = """\
Devices come and go; what was measured stays with the one that measured it. `replace`
puts a new gateway into the old one's vehicle, `retire` ends one's service, so that its
silence is no outage.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "device",
        help="replace, retire or list devices",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    one = actions.add_parser("replace", help="put a new device where the old one was")
    one.add_argument("device", metavar="OLD")
    one.add_argument("by", metavar="NEW")
    _common(one, "from which day; default: today", dry_run=True)
    one = actions.add_parser("retire", help="end a device's service")
    one.add_argument("device", metavar="DEVICE")
    _common(one, "from which day; default: today", dry_run=True)
    one = actions.add_parser("list", help="every device, and the vehicle it rides in")
    _common(one, "the vehicles of which day; default: today", dry_run=False)
    parser.set_defaults(run=run)


def _common(parser: argparse.ArgumentParser, on: str, *, dry_run: bool) -> None:
    parser.add_argument("--on", type=typed_day, metavar="YYYY-MM-DD", help=on)
    if dry_run:
        parser.add_argument("--dry-run", action="store_true", help="say what would change")
    parser.add_argument("--json", action="store_true", help="machine-readable")
    changing.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Do what was asked; raises :class:`Failure`."""
    body: dict[str, Any] = {"on": args.on.isoformat() if args.on else None}
    if args.action == "list":
        answer = changing.ask(args, "devices", body)
        if args.json:
            print(json.dumps(answer))
        else:
            _list(answer)
        return 0
    body |= {"device": args.device, "dry_run": args.dry_run}
    if args.action == "replace":
        body["by"] = args.by
    answer = changing.ask(args, args.action, body)
    if args.json:
        print(json.dumps(answer | {"dry_run": args.dry_run}))
        return 0
    if answer["unchanged"]:
        by = f", replaced by {answer['by']}" if args.action == "replace" else ""
        print(f"nothing changes; {answer['device']} is retired from {answer['on']}{by} already")
        return 0
    place = f"vehicle {answer['vehicle']}" if answer["vehicle"] else "no vehicle"
    said = f"{answer['device']} is retired from {answer['on']} ({place})"
    if args.action == "replace":
        said += f"; {answer['by']} takes its place"
    print(said + ("; dry run: nothing was kept" if args.dry_run else ""))
    if words := changing.redone_words(answer, dry_run=args.dry_run):
        print(words)
    return 0


def _list(answer: dict[str, Any]) -> None:
    if not answer["devices"]:
        print("no device is known: import a fleet, or enrol one")
        return
    table = Table("device", "kind", "vehicle", "from", "to", "", box=None)
    for row in answer["devices"]:
        end = f"retired {row['retired_day']}" if row["retired_day"] else ""
        if row["replaced_by"]:
            end += f", replaced by {row['replaced_by']}"
        table.add_row(
            row["device"],
            row["kind"] or "never heard",
            row["vehicle"] or "",
            row["since"] or "",
            row["until"] or "",
            end,
        )
    Output(highlight=False).print(table)
