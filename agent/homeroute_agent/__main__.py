"""The command ``homeroute-agent``: run the agent, or ask what works on this machine.

Exit status: 0 when told to stop, 1 when the agent cannot go on, 2 when the
command line or the configuration is wrong; one line on stderr says why.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from homeroute_agent.config import Config, ConfigError, load
from homeroute_agent.run import LOG, run_agent, version
from homeroute_agent.spool import SpoolError
from homeroute_agent.supervise import describe

DEFAULT_CONFIG = Path("/etc/homeroute/agent.toml")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    options = _parser().parse_args(arguments)
    if options.command == "version":
        print(version())
        return 0
    if options.command == "probe":
        # Only here: the agent at work has no use for it.
        from homeroute_agent import probe

        return probe.main(options.config, as_json=options.json, write=options.write)
    _log_plainly(logging.DEBUG if options.verbose else logging.INFO)
    try:
        config = load(options.config)
    except ConfigError as error:
        print(f"homeroute-agent: {error}", file=sys.stderr)
        return 2
    try:
        asyncio.run(_run(config))
    except SpoolError as error:
        print(f"homeroute-agent: {error}", file=sys.stderr)
        return 1
    except Exception as error:  # noqa: BLE001 -- a traceback could quote what was sampled
        print(f"homeroute-agent: stopped by {describe(error)}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="homeroute-agent",
        description="Measures the internet on a school bus or a take-home hotspot.",
    )
    parser.add_argument("--version", action="version", version=f"homeroute-agent {version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="sample and deliver until told to stop")
    run.add_argument(
        "--config",
        type=Path,
        default=DEFAULT_CONFIG,
        metavar="FILE",
        help=f"configuration (default: {DEFAULT_CONFIG})",
    )
    run.add_argument("--verbose", action="store_true", help="say also what is merely absent")
    probe = commands.add_parser(
        "probe", help="say which samplers work here, show a sample of each, offer what to configure"
    )
    probe.add_argument(
        "--config",
        type=Path,
        default=None,
        metavar="FILE",
        help="try what this configuration says; it is kept as it is",
    )
    probe.add_argument("--json", action="store_true", help="print one JSON object")
    probe.add_argument(
        "--write",
        type=Path,
        default=None,
        metavar="FILE",
        help="save the configuration offered (without --config)",
    )
    commands.add_parser("version", help="print the version")
    return parser


async def _run(config: Config) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_say_loop_error)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    ledger = await run_agent(config, stop=stop)
    LOG.info(
        "stopped: %d points sampled = %d stored + %d refused + %d dropped + %d spooled",
        ledger.sampled,
        ledger.stored,
        ledger.refused,
        ledger.dropped,
        ledger.spooled,
    )


def _say_loop_error(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """In place of asyncio's own report, whose traceback could quote what was sampled."""
    error = context.get("exception")
    LOG.error("unexpected: %s", describe(error) if error else context.get("message"))


def _log_plainly(level: int) -> None:
    logging.basicConfig(
        stream=sys.stderr, level=level, format="%(asctime)s %(levelname)s %(message)s"
    )
    for noisy in ("asyncio", "paho"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


if __name__ == "__main__":
    sys.exit(main())
