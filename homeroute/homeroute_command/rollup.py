"""`homeroute rollup`: past days' aggregates computed anew, by hand."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from itertools import chain

from rich.console import Console
from rich.progress import Progress

from homeroute_analytics import rollup_order
from homeroute_analytics.hotspots import Ladder
from homeroute_analytics.rollups import DayExpired
from homeroute_collector.archive import Archive
from homeroute_command import changing, rolling, running
from homeroute_command.configured import configuration
from homeroute_command.failure import Failure
from homeroute_command.typed_day import typed_day

DESCRIPTION = """\
Compute the aggregates of past days anew from the raw points, and put them in the place
of what is there. `homeroute up` does this by itself: today every minute, past days when
late data comes, or when something is imported that bears on them. By hand it says why a
day fails, and needs no waiting. A day whose raw points have expired keeps what it has.
Who drove which trip (the legs) is found anew, and kept together with what follows from it.
A dry run finds and computes the same, tells it, and keeps nothing.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "rollup",
        help="compute past days' aggregates anew",
        description=DESCRIPTION,
        epilog="Example: homeroute rollup --from 2026-11-02 --to 2026-11-06 --dry-run",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--day", type=typed_day, metavar="YYYY-MM-DD", help="this day alone")
    which.add_argument(
        "--from", dest="first", type=typed_day, metavar="YYYY-MM-DD", help="from this day on"
    )
    parser.add_argument(
        "--to",
        dest="last",
        type=typed_day,
        metavar="YYYY-MM-DD",
        help="the last day; default: yesterday",
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="say how many legs would change and how many rows there would be, keep nothing",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a day")
    changing.add_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do the days; 1 when some could not be done."""
    if args.day and args.last:
        raise Failure("--to belongs to --from", exit_code=2)
    first: date = args.day or args.first
    last: date = args.day or args.last or date.today() - timedelta(days=1)  # noqa: DTZ011 - as the user's calendar has it
    if last < first:
        raise Failure(f"--from {first} is after --to {last}", exit_code=2)
    days = rolling.days_between(first, last)
    left = 0
    with _progress(len(days)) as advance:
        for outcome in _outcomes(args, days):
            advance()
            if isinstance(outcome, str):
                print(f"homeroute rollup: {outcome}", file=sys.stderr)
                left += 1
            else:
                _say(args, outcome)
    return 1 if left else 0


def _say(args: argparse.Namespace, found: dict[str, object]) -> None:
    if args.json:
        print(json.dumps(found))
        return
    rows = found["rows"]
    assert isinstance(rows, dict)
    counts = ", ".join(f"{count} {name}" for name, count in rows.items())
    legs = found["legs"]
    assert isinstance(legs, dict)
    told = (
        f"{legs['found']} legs, of them {legs['written']} new or changed; {legs['removed']} removed"
    )
    print(f"{found['day']}: {'would write ' if args.dry_run else ''}{counts}; {told}")


Outcomes = Iterator["dict[str, object] | str"]
"""What was written of each day, or why it could not be."""


def _outcomes(args: argparse.Namespace, days: list[date]) -> Outcomes:
    return changing.asked_or_here(
        args,
        lambda url: _begun(_asked(url, days, dry_run=args.dry_run)),
        lambda: _begun(_here(args, days)),
        refusals={},
    )


def _begun(outcomes: Outcomes) -> Outcomes:
    """The same, with the first day done: whether anybody answers is known by then."""
    return chain([next(outcomes)], outcomes)


def _asked(url: str, days: list[date], *, dry_run: bool) -> Outcomes:
    for day in days:
        body = {"day": day.isoformat(), "dry_run": dry_run}
        try:
            yield running.post(url, rolling.PATH, body)
        except running.Answered as error:
            if error.status == 400:
                raise Failure(error.detail, exit_code=2) from None
            if error.status != 409:
                raise
            yield error.detail


def _here(args: argparse.Namespace, days: list[date]) -> Outcomes:
    with asyncio.Runner() as runner:
        opened = changing.opened(args)
        archive, timezone = runner.run(opened.__aenter__())
        ladder = rolling.ladder_of(configuration(args))
        try:
            for day in days:
                found = runner.run(_one(archive, day, timezone, ladder, dry_run=args.dry_run))
                yield found if isinstance(found, str) else rolling.document(found)
        finally:
            runner.run(opened.__aexit__(None, None, None))


async def _one(
    archive: Archive, day: date, timezone: str, ladder: Ladder, *, dry_run: bool
) -> rolling.Rolled | str:
    now_ms = time.time_ns() // 1_000_000
    if day > rollup_order.day_of(now_ms, timezone)[0]:
        raise Failure(rolling.yet_to_come(day), exit_code=2)
    try:
        return await rolling.roll(
            archive, day, timezone=timezone, now_ms=now_ms, dry_run=dry_run, ladder=ladder
        )
    except DayExpired as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - one day's, told with its name
        return rolling.failed(day, error)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("days", total=total)
        yield lambda: progress.advance(task)
