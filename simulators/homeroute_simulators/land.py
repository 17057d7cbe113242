"""A field over the plane: hills of signal that are always in the same place. Pure.

Normalised value noise: random heights on a square lattice, hashed from (seed,
name, lattice place), smoothly interpolated, divided by the spread that the
interpolation leaves. Two sizes of hill are summed.

Guarantees: mean 0 and spread 1 everywhere, close to normal; the same to the last
bit on any machine (whole numbers, + - * / and square roots alone); no memory of
earlier calls. Does not: repeat within 2 million km.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from homeroute_simulators.roads import Reals
from homeroute_simulators.seeds import number

Words = NDArray[np.uint64]

HILLS = ((1_000.0, 0.6), (270.0, 0.4))
"""Metres between lattice points, and the share of the variance.

The correlation of two places falls to 1/e at some 530 m, as a test measures: of the order of
the suburban shadowing in Gudmundson, "Correlation model for shadow fading in mobile radio
systems", Electronics Letters 27 (1991).
"""

_LIFT = 1 << 31


@dataclass(frozen=True, slots=True)
class Land:
    """The field of a seed and a name."""

    seed: int
    name: str

    def at(self, east_m: Reals, north_m: Reals) -> Reals:
        """Its height at those places."""
        height = np.zeros(np.shape(east_m))
        for size_m, share in HILLS:
            salt = number(self.seed, "land", self.name, size_m)
            height = height + share**0.5 * _hills(salt, east_m / size_m, north_m / size_m)
        return height


def _hills(salt: int, east: Reals, north: Reals) -> Reals:
    west, south = np.floor(east), np.floor(north)
    right, up = _smooth(east - west), _smooth(north - south)
    column, row = west.astype(np.int64), south.astype(np.int64)
    total = np.zeros(np.shape(east))
    spread = np.zeros(np.shape(east))
    for aside, across in ((0, 1.0 - right), (1, right)):
        for above, along in ((0, 1.0 - up), (1, up)):
            weight = across * along
            total = total + weight * _heights(salt, column + aside, row + above)
            spread = spread + weight * weight
    return np.asarray(total / np.sqrt(spread))


def _smooth(share: Reals) -> Reals:
    return np.asarray(share * share * (3.0 - 2.0 * share))


def _heights(salt: int, column: NDArray[np.int64], row: NDArray[np.int64]) -> Reals:
    """Near normal, mean 0 and spread 1: the sum of four uniform 16-bit numbers."""
    place = (column + _LIFT).astype(np.uint64) << np.uint64(32) | (row + _LIFT).astype(np.uint64)
    words = _mix(_mix(place ^ np.uint64(salt)))
    mask = np.uint64(0xFFFF)
    total = sum((words >> np.uint64(16 * n) & mask).astype(np.float64) for n in range(4))
    return np.asarray((total / 65536.0 - 2.0 + 2.0 / 65536.0) * 3.0**0.5)


def _mix(words: Words) -> Words:
    """The finaliser of SplitMix64: each bit of the place changes half of the answer's."""
    words = words + np.uint64(0x9E3779B97F4A7C15)
    words = (words ^ words >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ words >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return words ^ words >> np.uint64(31)
