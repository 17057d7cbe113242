"""Excursions: now and then a class is driven somewhere outside the timetable, and back. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

from homeroute_simulators.district import District, Route, Stop, Trip
from homeroute_simulators.roads import Place, Shape
from homeroute_simulators.seeds import source

PER_BUS_DAY = 0.02
"""Assumed: a bus goes on four excursions in a school year."""

OUT_S, BACK_S = 10 * 3600, 12 * 3600 + 45 * 60
PLACES = ("Museum of Wind", "Salt Flats Observatory", "Grain Exchange", "Old Fort", "River Works")
BLOCK_M = 400.0


def excursions(district: District, day: date, trips: Sequence[Trip]) -> Iterator[Trip]:
    """Two trips for each excursion of the day: there, and back again."""
    first = {trip.bus.device: trip for trip in reversed(trips) if trip.period == "AM"}
    for device, trip in sorted(first.items()):
        rng = source(district.seed, "excursion", day, device)
        if rng.random() >= PER_BUS_DAY or not _free(device, trips):
            continue
        school = trip.route.shape.place(trip.route.stops[-1].along_m)
        east = round(rng.uniform(18, 40)) * rng.choice((-1, 1)) * BLOCK_M
        north = round(rng.uniform(2, 16)) * rng.choice((-1, 1)) * BLOCK_M
        there = Place(school.east_m + east, school.north_m + north)
        shape = Shape((there, Place(school.east_m, there.north_m), school))
        stops = (Stop(rng.choice(PLACES), 0.0), Stop("school", shape.length_m))
        route = Route("x", f"excursion to {stops[0].name}", shape, stops, 18.0)
        # A class rides together.
        aboard = tuple(replace(rider, stop=0, to=1) for rider in trip.riders)
        name = f"x-{device}"
        yield Trip(f"{name}-out", route, trip.bus, "MID", OUT_S, aboard, inbound=False)
        yield Trip(f"{name}-back", route, trip.bus, "MID", BACK_S, aboard, inbound=True)


def _free(device: str, trips: Sequence[Trip]) -> bool:
    """Whether nothing is planned for the bus from half an hour before to an hour after."""
    busy = (trip.depart_s for trip in trips if trip.bus.device == device)
    return not any(OUT_S - 1800 < depart_s < BACK_S + 3600 for depart_s in busy)
