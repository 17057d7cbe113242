"""What a simulated district is made of: plain records, the same for the same seed.

Who drives when on a given day is :mod:`homeroute_simulators.world`'s to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from homeroute_simulators.roads import Place, Projection, Shape

Period = Literal["AM", "MID", "PM"]
Habit = Literal["learning", "games", "video", "social", "idle"]
Carrier = Literal["prairie", "bluestem"]

FIRST_FEED, SECOND_FEED = "feed-1", "feed-2"
"""Services of a founded district: its timetable until the change in mid-year, and after it."""


@dataclass(frozen=True, slots=True)
class Stop:
    """A bus stop, so many metres along its route's shape."""

    name: str
    along_m: float


@dataclass(frozen=True, slots=True)
class Route:
    """A road driven forward (inbound: from the outermost stop to the school) and back.

    ``stops`` are in inbound order; of a school route the last is the school.
    ``cruise_mps`` is the speed between stops.
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
    """A place where the radio is worse by ``loss_db`` at its centre, always.

    ``carrier`` says whose; None is everyone's, as behind a hill.
    """

    centre: Place
    radius_m: float
    loss_db: float
    carrier: Carrier | None = None


@dataclass(frozen=True, slots=True)
class Client:
    """A phone, tablet or laptop. ``mac`` is the one it shows today.

    ``rotates``: it makes up a new one each day. ``doh``: it asks a resolver of its
    own over HTTPS, so that the bus sees none of its lookups but that resolver's.
    """

    mac: str
    randomized: bool
    rotates: bool
    doh: bool
    habit: Habit
    host_name: str


@dataclass(frozen=True, slots=True)
class Rider:
    """Someone who rides between two stops, with no client, one or two.

    ``stop`` and ``to`` are indexes into the route's stops: inbound from ``stop`` to
    ``to``, outbound the other way. ``rides`` is how likely on any one drive.
    """

    stop: int
    to: int
    rides: float
    clients: tuple[Client, ...]


@dataclass(frozen=True, slots=True)
class Bus:
    """A bus with our gateway, and whose network its modem is on."""

    device: str
    carrier: Carrier = "prairie"


@dataclass(frozen=True, slots=True)
class Hotspot:
    """A take-home hotspot; ``daily_bytes`` is an ordinary evening's download."""

    device: str
    daily_bytes: int


@dataclass(frozen=True, slots=True)
class Trip:
    """One scheduled drive. ``depart_s`` is seconds after noon minus 12 h, as in GTFS.

    ``service`` names the days it runs; ``early_s`` is its departure on an
    early-release day, where that differs. ``clock_s``, if known, is arrival and
    departure at each stop in driving order, in seconds after ``depart_s``; else the
    route's cruising speed decides.
    """

    name: str
    route: Route
    bus: Bus
    period: Period
    depart_s: int
    riders: tuple[Rider, ...]
    service: str = FIRST_FEED
    inbound: bool = True
    early_s: int | None = None
    clock_s: tuple[tuple[int, int], ...] | None = None


@dataclass(frozen=True, slots=True)
class District:
    """The whole of it. ``timezone`` is an IANA name.

    ``trips`` is the timetable; ``later_trips`` replaces it when the feed changes.
    ``left_out`` are the feed's trips that no bus was free for.
    """

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
    later_trips: tuple[Trip, ...] = ()
    left_out: int = 0
