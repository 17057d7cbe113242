"""How a bus moves along its route: the time of every metre. Pure.

A drive is cruise between stops and a dwell at each; the bus does not
accelerate, it is simply driving or standing. That is true enough for coverage
sampled every 10 s.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from homeroute_simulators.district import Period, Route, Trip
from homeroute_simulators.roads import Reals

DWELL_S = 18.0
"""At an ordinary stop: doors, two or three riders, doors."""

LAYOVER_S = 25.0
"""At the school and at the far end, between one drive and the next."""


@dataclass(frozen=True, slots=True)
class Drive:
    """One drive over a route. ``along_m`` counts from the route's outer end.

    ``knots_s`` and ``knots_m`` are the corners of distance over time; inbound,
    distance grows. ``stop_times_s`` is in the route's inbound order: when the bus
    reaches each.
    """

    route: Route
    period: Period
    inbound: bool
    knots_s: Reals
    knots_m: Reals
    stop_times_s: tuple[float, ...]

    @property
    def duration_s(self) -> float:
        """From leaving the first stop to reaching the last."""
        return float(self.knots_s[-1])

    def along_m(self, after_s: Reals) -> Reals:
        """Metres from the outer end, so many seconds after the departure."""
        return np.interp(after_s, self.knots_s, self.knots_m)

    def speed_mps(self, after_s: Reals) -> Reals:
        """Speed at those seconds; 0 while standing, before and after."""
        last = len(self.knots_s) - 2
        piece = np.clip(np.searchsorted(self.knots_s, after_s, side="right") - 1, 0, last)
        speeds = np.abs(np.diff(self.knots_m) / np.diff(self.knots_s))
        outside = (after_s < 0) | (after_s >= self.duration_s)
        return np.where(outside, 0.0, speeds[piece])

    def heading_deg(self, along_m: Reals) -> Reals:
        """Course over ground at those places, in this drive's direction."""
        forward = self.route.shape.heading_deg(along_m)
        return forward if self.inbound else (forward + 180.0) % 360.0


def drive(route: Route, period: Period, *, pace: float = 1.0, inbound: bool | None = None) -> Drive:
    """A drive at the route's cruising speed; ``pace`` above 1 is slower traffic.

    Inbound in the morning and outbound later, unless said otherwise.
    """
    inbound = period == "AM" if inbound is None else inbound
    seconds, metres, reached = [0.0], [], [0.0]
    along = [stop.along_m for stop in route.stops]
    order = along if inbound else along[::-1]
    metres.append(order[0])
    for number, there in enumerate(order[1:], start=2):
        arrival = seconds[-1] + abs(there - metres[-1]) / route.cruise_mps * pace
        reached.append(arrival)
        seconds.append(arrival)
        metres.append(there)
        if number < len(order):
            seconds.append(arrival + DWELL_S)
            metres.append(there)
    return _drive(route, period, inbound, seconds, metres, reached)


def on_trip(trip: Trip, *, pace: float = 1.0) -> Drive:
    """The drive of a trip: by its timetable where it has one, else at cruising speed."""
    if trip.clock_s is None:
        return drive(trip.route, trip.period, pace=pace, inbound=trip.inbound)
    along = [stop.along_m for stop in trip.route.stops]
    order = along if trip.inbound else along[::-1]
    seconds: list[float] = []
    metres: list[float] = []
    reached: list[float] = []
    for (arrive_s, depart_s), there in zip(trip.clock_s, order, strict=True):
        reached.append(arrive_s * pace)
        for moment in (arrive_s * pace, depart_s * pace):
            # Time only grows: two stops timed to the same minute are a second apart.
            if not seconds or moment > seconds[-1]:
                seconds.append(moment)
                metres.append(there)
            elif there != metres[-1]:
                seconds.append(seconds[-1] + 1.0)
                metres.append(there)
    return _drive(trip.route, trip.period, trip.inbound, seconds, metres, reached)


def _drive(
    route: Route,
    period: Period,
    inbound: bool,
    seconds: list[float],
    metres: list[float],
    reached: list[float],
) -> Drive:
    times = tuple(reached if inbound else reached[::-1])
    return Drive(route, period, inbound, np.array(seconds), np.array(metres), times)
