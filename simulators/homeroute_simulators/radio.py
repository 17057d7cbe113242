"""What a modem would find at a place: signal, and what becomes of a probe. Pure.

The signal falls off with the distance from the town's mast, undulates with the
land, and drops inside the district's zones. It is the same every day; a drive
adds its own weather.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from homeroute_simulators.district import District
from homeroute_simulators.roads import Reals

MAST_DBM = -84.0
FALL_DB_PER_KM = 1.6
LAND_DB = 2.5

SERVICE_FLOOR_DBM = -120.0
"""Below it nothing gets through."""

GOOD_DBM = -108.0
"""Below it probes are slow and some are lost."""


@dataclass(frozen=True, slots=True)
class Radio:
    """The district's radio."""

    district: District

    def signal_dbm(self, east_m: Reals, north_m: Reals) -> Reals:
        """Reference signal power at those places."""
        phase = self.district.seed % 1000
        land = np.sin(east_m / 700.0 + phase) * np.cos(north_m / 900.0 - phase)
        km = np.hypot(east_m, north_m) / 1000.0
        signal = MAST_DBM - FALL_DB_PER_KM * km + LAND_DB * land
        for zone in self.district.zones:
            away = np.hypot(east_m - zone.centre.east_m, north_m - zone.centre.north_m)
            # Flat in the middle, steep at the rim: the edge of a hollow.
            depth = np.clip(2.0 * (1.0 - away / zone.radius_m), 0.0, 1.0)
            signal = signal - zone.loss_db * depth
        return np.asarray(signal)


def probe_loss(signal_dbm: Reals) -> Reals:
    """Share of probes lost at that signal: 1 below the floor."""
    weak = np.clip((GOOD_DBM - signal_dbm) / (GOOD_DBM - SERVICE_FLOOR_DBM), 0.0, 1.0)
    return np.where(signal_dbm < SERVICE_FLOOR_DBM, 1.0, 0.001 + 0.35 * weak)


def probe_rtt_ms(signal_dbm: Reals) -> Reals:
    """Typical round trip at that signal, in ms; past 300 where it is weak."""
    slow = np.clip(-92.0 - signal_dbm, 0.0, None)
    weak = np.where(signal_dbm < GOOD_DBM, 260.0, 0.0)
    return np.asarray(42.0 + 3.0 * slow + weak)
