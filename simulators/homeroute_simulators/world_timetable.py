"""A world's timetable as a district would import it: feeds, calendar, fleet, assignments.

Guarantees: it goes the way of any feed, so shapes are named and stops placed as a real
one's; it says what was planned and nothing of what happened: no delay, no substitute.
Does not: hold excursions, which are in no timetable.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np

from homeroute_analytics import import_feed
from homeroute_analytics.feeds import roads
from homeroute_analytics.feeds.records import Feed, Route, Stop, Trip
from homeroute_analytics.imports import Execute
from homeroute_analytics.timetable import Call, Shape
from homeroute_simulators import district as worlds
from homeroute_simulators.district import FIRST_FEED, SECOND_FEED
from homeroute_simulators.drive import DWELL_S, on_trip
from homeroute_simulators.world import World

MONDAY_TO_FRIDAY = 31


def store(execute: Execute, world: World, days: Sequence[date], *, now_ms: int) -> None:
    """Import it for those days, inside the caller's transaction; twice changes nothing."""
    for feed in feeds(world, days):
        import_feed.apply(
            execute,
            import_feed.document(feed),
            from_day=None,
            timezone=feed.timezone,
            today=feed.days[0],
            now_ms=now_ms,
        )
    for day in days:
        if world.calendar.kind_of(day) == "early_release":
            execute("DELETE FROM calendar_days WHERE day = ?", [day.isoformat()])
            execute(
                "INSERT INTO calendar_days BY NAME SELECT ?::DATE AS day, 'early_release' AS kind, "
                "'PM' AS periods, ? AS shift_s, ? AS imported_ms",
                [day.isoformat(), _earlier_s(world), now_ms],
            )
    first = min(days).isoformat()
    execute("DELETE FROM fleet WHERE first_day = ?", [first])
    devices = [bus.device for bus in world.district.buses]
    execute(
        "INSERT INTO fleet BY NAME SELECT unnest(?::VARCHAR[]) AS device, "
        "unnest(?::VARCHAR[]) AS vehicle, ?::DATE AS first_day, ? AS imported_ms",
        [devices, devices, first, now_ms],
    )
    crew = {trip.name: trip.bus.device for trip in _every(world)}
    execute("DELETE FROM assignments WHERE first_day = ?", [first])
    execute(
        "INSERT INTO assignments BY NAME SELECT unnest(?::VARCHAR[]) AS trip, "
        "unnest(?::VARCHAR[]) AS vehicle, ?::DATE AS first_day, ?::TINYINT AS weekdays, "
        "? AS imported_ms",
        [list(crew), list(crew.values()), first, MONDAY_TO_FRIDAY, now_ms],
    )


def feeds(world: World, days: Sequence[date]) -> Iterator[Feed]:
    """The feeds in force on those days, one after the other."""
    found: dict[str, dict[str, set[date]]] = {}
    for day in sorted(days):
        for service in sorted(world.calendar.services(day)):
            # A founded district's two feeds name the same trips; a given one is one feed.
            feed = service if service in {FIRST_FEED, SECOND_FEED} else "feed"
            found.setdefault(feed, {}).setdefault(service, set()).add(day)
    for feed, services in found.items():
        trips = [trip for trip in _every(world) if trip.service in services]
        if trips:
            yield _feed(world.district, feed, trips, services)


def _every(world: World) -> tuple[worlds.Trip, ...]:
    return (*world.district.trips, *world.district.later_trips)


def _earlier_s(world: World) -> int:
    """How much later, so less than nothing, the afternoon of an early release is."""
    shifts = (t.early_s - t.depart_s for t in world.district.trips if t.early_s is not None)
    return next(shifts, 0)


def _feed(
    district: worlds.District,
    name: str,
    trips: Iterable[worlds.Trip],
    services: Mapping[str, set[date]],
) -> Feed:
    routes: dict[str, Route] = {}
    stops: dict[str, Stop] = {}
    shapes: dict[str, Shape] = {}
    found = []
    for trip in trips:
        route = trip.route
        routes.setdefault(route.number, Route(route.number, route.number, route.name))
        for index, stop in enumerate(route.stops):
            lat, lon = district.projection.degrees(*route.shape.at(np.array([stop.along_m])))
            name = f"{route.number}-{index}"
            stops.setdefault(name, Stop(name, stop.name, float(lat[0]), float(lon[0])))
        shape = _shape(district, trip)
        shapes.setdefault(shape.shape, shape)
        found.append(
            Trip(
                trip=trip.name,
                route=route.number,
                service=trip.service,
                shape=shape.shape,
                direction="to" if trip.inbound else "from",
                period=trip.period,
                calls=tuple(_calls(trip, shape)),
            )
        )
    return Feed(
        format="gtfs",
        name=f"{district.name} {name}",
        agency=district.title,
        timezone=district.timezone,
        routes=tuple(routes.values()),
        stops=tuple(stops.values()),
        shapes=tuple(shapes.values()),
        trips=tuple(found),
        services={service: frozenset(days) for service, days in services.items()},
    )


def _shape(district: worlds.District, trip: worlds.Trip) -> Shape:
    corners = trip.route.shape.corners if trip.inbound else trip.route.shape.corners[::-1]
    lat, lon = district.projection.degrees(
        np.array([corner.east_m for corner in corners]),
        np.array([corner.north_m for corner in corners]),
    )
    points = list(zip(lat.tolist(), lon.tolist(), strict=True))
    made = roads.shape(f"{trip.route.number} {'to' if trip.inbound else 'from'}", points)
    assert made is not None
    return made


def _calls(trip: worlds.Trip, shape: Shape) -> Iterator[Call]:
    route, last = trip.route, len(trip.route.stops) - 1
    times_s = on_trip(trip, pace=1.0).stop_times_s
    order: Any = range(last + 1) if trip.inbound else range(last, -1, -1)
    for index in order:
        along_m = route.stops[index].along_m
        arrive_s = trip.depart_s + round(times_s[index])
        ends = index == order[-1]
        yield Call(
            f"{route.number}-{index}",
            arrive_s,
            arrive_s if ends or index == order[0] else arrive_s + round(DWELL_S),
            round(min(along_m if trip.inbound else route.shape.length_m - along_m, shape.length_m)),
        )
