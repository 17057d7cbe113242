"""What one drive's modem receives, second by second. Pure.

On the field that is fixed in place lie the drive's own weather and its own bad air.

Guarantees: one reception for (seed, device, drive), whoever asks; whole tenths of a
decibel. Does not: know what a probe made of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from homeroute_simulators.air import bad_air
from homeroute_simulators.planned_drive import PlannedDrive
from homeroute_simulators.radio import Radio
from homeroute_simulators.roads import Reals
from homeroute_simulators.seeds import columns

DAY_DB, FLICKER_DB = 1.8, 1.2
"""Spread of a drive's own weather, and of a second's."""

AROUND_S = 120
"""A reception reaches from so long before the departure to so long after the arrival."""


@dataclass(frozen=True, slots=True)
class Reception:
    """One value a second, the first at ``start_ms``: signal in dBm, and whether the air is bad."""

    start_ms: int
    signal_dbm: Reals
    bad: NDArray[np.bool_]

    def at(self, time_ms: int) -> tuple[float, bool]:
        """Signal and whether the air is bad; beyond the ends, as at the ends."""
        second = min(max((time_ms - self.start_ms) // 1000, 0), len(self.bad) - 1)
        return float(self.signal_dbm[second]), bool(self.bad[second])


def receive(radio: Radio, planned: PlannedDrive) -> Reception:
    """The reception of a drive."""
    words = (radio.district.seed, planned.bus.device, planned.name)
    start_ms = planned.depart_ms - AROUND_S * 1000
    size = (planned.arrive_ms - start_ms) // 1000 + AROUND_S
    after_s = np.arange(size, dtype=np.float64) - AROUND_S
    along = planned.drive.along_m(after_s)
    rng = columns("weather", *words)
    weather = rng.normal(0.0, DAY_DB) + rng.normal(0.0, FLICKER_DB, size)
    road = planned.drive.route.shape
    signal = radio.on_road(road, along, planned.bus.carrier) + weather
    return Reception(start_ms, np.round(signal, 1), bad_air(columns("air", *words), size))
