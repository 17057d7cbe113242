"""`homeroute demo`: a small simulated district on this machine, run by the real parts.

Progress goes to stderr; with ``--json`` stdout is exactly one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import sys
import time
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

from homeroute_command import demo_cut, duration
from homeroute_command.demo_folder import DemoFolder, cache_directory, fresh, resumed
from homeroute_command.failure import Failure

if TYPE_CHECKING:
    from homeroute_command.demo_district import Outcome, Ready
    from homeroute_command.demo_words import Words

DEFAULT_PORT = 8080
PORTS = 20
"""Ports tried when the one wanted is taken."""

QUIESCE_S = 1.5
"""What agents may take to drain. One that is stalled out of coverage takes 2 s more to give
up, and Ctrl-C is to be answered within 5 s."""

DESCRIPTION = """\
See it work: a simulated district of twelve buses on some eighteen routes, and two
take-home hotspots. Real agents read fake device interfaces; broker, collector, archive and
pages are those of `homeroute up`. Two school weeks of history are filled in first.
Whatever the hour, the buses then drive the last school day's drives one after the other,
without the waits between them, over and over.
Nothing listens beyond this machine. Ctrl-C stops it.
"""
EPILOG = """\
From a second terminal, take a bus out of coverage and watch the hole fill:
  homeroute demo cut bus-04 --for 60s
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "demo",
        help="see it work: a small simulated district on this machine",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--for",
        dest="live_s",
        type=duration.argument,
        metavar="TIME",
        help="stop by itself, like 30s",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    parser.add_argument("--no-open", action="store_true", help="do not open a browser")
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="keep the data there, and go on with it next time; "
        "default: a cache directory, begun afresh each time",
    )
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, metavar="N", help="of the pages; default: 8080"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="another district; default: 7")
    parser.set_defaults(run=run)
    demo_cut.add_parser(parser.add_subparsers(title="while it runs", metavar="cut"))


def run(args: argparse.Namespace) -> int:
    """Demonstrate; 0 when the points add up, else 1. Raises :class:`Failure`."""
    began_s = time.monotonic()
    if not 0 <= args.port <= 65_535:
        raise Failure(f"--port {args.port}: want 0 to 65535", exit_code=2)
    if args.seed is not None and args.seed < 0:
        raise Failure(f"--seed {args.seed}: want a whole number from 0", exit_code=2)
    with contextlib.ExitStack() as stack:
        if args.data is None:
            folder = stack.enter_context(fresh(cache_directory(), args.seed))
        else:
            folder = _named(args.data.expanduser().absolute(), args.seed)
        return _demonstrate(args, folder, began_s)


def _named(path: Path, seed: int | None) -> DemoFolder:
    try:
        return resumed(path, seed)
    except OSError as error:
        raise Failure(
            f"--data {path}: {error.strerror}; name a directory you may write", exit_code=2
        ) from None


def _demonstrate(args: argparse.Namespace, folder: DemoFolder, began_s: float) -> int:
    # Only now: these bring the collector and its database with them.
    from homeroute_collector.archive_records import ArchiveError
    from homeroute_collector.broker import BrokerError, CredentialError, SiteError
    from homeroute_collector.service import CannotStart
    from homeroute_command.demo_words import LOG_NAME, Words, as_json

    logging.basicConfig(
        filename=folder.path / LOG_NAME,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    words = Words(folder)
    try:
        outcome = asyncio.run(_main(args, folder, words, began_s))
    except (CannotStart, ArchiveError, BrokerError, SiteError) as error:
        raise Failure(str(error), exit_code=2) from None
    except CredentialError as error:
        raise Failure(str(error)) from None
    except OSError as error:
        raise Failure(f"{error.filename or 'run'}: {error.strerror or error}") from None
    finally:
        words.stop()
    if outcome is None:
        words.console.print("Stopped before the buses drove.")
        return 0
    if args.json:
        print(json.dumps(as_json(outcome, folder)))
    words.console.print(f"Live: {outcome.count}")
    if outcome.count.adds_up:
        return 0
    raise Failure(f"points do not add up: {outcome.count}; please report this with {folder.path}")


async def _main(
    args: argparse.Namespace, folder: DemoFolder, words: Words, began_s: float
) -> Outcome | None:
    from homeroute_command.demo_district import Wish, demonstrate
    from homeroute_command.demo_words import watch

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    port = _free_port(args.port)
    if port != args.port:
        words.console.print(f"Port {args.port} is taken; the pages are on port {port}.")
    async with contextlib.AsyncExitStack() as stack:

        def ready(now: Ready) -> None:
            words.ready(now)
            stack.enter_context(demo_cut.noted(now.url))
            watching = loop.create_task(watch(now, words.console), name="words")
            stop_watching = loop.create_task(stop.wait(), name="stop words")
            stop_watching.add_done_callback(lambda _: watching.cancel())
            if not args.no_open and _has_display():
                # In a thread: some browsers' starters wait for the browser.
                loop.run_in_executor(None, webbrowser.open, now.url)

        wish = Wish(port, args.live_s, QUIESCE_S)
        return await demonstrate(
            folder, wish, began_s=began_s, stop=stop, progress=words.progress, ready=ready
        )


def _free_port(wanted: int) -> int:
    """The port wanted, or the next one that is free; 0 stays 0."""
    for port in range(wanted, min(wanted + PORTS, 65_536) if wanted else 1):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                probe.listen()
            except OSError:
                continue
            return port
    raise Failure(f"ports {wanted} to {wanted + PORTS - 1} are all taken; give another --port")


def _has_display() -> bool:
    if sys.platform == "darwin":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
