"""What gpsd reports, read and merged. Pure.

gpsd leaves out what it does not know, sends two reports for an epoch of which
the first may lack the course, may report a first fix without a time, and adds
1024 weeks to dates before 2017.
"""

from __future__ import annotations

import datetime
import json
import math
from dataclasses import dataclass, fields, replace
from typing import Any

from homeroute_agent.clock import EARLIEST_MS
from homeroute_wire.measurements import Position

GPS_HORIZON_MS = 5 * 365 * 86_400_000
"""How long after the agent was built a receiver's date is believed, ms.

A receiver that wakes with a date of 2012 or later, before it has seen a satellite
or because its week counter rolled over, is dated 2031 or later by gpsd's 1024
weeks. A device with an older agent than this still has its kernel and the
collector to tell the time.
"""


@dataclass(frozen=True, slots=True)
class Fix:
    """One epoch of one receiver; what gpsd left out is None.

    ``mode`` 2 and 3 are fixes in two and three dimensions. ``wall_ms`` is the
    receiver's time.
    """

    device: str
    mode: int
    wall_ms: int | None = None
    lat: float | None = None
    lon: float | None = None
    speed_mps: float | None = None
    heading_deg: float | None = None
    accuracy_m: float | None = None

    def merged(self, later: Fix) -> Fix:
        """This report completed by a ``later`` one of the same epoch; else the later one."""
        if later.wall_ms is None or (self.device, self.wall_ms) != (later.device, later.wall_ms):
            return later
        known = {f.name: getattr(later, f.name) for f in fields(later)}
        return replace(self, **{name: v for name, v in known.items() if v is not None})

    def position(self) -> Position | None:
        """As a measurement; None when it is no fix."""
        if self.mode < 2 or self.lat is None or self.lon is None:
            return None
        return Position(
            lat=self.lat,
            lon=self.lon,
            fix=min(self.mode, 3),
            speed_mps=self.speed_mps,
            heading_deg=self.heading_deg,
            accuracy_m=self.accuracy_m,
        )


def parse_report(line: bytes | str) -> Fix | None:
    """Read one line; None when it is no position report (TPV)."""
    try:
        report = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(report, dict) or report.get("class") != "TPV":
        return None
    mode = report.get("mode")
    accuracy = _real(report, "eph", 0, 100_000)
    if accuracy is None:
        # Older receivers tell the two directions apart; the longer one bounds the error.
        sides = [e for e in (_real(report, k, 0, 100_000) for k in ("epx", "epy")) if e is not None]
        accuracy = max(sides, default=None)
    return Fix(
        device=str(report.get("device", "")),
        mode=mode if type(mode) is int else 0,
        wall_ms=parse_time(report.get("time")),
        lat=_real(report, "lat", -90, 90),
        lon=_real(report, "lon", -180, 180),
        speed_mps=_real(report, "speed", 0, 100),
        heading_deg=_real(report, "track", 0, 360),
        accuracy_m=accuracy,
    )


def parse_time(text: object) -> int | None:
    """Milliseconds since 1970 from gpsd's ISO 8601 text; None when it is not that."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    return round(moment.timestamp() * 1000)


def plausible(wall_ms: int) -> bool:
    """Whether a receiver's date may be true: see :data:`GPS_HORIZON_MS`."""
    return EARLIEST_MS <= wall_ms < EARLIEST_MS + GPS_HORIZON_MS


def _real(report: dict[str, Any], key: str, minimum: float, maximum: float) -> float | None:
    value = report.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value) if minimum <= value <= maximum else None
