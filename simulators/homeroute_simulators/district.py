"""What a simulated district is made of: plain records, the same for the same seed.

A later district will be deeper; these are the words it keeps: route, stop,
trip, bus, rider, zone, hotspot.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from homeroute_simulators.roads import Place, Projection, Shape

Period = Literal["AM", "PM"]
Habit = Literal["learning", "games", "video", "social", "idle"]


@dataclass(frozen=True, slots=True)
class Stop:
    """A bus stop, so many metres along its route's shape."""

    name: str
    along_m: float


@dataclass(frozen=True, slots=True)
class Route:
    """A road from its outermost stop to the school, driven inbound AM and outbound PM.

    ``stops`` are in inbound order; the last is the school. ``cruise_mps`` is the
    speed between stops.
    """

    number: str
    name: str
    shape: Shape
    stops: tuple[Stop, ...]
    cruise_mps: float

    @property
    def label(self) -> str:
        """As the district calls it: ``12 Heron Creek``."""
        return f"{self.number} {self.name}"


@dataclass(frozen=True, slots=True)
class Zone:
    """A place where the radio is worse by ``loss_db`` at its centre, always."""

    centre: Place
    radius_m: float
    loss_db: float


@dataclass(frozen=True, slots=True)
class Rider:
    """Someone with one client, boarding at a stop (an index into the route's stops)."""

    stop: int
    mac: str
    randomized: bool
    habit: Habit
    host_name: str


@dataclass(frozen=True, slots=True)
class Bus:
    """A bus with our gateway, and those who ride it."""

    device: str
    riders: tuple[Rider, ...]


@dataclass(frozen=True, slots=True)
class Hotspot:
    """A take-home hotspot; ``daily_bytes`` is an ordinary evening's download."""

    device: str
    daily_bytes: int


@dataclass(frozen=True, slots=True)
class Trip:
    """One scheduled drive on school days; ``depart_s`` is seconds after midnight."""

    name: str
    route: Route
    bus: Bus
    period: Period
    depart_s: int


@dataclass(frozen=True, slots=True)
class District:
    """The whole of it. ``timezone`` is an IANA name."""

    name: str
    title: str
    seed: int
    timezone: str
    projection: Projection
    routes: tuple[Route, ...]
    buses: tuple[Bus, ...]
    hotspots: tuple[Hotspot, ...]
    trips: tuple[Trip, ...]
    zones: tuple[Zone, ...]

    def route_of(self, bus: Bus) -> Route:
        """The route a bus is assigned to."""
        return next(trip.route for trip in self.trips if trip.bus is bus)
