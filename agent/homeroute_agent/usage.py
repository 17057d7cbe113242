"""Daily totals of a take-home hotspot: a household, so a day is all that is told.

Guarantees: a day's bytes and hours survive a restart (a tiny file in the state
folder holds today's sums and nothing else); a day is told once, after it is over,
even if the hotspot was off at midnight. Does not: tell an hour, a client or a name.
"""

from __future__ import annotations

import datetime
import json
import logging
import os
import zoneinfo
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homeroute_agent.clock import every
from homeroute_agent.sample import Context, NoData, Sampler
from homeroute_agent.samplers.network import Flow, Meter, read_counters
from homeroute_wire.measurements import Usage

if TYPE_CHECKING:
    from homeroute_agent.config import Config

NAME = "usage"
SAMPLE_S = 60.0
SAVE_EVERY_S = 600.0
ACTIVE_HOUR_BYTES = 10_000
"""Bytes from clients that make an hour active: less is a gateway talking to itself."""

_HELD_BOUND = 1_440
_log = logging.getLogger(__name__)


def wanted(config: Config) -> bool:
    """Hotspots with a ``[network]`` section."""
    return config.kind == "hotspot" and config.network is not None


async def run(ctx: Context) -> None:
    """Add up traffic, and emit ``usage`` once for each day that is over."""
    config = ctx.config
    assert config.network is not None
    meter = Meter(config.network)
    path = Path(config.state_dir) / "usage.json"
    days = Days.restored(path)
    zone = zone_of(config.timezone)
    held: deque[tuple[int, int, int]] = deque(maxlen=_HELD_BOUND)
    saved_ms = ctx.clock.boot_ms()
    try:
        async for _ in every(ctx.clock, min(SAMPLE_S, config.minute_s)):
            now_ms = ctx.clock.boot_ms()
            try:
                counters = read_counters(Path(config.network.proc_net_dev))
            except OSError as error:
                ctx.failed(NAME, error)
                continue
            held.append((now_ms, *towards_clients(meter.read(counters, now_ms))))
            if meter.absent:
                ctx.failed(NAME, NoData(f"no interface {', '.join(meter.absent)} at present"))
            else:
                ctx.working(NAME)
            offset_ms = ctx.clock.offset_ms
            if offset_ms is None:
                continue
            while held:
                at_ms, down, up = held.popleft()
                days.add(_local(at_ms + offset_ms, zone), down, up)
            told = _tell(ctx, days, now_ms + offset_ms, zone)
            if told or now_ms - saved_ms >= SAVE_EVERY_S * 1000:
                days.save(path)
                saved_ms = now_ms
    finally:
        days.save(path)


def _tell(ctx: Context, days: Days, wall_ms: int, zone: datetime.tzinfo | None) -> bool:
    over = days.take_before(_local(wall_ms, zone).date())
    carrier = ctx.config.uplink.carrier if ctx.config.uplink is not None else "unknown"
    for day, sums in over:
        usage = Usage(
            carrier=carrier,
            down_bytes=sums.down_bytes,
            up_bytes=sums.up_bytes,
            active_hours=sums.active_hours,
        )
        offset_ms = ctx.clock.offset_ms
        assert offset_ms is not None
        ctx.emit(usage, boot_ms=_start_ms(day, zone) - offset_ms)
    return bool(over)


def towards_clients(flows: list[Flow]) -> tuple[int, int]:
    """Down and up bytes: the LAN's when it is measured, for the WAN carries our own too."""
    counted = [flow for flow in flows if flow.role == "lan"] or flows
    return sum(flow.down_bytes for flow in counted), sum(flow.up_bytes for flow in counted)


@dataclass(slots=True)
class Sums:
    """One day so far. ``hours`` counts bytes from clients, by hours since midnight."""

    down_bytes: int = 0
    up_bytes: int = 0
    hours: dict[int, int] = field(default_factory=dict)

    @property
    def active_hours(self) -> int:
        """Hours in which clients sent something worth the name."""
        return min(25, sum(sent >= ACTIVE_HOUR_BYTES for sent in self.hours.values()))


class Days:
    """The days not told yet: pure but for :meth:`restored` and :meth:`save`."""

    def __init__(self, days: dict[datetime.date, Sums] | None = None) -> None:
        self._days = days or {}

    def add(self, at: datetime.datetime, down_bytes: int, up_bytes: int) -> None:
        """Count bytes at a local time."""
        sums = self._days.setdefault(at.date(), Sums())
        sums.down_bytes += down_bytes
        sums.up_bytes += up_bytes
        # The hour that comes twice in autumn counts twice.
        hour = at.hour + 24 * at.fold
        sums.hours[hour] = sums.hours.get(hour, 0) + up_bytes

    def take_before(self, today: datetime.date) -> list[tuple[datetime.date, Sums]]:
        """Take the days before ``today``, oldest first."""
        over = sorted(day for day in self._days if day < today)
        return [(day, self._days.pop(day)) for day in over]

    @classmethod
    def restored(cls, path: Path) -> Days:
        """As saved; empty, and said, when the file is unreadable."""
        try:
            document = json.loads(path.read_text(encoding="ascii"))
            return cls({_day(day): _sums(sums) for day, sums in document["days"].items()})
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            _log.warning("usage %s: unreadable (%s); today starts anew", path, type(error).__name__)
            return cls()

    def save(self, path: Path) -> None:
        """Write so that a power cut leaves the old file or the new one."""
        document = {
            "days": {
                str(day): {"down": s.down_bytes, "up": s.up_bytes, "hours": s.hours}
                for day, s in self._days.items()
            }
        }
        new = path.with_suffix(".new")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with new.open("w", encoding="ascii") as file:
                json.dump(document, file)
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
        except OSError as error:
            _log.warning("usage %s: not saved: %s", path, error)


def zone_of(name: str | None) -> datetime.tzinfo | None:
    """The time zone of that name; None, the system's own, when there is no such data here."""
    try:
        return zoneinfo.ZoneInfo(name) if name else None
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        _log.warning("usage: no data for time zone %s on this system; days are the system's", name)
        return None


def _local(wall_ms: int, zone: datetime.tzinfo | None) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(wall_ms / 1000, datetime.UTC).astimezone(zone)


def _start_ms(day: datetime.date, zone: datetime.tzinfo | None) -> int:
    midnight = datetime.datetime.combine(day, datetime.time(), tzinfo=zone)
    return round(midnight.timestamp() * 1000)


def _day(text: str) -> datetime.date:
    return datetime.date.fromisoformat(text)


def _sums(document: dict[str, Any]) -> Sums:
    hours = {int(hour): int(sent) for hour, sent in document["hours"].items()}
    return Sums(int(document["down"]), int(document["up"]), hours)


SAMPLER = Sampler(NAME, wanted, run)
