"""`homeroute tail`: what arrives, for people."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import quote

from rich.text import Text

from homeroute_command import running
from homeroute_command.output import Output

SHOWN = {
    "wifi": ("clients", "randomized"),
    "uplink": ("state", "rtt_ms", "loss_ratio", "rsrp_dbm"),
    "traffic": ("role", "down_bytes", "up_bytes"),
    "position": ("fix", "speed_mps", "accuracy_m"),
    "activity": ("active_clients", "learning_clients", "lookups"),
    "filter": ("category", "hits"),
    "session": ("cause", "client", "session_s"),
    "health": ("temperature_c", "cpu_ratio", "clock_offset_ms"),
    "agent": ("sampled", "spooled", "dropped", "refused"),
    "usage": ("down_bytes", "up_bytes", "active_hours"),
}
"""What of a measurement's newest point goes on the line; --json has it all."""

STATE_WORDS = {0: "no service", 1: "connected", 2: "usable"}
HISTORICAL_MS = 180_000


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "tail",
        help="watch what devices send",
        description="Show each batch as it is stored: device, delay, points, newest values. "
        "Positions are not shown; --json has every value.",
    )
    parser.add_argument("device", nargs="?", metavar="DEVICE", help="only this device")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, whole")
    parser.add_argument("-n", "--lines", type=_count, metavar="N", help="stop after N batches")
    parser.add_argument(
        "--url",
        default=running.DEFAULT_URL,
        help=f"of the collector; default: {running.DEFAULT_URL}",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print until interrupted or ``--lines`` are shown."""
    console = Output(highlight=False, soft_wrap=True)
    if args.device:
        _say_if_unknown(args.url, args.device)
    path = "/api/1/tail" + (f"?device={quote(args.device)}" if args.device else "")
    shown = 0
    for batch in running.lines(args.url, path):
        if args.json:
            print(json.dumps(batch, separators=(",", ":")), flush=True)
        elif "lost" in batch:
            console.print(
                f"… {batch['lost']} batches not shown: this terminal is too slow", style="yellow"
            )
        else:
            for line in render(batch):
                console.print(line)
        shown += "lost" not in batch
        if args.lines is not None and shown >= args.lines:
            break
    return 0


def _say_if_unknown(url: str, device: str) -> None:
    """A misspelt device would be waited for in silence for ever."""
    try:
        running.get(url, f"/api/1/devices/{quote(device, safe='')}")
    except running.Answered as answer:
        if answer.status != 404:
            raise
        print(f"{device} has never been heard; waiting for its first batch", file=sys.stderr)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: want a whole number from 1")
    return int(text)


def render(batch: dict[str, Any]) -> Iterator[Text]:
    """A batch as lines for people: the batch, what was refused, newest values."""
    received = datetime.fromtimestamp(batch["received_ms"] / 1000).astimezone()
    newest = max(
        (max(m["time_ms"]) for m in batch["measurements"].values() if m["time_ms"]), default=None
    )
    head = Text(f"{received:%H:%M:%S %Z} ")
    head.append(batch["device"], style="bold")
    head.append(f"  #{batch['seq']}  {batch['stored']} points, {batch['bytes']} bytes")
    if newest is not None and batch["received_ms"] - newest > HISTORICAL_MS:
        minutes = (batch["received_ms"] - newest) / 60_000
        head.append(f"  historical, {minutes:.0f} min late", style="cyan")
    yield head
    for refusal in batch["refusals"]:
        what = refusal["measurement"] or "batch"
        yield Text(
            f"         refused {refusal['points']} points of {what}: {refusal['reason']}",
            style="red",
        )
    parts = [
        f"{name} {values}"
        for name, columns in batch["measurements"].items()
        if name in SHOWN and (values := _newest(name, columns))
    ]
    if parts:
        yield Text("         " + " · ".join(parts), style="dim")


def _newest(name: str, columns: dict[str, list[Any]]) -> str:
    values = ((key, columns[key][-1]) for key in SHOWN[name] if columns.get(key))
    return " ".join(_word(key, value) for key, value in values if value is not None)


def _word(key: str, value: Any) -> str:
    if key == "state":
        return STATE_WORDS.get(value, str(value))
    if isinstance(value, float):
        value = f"{value:.3g}"
    return f"{key}={value}"
