"""`homeroute refused`: what could not be understood, and trying it again after an upgrade."""

from __future__ import annotations

import argparse
import json
from datetime import datetime
from urllib.parse import quote
from zoneinfo import ZoneInfo

from rich.table import Table

from homeroute_collector.timezones import zone_words
from homeroute_command import running
from homeroute_command.output import Output


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "refused",
        help="list or replay refused points",
        description="Points that could not be understood are kept whole, with the reason. "
        "After an upgrade, `homeroute refused replay` tries them again: what is understood "
        "now is stored, the rest stays.",
    )
    parser.add_argument("action", nargs="?", choices=("list", "replay"), default="list")
    parser.add_argument("--device", metavar="ID", help="only this device's")
    parser.add_argument("--json", action="store_true", help="machine-readable")
    parser.add_argument(
        "--url",
        default=running.DEFAULT_URL,
        help=f"of the collector; default: {running.DEFAULT_URL}",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """List or replay."""
    if args.action == "replay":
        body = {"device": args.device} if args.device else {}
        outcome = running.post(args.url, "/api/1/refused/replay", body)
        if args.json:
            print(json.dumps(outcome))
        else:
            print(", ".join(f"{value} {name.replace('_', ' ')}" for name, value in outcome.items()))
        return 0
    query = f"?device={quote(args.device)}" if args.device else ""
    answer = running.get(args.url, f"/api/1/refused{query}")
    if args.json:
        print(json.dumps(answer))
        return 0
    if not answer["refused"]:
        print("nothing is refused")
        return 0
    table = Table("received", "device", "measurement", "points", "reason", box=None)
    for row in answer["refused"]:
        received = datetime.fromtimestamp(row["received_ms"] / 1000, ZoneInfo(answer["timezone"]))
        table.add_row(
            f"{received:%Y-%m-%d %H:%M:%S}",
            row["device"],
            row["measurement"] or "(batch)",
            str(row["points"]),
            row["reason"],
        )
    Output().print(table)
    where = zone_words(answer["timezone"], assumed=answer["timezone_assumed"])
    Output(stderr=True).print(f"times are of {where}", style="dim", soft_wrap=True)
    return 0
