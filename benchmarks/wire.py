"""What a bus's minute costs on the wire: bytes, and time to encode, decode and write lines.

    python benchmarks/wire.py

One minute of one bus: 6 samples of wifi, two roles of traffic, uplink and
position, one of health, agent, activity and filter, and two sessions; 36 points.
The median of five runs.
"""

from __future__ import annotations

import dataclasses
import json
import random
import statistics
import time
import zlib
from collections.abc import Callable

from homeroute_wire.batch import Header, decode, encode_body, frame
from homeroute_wire.lineprotocol import LineEncoder
from homeroute_wire.measurements import (
    MEASUREMENTS,
    Activity,
    Agent,
    Filter,
    Health,
    Position,
    Session,
    Traffic,
    Uplink,
    Wifi,
)
from homeroute_wire.schema import Point

START_MS = 1_795_299_000_000
HEADER_STREAM = "0123456789abcdef"
RUNS = 5
TIMES = 400


def minute(dice: random.Random) -> list[Point]:
    """A plausible minute, from the dice given."""
    points = []
    for n in range(6):
        at = START_MS + 10_000 * n + dice.randrange(40)
        riders = 18 + dice.randrange(3)
        points += [
            Point(
                at,
                Wifi(
                    ssid="bus",
                    band="5",
                    clients=riders,
                    clients_peak=riders + 1,
                    associated=dice.randrange(2),
                    disassociated=dice.randrange(2),
                    randomized=riders - 5,
                ),
            ),
            *(
                Point(
                    at + place,
                    Traffic(
                        role=role,
                        interface=interface,
                        down_bytes=dice.randrange(4_000_000),
                        up_bytes=dice.randrange(400_000),
                        interval_s=10.0,
                        resets=0,
                    ),
                )
                for place, (role, interface) in enumerate((("wan", "wwan0"), ("lan", "wlan0")))
            ),
            Point(
                at,
                Uplink(
                    interface="wwan0",
                    technology="lte",
                    carrier="unknown",
                    state=2,
                    rtt_ms=round(dice.uniform(40, 90), 1),
                    loss_ratio=0.0,
                    rsrp_dbm=float(-95 + dice.randrange(9)),
                ),
            ),
            Point(
                at,
                Position(
                    lat=round(36.154 + 0.001 * n + dice.random() / 1e4, 5),
                    lon=round(-95.992 + 0.001 * n + dice.random() / 1e4, 5),
                    fix=3,
                    speed_mps=round(dice.uniform(8, 14), 1),
                    heading_deg=float(dice.randrange(360)),
                    accuracy_m=round(dice.uniform(3, 9), 1),
                ),
            ),
        ]
    return points + _once(dice)


def _once(dice: random.Random) -> list[Point]:
    at = START_MS + 59_000
    definition = "4f1d2c9a"
    activity = Activity(
        definition=definition,
        active_clients=14,
        learning_clients=6,
        learning_clients_strict=4,
        learning_clients_loose=8,
        lookups=dice.randrange(300, 500),
        classified_lookups=dice.randrange(100, 300),
    )
    agent = Agent(
        version="0.1.0",
        sampled=dice.randrange(90_000),
        stored=dice.randrange(90_000),
        refused=0,
        dropped=0,
        spooled=36,
        spool_bytes=4_096,
        sampler_errors=0,
        config_version=0,
    )
    health = Health(
        uptime_s=dice.randrange(90_000),
        cpu_ratio=round(dice.random(), 3),
        memory_ratio=0.412,
        disk_ratio=0.23,
        temperature_c=51.5,
        undervoltage=False,
        throttled=False,
        clock_offset_ms=-12,
    )
    stays = [
        Session(
            ssid="bus",
            cause="interim",
            client=client,
            started_min=at // 60_000 - 11,
            session_s=dice.randrange(600, 700),
            open=True,
        )
        for client in (3, 4)
    ]
    blocked = Filter(category="games", action="blocked", hits=3, clients=2)
    return [
        Point(at, health),
        Point(at, agent),
        Point(at - 180_000, activity),
        Point(at, blocked),
        *(Point(at + n, stay) for n, stay in enumerate(stays)),
    ]


def plain_json(points: list[Point]) -> bytes:
    """The same minute as one might send it at first: an object for each point."""
    rows = [
        {"name": p.record.NAME, "time": p.time_ms}
        | {k: v for k, v in dataclasses.asdict(p.record).items() if v is not None}
        for p in points
    ]
    return json.dumps(rows, separators=(",", ":")).encode()


def each_us(work: Callable[[], object]) -> float:
    """Microseconds of one call: the median of some runs."""
    costs = []
    for _ in range(RUNS):
        began = time.perf_counter()
        for _ in range(TIMES):
            work()
        costs.append((time.perf_counter() - began) / TIMES * 1e6)
    return statistics.median(costs)


def main() -> None:
    """Print the figures."""
    points = minute(random.Random(7))
    body = encode_body("bus", points)
    payload = frame(Header(HEADER_STREAM, 1, START_MS, len(points)), body)
    plain = plain_json(points)
    print(f"one minute of a bus: {len(points)} points")
    print(f"  plain JSON      {len(plain):6d} bytes, zlib {len(zlib.compress(plain, 9))}")
    print(f"  a batch         {len(payload):6d} bytes")
    print(f"  encode          {each_us(lambda: encode_body('bus', points)):8.0f} us")
    print(f"  decode          {each_us(lambda: decode(payload)):8.0f} us")
    encoder = LineEncoder(MEASUREMENTS["uplink"])
    row = (
        START_MS,
        "d",
        "bus-07",
        "bus",
        "wwan0",
        "lte",
        "unknown",
        2,
        51.5,
        0.0,
        -95.0,
        None,
        None,
    )
    print(f"  a line          {each_us(lambda: encoder.line(row)):8.2f} us")


if __name__ == "__main__":
    main()
