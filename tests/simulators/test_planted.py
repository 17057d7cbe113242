"""The planted truth beneath the ribbon is what the simulated radio does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from homeroute_simulators.founding import found
from homeroute_simulators.planted import Truth
from homeroute_simulators.radio import GOOD_DBM, SERVICE_FLOOR_DBM, Radio


def test_every_stretch_is_weak_and_the_rest_of_the_road_is_not() -> None:
    place = found(7)
    trip = next(t for t in place.trips if t.inbound and Truth(place).along(t.name, 1.0))
    road = trip.route.shape
    along = np.arange(0.0, road.length_m, 5.0)
    signal = Radio(place).on_road(road, along, trip.bus.carrier)
    weak = np.zeros(len(along), dtype=int)
    for stretch in Truth(place).along(trip.name, 5.0 * len(along)):
        inside = (along >= stretch.start_m - 1e-6) & (along < stretch.end_m - 1e-6)
        weak[inside] = 1 if stretch.state else 2
    assert (weak == np.where(signal < SERVICE_FLOOR_DBM, 2, signal < GOOD_DBM)).all()


def test_the_way_home_meets_the_same_places_backwards() -> None:
    place = found(7)
    there = next(t for t in place.trips if t.inbound and Truth(place).along(t.name, 1.0))
    back = replace(there, name="back", inbound=False)
    both = Truth(replace(place, trips=(there, back)))
    forward, home = both.along(there.name, 1000.0), both.along("back", 1000.0)
    mirrored = [(round(1000 - s.end_m, 3), round(1000 - s.start_m, 3), s.state) for s in forward]
    assert mirrored[::-1] == [(round(s.start_m, 3), round(s.end_m, 3), s.state) for s in home]


def test_a_trip_nobody_planned_has_no_truth() -> None:
    assert Truth(found(7)).along("unheard of", 1000.0) == []
