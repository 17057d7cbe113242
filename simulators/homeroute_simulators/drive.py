"""How a bus moves along its route: the time of every metre. Pure.

A drive is cruise between stops and a dwell at each; the bus does not
accelerate, it is simply driving or standing. That is true enough for coverage
sampled every 10 s.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from homeroute_simulators.district import Period, Route
from homeroute_simulators.roads import Reals

DWELL_S = 18.0
"""At an ordinary stop: doors, two or three riders, doors."""

LAYOVER_S = 25.0
"""At the school and at the far end, between one drive and the next."""


@dataclass(frozen=True, slots=True)
class Drive:
    """One drive over a route. ``along_m`` counts from the route's outer end.

    ``knots_s`` and ``knots_m`` are the corners of distance over time; the drive
    is inbound when distance grows.
    """

    route: Route
    period: Period
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
        return forward if self.period == "AM" else (forward + 180.0) % 360.0


def drive(route: Route, period: Period, *, pace: float = 1.0) -> Drive:
    """A drive inbound (AM) or outbound (PM); ``pace`` above 1 is slower traffic.

    ``stop_times_s`` is in the route's inbound order: when the bus is at each.
    """
    order = range(len(route.stops)) if period == "AM" else range(len(route.stops) - 1, -1, -1)
    seconds, metres, reached = [0.0], [route.stops[order[0]].along_m], {order[0]: 0.0}
    for stop in order[1:]:
        there = route.stops[stop].along_m
        arrival = seconds[-1] + abs(there - metres[-1]) / route.cruise_mps * pace
        seconds.append(arrival)
        metres.append(there)
        reached[stop] = arrival
        if stop != order[-1]:
            seconds.append(arrival + DWELL_S)
            metres.append(there)
    return Drive(
        route,
        period,
        np.array(seconds),
        np.array(metres),
        tuple(reached[stop] for stop in range(len(route.stops))),
    )
