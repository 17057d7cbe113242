"""Roads drawn by hand, trips along them, and buses that drive them."""

from __future__ import annotations

from datetime import date

import numpy as np

from homeroute_analytics.attribution.track import METRES_PER_DEGREE, Positions, Reals, positions
from homeroute_analytics.timetable import Call, ScheduledTrip, Shape

DAY = date(2026, 9, 10)
BEGINS_S = 1_788_900_000
LAT, LON = 36.1, -95.9


def shape(name: str, *corners: tuple[float, float]) -> Shape:
    east, north = (np.array(axis, dtype=np.float64) for axis in zip(*corners, strict=True))
    lat = LAT + north / METRES_PER_DEGREE
    lon = LON + east / (METRES_PER_DEGREE * np.cos(np.radians(LAT)))
    along = np.concatenate(([0.0], np.cumsum(np.hypot(np.diff(east), np.diff(north)))))
    return Shape(name, tuple(lat.tolist()), tuple(lon.tolist()), tuple(along.tolist()))


def trip(
    name: str, road: Shape, *, starts_s: float = 0.0, mps: float = 10.0, route: str = "r"
) -> ScheduledTrip:
    takes_s = round(road.length_m / mps)
    return ScheduledTrip(
        feed=1,
        trip=name,
        route=route,
        label=route,
        period="AM",
        direction=road.shape,
        service_day=DAY,
        start_ms=round((BEGINS_S + starts_s) * 1000),
        end_ms=round((BEGINS_S + starts_s + takes_s) * 1000),
        shape=road,
        calls=(Call("a", 0, 0, 0.0), Call("b", takes_s, takes_s, road.length_m)),
    )


def along(road: Shape, metres: Reals, starts_s: float = 0.0, every_s: float = 10.0) -> Positions:
    """Positions at those metres of a road, in the middle of the lane."""
    times: Reals = BEGINS_S + starts_s + every_s * np.arange(len(metres), dtype=np.float64)
    return positions(
        "bus",
        times,
        np.interp(metres, road.along_m, road.lat),
        np.interp(metres, road.along_m, road.lon),
    )
