"""`homeroute simulate timetable`: a simulated district's timetable as files to import."""

from __future__ import annotations

import argparse
import json
from datetime import timedelta
from pathlib import Path

from homeroute_command.failure import Failure
from homeroute_command.simulate_world import add_gtfs, place
from homeroute_command.typed_day import typed_day
from homeroute_simulators.timetable_files import write

BUSES, SEED = 12, 7

DESCRIPTION = """\
Write a simulated district's timetable the way a real one would hand it over: GTFS zips
(a second one where the timetable changes in mid-year), fleet.csv, assignments.csv and
calendar.csv. Bring them in with `homeroute import`.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "timetable", help="write a district's timetable as files to import", description=DESCRIPTION
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for them")
    parser.add_argument(
        "--overwrite", action="store_true", help="in the place of files of those names there"
    )
    parser.add_argument("--buses", type=int, metavar="N", help=f"default: {BUSES}")
    parser.add_argument(
        "--seed", type=int, default=SEED, metavar="N", help=f"another district; default: {SEED}"
    )
    add_gtfs(parser)
    for name, what in (("from", "first"), ("to", "last")):
        parser.add_argument(
            f"--{name}",
            dest=f"{what}_day",
            type=typed_day,
            metavar="YYYY-MM-DD",
            help=f"default: the {what} day of its school year",
        )
    parser.add_argument("--json", action="store_true", help="machine-readable")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the files; raises :class:`Failure`."""
    buses = args.buses if args.buses is not None or args.gtfs else BUSES
    if args.seed < 0 or (buses is not None and not 1 <= buses <= 5000):
        raise Failure("want a --seed from 0 and 1 to 5000 --buses", exit_code=2)
    out: Path = args.out.expanduser()
    if (there := _there(out)) and not args.overwrite:
        raise Failure(
            f"--out {out}: {there} is there already; --overwrite writes in its place, or name "
            "another folder",
            exit_code=2,
        )
    world = place(args.gtfs, seed=args.seed, buses=buses)
    days = world.calendar.days()
    first = args.first_day or days[0]
    last = args.last_day or max(days[-1], first + timedelta(1))
    try:
        files = write(world, out, first, last)
    except ValueError as error:
        raise Failure(str(error), exit_code=2) from None
    except OSError as error:
        raise Failure(f"write {error.filename or args.out}: {error.strerror}") from None
    commands = [f"import gtfs {path} --from {day}" for path, day in files.feeds]
    commands += [f"import fleet {files.fleet}", f"import assignments {files.assignments}"]
    if files.calendar is not None:
        commands.append(f"import calendar {files.calendar}")
    if args.json:
        print(json.dumps({"timezone": world.district.timezone, "commands": commands}))
    else:
        print("\n".join(f"homeroute {command}" for command in commands))
    return 0


def _there(folder: Path) -> str:
    """A file of the names that are written, which may be a district's own; empty: none."""
    names = ("fleet.csv", "assignments.csv", "calendar.csv", "feed-*.zip")
    return next((path.name for name in names for path in sorted(folder.glob(name))), "")
