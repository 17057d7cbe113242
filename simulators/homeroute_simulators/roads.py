"""The geometry of a road: where one is so many metres along it.

Flat, in metres east and north of the district's centre; over the 20 km of a
district the error of flatness is under a metre. Pure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]

METRES_PER_DEGREE = 111_320.0
"""Of latitude, on a sphere of Earth's mean circumference."""


@dataclass(frozen=True, slots=True)
class Place:
    """A point on the district's plane, in metres east and north of its centre."""

    east_m: float
    north_m: float


@dataclass(frozen=True, slots=True)
class Projection:
    """Between the district's plane and WGS 84; the centre in degrees."""

    lat: float
    lon: float

    def degrees(self, east_m: Reals, north_m: Reals) -> tuple[Reals, Reals]:
        """Latitudes and longitudes of places given in metres."""
        lat = self.lat + north_m / METRES_PER_DEGREE
        lon = self.lon + east_m / (METRES_PER_DEGREE * math.cos(math.radians(self.lat)))
        return lat, lon

    def metres(self, lat: float, lon: float) -> tuple[float, float]:
        """Metres east and north of a place given in degrees."""
        a_degree = METRES_PER_DEGREE * math.cos(math.radians(self.lat))
        return (lon - self.lon) * a_degree, (lat - self.lat) * METRES_PER_DEGREE


@dataclass(frozen=True, slots=True)
class Shape:
    """A road as a polyline. At least two corners, no two neighbours the same."""

    corners: tuple[Place, ...]
    _along: Any = field(init=False, repr=False, compare=False)
    _east: Any = field(init=False, repr=False, compare=False)
    _north: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Measure the road once."""
        east = np.array([c.east_m for c in self.corners])
        north = np.array([c.north_m for c in self.corners])
        # Not hypot: a square root is the same to the last bit everywhere.
        steps = np.sqrt(np.diff(east) ** 2 + np.diff(north) ** 2)
        if len(self.corners) < 2 or not bool((steps > 0).all()):
            raise ValueError("a shape needs two corners or more, each away from the one before")
        object.__setattr__(self, "_along", np.concatenate(([0.0], np.cumsum(steps))))
        object.__setattr__(self, "_east", east)
        object.__setattr__(self, "_north", north)

    @property
    def length_m(self) -> float:
        """From the first corner to the last."""
        return float(self._along[-1])

    def at(self, along_m: Reals) -> tuple[Reals, Reals]:
        """Metres east and north, so many metres along; the ends are not passed."""
        return (
            np.interp(along_m, self._along, self._east),
            np.interp(along_m, self._along, self._north),
        )

    def place(self, along_m: float) -> Place:
        """The one place so many metres along."""
        east, north = self.at(np.array([along_m]))
        return Place(float(east[0]), float(north[0]))

    def heading_deg(self, along_m: Reals) -> Reals:
        """Course over ground driving forward, clockwise from north, 0 to 360."""
        last = len(self.corners) - 2
        piece = np.clip(np.searchsorted(self._along, along_m, side="right") - 1, 0, last)
        east = np.diff(self._east)[piece]
        north = np.diff(self._north)[piece]
        return np.asarray(np.degrees(np.arctan2(east, north)) % 360.0)
