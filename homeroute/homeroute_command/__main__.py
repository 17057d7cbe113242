"""Entry point of `homeroute`: parses arguments, calls one command, turns errors into one line.

Each command is a module with ``add_parser(subparsers)`` and ``run(args) -> int``.
It is imported only when named, so that `homeroute --help` stays quick.
"""

from __future__ import annotations

import argparse
import importlib
import keyword
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from homeroute_command.failure import Failure

COMMANDS = {
    "demo": "see it work: a small simulated district on this machine",
    "up": "run everything on this machine: broker, collector, archive, pages",
    "enroll": "make one device's credential and the bundle that configures it",
    "import": "bring in a timetable, the fleet, a calendar, usage",
    "alerts": "what is wrong now and what to do; test webhook and mail",
    "device": "replace one, retire one, list them with their vehicles",
    "report": "coverage, trips, devices, hotspots: a table, or a file",
    "tail": "watch what devices send, as it arrives",
    "rollup": "compute past days' aggregates anew, by hand",
    "publish": "publish settled weeks, or list what is published and hidden",
    "refused": "list what could not be understood, or try it again",
    "routes": "which trip a bus was driving, and why",
    "influx": "fill an empty InfluxDB from the archive",
    "dashboards": "Grafana's: list, export, push into one that is there, mute by calendar",
    "simulate": "a district without hardware, that knows the truth: fleet, load, history, score",
}
"""Every command and what it is for, in the order a newcomer needs them."""

EPILOG = """\
A first look:            homeroute demo
A first real bus:        homeroute up --listen    then    homeroute enroll bus-01
What a command can do:   homeroute COMMAND --help
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code is 0, 1 for a failure, 2 for wrong usage."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(
        prog="homeroute",
        description="Telemetry for the internet on school buses and take-home hotspots.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"homeroute {version('homeroute')}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    named = next((word for word in arguments if not word.startswith("-")), None)
    for name, purpose in COMMANDS.items():
        if name == named:
            # No module may be called `import`.
            module = name + "_" * keyword.iskeyword(name)
            importlib.import_module(f"homeroute_command.{module}").add_parser(commands)
        else:
            commands.add_parser(name, help=purpose)
    args = parser.parse_args(arguments)
    try:
        return int(args.run(args))
    except Failure as failure:
        print(f"homeroute {args.command}: {failure}", file=sys.stderr)
        return failure.exit_code
    except BrokenPipeError:
        # The reader of our output (head, a closed pager) has seen enough. What is still
        # buffered goes nowhere, or Python would complain as it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
