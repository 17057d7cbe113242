"""Batches and commits for the collector's tests."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from typing import Any

from homeroute_wire.batch import Header, encode_body, frame
from homeroute_wire.dictionary import DICTIONARY_1
from homeroute_wire.measurements import Health, Position, Uplink, Wifi
from homeroute_wire.schema import Measurement, Point

NOW_MS = 1_795_305_600_000
"""The collector's clock in tests: 2026-11-22 00:00 UTC."""

STREAM = "00000000000000aa"
DISTRICT = "springfield"
RETENTION_DAYS = 90


def wifi(clients: int = 3, **changes: Any) -> Wifi:
    """A plausible Wi-Fi point."""
    values: dict[str, Any] = {
        "ssid": "Bus-WiFi",
        "band": "5",
        "clients": clients,
        "clients_peak": clients,
        "associated": 1,
        "disassociated": 0,
        "randomized": 2,
    }
    return Wifi(**(values | changes))


def uplink(**changes: Any) -> Uplink:
    """A plausible uplink point."""
    values: dict[str, Any] = {
        "interface": "wwan0",
        "technology": "lte",
        "carrier": "unknown",
        "state": 2,
        "rtt_ms": 48.5,
        "loss_ratio": 0.0,
    }
    return Uplink(**(values | changes))


def minute(start_ms: int = NOW_MS - 60_000, samples: int = 6) -> list[Point]:
    """About a minute of a bus."""
    points = [
        Point(start_ms + step * 10_000, record)
        for step in range(samples)
        for record in (
            wifi(clients=step),
            uplink(),
            Position(lat=36.15, lon=-95.99, fix=3, speed_mps=None if step % 2 else 12.5),
        )
    ]
    return [*points, Point(start_ms, Health(uptime_s=77, cpu_ratio=0.25, undervoltage=None))]


def batch(
    points: Sequence[Point] | Sequence[tuple[int, Measurement]] | None = None,
    *,
    stream: str = STREAM,
    seq: int = 1,
    kind: str = "bus",
) -> bytes:
    """A batch as a device sends it."""
    chosen = minute() if points is None else points
    proper = [p if isinstance(p, Point) else Point(*p) for p in chosen]
    return frame(Header(stream, seq, NOW_MS, len(proper)), encode_body(kind, proper))


def raw_batch(
    measurements: Any,
    *,
    points: int | None = None,
    stream: str = STREAM,
    seq: int = 1,
    kind: Any = "bus",
    base: Any = 0,
) -> bytes:
    """A batch whose body is any JSON under ``m``; times are differences from ``base``."""
    count = points or sum(len(columns["t"]) for columns in measurements.values())
    return body_batch(
        json.dumps({"k": kind, "t": base, "m": measurements}).encode(),
        points=count,
        stream=stream,
        seq=seq,
    )


def body_batch(text: bytes, *, points: int, stream: str = STREAM, seq: int = 1) -> bytes:
    """A batch whose body inflates to ``text``."""
    deflate = zlib.compressobj(6, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, DICTIONARY_1)
    return frame(Header(stream, seq, NOW_MS, points), deflate.compress(text) + deflate.flush())
