"""Founds a district from a seed, of any size: the same seed and size, the same district.

Towns on a country grid, each with three schools whose bells ring one after the
other, so that a bus drives up to three routes in a morning (its tiers). Names are
made up.

Guarantees: any bus reaches its next route in time; every road has a hollow
without service. Does not: say what happens on a day.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from random import Random

from homeroute_simulators.district import (
    SECOND_FEED,
    Bus,
    Carrier,
    District,
    Hotspot,
    Rider,
    Route,
    Stop,
    Trip,
    Zone,
)
from homeroute_simulators.drive import drive
from homeroute_simulators.names import CORNERS, STREETS, places
from homeroute_simulators.riders import registered_numbers, riders
from homeroute_simulators.roads import Place, Projection, Shape
from homeroute_simulators.seeds import source

BLOCK_M = 400.0
BUSES_A_TOWN = 12
TOWN_BLOCKS = 50
"""Between towns: 20 km."""

TIERS_SHARES = (0.5, 0.35, 0.15)
"""Of buses that drive one, two, three routes each way."""

BELLS_S = tuple(hour * 3600 + minute * 60 for hour, minute in ((7, 20), (8, 15), (9, 10)))
"""First bells: high, middle and elementary school. Assumed, 55 min apart."""

TAUGHT_S, EARLY_S = 7 * 3600, 4 * 3600
"""From first to last bell; on an early-release day."""

AHEAD_S, AFTER_S = 600, 480
"""A bus is to arrive so long before the first bell, and leaves so long after the last."""

CARRIERS: tuple[Carrier, ...] = ("prairie", "bluestem")
CARRIER_SHARES = (0.7, 0.3)
CHANGED_SHARE = 0.15
"""Of routes whose stops and times are others after the feed change."""

DEAD_DB, WEAK_DB = 95.0, 24.0


def found(seed: int, *, buses: int = 12) -> District:
    """The district of this seed with so many buses (1 to 5000). Raises ValueError."""
    if not 1 <= buses <= 5000:
        raise ValueError(f"found a district with {buses} buses: want 1 to 5000")
    rng = source(seed, "district", buses)
    fleet = tuple(_buses(rng, buses))
    names = places(rng)
    routes: list[Route] = []
    trips: list[Trip] = []
    later: list[Trip] = []
    for index, bus in enumerate(fleet):
        registered = registered_numbers()
        tiers = rng.choices((1, 2, 3), TIERS_SHARES)[0]
        for tier in sorted(rng.sample(range(3), tiers)):
            number = str(11 + len(routes))
            own = source(seed, "route", buses, number)
            route = _route(own, index, tier, number, next(names))
            pairs = [(stop, len(route.stops) - 1) for stop in range(len(route.stops) - 1)]
            aboard = riders(own, own.randint(16, 32), pairs, registered)
            pair = list(_trips(route, bus, tier, aboard))
            routes.append(route)
            trips += pair
            later += _after_the_change(own, pair)
    return District(
        name="quillhaven",
        title="Quillhaven Unified",
        seed=seed,
        timezone="America/Chicago",
        projection=Projection(38.52, -98.87),
        routes=tuple(routes),
        buses=fleet,
        hotspots=tuple(
            Hotspot(f"hotspot-{n:02}", rng.randint(1, 4) * 10**9)
            for n in range(1, max(2, buses // 6) + 1)
        ),
        trips=tuple(trips),
        zones=tuple(zone for route in routes for zone in zones_of(seed, route)),
        later_trips=tuple(later),
    )


def _buses(rng: Random, size: int) -> Iterator[Bus]:
    return (bus_of(rng, number, size) for number in range(1, size + 1))


def bus_of(rng: Random, number: int, most: int) -> Bus:
    """The bus of that number, on either carrier; its id sorts among ``most`` others."""
    width = max(2, len(str(most)))
    return Bus(f"bus-{number:0{width}}", rng.choices(CARRIERS, CARRIER_SHARES)[0])


def _route(rng: Random, bus: int, tier: int, number: str, name: str) -> Route:
    town, place = divmod(bus, BUSES_A_TOWN)
    angle = math.tau * (place / BUSES_A_TOWN + tier / 36)
    shape = _road(rng, angle, _school(town, tier))
    stops, along = [], 0.0
    while along < shape.length_m - 500.0:
        stops.append(Stop(f"{rng.choice(STREETS)} & {rng.choice(CORNERS)}", along))
        along += round(rng.uniform(700.0, 1300.0), 1)
    school = ("High", "Middle", "Elementary")[tier]
    stops.append(Stop(f"{school} School {town + 1}", shape.length_m))
    return Route(number, name, shape, tuple(stops), round(rng.uniform(10.5, 12.5), 2))


def _school(town: int, tier: int) -> tuple[int, int]:
    """In blocks: towns lie on a spiral around the first, schools a few blocks apart."""
    east, north = _spiral(town)
    away = ((0, 0), (3, 1), (-2, 2))[tier]
    return east * TOWN_BLOCKS + away[0], north * TOWN_BLOCKS + away[1]


def _spiral(step: int) -> tuple[int, int]:
    """The whole-numbered places of the plane, from the origin outwards."""
    east = north = 0
    d_east, d_north = 1, 0
    left, side = 1, 1
    for _ in range(step):
        east, north, left = east + d_east, north + d_north, left - 1
        if left == 0:
            d_east, d_north = -d_north, d_east
            side += d_north == 0
            left = side
    return east, north


def _road(rng: Random, angle: float, school: tuple[int, int]) -> Shape:
    """A staircase of country blocks from far out to the school."""
    reach = rng.uniform(6_500.0, 8_500.0) / BLOCK_M
    east = round(reach * math.sin(angle + rng.uniform(-0.15, 0.15)))
    north = round(reach * math.cos(angle + rng.uniform(-0.15, 0.15)))
    corners = [(east, north)]
    while (east, north) != (0, 0):
        blocks = rng.randint(2, 5)
        if abs(east) > 0 and (north == 0 or rng.random() < abs(east) / (abs(east) + abs(north))):
            east -= int(math.copysign(min(blocks, abs(east)), east))
        else:
            north -= int(math.copysign(min(blocks, abs(north)), north))
        corners.append((east, north))
    return Shape(
        tuple(Place((school[0] + e) * BLOCK_M, (school[1] + n) * BLOCK_M) for e, n in corners)
    )


def _trips(route: Route, bus: Bus, tier: int, aboard: tuple[Rider, ...]) -> Iterator[Trip]:
    bell_s = BELLS_S[tier]
    # To the minute, as timetables are.
    takes_s = math.ceil(drive(route, "AM").duration_s / 60.0) * 60
    yield Trip(f"{route.number}-AM", route, bus, "AM", bell_s - AHEAD_S - takes_s, aboard)
    yield Trip(
        f"{route.number}-PM",
        route,
        bus,
        "PM",
        bell_s + TAUGHT_S + AFTER_S,
        aboard,
        inbound=False,
        early_s=bell_s + EARLY_S + AFTER_S,
    )


def _after_the_change(rng: Random, pair: list[Trip]) -> Iterator[Trip]:
    """The same trips in the second feed; of some routes a stop is dropped and times move."""
    changed = rng.random() < CHANGED_SHARE and len(pair[0].route.stops) > 4
    route = pair[0].route
    dropped = rng.randrange(1, len(route.stops) - 2) if changed else None
    if dropped is not None:
        route = replace(route, stops=(*route.stops[:dropped], *route.stops[dropped + 1 :]))
    shift_s = rng.choice((-300, 180)) if changed else 0
    for trip in pair:
        yield replace(
            trip,
            route=route,
            service=SECOND_FEED,
            depart_s=trip.depart_s + (shift_s if trip.inbound else 0),
            riders=tuple(_moved(rider, dropped) for rider in trip.riders),
        )


def _moved(rider: Rider, dropped: int | None) -> Rider:
    """Who lived at the dropped stop walks to the one before it."""
    if dropped is None:
        return rider
    stop, to = (at - (at >= dropped) for at in (rider.stop, rider.to))
    return replace(rider, stop=stop, to=to)


def zones_of(seed: int, route: Route) -> Iterator[Zone]:
    """A hollow without service on every route, on some a second, on some a weak stretch.

    A weak stretch is one carrier's, a hollow everybody's.
    """
    rng = source(seed, "zones", route.label)
    yield _zone(rng, route, rng.uniform(0.35, 0.6), rng.uniform(120.0, 210.0), DEAD_DB, None)
    if rng.random() < 0.3:
        yield _zone(rng, route, rng.uniform(0.08, 0.25), rng.uniform(120.0, 200.0), DEAD_DB, None)
    if rng.random() < 0.5:
        carrier = rng.choice(CARRIERS)
        share, radius_m = rng.uniform(0.65, 0.8), rng.uniform(200.0, 400.0)
        yield _zone(rng, route, share, radius_m, WEAK_DB, carrier)


def _zone(
    rng: Random, route: Route, share: float, radius_m: float, loss_db: float, whose: Carrier | None
) -> Zone:
    # Off the road by a little, so that no two passes cut it alike.
    there = route.shape.place(share * route.shape.length_m)
    away = Place(
        round(there.east_m + rng.uniform(-40, 40), 1),
        round(there.north_m + rng.uniform(-40, 40), 1),
    )
    return Zone(away, round(radius_m, 1), loss_db, whose)
