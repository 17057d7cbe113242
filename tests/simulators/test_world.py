"""The district: same seed, same district; every number asked of it is there."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeroute_simulators.drive import DWELL_S, drive
from homeroute_simulators.fleet import devices
from homeroute_simulators.radio import SERVICE_FLOOR_DBM, Radio, probe_loss
from homeroute_simulators.riders import CLIENTS_SHARES
from homeroute_simulators.roads import Place, Shape
from homeroute_simulators.world import found
from homeroute_wire.schema import ID_PATTERN


def test_the_same_seed_founds_the_same_district_and_another_seed_another() -> None:
    assert found(7) == found(7)
    assert found(7) != found(8)


@settings(max_examples=25)
@given(st.integers(0, 2**31))
def test_any_seed_founds_a_district_large_enough_to_show(seed: int) -> None:
    district = found(seed)
    assert len(district.routes) >= 6
    assert len(district.buses) >= 12
    assert len(district.hotspots) == 2
    assert {trip.route.number for trip in district.trips} == {r.number for r in district.routes}
    assert {trip.bus.device for trip in district.trips} == {b.device for b in district.buses}
    assert all(ID_PATTERN.fullmatch(device) for device in devices(district))
    for route in district.routes:
        assert 6_000 < route.shape.length_m < 30_000
        assert all(a.along_m < b.along_m for a, b in pairwise(route.stops))
    for trip in district.trips:
        stops = len(trip.route.stops)
        assert all(0 <= rider.stop < rider.to == stops - 1 for rider in trip.riders)


def test_every_route_has_a_hollow_without_service_and_most_of_it_is_covered() -> None:
    district = found(7)
    for route in district.routes:
        along = np.arange(0.0, route.shape.length_m, 10.0)
        dead = Radio(district).signal_dbm(*route.shape.at(along)) < SERVICE_FLOOR_DBM
        assert 0 < dead.mean() < 0.15


def test_randomised_macs_are_locally_administered_and_the_others_are_for_documentation() -> None:
    clients = [c for trip in found(7).trips for rider in trip.riders for c in rider.clients]
    for client in clients:
        assert re.fullmatch(r"([0-9a-f]{2}:){5}[0-9a-f]{2}", client.mac)
        if client.randomized:
            assert client.mac[1] in "26ae"
        else:
            assert client.mac.startswith("00:00:5e:00:53:")
    assert 0.7 < sum(client.randomized for client in clients) / len(clients) < 0.95


def test_riders_carry_no_client_one_or_two() -> None:
    riders = [rider for trip in found(7, buses=40).trips for rider in trip.riders]
    carried = [sum(len(r.clients) == n for r in riders) / len(riders) for n in range(3)]
    assert carried == pytest.approx(CLIENTS_SHARES, abs=0.05)


def test_a_district_of_any_size_has_as_many_buses() -> None:
    for buses in (1, 40, 130):
        district = found(3, buses=buses)
        assert len({bus.device for bus in district.buses}) == buses
        assert len({route.label for route in district.routes}) == len(district.routes) >= buses
    for wrong in (0, 5001):
        with pytest.raises(ValueError, match="1 to 5000"):
            found(3, buses=wrong)


def test_a_drive_inbound_and_outbound_passes_every_stop_in_turn() -> None:
    route = found(7).routes[0]
    inbound, outbound = drive(route, "AM"), drive(route, "PM")
    assert list(inbound.stop_times_s) == sorted(inbound.stop_times_s)
    assert list(outbound.stop_times_s) == sorted(outbound.stop_times_s, reverse=True)
    for leg in (inbound, outbound):
        at_stops = leg.along_m(np.array(leg.stop_times_s))
        assert np.allclose(at_stops, [stop.along_m for stop in route.stops])
        assert leg.duration_s > route.shape.length_m / route.cruise_mps
    assert float(inbound.speed_mps(np.array([inbound.stop_times_s[1] + DWELL_S / 2]))[0]) == 0.0


def test_slower_traffic_takes_longer() -> None:
    route = found(7).routes[0]
    assert drive(route, "AM", pace=1.2).duration_s > drive(route, "AM").duration_s


def test_a_heading_is_the_course_over_ground() -> None:
    shape = Shape((Place(0, 0), Place(0, 100), Place(100, 100), Place(100, 0)))
    headings = shape.heading_deg(np.array([50.0, 150.0, 250.0]))
    assert headings.tolist() == [0.0, 90.0, 180.0]
    assert shape.length_m == 300.0
    assert shape.place(150.0) == Place(50.0, 100.0)


def test_a_shape_that_stands_still_is_refused() -> None:
    with pytest.raises(ValueError, match="two corners"):
        Shape((Place(0, 0), Place(0, 0)))


def test_below_the_floor_every_probe_is_lost() -> None:
    assert probe_loss(np.array([SERVICE_FLOOR_DBM - 0.1])).tolist() == [1.0]
    assert float(probe_loss(np.array([-80.0]))[0]) < 0.01


def test_a_zone_is_worst_at_its_centre_and_nothing_beyond_its_rim() -> None:
    district = found(7)
    zone = next(zone for zone in district.zones if zone.carrier is None)
    bare = Radio(replace(district, zones=()))
    only = Radio(replace(district, zones=(zone,)))
    there = (np.array([zone.centre.east_m]), np.array([zone.centre.north_m]))
    assert only.signal_dbm(*there)[0] < SERVICE_FLOOR_DBM
    beyond = (there[0] + zone.radius_m * 1.01, there[1])
    assert only.signal_dbm(*beyond).tolist() == bare.signal_dbm(*beyond).tolist()
