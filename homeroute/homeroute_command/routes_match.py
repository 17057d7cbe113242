"""`homeroute routes match`: positions in a CSV file matched with a GTFS feed."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from homeroute_analytics.attribution import match
from homeroute_analytics.attribution.claims import SURE
from homeroute_analytics.attribution.fits import Day
from homeroute_analytics.attribution.from_files import Ping, by_device, pings, trips_of
from homeroute_analytics.attribution.match import Matched
from homeroute_analytics.feeds import gtfs
from homeroute_analytics.feeds.problems import FeedError
from homeroute_analytics.feeds.records import Feed
from homeroute_command.failure import Failure
from homeroute_command.output import Output
from homeroute_command.typed_day import typed_day

COLUMNS = (
    "device", "time", "route", "direction", "trip", "confidence", "trip_confidence",
    "late_s", "lateral_m", "rule",
)  # fmt: skip

DESCRIPTION = """\
Match positions with a timetable by place and time alone: no archive, no fleet, no
assignment table. PINGS.csv has the columns device, time, lat, lon (also vehicle_id,
timestamp, latitude, longitude); others are ignored. Times are seconds or milliseconds
since 1970, or ISO 8601; without a zone they are the feed's.

Each line of the answer says route_id, direction_id and trip_id as the feed has them,
and how sure that is; route, direction and trip are empty where nothing is sure.

Unless told otherwise there is one line for each position, as it happens: what could be
said then. All devices in the file are known together: a trip that one of them is seen to
drive is not another's.
"""

EPILOG = """\
  homeroute routes match --gtfs FEED.zip PINGS.csv > matched.csv
  homeroute routes match --gtfs FEED.zip PINGS.csv --at-pings 10
  homeroute routes match --gtfs FEED.zip PINGS.csv --hindsight --format json
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "match",
        help="match positions in a CSV file with a GTFS zip",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--gtfs", type=Path, required=True, metavar="FEED.zip", help="timetable")
    parser.add_argument("pings", type=Path, metavar="PINGS.csv", help="device, time, lat, lon")
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--at-pings",
        type=int,
        metavar="N",
        help="one line for each drive: what is known N positions after 400 m of movement; a "
        "device's positions are one drive until it is silent for 15 minutes",
    )
    how.add_argument(
        "--hindsight",
        action="store_true",
        help="a line for each position, from the whole day of all devices: each trip is given "
        "to one device, as in the archive's legs",
    )
    parser.add_argument(
        "--day",
        type=typed_day,
        metavar="YYYY-MM-DD",
        help="take the timetable of this day, whatever the positions' own",
    )
    parser.add_argument(
        "--sure",
        type=float,
        default=SURE,
        metavar="SHARE",
        help="say nothing where the best route and direction have a smaller share of all that "
        f"fits than this, 0 to 1; smaller: fewer gaps, more mistakes. Default: {SURE}",
    )
    parser.add_argument(
        "--format", choices=("csv", "json"), default="csv", help="json: one object a line"
    )
    parser.add_argument(
        "--json", action="store_const", const="json", dest="format", help="as --format json"
    )
    parser.set_defaults(run=run)


@dataclass(frozen=True, slots=True)
class _Asked:
    at_pings: int | None
    hindsight: bool
    day: date | None
    sure: float


def run(args: argparse.Namespace) -> int:
    """Match and print; raises :class:`Failure`."""
    if args.at_pings is not None and args.at_pings < 1:
        raise Failure(f"--at-pings {args.at_pings}: want 1 or more", exit_code=2)
    if not 0.0 <= args.sure <= 1.0:
        raise Failure(f"--sure {args.sure}: want a share from 0 to 1", exit_code=2)
    path: Path = args.gtfs
    try:
        feed = gtfs.read(args.gtfs)
        path = args.pings
        found = pings(args.pings, feed.timezone or "UTC")
    except FeedError as error:
        said = "\n  ".join(str(error).splitlines())
        raise Failure(f"read {path}: nothing matched:\n  {said}", exit_code=2) from None
    except OSError as error:
        raise Failure(f"read {error.filename or path}: {error.strerror}", exit_code=2) from None
    asked = _Asked(args.at_pings, args.hindsight, args.day, args.sure)
    _write(_matched(feed, found, asked), args.format)
    return 0


def _matched(feed: Feed, found: Sequence[Ping], asked: _Asked) -> Iterator[Matched]:
    served = False
    days = match.service_days(by_device(found), feed.timezone or "UTC")
    for number, (day, devices) in enumerate(days.items(), 1):
        trips = trips_of(feed, day, as_of=asked.day)
        served = served or bool(trips)
        if sys.stderr.isatty() and len(days) > 1:
            print(f"\r{day}: day {number} of {len(days)} ", end="", file=sys.stderr, flush=True)
        if asked.hindsight:
            yield from match.in_hindsight(devices, trips, asked.sure)
        elif asked.at_pings is not None:
            yield from match.at_positions(devices, Day(trips), asked.at_pings, asked.sure)
        else:
            yield from match.as_it_happens(devices, Day(trips), asked.sure)
    if not served:
        first, last = feed.days[0], feed.days[-1]
        raise Failure(
            f"match positions of {min(days)} to {max(days)}: the feed has service from {first} "
            f"to {last} and none on those days; --day takes another day's timetable",
            exit_code=2,
        )


def _write(rows: Iterator[Matched], form: str) -> None:
    counts: Counter[str] = Counter()
    writer = csv.writer(sys.stdout, lineterminator="\n")
    if form == "csv":
        writer.writerow(COLUMNS)
    for row in rows:
        counts["rows"] += 1
        counts["sure"] += row.trip is not None
        if form == "json":
            fields = asdict(row)
            print(json.dumps({"device": fields["device"], "time": fields.pop("written"), **fields}))
        else:
            writer.writerow(
                (
                    row.device, row.written, row.route, row.direction, row.trip, row.confidence,
                    row.trip_confidence, row.late_s, row.lateral_m, row.rule,
                )
            )  # fmt: skip
    share = 100 * counts["sure"] / counts["rows"] if counts["rows"] else 0.0
    Output(stderr=True, highlight=False).print(
        f"{counts['rows']} answers, {share:.1f}% of them name a trip", soft_wrap=True
    )
