"""Past school weeks: which bus drove what, and the batches its agent would have sent.

Guarantees: the same world and days give the same plan and the same streams,
so that filling twice stores nothing twice; hollows are where they always are.
The weeks are not clean: a gateway stays off, an agent goes dark half-way, a
substitute drives another's route, some batches come last of all.

Does not: write anything. Batches are handed to the collector's own ingest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from homeroute_analytics.legs import instant_ms
from homeroute_simulators.district import District, Hotspot
from homeroute_simulators.history_columns import measured
from homeroute_simulators.history_facts import passage
from homeroute_simulators.history_faults import LOSSY, SOME, Mishap, mishap
from homeroute_simulators.history_sending import Sent, cut, sending
from homeroute_simulators.history_truth import happened
from homeroute_simulators.planned_drive import PlannedDrive
from homeroute_simulators.radio import Radio
from homeroute_simulators.seeds import columns
from homeroute_simulators.truth import line
from homeroute_simulators.world import World
from homeroute_wire.batch import RawColumns

OFF_SHARE = 0.05
GOES_DARK_SHARE = 0.04
LATE_SHARE = 0.10


@dataclass(frozen=True, slots=True)
class PastDrive:
    """One drive of the past, and what became of its telling.

    ``heard`` is the share of it the agent lived to tell: 0 for a gateway that was
    never switched on. ``late``: its batches came long after the others. ``mishap``:
    what else went wrong.
    """

    planned: PlannedDrive
    heard: float
    late: bool
    mishap: Mishap | None = None

    @property
    def device(self) -> str:
        """The name it tells under: its own, but for a cloned card."""
        return (self.mishap.name if self.mishap else "") or self.planned.bus.device

    @property
    def lossy(self) -> bool:
        """Whether something of it is missing for good."""
        return self.heard < 1.0 or (self.mishap is not None and self.mishap.kind in LOSSY)

    def stream(self, seed: int) -> str:
        """The name of the agent run that sent it."""
        planned = self.planned
        return _stream(seed, planned.bus.device, planned.day, planned.trip.name)


def school_days(before: date, count: int) -> list[date]:
    """The last ``count`` Mondays to Fridays before that day, oldest first."""
    days: list[date] = []
    day = before
    while len(days) < count:
        day -= timedelta(days=1)
        if day.weekday() < 5:
            days.append(day)
    return days[::-1]


def plan(world: World, days: Iterable[date], *, kinds: Collection[str] = SOME) -> list[PastDrive]:
    """Every drive of those days, in the order batches arrive: late ones last.

    ``kinds`` of :mod:`homeroute_simulators.history_faults`; without any, every drive is
    told in full, and at once.
    """
    drives = [past for day in days for past in _day(world, day, kinds)]
    return sorted(
        drives, key=lambda past: (past.late, past.planned.depart_ms, past.planned.bus.device)
    )


def _day(world: World, day: date, kinds: Collection[str]) -> list[PastDrive]:
    seed = world.district.seed
    rng = columns(seed, "told", day)
    off = {bus.device for bus in world.district.buses if rng.random() < OFF_SHARE}
    drives: list[PastDrive] = []
    for planned in world.drives(day):
        heard = float(rng.uniform(0.3, 0.8)) if rng.random() < GOES_DARK_SHARE else 1.0
        late = bool(rng.random() < LATE_SHARE) and "late" in kinds
        heard = heard if "power_cut" in kinds else 1.0
        heard = 0.0 if planned.bus.device in off and "no_power" in kinds else heard
        found = mishap(seed, planned, kinds) if heard == 1.0 else None
        late = late or (found is not None and found.kind == "no_coverage")
        drives.append(PastDrive(planned, heard, late, found))
    return list(_named(seed, drives))


def _named(seed: int, drives: Sequence[PastDrive]) -> Iterator[PastDrive]:
    """Give each cloned card the name of a bus of whose day nothing is lost; or no mishap."""
    lossy = {past.planned.bus.device for past in drives if past.lossy}
    whole = sorted({past.planned.bus.device for past in drives} - lossy)
    for past in drives:
        planned = past.planned
        if past.mishap is None or past.mishap.kind != "cloned_card":
            yield past
            continue
        others = [device for device in whole if device != planned.bus.device]
        rng = columns(seed, "clone", planned.bus.device, planned.name)
        name = others[int(rng.integers(len(others)))] if others else ""
        yield replace(past, mishap=replace(past.mishap, name=name) if name else None)


@dataclass(frozen=True, slots=True)
class Told:
    """A past drive: the batches that were sent of it, and the lines of its truth."""

    sent: tuple[Sent, ...]
    truth: str


def tell(past: PastDrive, radio: Radio, *, definition: str, version: str, truth: bool) -> Told:
    """The batches of one drive, and with ``truth`` also what really happened on it."""
    seed = radio.district.seed
    happening = passage(radio, past.planned, heard=past.heard, mishap=past.mishap)
    records = happened(happening, seed, past.device, late=past.late) if truth else ()
    lines = "".join(map(line, records))
    if not past.heard:
        return Told((), lines)
    found = measured(happening, radio, definition=definition, version=version)
    return Told(tuple(sending(happening, found, past.device, past.stream(seed))), lines)


def batches(past: PastDrive, radio: Radio, *, definition: str, version: str) -> list[Sent]:
    """The batches of one drive; none of a gateway that was off."""
    return list(tell(past, radio, definition=definition, version=version, truth=False).sent)


def hotspot_batches(district: District, hotspot: Hotspot, days: Sequence[date]) -> list[Sent]:
    """Daily totals of a take-home hotspot, one batch a day; some days it lies unused."""
    zone = ZoneInfo(district.timezone)
    sent: list[Sent] = []
    for day in days:
        stream = _stream(district.seed, hotspot.device, day, "usage")
        rng = columns(stream)
        used = rng.random() > 0.15
        down = int(hotspot.daily_bytes * rng.lognormal(-0.1, 0.5)) if used else 0
        midnight_ms = instant_ms(day, 0, zone)
        hours = int(rng.integers(2, 8)) if used else 0
        total: dict[str, list[Any]] = {
            "carrier": ["unknown"],
            "down_bytes": [down],
            "up_bytes": [down // 11],
            "active_hours": [hours],
        }
        usage = {"usage": RawColumns([midnight_ms], total)}
        sent += cut(hotspot.device, "hotspot", stream, usage)
    return sent


def streams(world: World, days: Sequence[date]) -> set[str]:
    """The streams of those days' history, to tell it from what was sent live."""
    seed = world.district.seed
    hotspots = {
        _stream(seed, hotspot.device, day, "usage")
        for hotspot in world.district.hotspots
        for day in days
    }
    return hotspots | {past.stream(seed) for past in plan(world, days)}


def _stream(seed: int, device: str, day: date, what: str) -> str:
    return hashlib.sha256(f"{seed} {device} {day} {what}".encode()).hexdigest()[:16]
