"""What a simulated district really drives in a day, as a timetable and as positions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np

from homeroute_analytics.attribution.track import Positions, Reals, positions
from homeroute_analytics.legs import instant_ms
from homeroute_analytics.timetable import Call, ScheduledTrip, Shape
from homeroute_simulators.district import District, Trip
from homeroute_simulators.drive import on_trip
from homeroute_simulators.planned_drive import PlannedDrive
from homeroute_simulators.world import World


def scheduled(world: World, day: date, *, assigned: bool = True) -> list[ScheduledTrip]:
    """The timetable of a day, as an import of the district's files would have it."""
    early = world.calendar.kind_of(day) == "early_release"
    return [_trip(world.district, trip, day, early, assigned) for trip in world.trips(day)]


def _trip(district: District, trip: Trip, day: date, early: bool, assigned: bool) -> ScheduledTrip:
    road, zone = trip.route.shape, ZoneInfo(district.timezone)
    corners = road.corners if trip.inbound else road.corners[::-1]
    east = np.array([corner.east_m for corner in corners])
    north = np.array([corner.north_m for corner in corners])
    lats, lons = district.projection.degrees(east, north)
    shape = Shape(
        f"{trip.route.label}-{trip.inbound}",
        tuple(lats.tolist()),
        tuple(lons.tolist()),
        (0.0, *np.cumsum(np.hypot(np.diff(east), np.diff(north))).tolist()),
    )
    starts_s = trip.early_s if early and trip.early_s is not None else trip.depart_s
    driven = on_trip(trip)
    stops = list(zip(trip.route.stops, driven.stop_times_s, strict=True))
    calls = tuple(
        Call(
            stop.name,
            starts_s + round(at_s),
            starts_s + round(at_s),
            stop.along_m if trip.inbound else road.length_m - stop.along_m,
        )
        for stop, at_s in (stops if trip.inbound else stops[::-1])
    )
    return ScheduledTrip(
        feed=1,
        trip=trip.name,
        route=trip.route.number,
        label=trip.route.label,
        period=trip.period,
        direction="0" if trip.inbound else "1",
        service_day=day,
        start_ms=instant_ms(day, starts_s, zone),
        end_ms=instant_ms(day, starts_s + round(driven.duration_s), zone),
        shape=shape,
        calls=calls,
        device=trip.bus.device if assigned else None,
    )


def told(
    world: World,
    drives: Sequence[PlannedDrive],
    *,
    seed: int = 1,
    every_s: float = 10.0,
    sigma_m: float = 8.0,
    around_s: float = 90.0,
) -> list[Positions]:
    """What the receivers of the buses that drove tell: before, during and after each drive."""
    rng = np.random.default_rng(seed)
    buses = sorted({drive.bus.device for drive in drives})
    return [
        _positions(
            world, [d for d in drives if d.bus.device == bus], rng, every_s, sigma_m, around_s
        )
        for bus in buses
    ]


def _positions(
    world: World,
    drives: Sequence[PlannedDrive],
    rng: np.random.Generator,
    every_s: float,
    sigma_m: float,
    around_s: float,
) -> Positions:
    times: list[Reals] = []
    lats: list[Reals] = []
    lons: list[Reals] = []
    for drive in drives:
        begin_s, end_s = drive.depart_ms / 1000 - around_s, drive.arrive_ms / 1000 + around_s
        at = np.arange(begin_s + rng.uniform(0, every_s), end_s, every_s)
        along = drive.drive.along_m(at - drive.depart_ms / 1000)
        places = [drive.trip.route.shape.place(float(metres)) for metres in along]
        east = np.array([place.east_m for place in places]) + rng.normal(0, sigma_m, len(at))
        north = np.array([place.north_m for place in places]) + rng.normal(0, sigma_m, len(at))
        lat, lon = world.district.projection.degrees(east, north)
        times.append(at)
        lats.append(lat)
        lons.append(lon)
    return positions(
        drives[0].bus.device, np.concatenate(times), np.concatenate(lats), np.concatenate(lons)
    )
