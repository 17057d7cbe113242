"""A world over a real feed: its roads and timetable; riders, radio and delays are simulated.

Guarantees: the same zip, seed and size, the same world; no bus is on two trips at
once, even when late. Does not: follow the feed's blocks, or say anything true of the
signal or the riders there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from homeroute_analytics.feeds.gtfs import read
from homeroute_analytics.feeds.problems import FeedError
from homeroute_analytics.feeds.records import Feed
from homeroute_analytics.feeds.records import Trip as FeedTrip
from homeroute_simulators.district import Bus, District, Hotspot, Route, Trip
from homeroute_simulators.founding import bus_of, zones_of
from homeroute_simulators.gtfs_roads import clock
from homeroute_simulators.gtfs_roads import route as road_of
from homeroute_simulators.riders import registered_numbers, riders
from homeroute_simulators.roads import Projection
from homeroute_simulators.school_calendar import DayKind
from homeroute_simulators.seeds import source
from homeroute_simulators.world import World
from homeroute_simulators.world_day import LONGEST_DELAY_S, PACES

TURN_S = 180
"""Between two trips of a bus, beyond what delay and traffic can cost."""

DAY_S = 86_400
MOST_BUSES = 5000


@dataclass(frozen=True, slots=True)
class FeedCalendar:
    """The feed's own services."""

    running: dict[str, frozenset[date]]

    def days(self) -> tuple[date, ...]:
        """Every day with any service, in order."""
        return tuple(sorted(set().union(*self.running.values())))

    def kind_of(self, day: date) -> DayKind:
        """Whether anything runs: a feed does not say why not."""
        return "service" if self.services(day) else "no_service"

    def services(self, day: date) -> frozenset[str]:
        """The services of that day."""
        return frozenset(service for service, days in self.running.items() if day in days)


def world_from_gtfs(path: Path, seed: int, *, buses: int | None = None) -> World:
    """The world of a GTFS zip, with as many buses as it needs.

    With ``buses``, at most so many: trips that none of them is free for are left out.
    Raises :class:`FeedError`, OSError.
    """
    feed = read(path)
    projection = _projection(feed)
    roads = _roads(feed, projection)
    trips = tuple(_trips(feed, roads, seed, MOST_BUSES if buses is None else buses))
    could_run = sum(_road(feed, roads, trip) is not None for trip in feed.trips)
    if not trips:
        raise FeedError(f"{path}: no trip goes anywhere")
    routes = tuple({id(trip.route): trip.route for trip in trips}.values())
    fleet = {trip.bus.device: trip.bus for trip in trips}
    first = {route.label: route for route in reversed(routes)}
    district = District(
        name=re.sub(r"[^a-z0-9]+", "-", feed.agency.lower()).strip("-")[:63] or "district",
        title=feed.agency or "District",
        seed=seed,
        timezone=feed.timezone,
        projection=projection,
        routes=routes,
        buses=tuple(bus for _, bus in sorted(fleet.items())),
        hotspots=tuple(Hotspot(f"hotspot-{n:02}", n * 10**9) for n in (1, 2)),
        trips=trips,
        left_out=could_run - len(trips),
        zones=tuple(zone for route in first.values() for zone in zones_of(seed, route)),
    )
    return World(district, FeedCalendar(dict(feed.services)))


def moved(where: World, weeks: int) -> World:
    """The same world so many whole weeks later: weekdays stay what they are."""
    calendar = where.calendar
    if not isinstance(calendar, FeedCalendar):
        raise TypeError("only the calendar of a feed can be moved")
    running = {
        service: frozenset(day + timedelta(weeks=weeks) for day in days)
        for service, days in calendar.running.items()
    }
    return World(where.district, FeedCalendar(running))


def _projection(feed: Feed) -> Projection:
    """About the middle of the stops, so that the plane is flat enough."""
    lats, lons = [sorted(axis) for axis in zip(*((s.lat, s.lon) for s in feed.stops), strict=True)]
    return Projection(round(lats[len(lats) // 2], 4), round(lons[len(lons) // 2], 4))


def _roads(feed: Feed, projection: Projection) -> dict[object, Route]:
    """One road for each pattern: a route's shape and the stops called at."""
    routes = {route.route: route for route in feed.routes}
    stops = {stop.stop: stop for stop in feed.stops}
    shapes = {shape.shape: shape for shape in feed.shapes}
    roads: dict[object, Route] = {}
    for trip in feed.trips:
        pattern, of = _pattern(trip), routes[trip.route]
        if pattern not in roads:
            road = road_of(
                trip,
                shapes[trip.shape],
                stops,
                projection,
                number=of.number or of.route,
                title=of.title,
            )
            if road is not None:
                roads[pattern] = road
    return roads


def _pattern(trip: FeedTrip) -> object:
    return trip.route, trip.shape, tuple(call.stop for call in trip.calls)


def _road(feed: Feed, roads: dict[object, Route], trip: FeedTrip) -> Route | None:
    """What a trip is driven on; None of one that goes nowhere, or on no day."""
    return roads.get(_pattern(trip)) if feed.services[trip.service] else None


def _trips(feed: Feed, roads: dict[object, Route], seed: int, most: int) -> Iterator[Trip]:
    """Each trip with the first bus that is free for it."""
    together = {
        service: [other for other, theirs in feed.services.items() if days & theirs]
        for service, days in feed.services.items()
    }
    fleet: list[tuple[Bus, int, dict[str, float], Iterator[int]]] = []
    for trip in sorted(feed.trips, key=lambda t: (t.start_s, t.trip)):
        road, starts_s = _road(feed, roads, trip), trip.start_s
        if road is None:
            continue
        takes_s = trip.end_s - starts_s
        until_s = starts_s + takes_s * PACES[1] + LONGEST_DELAY_S + TURN_S
        free = (
            each
            for each in fleet
            if all(each[2].get(other, 0.0) <= starts_s for other in together[trip.service])
            # Past midnight the bus may have to be out again.
            and until_s - DAY_S <= each[1]
        )
        chosen = next(free, None)
        if chosen is None:
            if len(fleet) == most:
                continue
            bus = bus_of(source(seed, "bus", len(fleet)), len(fleet) + 1, MOST_BUSES)
            chosen = (bus, starts_s, {}, registered_numbers())
            fleet.append(chosen)
        bus, _, busy_until_s, registered = chosen
        busy_until_s[trip.service] = until_s
        own = source(seed, "riders", trip.trip)
        last = len(trip.calls) - 1
        pairs = [(stop, to) for stop in range(last) for to in range(stop + 1, last + 1)]
        yield Trip(
            name=trip.trip,
            route=road,
            bus=bus,
            period=trip.period,
            depart_s=starts_s,
            riders=riders(own, own.randint(8, 30), pairs, registered),
            service=trip.service,
            clock_s=clock(trip, road),
        )
