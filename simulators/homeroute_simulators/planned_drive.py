"""One drive of one day as it really happens: who drives, when, and who is aboard. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from homeroute_simulators.district import Bus, Client, Rider, Trip
from homeroute_simulators.drive import Drive
from homeroute_simulators.lap import Moment, moment


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
        return moment(self.drive, (time_ms - self.depart_ms) / 1000.0, self.aboard(time_ms))
