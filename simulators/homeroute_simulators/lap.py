"""A bus of the live demo: inbound, a pause, outbound, a pause, and again, at any hour. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from homeroute_simulators.district import Bus, Rider, Route
from homeroute_simulators.drive import LAYOVER_S, Drive, drive


@dataclass(frozen=True, slots=True)
class Moment:
    """Where the bus is and who is aboard. Speed in m/s, course in degrees from north."""

    east_m: float
    north_m: float
    speed_mps: float
    heading_deg: float
    aboard: tuple[Rider, ...]


class Lap:
    """One bus's endless loop over its route."""

    def __init__(self, route: Route, bus: Bus) -> None:
        self._bus = bus
        self._inbound = drive(route, "AM")
        self._outbound = drive(route, "PM")

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
        seconds = np.array([since_s])
        along = leg.along_m(seconds)
        place = leg.route.shape.place(float(along[0]))
        return Moment(
            place.east_m,
            place.north_m,
            float(leg.speed_mps(seconds)[0]),
            float(leg.heading_deg(along)[0]),
            aboard(leg, self._bus.riders, since_s),
        )

    def inbound_phase_s(self, along_m: float) -> float:
        """The phase at which the inbound bus is so many metres along."""
        return float(np.interp(along_m, self._inbound.knots_m, self._inbound.knots_s))


def aboard(leg: Drive, riders: tuple[Rider, ...], after_s: float) -> tuple[Rider, ...]:
    """Who is aboard: inbound from their stop to the school, outbound the other way."""
    if leg.period == "AM":
        return tuple(r for r in riders if leg.stop_times_s[r.stop] <= after_s < leg.duration_s)
    return tuple(r for r in riders if after_s < leg.stop_times_s[r.stop])
