"""A bus of the live demo: inbound, a pause, outbound, a pause, and again, at any hour. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from homeroute_simulators.air import bad_air
from homeroute_simulators.district import Client, Rider, Route
from homeroute_simulators.drive import LAYOVER_S, Drive, drive
from homeroute_simulators.roads import Shape
from homeroute_simulators.seeds import columns


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


class Lap:
    """One bus's endless loop over its route, with all who live along it."""

    def __init__(self, route: Route, riders: Sequence[Rider]) -> None:
        self._riders = tuple(riders)
        self._inbound = drive(route, "AM")
        self._outbound = drive(route, "PM")
        seconds = int(self.duration_s) + 1
        self._bad = bad_air(columns("lap", route.label, route.shape.length_m), seconds)

    @property
    def duration_s(self) -> float:
        """There and back, with both pauses."""
        return self._inbound.duration_s + self._outbound.duration_s + 2 * LAYOVER_S

    def at(self, phase_s: float) -> Moment:
        """The moment at that phase; phases repeat after the lap's duration."""
        after_s = phase_s % self.duration_s
        turn_s = self._inbound.duration_s + LAYOVER_S
        leg, since_s = (
            (self._inbound, after_s) if after_s < turn_s else (self._outbound, after_s - turn_s)
        )
        return moment(leg, since_s, aboard(leg, self._riders, since_s))

    def air_is_bad(self, phase_s: float) -> bool:
        """Whether nothing gets through at that phase, however strong the signal."""
        return bool(self._bad[int(phase_s % self.duration_s)])

    def inbound_phase_s(self, along_m: float) -> float:
        """The phase at which the inbound bus is so many metres along."""
        return float(np.interp(along_m, self._inbound.knots_m, self._inbound.knots_s))


def moment(leg: Drive, since_s: float, clients: tuple[Client, ...]) -> Moment:
    """Where that drive is so many seconds after its departure, with those aboard."""
    seconds = np.array([since_s])
    along = leg.along_m(seconds)
    place = leg.route.shape.place(float(along[0]))
    return Moment(
        leg.route.shape,
        float(along[0]),
        place.east_m,
        place.north_m,
        float(leg.speed_mps(seconds)[0]),
        float(leg.heading_deg(along)[0]),
        clients,
    )


def aboard(leg: Drive, riders: Sequence[Rider], after_s: float) -> tuple[Client, ...]:
    """Whose clients are aboard: inbound from their stop on, outbound up to it."""
    times = leg.stop_times_s
    there = (
        rider
        for rider in riders
        if (
            times[rider.stop] <= after_s < times[rider.to]
            if leg.inbound
            else times[rider.to] - LAYOVER_S <= after_s < times[rider.stop]
        )
    )
    return tuple(client for rider in there for client in rider.clients)
