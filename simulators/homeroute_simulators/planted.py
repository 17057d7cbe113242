"""Where along a trip the simulated radio is too weak: the truth beneath what is found. Pure.

Guarantees: of the field that is fixed in place, without a drive's own weather; metres
along the road as the timetable has it. Does not: hold for a substitute on the other
carrier's network.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby

import numpy as np

from homeroute_simulators.district import District, Trip
from homeroute_simulators.radio import GOOD_DBM, SERVICE_FLOOR_DBM, STEP_M, Radio


@dataclass(frozen=True, slots=True)
class Planted:
    """A stretch: ``state`` 0, nothing gets through; 1, too slow or too lossy to be usable."""

    start_m: float
    end_m: float
    state: int


@dataclass(frozen=True, slots=True)
class Truth:
    """What a district's radio does to its trips."""

    district: District
    _radio: list[Radio] = field(default_factory=list, init=False, repr=False, compare=False)

    def along(self, trip: str, length_m: float) -> list[Planted]:
        """The weak stretches of the trip of that name, on its road of that length."""
        every = (*self.district.trips, *self.district.later_trips)
        found = next((one for one in every if one.name == trip), None)
        return [] if found is None or length_m <= 0 else self._stretches(found, length_m)

    def _stretches(self, trip: Trip, length_m: float) -> list[Planted]:
        if not self._radio:
            self._radio.append(Radio(self.district))
        shape = trip.route.shape
        along = np.arange(0.0, shape.length_m, STEP_M)
        signal = self._radio[0].on_road(shape, along, trip.bus.carrier)
        states = np.where(signal < SERVICE_FLOOR_DBM, 0, np.where(signal < GOOD_DBM, 1, 2))
        if not trip.inbound:
            states = states[::-1]
        scale = length_m / len(states)
        planted, at = [], 0
        for state, group in groupby(states.tolist()):
            size = sum(1 for _ in group)
            if state != 2:
                planted.append(Planted(at * scale, (at + size) * scale, state))
            at += size
        return planted
