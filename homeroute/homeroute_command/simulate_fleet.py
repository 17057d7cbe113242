"""`homeroute simulate fleet`: many real agents in one process, on time that runs faster."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import resource
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from homeroute_agent.run import SPOOL_NAME, version
from homeroute_agent.spool import Ledger, Spool
from homeroute_collector.archive import Archive
from homeroute_collector.archive_records import ArchiveError
from homeroute_collector.broker import BrokerError, CredentialError, SiteError
from homeroute_command import duration
from homeroute_command.called import called
from homeroute_command.failure import Failure
from homeroute_command.simulate_fleet_words import agents_unheard, no_room, nothing_driven, watching
from homeroute_command.simulate_world import add_gtfs
from homeroute_command.simulate_world import place as world_of
from homeroute_simulators.agent_file import Cadence
from homeroute_simulators.faults import KINDS, Fault, Kind, left_out_of, parse_kinds, schedule
from homeroute_simulators.fleet import Broker, Fleet
from homeroute_simulators.fleet_collector import collecting
from homeroute_simulators.fleet_pace import pace
from homeroute_simulators.gtfs_world import moved
from homeroute_simulators.itinerary import school_days
from homeroute_simulators.planned_drive import PlannedDrive
from homeroute_simulators.sim_clock import SPEED_BOUND, SimClock
from homeroute_simulators.simulated_folder import FolderError, check_new_truth, check_vacant
from homeroute_simulators.truth import Recorder
from homeroute_simulators.world import World

BUSES, BUSES_BOUND = 12, 1_000
SPEED = 5.0
START = "2026-11-16T06:50"
"""A Monday morning of school; always the same, so that the same seed is the same day.

In the half hour from then on buses drive to the schools that begin first.
"""

ORDINARY = Cadence(10.0, 60.0, 60.0, 600.0, 0.0)
"""An agent's own defaults."""

QUIESCE_S = 10.0
FILES_EACH = 24
"""Descriptors a device takes: fakes, relay, spool, connections."""

FAULTS_EVERY = 12
"""One fault of each kind for so many buses."""

DESCRIPTION = """\
Run many real agents in this process against one broker and one collector, on a
clock that runs --speed times faster than ours. The agents are those of a bus;
their gateways, riders and radio are simulated.

The buses drive the school day, or the days, that --start and --for take a part of:
each its planned drives, when they are due and as late as they are; substitutes,
excursions and early releases among them, and nothing on a holiday. On an ordinary
day buses drive from about 06:50 to 09:10 and from 14:25 to 16:40. Between drives a
bus stands where the last one ended, its gateway on, or runs empty to where the next
begins. Ctrl-C ends the run early: agents drain, and the truth is closed.

Simulated time waits for the world and for what boots: a machine too slow for --speed
takes longer, and nothing comes late. The uplink's probe is timed by this machine's
clock: at more than real speed its round trips are up to 4 times shorter than the
world's, or twice as long, to fill the time between samples, and so are the limits the
agent judges them by. What is judged is the same.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "fleet",
        help="many real agents, on time that runs faster",
        description=DESCRIPTION,
        epilog=f"faults: {', '.join(KINDS)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--buses",
        type=int,
        default=BUSES,
        metavar="N",
        help=f"default: {BUSES}; {BUSES_BOUND} max; of a feed the most there are",
    )
    add_gtfs(parser)
    parser.add_argument(
        "--speed", type=float, default=SPEED, metavar="X", help=f"default: {SPEED:g}"
    )
    parser.add_argument(
        "--for",
        dest="seconds",
        type=duration.argument,
        default=1_800.0,
        metavar="TIME",
        help="simulated time, like 30m; default: 30m",
    )
    parser.add_argument(
        "--start", default=START, metavar="TIME", help=f"of the district; default: {START}"
    )
    parser.add_argument(
        "--truth", type=Path, metavar="FILE", help="a new file for what really happened"
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="a new folder to keep the archive in; default: thrown away",
    )
    parser.add_argument(
        "--faults", default="none", metavar="KINDS", help="none, all, or a list; default: none"
    )
    parser.add_argument("--seed", type=int, default=7, metavar="N", help="default: 7")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


@dataclass(frozen=True, slots=True)
class Counted:
    """Points, as both ends have them."""

    sampled: int
    stored: int
    refused: int
    dropped: int
    spooled: int
    adds_up: bool


@dataclass(frozen=True, slots=True)
class Driven:
    """What a run came to. Times of day are the district's; ``to`` is how far the world came.

    ``drives`` are those that were driven, if only in part; ``left_out`` are the faults asked
    for that there was no room for, each as often as it was.
    """

    start: datetime
    to: datetime
    devices: int
    drives: int
    faults: int
    late_s: float
    counted: Counted
    left_out: tuple[Kind, ...] = ()

    def document(self) -> dict[str, object]:
        """For JSON."""
        return {
            "start": self.start.isoformat(timespec="seconds"),
            "to": self.to.isoformat(timespec="seconds"),
            "devices": self.devices,
            "drives": self.drives,
            "faults": self.faults,
            "faults_left_out": list(self.left_out),
            "simulated_s": round((self.to - self.start).total_seconds(), 1),
            "late_s": self.late_s,
            **asdict(self.counted),
        }


def run(args: argparse.Namespace) -> int:
    """Drive; 0 when the points add up, else 1. Raises :class:`Failure`."""
    _check(args)
    try:
        kinds = parse_kinds(args.faults)
        place = world_of(args.gtfs, seed=args.seed, buses=args.buses)
        district = place.district
        start = datetime.fromisoformat(args.start)
        if start.tzinfo is None:
            start = start.replace(tzinfo=ZoneInfo(district.timezone))
    except ValueError as error:
        raise Failure(str(error), exit_code=2) from None
    if args.gtfs:
        place = _running(place, start)
    start_ms = round(start.timestamp() * 1000)
    names = [bus.device for bus in district.buses]
    each = max(1, args.buses // FAULTS_EVERY)
    end_ms = start_ms + round(args.seconds * 1000)
    # The first minutes show the fleet as it is.
    faults = schedule(args.seed, names, start_ms + 60_000, end_ms, kinds=kinds, each=each)
    left_out = left_out_of(faults, kinds, each)
    if left_out:
        print(no_room(left_out), file=sys.stderr)
    allow_files((args.buses + len(district.hotspots)) * FILES_EACH)
    try:
        drives = school_days(place, start_ms, end_ms)
        within = [d for own in drives.values() for d in own if d.arrive_ms > start_ms]
        if not within:
            print(nothing_driven(place, start, args.seconds), file=sys.stderr)
        with agents_unheard():
            driven = asyncio.run(_drive(args, place, drives, start_ms, end_ms, faults))
        driven = replace(driven, left_out=left_out)
    except (FolderError, BrokerError, CredentialError, SiteError, ArchiveError) as error:
        raise Failure(str(error)) from None
    except OSError as error:
        raise Failure(f"{error.filename or 'run'}: {error.strerror or error}") from None
    _tell(args, driven, stopped=driven.to.timestamp() * 1000 + 1000 < end_ms)
    return 0 if driven.counted.adds_up else 1


def _check(args: argparse.Namespace) -> None:
    """Refuse what cannot be, before anything is touched. Raises :class:`Failure`."""
    if not 1 <= args.buses <= BUSES_BOUND:
        raise Failure(f"--buses {args.buses}: want 1 to {BUSES_BOUND}", exit_code=2)
    if not 0 < args.speed <= SPEED_BOUND:
        raise Failure(
            f"--speed {args.speed:g}: want more than 0, at most {SPEED_BOUND:g}", exit_code=2
        )
    if args.seed < 0:
        raise Failure(f"--seed {args.seed}: want 0 or more", exit_code=2)
    args.data = args.data and args.data.expanduser()
    args.truth = args.truth and args.truth.expanduser()
    try:
        if args.data is not None:
            check_vacant(args.data)
        if args.truth is not None:
            check_new_truth(args.truth, args.data)
    except ValueError as error:
        raise Failure(str(error), exit_code=2) from None


def _running(place: World, start: datetime) -> World:
    """A feed that does not run on that day is moved by whole weeks, so that its last week does."""
    day = start.date()
    if place.calendar.services(day):
        return place
    weeks = -((place.calendar.days()[-1] - day).days // 7)
    print(
        f"homeroute: nothing of the feed runs on {day}; its calendar is moved by {weeks} weeks",
        file=sys.stderr,
    )
    return moved(place, weeks)


def allow_files(wanted: int) -> None:
    """Raise this process's limit of open files. Failure when the system does not let us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        if hard != resource.RLIM_INFINITY and hard < wanted:
            raise Failure(f"{wanted} open files are needed, {hard} allowed; raise `ulimit -Hn`")
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _drive(
    args: argparse.Namespace,
    place: World,
    drives: Mapping[str, Sequence[PlannedDrive]],
    start_ms: int,
    end_ms: int,
    faults: tuple[Fault, ...],
) -> Driven:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    clock, district = SimClock(args.speed, start_ms), place.district
    devices = [(bus.device, "bus") for bus in district.buses]
    devices += [(hotspot.device, "hotspot") for hotspot in district.hotspots]
    async with contextlib.AsyncExitStack() as stack:
        state = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="homeroute-fleet-")))
        its = await stack.enter_async_context(
            collecting(
                args.data or state / "data",
                district.name,
                clock,
                devices,
                timezone=district.timezone,
            )
        )
        recorder: Recorder | None = None
        if args.truth is not None:
            recorder = stack.enter_context(Recorder(args.truth))
            recorder.run(
                seed=args.seed,
                version=version(),
                district=district.name,
                timezone=district.timezone,
                made_by="fleet",
            )
        cadence, rtt_scale = pace(ORDINARY, args.speed)
        fleet = Fleet(
            district,
            drives,
            state=state / "devices",
            broker=Broker(its.broker.host, its.broker.port),
            passwords=its.passwords,
            cadence=cadence,
            clock=clock,
            rtt_scale=rtt_scale,
            faults=faults,
            recorder=recorder,
            wall=its.wall,
        )
        with watching(fleet, its.ingest, ZoneInfo(district.timezone), start_ms, end_ms, stop):
            ledgers = await fleet.run(stop, until_ms=end_ms, quiesce_s=QUIESCE_S)
        await its.ingest.drain()
        begun = sum(
            drive.depart_ms < fleet.at_ms and drive.arrive_ms > start_ms
            for own in drives.values()
            for drive in own
        )
        zone = ZoneInfo(district.timezone)
        return Driven(
            start=datetime.fromtimestamp(start_ms / 1000, zone),
            to=datetime.fromtimestamp(max(start_ms, fleet.at_ms) / 1000, zone),
            devices=len(ledgers),
            drives=begun,
            faults=len(faults),
            late_s=round(fleet.late_ms / 1000, 2),
            counted=await _count(
                its.archive,
                ledgers,
                state / "devices",
                cloned={fault.device for fault in faults if fault.kind == "cloned_card"},
            ),
        )


async def _count(
    archive: Archive, ledgers: dict[str, Ledger], state: Path, *, cloned: set[str]
) -> Counted:
    """Ask both ends; of a device whose card was cloned the archive holds more than it sampled."""
    adds_up = True
    for device, ledger in ledgers.items():
        rows = await archive.query(
            "SELECT stream, seq, stored + refused FROM batches WHERE device = ?", [device]
        )
        archived = {(stream, seq): int(points) for stream, seq, points in rows}
        waiting = await asyncio.to_thread(_waiting, state / device / SPOOL_NAME, set(archived))
        undated = ledger.spooled - waiting[1]
        known = ledger.stored + ledger.refused + ledger.dropped + ledger.spooled
        there = sum(archived.values()) + ledger.dropped + waiting[0] + undated
        adds_up &= ledger.sampled == known
        adds_up &= ledger.sampled == there or (device in cloned and ledger.sampled < there)
    total = {
        name: sum(getattr(ledger, name) for ledger in ledgers.values())
        for name in ("sampled", "stored", "refused", "dropped", "spooled")
    }
    return Counted(**total, adds_up=adds_up)


def _waiting(path: Path, archived: set[tuple[str, int]]) -> tuple[int, int]:
    """Points in batches on the device: those the archive has not, and all."""
    spool = Spool.open(path)
    try:
        pending = spool.pending()
    finally:
        spool.close()
    only = sum(points for stream, seq, points in pending if (stream, seq) not in archived)
    return only, sum(points for _, _, points in pending)


def _tell(args: argparse.Namespace, driven: Driven, *, stopped: bool) -> None:
    if args.json:
        print(json.dumps(driven.document()))
        return
    counted = driven.counted
    sign = "=" if counted.adds_up else "≠"
    early = f" (stopped; {args.seconds:,.0f} s were asked for)" if stopped else ""
    to = f"{driven.to:%H:%M:%S}"
    if driven.to.date() != driven.start.date():
        to = f"{driven.to:%A, %-d %B} {to}"
    drives = "1 drive" if driven.drives == 1 else f"{driven.drives:,} drives"
    print(
        f"{driven.start:%A, %-d %B %Y %H:%M:%S} to {to}{early}: {drives}, {driven.devices} "
        f"devices, {driven.faults} faults; the world was at most {driven.late_s} s late.\n"
        f"sampled {counted.sampled:,} {sign} stored {counted.stored:,} + refused "
        f"{counted.refused:,} + dropped {counted.dropped:,} + spooled {counted.spooled:,}"
    )
    if args.truth and args.data:
        score = f"{called()} simulate score {args.truth} --data {args.data}"
        print(f"Score it: {score}", file=sys.stderr)
