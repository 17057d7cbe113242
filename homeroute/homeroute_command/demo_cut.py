"""`homeroute demo cut BUS`: from a second terminal, take a bus out of coverage."""

from __future__ import annotations

import argparse
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from homeroute_command import duration, running
from homeroute_command.demo_folder import cache_directory
from homeroute_command.failure import Failure

PATH = "/api/1/demo/cut"
DEFAULT_CUT_S = 60.0
CUT_BOUND_S = 3600.0
_NOTE = "running-demo.json"


def add_parser(
    subparsers: argparse._SubParsersAction[argparse.ArgumentParser],
) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "cut",
        help="take a bus out of coverage",
        description="Take a bus of the running demo out of coverage: it goes dark, comes back, "
        "and the hole fills.",
    )
    parser.add_argument("bus", metavar="BUS", help="like bus-04")
    parser.add_argument(
        "--for",
        dest="cut_s",
        type=duration.argument,
        default=DEFAULT_CUT_S,
        metavar="TIME",
        help="default: 60s",
    )
    parser.add_argument(
        "--port",
        dest="cut_port",
        type=int,
        metavar="N",
        help="of the demo's pages; default: those of the demo started last",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Ask the running demonstration. Raises :class:`Failure`."""
    if args.cut_s > CUT_BOUND_S:
        raise Failure(f"--for: at most {CUT_BOUND_S:.0f} s", exit_code=2)
    url = f"http://127.0.0.1:{args.cut_port}" if args.cut_port else _noted_url()
    _require_demo(url)
    running.post(url, PATH, {"bus": args.bus, "seconds": args.cut_s}, timeout_s=10.0)
    print(f"{args.bus} is out of coverage for {args.cut_s:.0f} s; watch it at {url}")
    return 0


@contextmanager
def noted(url: str) -> Iterator[None]:
    """Note where the demonstration started last serves, while it does."""
    note = cache_directory() / _NOTE
    text = json.dumps({"url": url})
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(text, encoding="utf-8")
    except OSError:
        pass  # a second terminal then needs --port
    try:
        yield
    finally:
        if _read(note) == text:
            note.unlink(missing_ok=True)


def _noted_url() -> str:
    try:
        return str(json.loads(_read(cache_directory() / _NOTE))["url"])
    except (ValueError, KeyError, TypeError):
        return running.DEFAULT_URL


def _read(note: Path) -> str:
    try:
        return note.read_text(encoding="utf-8")
    except OSError:
        return ""


def _require_demo(url: str) -> None:
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 80), timeout=5.0).close()
    except OSError as error:
        reason = error.strerror or error
        raise Failure(
            f"no demonstration runs at {url} ({reason}); start one with `homeroute demo`, or "
            "give the --port it printed"
        ) from None
