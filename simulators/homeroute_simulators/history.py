"""Past school weeks: which bus drove what, and the batches its agent would have sent.

Guarantees: the same district and days give the same plan and the same streams,
so that filling twice stores nothing twice; hollows are where they always are.
The weeks are not clean: a bus stays in the yard, an agent goes dark half-way, a
substitute drives another's route, some batches come last of all.

Does not: write anything. Batches are handed to the collector's own ingest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

import numpy as np

from homeroute_analytics.legs import Leg, instant_ms
from homeroute_simulators.district import Bus, District, Hotspot, Trip
from homeroute_simulators.drive import drive
from homeroute_simulators.history_points import points
from homeroute_simulators.history_riders import Passage
from homeroute_simulators.radio import Radio
from homeroute_wire.batch import Header, encode_body, frame
from homeroute_wire.measurements import Usage
from homeroute_wire.schema import Point

BATCH_MS = 600_000
"""Ten minutes a batch: history is received in bulk."""

RIDES_SHARE = 0.78
IN_YARD_SHARE = 0.05
GOES_DARK_SHARE = 0.04
LATE_SHARE = 0.10


@dataclass(frozen=True, slots=True)
class PastDrive:
    """One planned drive of the past, by the bus that really drove it.

    ``heard`` is the share of it the agent lived to tell: 0 for a bus that stayed
    in the yard. ``late``: its batches came long after the others.
    """

    day: date
    trip: Trip
    bus: Bus
    depart_ms: int
    pace: float
    heard: float
    late: bool

    def stream(self, seed: int) -> str:
        """The name of the agent run that sent it."""
        return _stream(seed, self.bus.device, self.day, self.trip.name)

    def leg(self) -> Leg:
        """What the district believes: the assignment, or, of a substitute, what GPS showed."""
        driven = drive(self.trip.route, self.trip.period, pace=self.pace)
        substitute = self.bus is not self.trip.bus
        return Leg(
            device=self.bus.device,
            service_day=self.day,
            route=self.trip.route.label,
            trip=self.trip.name,
            period=self.trip.period,
            start_ms=self.depart_ms,
            end_ms=self.depart_ms + round(driven.duration_s * 1000),
            source="gps" if substitute else "assignment",
            confidence=0.85 if substitute else 1.0,
        )


@dataclass(frozen=True, slots=True)
class Sent:
    """One batch as it would have come over the air."""

    device: str
    payload: bytes
    points: int


def school_days(before: date, count: int) -> list[date]:
    """The last ``count`` Mondays to Fridays before that day, oldest first."""
    days: list[date] = []
    day = before
    while len(days) < count:
        day -= timedelta(days=1)
        if day.weekday() < 5:
            days.append(day)
    return days[::-1]


def plan(district: District, days: Iterable[date]) -> list[PastDrive]:
    """Every scheduled drive of those days, in the order batches arrive: late ones last."""
    drives = [past for day in days for past in _day(district, day)]
    return sorted(drives, key=lambda past: (past.late, past.depart_ms, past.bus.device))


def _day(district: District, day: date) -> Iterator[PastDrive]:
    rng = np.random.default_rng((district.seed, day.toordinal()))
    zone = ZoneInfo(district.timezone)
    yard = {bus.device for bus in district.buses if rng.random() < IN_YARD_SHARE}
    drivers = {bus.device: bus for bus in district.buses}
    if day.weekday() == 2 and day.toordinal() // 7 % 2:
        # Every other Wednesday two buses drive each other's routes.
        one, other = (district.buses[i] for i in rng.choice(len(district.buses), 2, replace=False))
        drivers |= {one.device: other, other.device: one}
    for trip in district.trips:
        bus = drivers[trip.bus.device]
        heard = float(rng.uniform(0.3, 0.8)) if rng.random() < GOES_DARK_SHARE else 1.0
        yield PastDrive(
            day=day,
            trip=trip,
            bus=bus,
            depart_ms=instant_ms(day, trip.depart_s, zone) + int(rng.exponential(60_000.0)),
            pace=float(np.clip(rng.normal(1.03, 0.06), 0.9, 1.25)),
            heard=0.0 if bus.device in yard else heard,
            late=bool(rng.random() < LATE_SHARE),
        )


def batches(past: PastDrive, radio: Radio, *, definition: str, version: str) -> list[Sent]:
    """The batches of one drive; none of a bus that stayed in the yard."""
    if not past.heard:
        return []
    seed = radio.district.seed
    rng = np.random.default_rng((seed, int(past.stream(seed), 16)))
    # Who rides is who lives there: a substitute bus carries the route's own riders.
    riders = tuple(r for r in past.trip.bus.riders if rng.random() < RIDES_SHARE)
    passage = Passage(
        drive=drive(past.trip.route, past.trip.period, pace=past.pace),
        depart_ms=past.depart_ms,
        riders=riders or past.trip.bus.riders[:1],
        definition=definition,
        version=version,
    )
    told = points(passage, radio, rng)
    until_ms = told[0].time_ms + past.heard * (told[-1].time_ms - told[0].time_ms)
    told = [point for point in told if point.time_ms <= until_ms]
    return _cut(past.bus.device, "bus", past.stream(seed), told)


def _cut(device: str, kind: str, stream: str, told: Sequence[Point]) -> list[Sent]:
    sent = []
    for seq, (_, group) in enumerate(groupby(told, lambda p: p.time_ms // BATCH_MS), start=1):
        rows = list(group)
        header = Header(stream, seq, rows[-1].time_ms + 1000, len(rows))
        sent.append(Sent(device, frame(header, encode_body(kind, rows)), len(rows)))
    return sent


def hotspot_batches(district: District, hotspot: Hotspot, days: Sequence[date]) -> list[Sent]:
    """Daily totals of a take-home hotspot, one batch a day; some days it lies unused."""
    zone = ZoneInfo(district.timezone)
    sent = []
    for day in days:
        stream = _stream(district.seed, hotspot.device, day, "usage")
        rng = np.random.default_rng((district.seed, int(stream, 16)))
        used = rng.random() > 0.15
        down = int(hotspot.daily_bytes * rng.lognormal(-0.1, 0.5)) if used else 0
        total = Usage(
            carrier="unknown",
            down_bytes=down,
            up_bytes=down // 11,
            active_hours=int(rng.integers(2, 8)) if used else 0,
        )
        midnight_ms = instant_ms(day + timedelta(days=1), 0, zone)
        sent += _cut(hotspot.device, "hotspot", stream, [Point(midnight_ms, total)])
    return sent


def streams(district: District, days: Sequence[date]) -> set[str]:
    """The streams of those days' history, to tell it from what was sent live."""
    hotspots = {
        _stream(district.seed, hotspot.device, day, "usage")
        for hotspot in district.hotspots
        for day in days
    }
    return hotspots | {past.stream(district.seed) for past in plan(district, days)}


def legs(drives: Iterable[PastDrive]) -> list[Leg]:
    """The legs of those drives."""
    return [past.leg() for past in drives]


def _stream(seed: int, device: str, day: date, what: str) -> str:
    return hashlib.sha256(f"{seed} {device} {day} {what}".encode()).hexdigest()[:16]
