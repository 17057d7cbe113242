"""`homeroute simulate load`: right batches and answers, from thousands of virtual devices."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import json
import re
import sys
import tempfile
import time
from pathlib import Path

import aiomqtt

from homeroute_collector.broker import BrokerError
from homeroute_command import duration
from homeroute_command.failure import Failure
from homeroute_simulators.fleet_collector import collecting
from homeroute_simulators.load import DEVICES_BOUND, RATE_BOUND, Door, Load, Loaded
from homeroute_simulators.sim_clock import SimClock

LOOPBACK = ("127.0.0.1", "::1", "localhost")
FOR_BOUND_S = 3_600.0

OWN_DISTRICT = re.compile(r"load(-.*)?")
"""Districts that nobody's buses are of."""

DESCRIPTION = """\
Send right batches from many virtual devices to one broker, and count what is
acknowledged. Each batch is a minute of a bus; one not acknowledged is sent again.

One connection carries all the devices, so the user it connects as must be allowed
to write every device's topics and to read their acknowledgements, as the
collector's is, and to be connected beside the collector: a broker that makes the
user name the client id, as that of `homeroute up` does, would push one of them off.
--up starts a broker and a collector of its own, in a folder thrown away afterwards.
Elsewhere the collector keeps what it is sent: its district must be called load, or
load-something, so that no real one is filled with devices that do not exist.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "load",
        help="right batches and answers, from thousands of virtual devices",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--devices",
        type=int,
        default=1_000,
        metavar="N",
        help=f"default: 1000; {DEVICES_BOUND} max",
    )
    parser.add_argument(
        "--rate",
        type=float,
        metavar="N",
        help=f"batches a second, in all; default: one a minute from each; {RATE_BOUND:g} at most",
    )
    parser.add_argument(
        "--for",
        dest="seconds",
        type=duration.argument,
        default=30.0,
        metavar="TIME",
        help="how long, like 30s; default: 30s; 1h at most",
    )
    parser.add_argument("--up", action="store_true", help="with a broker and collector of its own")
    parser.add_argument("--district", default="load", metavar="ID", help="default: load")
    parser.add_argument("--host", default="127.0.0.1", help="of the broker; default: this machine")
    parser.add_argument("--port", type=int, default=1883, metavar="N", help="default: 1883")
    parser.add_argument("--username", metavar="NAME", help="as whom")
    parser.add_argument("--password-file", type=Path, metavar="FILE", help="its first line")
    parser.add_argument("--seed", type=int, default=7, metavar="N", help="default: 7")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Load; 0 when all that was due was sent, acknowledged and stored, else 1.

    Raises :class:`Failure`.
    """
    if args.seconds > FOR_BOUND_S:
        raise Failure("--for: want 1h at most", exit_code=2)
    if args.up and (args.host not in LOOPBACK or args.username or args.password_file):
        raise Failure("--up has a broker of its own; leave out --host and --username", exit_code=2)
    if not 1 <= args.port <= 65_535:
        raise Failure(f"--port {args.port}: want 1 to 65535", exit_code=2)
    if not args.up and not OWN_DISTRICT.fullmatch(args.district):
        raise Failure(
            f"--district {args.district}: its collector would keep the load as its own devices; "
            "want `load`, or a name that begins with `load-`",
            exit_code=2,
        )
    if (args.username is None) != (args.password_file is None):
        raise Failure("--username and --password-file go together", exit_code=2)
    rate = args.devices / 60.0 if args.rate is None else args.rate
    try:
        loaded, cpu_s = asyncio.run(_load(args, rate))
    except ValueError as error:
        raise Failure(str(error), exit_code=2) from None
    except (BrokerError, aiomqtt.MqttError) as error:
        raise Failure(f"load {args.host}:{args.port}: {error}") from None
    except OSError as error:
        raise Failure(f"{error.filename or 'load'}: {error.strerror or error}") from None
    _tell(loaded, cpu_s, as_json=args.json)
    return 0 if loaded.whole else 1


async def _load(args: argparse.Namespace, rate: float) -> tuple[Loaded, float]:
    async with contextlib.AsyncExitStack() as stack:
        if args.up:
            folder = Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="homeroute-load-"))
            )
            clock = SimClock(1.0, time.time_ns() // 1_000_000)
            # NATS does not tie a client id to a user: we are connected beside the collector.
            its = await stack.enter_async_context(
                collecting(folder, args.district, clock, [], prefer="nats")
            )
            assert its.broker.password_file is not None
            password = its.broker.password_file.read_text().strip()
            door = Door(its.broker.host, its.broker.port, its.broker.username, password)
        else:
            door = Door(args.host, args.port, args.username, _password(args.password_file))
        load = Load(door, args.district, devices=args.devices, rate=rate, seed=args.seed)
        before_s = time.process_time()
        loaded = await load.run(args.seconds)
        return loaded, time.process_time() - before_s


def _password(file: Path | None) -> str | None:
    if file is None:
        return None
    password = file.expanduser().read_text(encoding="utf-8").partition("\n")[0].strip()
    if not password:
        raise Failure(f"--password-file {file}: its first line is empty", exit_code=2)
    return password


def _tell(loaded: Loaded, cpu_s: float, *, as_json: bool) -> None:
    document = dataclasses.asdict(loaded)
    del document["latencies_ms"]
    percentiles = loaded.percentiles_ms() or (None, None, None)
    document |= dict(zip(("p50_ms", "p95_ms", "p99_ms"), percentiles, strict=True))
    document["seconds"] = round(loaded.seconds, 1)
    document["points_per_s"] = round(loaded.points_per_s)
    document["cpu_s"] = round(cpu_s, 1)
    if as_json:
        print(json.dumps(document))
        return
    print(
        f"{loaded.devices:,} devices, {document['seconds']} s: {loaded.sent:,} batches sent, "
        f"{loaded.acked:,} acknowledged, {loaded.unanswered:,} unanswered, {loaded.resent:,} sent "
        f"again, {loaded.late:,} due and never made.\n"
        f"{loaded.points:,} points sent, {loaded.stored:,} stored, {loaded.refused:,} refused; "
        f"{document['points_per_s']:,} stored a second.\n"
        f"Sent to acknowledged: median {percentiles[0]} ms, 95 % {percentiles[1]} ms, "
        f"99 % {percentiles[2]} ms."
    )
    if loaded.lost_connections:
        print(f"The connection was lost {loaded.lost_connections} times.", file=sys.stderr)
