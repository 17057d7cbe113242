"""What a modem would find at a place: signal, and what becomes of a probe. Pure.

The signal is a field fixed in place, one for each carrier, that drops inside the
district's zones. It is the same every day; what a drive meets on top of it is
:mod:`homeroute_simulators.reception`'s.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from homeroute_simulators.district import Carrier, District
from homeroute_simulators.land import Land
from homeroute_simulators.roads import Place, Reals, Shape

MEDIAN_DBM, LOW_DBM, HIGH_DBM = -87.0, -105.0, -61.0
"""Median, 5th and 95th percentile of RSRP where there is no zone: the district this
simulates for is asked to have them (see docs/simulated-district.md)."""

Z95 = 1.645
"""Spreads from the median to the 95th percentile of a normal distribution."""

COMMON_SHARE = 0.64
"""Of the variance that both carriers share: hills stand in everyone's way."""

WEAKEST_DBM, STRONGEST_DBM = -140.0, -50.0
"""Modems report down to -140 (3GPP TS 36.133); nearer to a mast than -50 no bus drives."""

STEP_M = 5.0
ROADS = 1000
"""Roads remembered at most, about 20 kB each."""

SERVICE_FLOOR_DBM = -120.0
"""Below it nothing gets through."""

GOOD_DBM = -108.0
"""Below it probes are slow and some are lost."""


@dataclass(frozen=True, slots=True)
class Radio:
    """The district's radio."""

    district: District
    _zones: dict[Carrier, tuple[Reals, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _roads: dict[tuple[tuple[Place, ...], Carrier], Reals] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def signal_dbm(self, east_m: Reals, north_m: Reals, carrier: Carrier = "prairie") -> Reals:
        """Reference signal power of that carrier at those places (a row of them)."""
        seed = self.district.seed
        common, own = Land(seed, "common"), Land(seed, carrier)
        height = (
            COMMON_SHARE**0.5 * common.at(east_m, north_m)
            + (1.0 - COMMON_SHARE) ** 0.5 * own.at(east_m, north_m)
        ) / Z95
        step = np.where(height < 0.0, MEDIAN_DBM - LOW_DBM, HIGH_DBM - MEDIAN_DBM)
        signal = np.clip(MEDIAN_DBM + height * step, -118.0, STRONGEST_DBM)
        signal = signal - self._loss_db(east_m, north_m, carrier)
        return np.asarray(np.maximum(signal, WEAKEST_DBM))

    def on_road(self, shape: Shape, along_m: Reals, carrier: Carrier = "prairie") -> Reals:
        """The same along a road, to the nearest 5 m of it; a road is looked at once."""
        road = (shape.corners, carrier)
        if road not in self._roads:
            if len(self._roads) > ROADS:
                self._roads.clear()
            there = np.arange(0.0, shape.length_m + STEP_M, STEP_M)
            self._roads[road] = self.signal_dbm(*shape.at(there), carrier)
        signal = self._roads[road]
        step = np.clip(np.rint(along_m / STEP_M), 0, len(signal) - 1).astype(np.int64)
        return np.asarray(signal[step])

    def _loss_db(self, east_m: Reals, north_m: Reals, carrier: Carrier) -> Reals:
        """What the zones take: flat in the middle, steep at the rim, the worst of them."""
        east, north, radius, loss = self._theirs(carrier)
        if not len(east):
            return np.zeros(np.shape(east_m))
        away_east = east_m[:, None] - east
        away_north = north_m[:, None] - north
        away = np.sqrt(away_east * away_east + away_north * away_north)
        return np.asarray((loss * np.clip(2.0 * (1.0 - away / radius), 0.0, 1.0)).max(axis=1))

    def _theirs(self, carrier: Carrier) -> tuple[Reals, ...]:
        if carrier not in self._zones:
            zones = [z for z in self.district.zones if z.carrier in {None, carrier}]
            self._zones[carrier] = (
                np.array([zone.centre.east_m for zone in zones]),
                np.array([zone.centre.north_m for zone in zones]),
                np.array([zone.radius_m for zone in zones]),
                np.array([zone.loss_db for zone in zones]),
            )
        return self._zones[carrier]


def probe_loss(signal_dbm: Reals) -> Reals:
    """Share of probes lost at that signal: 1 below the floor."""
    weak = np.clip((GOOD_DBM - signal_dbm) / (GOOD_DBM - SERVICE_FLOOR_DBM), 0.0, 1.0)
    return np.where(signal_dbm < SERVICE_FLOOR_DBM, 1.0, 0.001 + 0.35 * weak)


def probe_rtt_ms(signal_dbm: Reals) -> Reals:
    """Typical round trip at that signal, in ms; past 300 where it is weak."""
    slow = np.clip(-92.0 - signal_dbm, 0.0, None)
    weak = np.where(signal_dbm < GOOD_DBM, 260.0, 0.0)
    return np.asarray(42.0 + 3.0 * slow + weak)


def sinr_db(signal_dbm: Reals) -> Reals:
    """Typical signal to interference and noise at that signal: from -10 to 25 dB. Assumed."""
    return np.clip((signal_dbm + 112.0) * 0.6, -10.0, 25.0)


def rsrq_db(signal_dbm: Reals) -> Reals:
    """Typical reference signal quality at that signal: from -20 to -7 dB. Assumed."""
    return np.clip(-7.0 + (signal_dbm + 85.0) * 0.3, -20.0, -7.0)
