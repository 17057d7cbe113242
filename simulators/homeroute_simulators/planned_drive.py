"""One drive of one day as it really happens: who drives, when, and who is aboard. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from typing import Self

import numpy as np

from homeroute_simulators.district import Bus, Client, Rider, Trip
from homeroute_simulators.drive import Drive
from homeroute_simulators.roads import Place, Shape


@dataclass(frozen=True, slots=True)
class Moment:
    """Where the bus is and which clients are aboard. Speed in m/s, course in degrees from north.

    ``along_m`` counts along the ``road`` from its first corner.
    """

    road: Shape
    along_m: float
    east_m: float
    north_m: float
    speed_mps: float
    heading_deg: float
    aboard: tuple[Client, ...]


@dataclass(frozen=True, slots=True)
class Ride:
    """A rider aboard: the stops are indexes into the route's stops, in the order ridden."""

    rider: Rider
    boards: int
    alights: int


@dataclass(frozen=True, slots=True)
class Stay:
    """One client's time on the bus's Wi-Fi: from ``came_ms`` until ``went_ms``, since 1970."""

    client: Client
    came_ms: int
    went_ms: int


@dataclass(frozen=True, slots=True)
class PlannedDrive:
    """A drive that takes place. All times are ms since 1970.

    ``bus`` is the one that really drives; ``scheduled_ms`` is the timetable's
    departure, ``depart_ms`` the real one; ``pace`` above 1 is slower traffic. An
    ``excursion`` is outside the timetable, though it has a trip of its own here.
    ``rides`` are those who came, ``stays`` what of theirs joins the Wi-Fi, by the
    time it came.
    """

    day: date
    trip: Trip
    bus: Bus
    scheduled_ms: int
    depart_ms: int
    pace: float
    excursion: bool
    rides: tuple[Ride, ...]
    stays: tuple[Stay, ...]
    drive: Drive = field(repr=False, compare=False)

    @property
    def name(self) -> str:
        """Unique in a world: the day and the trip."""
        return f"{self.day.isoformat()} {self.trip.name}"

    @property
    def substitute(self) -> bool:
        """Whether another bus drives than the timetable says."""
        return self.bus.device != self.trip.bus.device

    @property
    def arrive_ms(self) -> int:
        """When the last stop is reached."""
        return self.depart_ms + round(self.drive.duration_s * 1000)

    def aboard(self, time_ms: int) -> tuple[Client, ...]:
        """The clients on the Wi-Fi at that time."""
        return tuple(s.client for s in self.stays if s.came_ms <= time_ms < s.went_ms)

    def at(self, time_ms: int) -> Moment:
        """Where the bus is and who is aboard; before the departure it stands at the first stop."""
        seconds = np.array([(time_ms - self.depart_ms) / 1000.0])
        along = self.drive.along_m(seconds)
        road = self.drive.route.shape
        place = road.place(float(along[0]))
        return Moment(
            road,
            float(along[0]),
            place.east_m,
            place.north_m,
            float(self.drive.speed_mps(seconds)[0]),
            float(self.drive.heading_deg(along)[0]),
            self.aboard(time_ms),
        )

    @property
    def begins(self) -> Place:
        """The first stop."""
        return self.drive.route.shape.place(float(self.drive.knots_m[0]))

    @property
    def ends(self) -> Place:
        """The last stop."""
        return self.drive.route.shape.place(float(self.drive.knots_m[-1]))

    def moved(self, by_ms: int) -> Self:
        """The same drive with the same riders, so much later."""
        return replace(
            self,
            scheduled_ms=self.scheduled_ms + by_ms,
            depart_ms=self.depart_ms + by_ms,
            stays=tuple(
                replace(stay, came_ms=stay.came_ms + by_ms, went_ms=stay.went_ms + by_ms)
                for stay in self.stays
            ),
        )
