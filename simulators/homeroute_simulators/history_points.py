"""The points a bus would have made on one past drive, all of them at once. Pure.

Every measurement a bus samples is here, from one consistent story: the radio of
the place decides the uplink, those aboard decide Wi-Fi, sessions, traffic,
activity and filter hits.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from homeroute_simulators.history_riders import WAN, Passage, asked, sessions, stays, traffic, wifi
from homeroute_simulators.history_rows import MINUTE_MS, SAMPLE_MS, Ints, rows
from homeroute_simulators.radio import WEAKEST_DBM, Radio, probe_loss, probe_rtt_ms
from homeroute_simulators.reception import receive
from homeroute_simulators.roads import Reals
from homeroute_wire.measurements import Agent, Health, Position, Uplink
from homeroute_wire.schema import Point

IDLE_MS = 60_000
"""The gateway runs so long before the first stop and after the last."""

PROBES = 5


def points(passage: Passage, radio: Radio, rng: np.random.Generator) -> list[Point]:
    """Everything the bus sampled, from a minute before the drive to a minute after, by time."""
    planned = passage.planned
    first_ms = planned.depart_ms - IDLE_MS
    times = np.arange(first_ms, planned.arrive_ms + IDLE_MS, SAMPLE_MS, dtype=np.int64)
    # Counts are by clock minute, as live ones are.
    whole_ms = -(-first_ms // MINUTE_MS) * MINUTE_MS
    minutes = np.arange(whole_ms, planned.arrive_ms + IDLE_MS, MINUTE_MS, dtype=np.int64)
    came_ms, went_ms = stays(passage)
    east, north = _places(passage, times)
    air = receive(radio, planned)
    seconds = (times - air.start_ms) // 1000
    # Bad air answers nothing, as below the floor.
    signal = np.where(air.bad[seconds], WEAKEST_DBM, air.signal_dbm[seconds])
    gathered = [
        *wifi(passage, times, came_ms, went_ms),
        *_uplink(times, signal, planned.bus.carrier, rng),
        *traffic(passage, times, signal, came_ms, went_ms, rng),
        *_position(passage, times, east, north, radio, rng),
        *sessions(passage, came_ms, went_ms),
        *asked(passage, minutes, came_ms, went_ms, rng),
        *_gateway(passage, minutes, rng),
    ]
    gathered.sort(key=lambda point: point.time_ms)
    return gathered


def _places(passage: Passage, times: Ints) -> tuple[Reals, Reals]:
    after_s = (times - passage.planned.depart_ms) / 1000.0
    return passage.drive.route.shape.at(passage.drive.along_m(after_s))


def _uplink(times: Ints, signal: Reals, carrier: str, rng: np.random.Generator) -> Iterator[Point]:
    lost = rng.binomial(PROBES, probe_loss(signal))
    rtt = np.round(probe_rtt_ms(signal) * (0.85 + rng.exponential(1 / 6, len(times))), 1)
    ratio = lost / PROBES
    state = np.where(lost == PROBES, 0, np.where((ratio <= 0.05) & (rtt <= 300.0), 2, 1))
    for t, s, r, ratio_now in rows(times, state, rtt, ratio):
        yield Point(
            t,
            Uplink(
                interface=WAN,
                technology="lte",
                carrier=carrier,
                state=s,
                rtt_ms=r if s else None,
                loss_ratio=ratio_now,
            ),
        )


def _position(
    passage: Passage,
    times: Ints,
    east: Reals,
    north: Reals,
    radio: Radio,
    rng: np.random.Generator,
) -> Iterator[Point]:
    after_s = (times - passage.planned.depart_ms) / 1000.0
    lat, lon = radio.district.projection.degrees(
        east + rng.normal(0.0, 1.8, len(times)), north + rng.normal(0.0, 1.8, len(times))
    )
    speed = np.abs(passage.drive.speed_mps(after_s) + rng.normal(0.0, 0.15, len(times)))
    heading = passage.drive.heading_deg(passage.drive.along_m(after_s))
    error = rng.uniform(2.5, 7.0, len(times))
    fixes = rows(times, lat.round(6), lon.round(6), speed.round(2), heading, error.round(1))
    for t, la, lo, s, h, e in fixes:
        yield Point(t, Position(lat=la, lon=lo, fix=3, speed_mps=s, heading_deg=h, accuracy_m=e))


def _gateway(passage: Passage, minutes: Ints, rng: np.random.Generator) -> Iterator[Point]:
    """Health and the agent's own ledger."""
    size = len(minutes)
    load = len(passage.clients) / 40.0
    uptime = (minutes - minutes[0]) // 1000 + 45
    cpu = np.clip(rng.normal(0.15 + 0.25 * load, 0.05, size), 0.01, 1.0).round(3)
    memory = np.clip(rng.normal(0.4 + 0.1 * load, 0.01, size), 0.1, 0.95).round(3)
    warm = (46.0 + 10.0 * load + np.minimum(uptime / 240.0, 6.0) + rng.normal(0, 0.4, size)).round(
        1
    )
    sampled = (uptime * 0.55).astype(np.int64)
    for t, up, c, m, w, count in rows(minutes, uptime, cpu, memory, warm, sampled):
        yield Point(
            t,
            Health(uptime_s=up, cpu_ratio=c, memory_ratio=m, disk_ratio=0.31, temperature_c=w),
        )
        stored = max(0, count - 33)
        yield Point(
            t,
            Agent(
                version=passage.version,
                sampled=count,
                stored=stored,
                refused=0,
                dropped=0,
                spooled=count - stored,
                spool_bytes=9 * (count - stored),
                sampler_errors=0,
                config_version=0,
            ),
        )
