"""`homeroute alerts`: what is wrong now and what to do, and whether a message gets through."""

from __future__ import annotations

import argparse
import json
import shutil
import textwrap
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from homeroute_collector.timezones import zone_words
from homeroute_command import running
from homeroute_command.failure import Failure

DESCRIPTION = """\
list: what is wrong now, the worst first, and what to do about it. Without --all
only what has been told; with it also what has not lasted long enough yet.
test: send a test message by every channel of [alerts], at once, and say whether
each took it. rules: what is looked at, and when it is told.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "alerts",
        help="what is wrong now, and a test of webhook and mail",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("action", nargs="?", choices=("list", "test", "rules"), default="list")
    parser.add_argument("--all", action="store_true", help="with list: pending ones too")
    parser.add_argument("--json", action="store_true", help="machine-readable")
    parser.add_argument(
        "--url",
        default=running.DEFAULT_URL,
        help=f"of the collector; default: {running.DEFAULT_URL}",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """List, test, or show the rules. A test that a channel did not take is exit code 1."""
    if args.action == "test":
        return _test(args)
    answer = running.get(args.url, "/api/1/alerts")
    if args.action == "rules":
        return _show(args, answer["rules"], _rules)
    shown = [a for a in answer["alerts"] if args.all or a["state"] == "firing"]
    if args.json:
        print(json.dumps(answer | {"alerts": shown}))
        return 0
    for channel in answer["channels"]:
        if channel["problem"]:
            print(
                f"{channel['channel']} to {channel['where']} fails: {channel['problem']}; "
                f"{channel['waiting']} messages wait"
            )
    if not shown:
        print("nothing is wrong" if args.all else "nothing to tell")
        return 0
    zone = answer["timezone"]
    print(_alerts(shown, ZoneInfo(zone)))
    print(f"\nTimes are of {zone_words(zone, assumed=answer['timezone_assumed'])}.")
    return 0


def _test(args: argparse.Namespace) -> int:
    answers = running.post(args.url, "/api/1/alerts/test", timeout_s=150.0)["channels"]
    if args.json:
        print(json.dumps(answers))
    elif not answers:
        raise Failure(
            "no channel to test: name one in [alerts.webhook] or [alerts.mail] of the "
            "collector's configuration (docs/alerts.md)"
        )
    else:
        for channel, problem in answers.items():
            print(f"{channel}: {'taken' if problem is None else problem}")
    return 1 if any(problem is not None for problem in answers.values()) else 0


def _show(args: argparse.Namespace, rows: list[dict[str, Any]], text: Any) -> int:
    if args.json:
        print(json.dumps(rows))
    else:
        print(text(rows))
    return 0


def _alerts(rows: list[dict[str, Any]], zone: ZoneInfo) -> str:
    """A paragraph an alert: what, who, since when; its detail; what to do. Fits any width."""
    parts = []
    for row in rows:
        since = datetime.fromtimestamp(row["since_ms"] / 1000, zone)
        mark = "!!" if row["severity"] == "critical" else " !"
        who = f": {row['subject']}" if row["subject"] else ""
        pending = ", pending" if row["state"] == "pending" else ""
        lines = [f"{row['title']}{who}, since {since:%Y-%m-%d %H:%M}{pending}"]
        lines += [text for text in (row["detail"], f"What to do: {row['todo']}") if text]
        parts.append(_paragraph(mark, lines))
    return "\n\n".join(parts)


def _rules(rows: list[dict[str, Any]]) -> str:
    parts = []
    for row in rows:
        when = "at once" if not row["for_s"] else f"after {row['for_s']:g} s"
        always = "; also outside school" if row["always"] else ""
        parts.append(_paragraph("", [row["rule"], row["meaning"], f"Told {when}{always}."]))
    return "\n\n".join(parts)


def _paragraph(mark: str, lines: list[str]) -> str:
    width = max(30, min(100, shutil.get_terminal_size().columns))
    indents = [f"{mark:<3}", *["   "] * (len(lines) - 1)]
    return "\n".join(
        textwrap.fill(line, width, initial_indent=indent, subsequent_indent="   ")
        for indent, line in zip(indents, lines, strict=True)
    )
