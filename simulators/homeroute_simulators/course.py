"""A bus's way through time: its drives one after the other, empty runs, and standing. Pure.

Guarantees: a bus never jumps: from where a drive ended it runs empty, on a straight
road or two, to where the next begins, and is there a minute early. Nobody is aboard
between drives. Does not: send buses to a depot, or follow real roads when empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from homeroute_simulators.district import Bus
from homeroute_simulators.planned_drive import Moment, PlannedDrive
from homeroute_simulators.radio import Radio
from homeroute_simulators.reception import Reception, receive
from homeroute_simulators.roads import Place, Shape

AROUND_MS = 60_000
"""A client can be aboard so long before the departure and after the arrival, at most."""

EMPTY_MPS = 13.0
"""An empty bus makes no stops. Assumed; with less time than that takes, it is faster."""

NEAR_M = 10.0
"""Nearer than this the next drive begins where the last one ended."""


@dataclass(frozen=True, slots=True)
class _EmptyRun:
    road: Shape
    leaves_ms: int
    there_ms: int

    def at(self, time_ms: int) -> Moment:
        share = (time_ms - self.leaves_ms) / max(1, self.there_ms - self.leaves_ms)
        moving = 0.0 <= share < 1.0
        along_m = min(max(share, 0.0), 1.0) * self.road.length_m
        place = self.road.place(along_m)
        return Moment(
            road=self.road,
            along_m=along_m,
            east_m=place.east_m,
            north_m=place.north_m,
            speed_mps=self.road.length_m * 1000 / (self.there_ms - self.leaves_ms) * moving,
            heading_deg=float(self.road.heading_deg(np.array([along_m]))[0]),
            aboard=(),
        )


class Course:
    """One bus over any number of days. Asked about times that never go back.

    ``drives`` are its own, by departure, of which no two overlap; they may be endless:
    one is taken before it is needed. Before the first the bus stands where that
    begins, after the last where that ended; with none at all at ``home``.
    """

    def __init__(self, bus: Bus, drives: Iterable[PlannedDrive], radio: Radio, home: Shape) -> None:
        self.bus = bus
        self._drives: Iterator[PlannedDrive] = iter(drives)
        self._radio = radio
        self._home = home
        self._last: PlannedDrive | None = None
        self._next = next(self._drives, None)
        self._empty: _EmptyRun | None = None
        self._received: tuple[PlannedDrive, Reception] | None = None

    def moment(self, time_ms: int) -> Moment:
        """Where the bus is and who is aboard."""
        self._go(time_ms)
        if self._empty is not None and time_ms >= self._empty.leaves_ms:
            return self._empty.at(time_ms)
        # Stays end with the drive: nobody is aboard between two of them.
        if (planned := self._last or self._next) is not None:
            return planned.at(time_ms)
        return standing(self._home)

    def air(self, time_ms: int) -> tuple[float, bool]:
        """Signal in dBm, and whether the air is bad: nothing then gets through.

        Of a drive, from a minute before it to a minute after, it is as
        :mod:`homeroute_simulators.reception` has it; else as the place has it.
        """
        if (planned := self.near(time_ms)) is not None:
            if self._received is None or self._received[0] is not planned:
                self._received = planned, receive(self._radio, planned)
            return self._received[1].at(time_ms)
        there = self.moment(time_ms)
        along = np.array([there.along_m])
        return float(self._radio.on_road(there.road, along, self.bus.carrier)[0]), False

    def near(self, time_ms: int) -> PlannedDrive | None:
        """The drive under way, from a minute before its departure to a minute after its arrival."""
        self._go(time_ms)
        planned = self._last
        return planned if planned and time_ms < planned.arrive_ms + AROUND_MS else None

    def driving(self, time_ms: int) -> PlannedDrive | None:
        """The drive under way, from its departure until its arrival."""
        planned = self.near(time_ms)
        return planned if planned and planned.depart_ms <= time_ms < planned.arrive_ms else None

    def _go(self, time_ms: int) -> None:
        """Take up every drive that has begun by then: a minute before its departure."""
        while self._next is not None and self._next.depart_ms - AROUND_MS <= time_ms:
            self._last, self._next = self._next, next(self._drives, None)
            self._empty = empty_run(self._last, self._next) if self._next else None


def standing(road: Shape) -> Moment:
    """Empty, at the first corner of a road."""
    place = road.place(0.0)
    heading = float(road.heading_deg(np.array([0.0]))[0])
    return Moment(road, 0.0, place.east_m, place.north_m, 0.0, heading, ())


def empty_run(before: PlannedDrive, after: PlannedDrive) -> _EmptyRun | None:
    """From where one drive ends to where the next begins; None when that is the same place."""
    road = _between(before.ends, after.begins)
    if road is None:
        return None
    there_ms = after.depart_ms - AROUND_MS
    leaves_ms = there_ms - round(road.length_m / EMPTY_MPS * 1000)
    # Those aboard alight first, unless there is no time for it.
    leaves_ms = max(leaves_ms, min(before.arrive_ms + AROUND_MS, there_ms - 1000))
    return _EmptyRun(road, leaves_ms, there_ms)


def empty_run_s(before: PlannedDrive, after: PlannedDrive) -> float:
    """How long that takes at an empty bus's speed."""
    road = _between(before.ends, after.begins)
    return road.length_m / EMPTY_MPS if road else 0.0


def _between(here: Place, there: Place) -> Shape | None:
    """East or west first, as on a grid of country roads."""
    corner = Place(there.east_m, here.north_m)
    corners = [here, corner, there]
    corners = [b for a, b in zip([None, *corners], corners, strict=False) if a != b]
    road = Shape(tuple(corners)) if len(corners) > 1 else None
    return road if road is not None and road.length_m >= NEAR_M else None
