"""`homeroute demo cut DEVICE`: from a second terminal, take a device out of coverage."""

from __future__ import annotations

import argparse
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from homeroute_command import duration, running
from homeroute_command.demo_folder import cache_directory
from homeroute_command.failure import Failure

PATH = "/api/1/demo/cut"
DEFAULT_CUT_S = 60.0
CUT_BOUND_S = 3600.0
_NOTES = "running-demos"
_NOT_OURS = (404, 405, 501)
"""What a server that knows no such path, or no POST, answers."""


def add_parser(
    subparsers: argparse._SubParsersAction[argparse.ArgumentParser],
) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "cut",
        help="take a device out of coverage",
        description="Take a device of the running demo out of coverage: it goes dark, comes back, "
        "and the hole fills.",
    )
    parser.add_argument("device", metavar="DEVICE", help="like bus-04")
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
        help="of the demo's pages; default: of the running demo started last",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Ask the running demonstration. Raises :class:`Failure`."""
    if args.cut_s > CUT_BOUND_S:
        raise Failure(f"--for: at most {CUT_BOUND_S:.0f} s", exit_code=2)
    url = f"http://127.0.0.1:{args.cut_port}" if args.cut_port else newest_url()
    _require_server(url)
    try:
        running.post(url, PATH, {"device": args.device, "seconds": args.cut_s}, timeout_s=10.0)
    except running.Answered as answer:
        if answer.status in _NOT_OURS:
            raise Failure(
                f"{url} is no demonstration; give the --port that `homeroute demo` printed",
                exit_code=2,
            ) from None
        if answer.status == 400:
            raise Failure(answer.detail, exit_code=2) from None
        raise
    print(f"{args.device} is out of coverage for {args.cut_s:.0f} s; watch it at {url}")
    return 0


@contextmanager
def noted(url: str) -> Iterator[None]:
    """Note where a demonstration serves, while it does."""
    note = cache_directory() / _NOTES / f"{time.time_ns()}.json"
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(json.dumps({"url": url}), encoding="utf-8")
    except OSError:
        pass  # a second terminal then needs --port
    try:
        yield
    finally:
        with suppress(OSError):
            note.unlink(missing_ok=True)


def newest_url() -> str:
    """Where the demonstration started last serves, of those that run; else the usual URL."""
    for note in sorted((cache_directory() / _NOTES).glob("*.json"), reverse=True):
        with suppress(OSError, ValueError, KeyError, TypeError):
            url = str(json.loads(note.read_text(encoding="utf-8"))["url"])
            _connect(url)  # one that was killed leaves its note behind
            return url
    return running.DEFAULT_URL


def _connect(url: str) -> None:
    parts = urlsplit(url)
    socket.create_connection((parts.hostname or "", parts.port or 80), timeout=5.0).close()


def _require_server(url: str) -> None:
    try:
        _connect(url)
    except OSError as error:
        reason = error.strerror or error
        raise Failure(
            f"no demonstration runs at {url} ({reason}); start one with `homeroute demo`, or "
            "give the --port it printed"
        ) from None
