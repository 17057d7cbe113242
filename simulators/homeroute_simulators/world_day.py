"""A day of a district: who really drives, how late, and who is aboard. Pure.

The timetable is not kept to the letter: buses leave late, traffic slows them,
now and then two drive each other's routes for a day, and some days a class
goes on an excursion between the morning and the afternoon.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from random import Random
from zoneinfo import ZoneInfo

from homeroute_analytics.legs import instant_ms
from homeroute_simulators.district import Bus, Client, District, Trip
from homeroute_simulators.drive import LAYOVER_S, Drive, on_trip
from homeroute_simulators.excursions import excursions
from homeroute_simulators.planned_drive import PlannedDrive, Ride, Stay
from homeroute_simulators.riders import mac_of_day
from homeroute_simulators.school_calendar import WEDNESDAY, DayKind
from homeroute_simulators.seeds import source

SWAPS_PER_BUS_DAY = 0.01
"""How often a pair of buses is exchanged for a day, per bus. Assumed: a breakdown a quarter."""

MEAN_DELAY_S, LONGEST_DELAY_S = 60.0, 480.0
MEAN_PACE, PACE_SPREAD, PACES = 1.03, 0.06, (0.9, 1.25)


def drives_of(
    district: District, day: date, kind: DayKind, trips: Sequence[Trip]
) -> tuple[PlannedDrive, ...]:
    """Every drive of the day, by departure and bus."""
    if not trips:
        return ()
    instead = drivers(district, day)
    planned = [
        _planned(district, day, trip, instead[trip.bus.device], early=kind == "early_release")
        for trip in trips
    ]
    if kind == "school":
        planned += [
            _planned(district, day, trip, trip.bus, early=False, excursion=True)
            for trip in excursions(district, day, trips)
        ]
    return tuple(sorted(planned, key=lambda drive: (drive.depart_ms, drive.bus.device)))


def drivers(district: District, day: date) -> dict[str, Bus]:
    """Who drives whose day. Every other Wednesday, and at random, two are exchanged."""
    rng = source(district.seed, "drivers", day)
    buses = list(district.buses)
    found = {bus.device: bus for bus in buses}
    swaps = sum(rng.random() < SWAPS_PER_BUS_DAY / 2 for _ in buses)
    if day.weekday() == WEDNESDAY and day.toordinal() // 7 % 2:
        swaps += 1
    rng.shuffle(buses)
    for one, other in zip(buses[: 2 * swaps : 2], buses[1 : 2 * swaps : 2], strict=False):
        found |= {one.device: other, other.device: one}
    return found


def _planned(
    district: District, day: date, trip: Trip, bus: Bus, *, early: bool, excursion: bool = False
) -> PlannedDrive:
    rng = source(district.seed, "drive", day, trip.name)
    pace = round(min(max(rng.gauss(MEAN_PACE, PACE_SPREAD), PACES[0]), PACES[1]), 3)
    delay_s = round(min(rng.expovariate(1.0 / MEAN_DELAY_S), LONGEST_DELAY_S))
    depart_s = trip.early_s if early and trip.early_s is not None else trip.depart_s
    scheduled_ms = instant_ms(day, depart_s, ZoneInfo(district.timezone))
    depart_ms = scheduled_ms + delay_s * 1000
    driven = on_trip(trip, pace=pace)
    rides = tuple(
        Ride(rider, rider.stop, rider.to) if trip.inbound else Ride(rider, rider.to, rider.stop)
        for rider in trip.riders
        if rng.random() < rider.rides
    )
    stays = sorted(
        _stays(district.seed, day, depart_ms, driven, rides, rng),
        key=lambda stay: (stay.came_ms, stay.client.mac),
    )
    return PlannedDrive(
        day=day,
        trip=trip,
        bus=bus,
        scheduled_ms=scheduled_ms,
        depart_ms=depart_ms,
        pace=pace,
        excursion=excursion,
        rides=rides,
        stays=tuple(stays),
        drive=driven,
    )


def _stays(
    seed: int, day: date, depart_ms: int, driven: Drive, rides: Sequence[Ride], rng: Random
) -> Iterator[Stay]:
    """A client joins some seconds after its rider came aboard, and is lost soon after the door."""
    for ride in rides:
        boards_s = driven.stop_times_s[ride.boards]
        alights_s = driven.stop_times_s[ride.alights]
        if boards_s == 0.0:
            # At the first stop riders sit before the bus leaves.
            boards_s = -LAYOVER_S
        for client in ride.rider.clients:
            came_s = boards_s + rng.uniform(2.0, 20.0)
            went_s = max(alights_s + rng.uniform(1.0, 12.0), came_s + 30.0)
            yield Stay(
                _today(seed, day, client),
                depart_ms + round(came_s * 1000),
                depart_ms + round(went_s * 1000),
            )


def _today(seed: int, day: date, client: Client) -> Client:
    return replace(client, mac=mac_of_day(seed, client, day)) if client.rotates else client
