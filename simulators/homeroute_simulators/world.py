"""Founds a small district from a seed: the same seed, the same district.

Eight routes on a country grid around one town, twelve buses, two take-home
hotspots. Names are made up; MACs that are not randomised come from the block
reserved for documentation (RFC 7042, 00-00-5E-00-53).
"""

from __future__ import annotations

import math
import random

from homeroute_simulators.district import (
    Bus,
    District,
    Habit,
    Hotspot,
    Period,
    Rider,
    Route,
    Stop,
    Trip,
    Zone,
)
from homeroute_simulators.roads import Place, Projection, Shape

NAMES = (
    "Heron Creek",
    "Mill Hollow",
    "Quarry Road",
    "Lantern Hill",
    "Saddle Pond",
    "Windrow",
    "Old Ferry",
    "Juniper Flats",
)
STREETS = ("Alder", "Bramble", "Cinder", "Dovecote", "Ember", "Fallow", "Gannet", "Hazel", "Ivory")
CORNERS = ("1st", "2nd", "3rd", "4th", "5th", "Mill", "Church", "Orchard")
CLIENTS = ("phone", "tablet", "laptop", "chromebook")
HABITS: tuple[Habit, ...] = ("learning", "games", "video", "social", "idle")
HABIT_SHARES = (0.32, 0.18, 0.22, 0.16, 0.12)
BUSES = 12
BLOCK_M = 400.0
PERIODS: tuple[Period, ...] = ("AM", "PM")
FIRST_DEPARTURE_S: dict[Period, int] = {"AM": 6 * 3600 + 35 * 60, "PM": 14 * 3600 + 50 * 60}
SECOND_RUN_S = 45 * 60
RANDOMIZED_SHARE = 0.82


def found(seed: int) -> District:
    """The district of this seed."""
    rng = random.Random(seed)
    routes = tuple(_route(rng, index) for index in range(len(NAMES)))
    buses = tuple(_bus(rng, index, routes[index % len(routes)]) for index in range(BUSES))
    return District(
        name="quillhaven",
        title="Quillhaven Unified",
        seed=seed,
        timezone="America/Chicago",
        projection=Projection(38.52, -98.87),
        routes=routes,
        buses=buses,
        hotspots=tuple(Hotspot(f"hotspot-{n:02}", rng.randint(1, 4) * 10**9) for n in (1, 2)),
        trips=_trips(routes, buses),
        zones=tuple(zone for route in routes for zone in _zones(rng, route)),
    )


def _route(rng: random.Random, index: int) -> Route:
    shape = _road(rng, math.tau * index / len(NAMES))
    stops, along = [], 0.0
    while along < shape.length_m - 500.0:
        name = f"{rng.choice(STREETS)} & {rng.choice(CORNERS)}"
        stops.append(Stop(name, along))
        along += rng.uniform(700.0, 1300.0)
    stops.append(Stop("Quillhaven School", shape.length_m))
    return Route(str(11 + index), NAMES[index], shape, tuple(stops), rng.uniform(10.5, 12.5))


def _road(rng: random.Random, angle: float) -> Shape:
    """A staircase of country blocks from far out to the school at the centre."""
    reach = rng.uniform(8_500.0, 11_000.0) / BLOCK_M
    east = round(reach * math.sin(angle + rng.uniform(-0.2, 0.2)))
    north = round(reach * math.cos(angle + rng.uniform(-0.2, 0.2)))
    corners = [(east, north)]
    while (east, north) != (0, 0):
        blocks = rng.randint(2, 5)
        if abs(east) > 0 and (north == 0 or rng.random() < abs(east) / (abs(east) + abs(north))):
            east -= int(math.copysign(min(blocks, abs(east)), east))
        else:
            north -= int(math.copysign(min(blocks, abs(north)), north))
        corners.append((east, north))
    return Shape(tuple(Place(e * BLOCK_M, n * BLOCK_M) for e, n in corners))


def _bus(rng: random.Random, index: int, route: Route) -> Bus:
    riders = tuple(
        _rider(rng, index, number, len(route.stops)) for number in range(rng.randint(16, 32))
    )
    return Bus(f"bus-{index + 1:02}", riders)


def _rider(rng: random.Random, bus: int, number: int, stops: int) -> Rider:
    randomized = rng.random() < RANDOMIZED_SHARE
    tail = [rng.randrange(256) for _ in range(5)]
    # Locally administered, as phones make them up: second digit 2, 6, a or e.
    head = rng.randrange(16) << 4 | rng.choice((0x2, 0x6, 0xA, 0xE))
    private = ":".join(f"{byte:02x}" for byte in (head, *tail))
    registered = f"00:00:5e:00:53:{(bus * 16 + number) % 256:02x}"
    return Rider(
        stop=rng.randrange(stops - 1),
        mac=private if randomized else registered,
        randomized=randomized,
        habit=rng.choices(HABITS, HABIT_SHARES)[0],
        host_name=f"{rng.choice(STREETS)}s-{rng.choice(CLIENTS)}",
    )


def _trips(routes: tuple[Route, ...], buses: tuple[Bus, ...]) -> tuple[Trip, ...]:
    trips = []
    for index, bus in enumerate(buses):
        route, run = routes[index % len(routes)], index // len(routes)
        for period in PERIODS:
            depart_s = FIRST_DEPARTURE_S[period] + 150 * (index % len(routes)) + SECOND_RUN_S * run
            trips.append(Trip(f"{route.number}-{period}-{run + 1}", route, bus, period, depart_s))
    return tuple(trips)


def _zones(rng: random.Random, route: Route) -> list[Zone]:
    """A hollow without service on every route, on some a second, on some a weak stretch."""
    zones = [_zone(rng, route, rng.uniform(0.35, 0.6), rng.uniform(130.0, 250.0), 50.0)]
    if rng.random() < 0.4:
        zones.append(_zone(rng, route, rng.uniform(0.08, 0.25), rng.uniform(150.0, 270.0), 50.0))
    if rng.random() < 0.5:
        zones.append(_zone(rng, route, rng.uniform(0.65, 0.8), rng.uniform(200.0, 400.0), 22.0))
    return zones


def _zone(rng: random.Random, route: Route, share: float, radius_m: float, loss_db: float) -> Zone:
    # Off the road by a little, so that no two passes cut it alike.
    there = route.shape.place(share * route.shape.length_m)
    away = Place(there.east_m + rng.uniform(-60, 60), there.north_m + rng.uniform(-60, 60))
    return Zone(away, radius_m, loss_db)
