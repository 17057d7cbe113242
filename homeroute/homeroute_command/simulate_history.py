"""`homeroute simulate history`: fills a data folder with past school days, and their truth.

Guarantees: everything goes the way a bus's batches go, but for the broker;
interrupted or killed, it goes on where it was; done twice, nothing is there twice.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from homeroute_analytics.feeds.problems import FeedError
from homeroute_collector.archive_records import ArchiveError
from homeroute_collector.broker import site
from homeroute_collector.ingest import Ingest
from homeroute_command.failure import Failure
from homeroute_command.simulate_world import add_gtfs, fingerprint, place
from homeroute_command.typed_day import typed_day
from homeroute_simulators.filling import Filled, Stopped, fill
from homeroute_simulators.filling_archive import filling_archive
from homeroute_simulators.filling_state import FILE_NAME as STATE_NAME
from homeroute_simulators.filling_state import FillState, StateError, recall, taught_days
from homeroute_simulators.gtfs_world import moved
from homeroute_simulators.history_faults import ALL, parse
from homeroute_simulators.names import definition
from homeroute_simulators.simulated_folder import (
    RETENTION_DAYS,
    FolderError,
    check_known_truth,
    check_new_truth,
    check_vacant,
    mark,
)
from homeroute_simulators.truth import Recorder
from homeroute_simulators.world import World

AHEAD_DAYS = 60
"""Of timetable beyond the last day filled."""

INTERRUPTED = 130
"""The exit code of what Ctrl-C ended."""

TRUTH = "truth.jsonl.gz"
DAYS, BUSES, SEED, PROCESSES = 180, 100, 7, 1

DESCRIPTION = """\
Fill a folder with past school days of a simulated district, through the
collector's own ingest. Ctrl-C stops it; the same command goes on where it was.
What really happened is written beside it, for `homeroute simulate score`.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "history",
        help="fill a folder with past school days",
        description=DESCRIPTION,
        epilog=f"faults: {', '.join(ALL)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="the folder to fill"
    )
    parser.add_argument(
        "--days", type=int, metavar="N", help=f"days on which buses drive; default: {DAYS}"
    )
    parser.add_argument(
        "--buses",
        type=int,
        metavar="N",
        help=f"default: {BUSES}; of a feed the most there are, default: as many as it needs",
    )
    add_gtfs(parser)
    parser.add_argument("--seed", type=int, metavar="N", help=f"another district; default: {SEED}")
    parser.add_argument(
        "--before",
        type=typed_day,
        metavar="YYYY-MM-DD",
        help="the days end before this one; default: today, or the end of the feed",
    )
    parser.add_argument(
        "--faults",
        metavar="KINDS",
        help="none, some, all, or a list; default: some, which is no_power, power_cut, late",
    )
    parser.add_argument(
        "--truth", type=Path, metavar="FILE", help=f"what really happened; default: DIR/{TRUTH}"
    )
    parser.add_argument(
        "--processes",
        type=int,
        default=PROCESSES,
        metavar="N",
        help=f"that generate, beside the one that stores; default: {PROCESSES}",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Fill, or go on filling; raises :class:`Failure`."""
    data: Path = args.data.expanduser()
    if not 0 <= args.processes <= 32:
        raise Failure(f"--processes {args.processes}: want 0 to 32", exit_code=2)
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        state = _with_truth(_state(args, data), args.truth, data)
        filled = asyncio.run(_fill(args, data, state))
    except (StateError, FolderError, FeedError, ArchiveError, site.SiteError) as error:
        raise Failure(str(error), exit_code=2) from None
    except Stopped:
        if (known := recall(data)) is not None:
            print(
                f"homeroute: stopped after day {known.done} of {known.days}; the same command "
                "goes on from there",
                file=sys.stderr,
            )
        return INTERRUPTED
    except KeyboardInterrupt:
        print("homeroute: stopped; the same command goes on from here", file=sys.stderr)
        return INTERRUPTED
    except OSError as error:
        raise Failure(f"{error.filename or 'fill'}: {error.strerror or error}") from None
    _say(args, data, _truth_file(state, data), filled)
    return 0


def _state(args: argparse.Namespace, data: Path) -> FillState:
    """What to do: what the folder says was begun, which the arguments must not contradict."""
    known = recall(data)
    feed: Path | None = args.gtfs.expanduser().absolute() if args.gtfs else None
    faults: str | None = args.faults
    try:
        parse("none" if faults is None else faults)
    except ValueError as error:
        raise Failure(f"--faults: {error}", exit_code=2) from None
    asked = {
        "seed": args.seed,
        "buses": args.buses,
        "days": args.days,
        "before": args.before.isoformat() if args.before else None,
        "faults": faults,
    }
    if known is None:
        state = FillState(
            seed=SEED if args.seed is None else args.seed,
            buses=args.buses or (0 if feed else BUSES),
            days=DAYS if args.days is None else args.days,
            before=asked["before"] or "",
            faults="some" if faults is None else faults,
            gtfs=str(feed) if feed else "",
            gtfs_sha256=fingerprint(feed) if feed else "",
        )
        wrong = args.buses is not None and not 1 <= args.buses <= 5000
        if wrong or not (state.seed >= 0 and 1 <= state.days <= 1800):
            raise Failure(
                "want a --seed from 0, 1 to 5000 --buses and 1 to 1800 --days", exit_code=2
            )
        check_vacant(data)
        return state
    for name, value in asked.items():
        if value is not None and value != getattr(known, name):
            raise Failure(
                f"{data} holds a history with {name} {getattr(known, name)}, not {value}; "
                "give another --data, or leave it out to go on",
                exit_code=2,
            )
    return _same_feed(known, feed, data)


def _with_truth(state: FillState, asked: Path | None, data: Path) -> FillState:
    """The state, with the file its truth is written to: the remembered one, or where it is now."""
    path = str(asked.expanduser().absolute()) if asked else state.truth
    known, now = _truth_file(state, data), Path(path or data / TRUTH)
    if not (data / STATE_NAME).exists():
        check_new_truth(now, data)
    elif now.absolute() != known.absolute() and known.exists():
        # Not even another history's of the same district may be taken for it.
        raise FolderError(f"the truth of {data} is {known}; leave --truth out, to go on")
    return replace(state, truth=path)


def _truth_file(state: FillState, data: Path) -> Path:
    return Path(state.truth) if state.truth else data / TRUTH


def _same_feed(known: FillState, feed: Path | None, data: Path) -> FillState:
    """The state, if the feed is the one it was begun with, wherever that is now."""
    feed = feed or (Path(known.gtfs) if known.gtfs else None)
    if feed is None:
        return known
    if not known.gtfs:
        raise Failure(f"{data} holds a history of no feed; give another --data", exit_code=2)
    if not feed.exists():
        raise Failure(f"read {feed}: it is gone; say where it is now with --gtfs", exit_code=2)
    if fingerprint(feed) != known.gtfs_sha256:
        raise Failure(
            f"{data} holds a history of the feed that was {known.gtfs}, and {feed} is another "
            "one; give another --data",
            exit_code=2,
        )
    return replace(known, gtfs=str(feed))


def _dated(state: FillState, where: World, days_asked: int | None) -> tuple[FillState, World]:
    """A history that is not dated yet is given its days; a feed of long ago is moved near."""
    today = datetime.now(ZoneInfo(where.district.timezone)).date()
    oldest = today - timedelta(days=RETENTION_DAYS - 1)
    before = date.fromisoformat(state.before) if state.before else today
    weeks = state.weeks
    if state.gtfs and not state.before:
        last = where.calendar.days()[-1]
        days = taught_days(where, min(before, last + timedelta(days=1)), state.days)
        weeks = (today - last).days // 7 if days and days[0] < oldest else 0
        before = min(before, last + timedelta(days=1, weeks=weeks))
    where = moved(where, weeks) if state.gtfs else where
    days = taught_days(where, before, state.days)
    if len(days) < (days_asked or 1):
        raise Failure(f"buses drive on only {len(days)} days before {before}", exit_code=2)
    if days[0] < oldest:
        raise Failure(
            f"{days[0]} is more than {RETENTION_DAYS} days ago, and no collector keeps that; "
            "give a later --before or fewer --days",
            exit_code=2,
        )
    return replace(state, before=before.isoformat(), weeks=weeks, days=len(days)), where


async def _fill(args: argparse.Namespace, data: Path, state: FillState) -> Filled:
    where = place(
        Path(state.gtfs) if state.gtfs else None, seed=state.seed, buses=state.buses or None
    )
    state, where = _dated(state, where, args.days)
    days = taught_days(where, date.fromisoformat(state.before), state.days)
    if state.weeks:
        print(
            f"homeroute: the feed's calendar is moved by {state.weeks} weeks, to end before "
            f"{state.before}: it is older than what a collector keeps",
            file=sys.stderr,
        )
    district = where.district
    truth = _truth_file(state, data)
    check_known_truth(truth, kept_bytes=state.truth_bytes, seed=state.seed, district=district.name)
    # First of all: whatever comes to be in the folder, the same command goes on with it.
    state.save(data)
    site.remember(data, replace(site.recall(data), district=district.name))
    mark(data, district=district.name, timezone=district.timezone)
    # Further than the history goes, so that the calendar has not ended where it ends.
    until = days[-1] + timedelta(days=AHEAD_DAYS)

    def checkpoint(done: int, truth_bytes: int) -> None:
        replace(state, done=state.done + done, truth_bytes=truth_bytes).save(data)

    async with filling_archive(data, where, days[0], until) as (archive, ingest):
        with Recorder(truth, keep_bytes=state.truth_bytes or None) as recorder:
            if not state.truth_bytes:
                recorder.run(
                    seed=state.seed,
                    version=version("homeroute"),
                    district=district.name,
                    timezone=district.timezone,
                    made_by="history",
                )
                # Known to be ours from here on, however early it ends.
                state = replace(state, truth_bytes=recorder.seal())
                state.save(data)
            with _bar(ingest, state) as told:
                return await fill(
                    archive,
                    ingest,
                    where,
                    days[state.done :],
                    definition=await asyncio.to_thread(definition),
                    version=version("homeroute"),
                    progress=told,
                    recorder=recorder,
                    kinds=parse(state.faults),
                    processes=args.processes,
                    checkpoint=checkpoint,
                    stop=_asked_to_stop(),
                )


def _asked_to_stop() -> asyncio.Event:
    """Set by Ctrl-C and SIGTERM, inside a running loop."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    return stop


class _bar:  # noqa: N801 - used as a function
    """The progress bar; called with parts done and parts in all."""

    def __init__(self, ingest: Ingest, state: FillState) -> None:
        self._ingest = ingest
        self._state = state
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("ETA"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[speed]}"),
            console=Console(stderr=True),
        )
        self._task = self._progress.add_task("history", total=None, speed="")

    def __enter__(self) -> Callable[[int, int], None]:
        self._progress.start()
        return self._told

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def _told(self, done: int, parts: int) -> None:
        # A hundred parts a day (see filling); days done before this run count as done.
        a_day = parts // max(1, self._state.days - self._state.done)
        before = self._state.done * a_day
        elapsed_s = self._progress.tasks[0].elapsed or 0.0
        stored = self._ingest.counts.stored
        self._progress.update(
            self._task,
            completed=before + done,
            total=before + parts,
            description=f"day {(before + done) // a_day} of {self._state.days}",
            speed=f"{stored / elapsed_s:,.0f} points/s" if elapsed_s else "",
        )


def _say(args: argparse.Namespace, data: Path, truth: Path, filled: Filled) -> None:
    peak_mb = _peak_mb(resource.RUSAGE_SELF)
    beside_mb = _peak_mb(resource.RUSAGE_CHILDREN)
    if args.json:
        document = {
            "days": filled.days,
            "points": filled.points,
            "refused": filled.refused,
            "seconds": round(filled.seconds, 1),
            "points_per_s": round(filled.points_per_s),
            "peak_mb": round(peak_mb),
            "peak_mb_generating": round(beside_mb),
        }
        print(json.dumps(document))
        return
    console = Console(stderr=True)
    refused = f" stored, {filled.refused:,} refused" if filled.refused else ""
    if not filled.days:
        console.print("All of it is there already.")
    else:
        console.print(
            f"{filled.days} days, {filled.points:,} points{refused} in {filled.seconds:.0f} s: "
            f"{filled.points_per_s:,.0f} points/s; peak memory {peak_mb:.0f} MB"
            f" (generating: {beside_mb:.0f} MB)"
        )
    console.print(f"See it: homeroute up --data {data}", soft_wrap=True)
    console.print(f"Score it: homeroute simulate score {truth} --data {data}", soft_wrap=True)


def _peak_mb(who: int) -> float:
    peak = resource.getrusage(who).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)
