"""`homeroute influx`: fill an empty InfluxDB from the archive."""

from __future__ import annotations

import argparse
import sys
import time

from rich.console import Console
from rich.progress import Progress

from homeroute_command import running
from homeroute_command.failure import Failure


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "influx",
        help="fill an empty InfluxDB from the archive",
        description="InfluxDB follows the archive. `rebuild` makes it follow again from the "
        "first point, and replace every day of aggregates; a point written twice overwrites "
        "itself, so it is safe at any time.",
    )
    parser.add_argument("action", choices=("rebuild",))
    parser.add_argument("--no-wait", action="store_true", help="start it and return")
    parser.add_argument(
        "--url",
        default=running.DEFAULT_URL,
        help=f"of the collector; default: {running.DEFAULT_URL}",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Begin, and show how far it is until InfluxDB has caught up."""
    begun = running.post(args.url, "/api/1/influx/rebuild")
    total = begun["commits"]
    if args.no_wait:
        print(f"following again from the first of {total} commits")
        return 0
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("InfluxDB", total=total)
        while True:
            influx = running.get(args.url, "/api/1/fleet")["influx"]
            if influx is None:
                raise Failure("the collector has no [influx] any more")
            progress.update(
                task, completed=influx["commit_id"], description=influx["problem"] or "InfluxDB"
            )
            behind = any(
                influx["aggregates"][database]["writing"] < writing
                for database, writing in begun["writings"].items()
            )
            if influx["commit_id"] >= total and not behind:
                break
            time.sleep(1.0)
    print(f"InfluxDB has all {total} commits")
    return 0
