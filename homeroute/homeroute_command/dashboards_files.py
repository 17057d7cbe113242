"""`homeroute dashboards list|export|mute-timings`: what needs no Grafana."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import date
from pathlib import Path

from rich.table import Table

from homeroute_command import changing
from homeroute_command.failure import Failure
from homeroute_command.output import Output
from homeroute_dashboards.grafana import mute_timings as timings
from homeroute_dashboards.grafana.committed import committed
from homeroute_dashboards.grafana.mute_timings import Hours


def show(args: argparse.Namespace) -> int:
    """Every dashboard: whom for, folder, uid, title."""
    held = committed()
    if args.json:
        keys = ("audience", "folder", "uid", "title", "path")
        print(json.dumps([{key: getattr(one, key) for key in keys} for one in held]))
        return 0
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("folder", "dashboard", "uid"):
        table.add_column(name, no_wrap=True)
    for one in held:
        table.add_row(one.folder, one.title, one.uid)
    Output().print(table)
    return 0


def export(args: argparse.Namespace) -> int:
    """Write them below a folder, as they stand in Grafana."""
    folder: Path = args.folder
    held = committed()
    for one in held:
        place = folder / one.path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(one.text, encoding="utf-8")
    print(f"{len(held)} dashboards are in {folder}")
    return 0


def mute_timings(args: argparse.Namespace) -> int:
    """Write the mute timing; without a calendar one that mutes nothing, and say so."""
    if not 0 <= args.margin <= 12 * 60:
        raise Failure(f"--margin {args.margin}: want minutes, 0 to 720", exit_code=2)
    answer = changing.ask(args, "hours", {})
    days = {date.fromisoformat(day): Hours(*hours) for day, hours in answer["days"].items()}
    today = date.fromisoformat(answer["today"])
    found = timings.intervals(days, answer["timezone"], today, margin_min=args.margin)
    if not days:
        print("the calendar has no trips ahead: nothing is muted", file=sys.stderr)
    text = timings.text(found)
    if args.out is None:
        print(text, end="")
        return 0
    # Grafana may be reading it.
    beside = args.out.with_name(args.out.name + ".new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(args.out)
    last = f", {min(days)} to {max(days)}" if days else ""
    print(f"{args.out}: {len(days)} service days{last}; let Grafana read it anew")
    return 0
