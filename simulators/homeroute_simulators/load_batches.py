"""A virtual device's batches: a minute of a bus each, right in every field."""

from __future__ import annotations

import random
from dataclasses import dataclass

from homeroute_wire.batch import Header, encode_body, frame
from homeroute_wire.measurements import Agent, Health, Position, Traffic, Uplink, Wifi
from homeroute_wire.schema import Measurement, Point

SAMPLES, SAMPLE_MS = 6, 10_000
"""Samples in a batch: those of a minute."""


@dataclass(frozen=True, slots=True)
class Made:
    """One batch, framed."""

    seq: int
    points: int
    payload: bytes


class Virtual:
    """A bus that is nothing but numbers. ``stream`` is 16 hex digits."""

    def __init__(self, device: str, seed: int, stream: str) -> None:
        self.device = device
        self.stream = stream
        self._rng = random.Random(f"{seed} {device}")
        self._seq = 0
        self._told_ms = 0
        self._sampled = 0

    def batch(self, now_ms: int) -> Made:
        """The next batch: samples up to now. Asked too soon, they stand closer together."""
        first_ms = max(self._told_ms + 1, now_ms - SAMPLES * SAMPLE_MS)
        step_ms = max(1, (now_ms - first_ms) // SAMPLES)
        points: list[Point] = []
        for number in range(SAMPLES):
            at_ms = first_ms + number * step_ms
            points += [Point(at_ms, record) for record in self._sample(step_ms / 1000)]
        self._told_ms = first_ms + (SAMPLES - 1) * step_ms
        points += [Point(self._told_ms, record) for record in self._minute()]
        self._seq += 1
        self._sampled += len(points)
        header = Header(self.stream, self._seq, now_ms, len(points))
        return Made(self._seq, len(points), frame(header, encode_body("bus", points)))

    def _sample(self, interval_s: float) -> tuple[Measurement, ...]:
        rng = self._rng
        down = rng.randrange(4_000_000)
        return (
            Wifi(
                ssid="Bus-WiFi",
                band="5",
                clients=rng.randrange(30),
                clients_peak=30,
                associated=rng.randrange(3),
                disassociated=rng.randrange(3),
                randomized=0,
            ),
            *(
                Traffic(
                    role=role,
                    interface=interface,
                    down_bytes=down,
                    up_bytes=down // 12,
                    interval_s=round(interval_s, 3),
                    resets=0,
                )
                for role, interface in (("wan", "wwan0"), ("lan", "wlan0"))
            ),
            Uplink(
                interface="wwan0",
                technology="lte",
                carrier="unknown",
                state=2,
                rtt_ms=round(rng.uniform(30.0, 90.0), 3),
                loss_ratio=0.0,
            ),
            Position(
                lat=round(38.5 + rng.uniform(-0.1, 0.1), 6),
                lon=round(-98.8 + rng.uniform(-0.1, 0.1), 6),
                fix=3,
                speed_mps=round(rng.uniform(0.0, 25.0), 2),
                heading_deg=round(rng.uniform(0.0, 359.9), 1),
                accuracy_m=4.5,
            ),
        )

    def _minute(self) -> tuple[Measurement, ...]:
        return (
            Health(
                uptime_s=self._seq * 60,
                cpu_ratio=round(self._rng.random(), 4),
                memory_ratio=0.4,
                disk_ratio=0.1,
                temperature_c=51.5,
            ),
            Agent(
                version="load",
                sampled=self._sampled,
                stored=self._sampled,
                refused=0,
                dropped=0,
                spooled=0,
                spool_bytes=0,
                sampler_errors=0,
                config_version=0,
            ),
        )
