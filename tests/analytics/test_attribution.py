"""Attribution against what simulated buses really drove."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import date
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeroute_analytics.attribution.choose import choose
from homeroute_analytics.attribution.day_legs import UNSEEN_CONFIDENCE, attribute
from homeroute_analytics.attribution.drives import drives
from homeroute_analytics.attribution.fits import Day
from homeroute_analytics.attribution.trace import BACK_M, follow
from homeroute_analytics.attribution.track import (
    METRES_PER_DEGREE,
    Positions,
    track,
)
from homeroute_analytics.legs import Leg
from homeroute_simulators.world import world
from tests.analytics.drawn import BEGINS_S, DAY, along, shape, trip
from tests.analytics.driven import scheduled, told

WORLD = world(7, buses=12)
EXCURSION_DAY = next(
    day
    for day in (date(2026, 9, n) for n in range(8, 31))
    if any(drive.excursion for drive in WORLD.drives(day))
)
SWAPPED_DAY = next(
    day
    for day in (date(2026, 9, n) for n in range(8, 31))
    if any(drive.substitute for drive in WORLD.drives(day))
)


def driven(day: date) -> dict[str, str]:
    """Who really drove each trip of the timetable."""
    return {d.trip.name: d.bus.device for d in WORLD.drives(day) if not d.excursion}


def by_trip(legs: tuple[Leg, ...]) -> dict[str, str]:
    return {leg.trip: leg.device for leg in legs}


@pytest.mark.parametrize("assigned", [True, False])
@pytest.mark.parametrize("day", [DAY, EXCURSION_DAY, SWAPPED_DAY])
def test_every_trip_is_on_the_bus_that_drove_it_with_a_table_and_without(
    day: date, assigned: bool
) -> None:
    found = attribute(scheduled(WORLD, day, assigned=assigned), told(WORLD, WORLD.drives(day)))
    assert by_trip(found.legs) == driven(day)
    assert all(leg.confidence >= 0.9 for leg in found.legs)


def test_a_leg_begins_and_ends_when_the_bus_left_and_arrived() -> None:
    found = attribute(scheduled(WORLD, DAY), told(WORLD, WORLD.drives(DAY)))
    truth = {drive.trip.name: drive for drive in WORLD.drives(DAY)}
    starts = [abs(leg.start_ms - truth[leg.trip].depart_ms) / 1000 for leg in found.legs]
    ends = [abs(leg.end_ms - truth[leg.trip].arrive_ms) / 1000 for leg in found.legs]
    assert np.median(starts) <= 10.0 and np.median(ends) <= 10.0
    assert max(starts) <= 120.0 and max(ends) <= 120.0


def test_a_substitute_is_told_from_the_bus_in_the_table() -> None:
    found = attribute(scheduled(WORLD, SWAPPED_DAY), told(WORLD, WORLD.drives(SWAPPED_DAY)))
    swapped = {d.trip.name: d for d in WORLD.drives(SWAPPED_DAY) if d.substitute}
    assert swapped
    assert swapped.keys() <= {leg.trip for leg in found.legs}
    for leg in found.legs:
        if leg.trip in swapped:
            assert leg.source == "gps"
            assert f"assigned to {swapped[leg.trip].trip.bus.device}" in (leg.reason or "")


def test_an_excursion_is_on_no_leg() -> None:
    out = [drive for drive in WORLD.drives(EXCURSION_DAY) if drive.excursion]
    assert out
    found = attribute(scheduled(WORLD, EXCURSION_DAY), told(WORLD, WORLD.drives(EXCURSION_DAY)))
    for drive in out:
        middle_ms = (drive.depart_ms + drive.arrive_ms) / 2
        assert not [
            leg
            for leg in found.legs
            if leg.device == drive.bus.device and leg.start_ms <= middle_ms < leg.end_ms
        ]


def test_a_silent_bus_keeps_its_trips_by_the_timetable_so_that_its_silence_is_seen() -> None:
    silent = WORLD.drives(DAY)[0].bus.device
    trips = scheduled(WORLD, DAY)
    found = attribute(trips, told(WORLD, [d for d in WORLD.drives(DAY) if d.bus.device != silent]))
    theirs = {leg.trip: leg for leg in found.legs if leg.device == silent}
    assert set(theirs) == {t.trip for t in trips if t.device == silent}
    for each in trips:
        if each.trip in theirs:
            leg = theirs[each.trip]
            assert (leg.start_ms, leg.end_ms) == (each.start_ms, each.end_ms)
            assert (leg.source, leg.confidence, leg.covered) == (
                "assignment",
                UNSEEN_CONFIDENCE,
                None,
            )


def test_a_bus_that_drives_elsewhere_is_not_believed_to_be_where_the_table_puts_it() -> None:
    road, elsewhere = shape("s", (0, 0), (5000, 0)), shape("e", (0, 3000), (5000, 3000))
    planned = replace(trip("t", road), device="bus")
    found = attribute([planned], [along(elsewhere, np.arange(0.0, 5000.0, 100.0))])
    assert found.legs == ()


def test_a_bus_that_stands_in_the_yard_has_not_driven_its_trip() -> None:
    road = shape("s", (0, 0), (5000, 0))
    planned = replace(trip("t", road), device="bus")
    assert attribute([planned], [along(road, np.zeros(60))]).legs == ()


def test_a_bus_that_falls_silent_on_the_way_stays_on_its_trip_until_it_was_due() -> None:
    road = shape("s", (0, 0), (6000, 0))
    found = attribute([trip("t", road)], [along(road, np.arange(0.0, 3000.0, 100.0), 60.0)])
    assert [leg.trip for leg in found.legs] == ["t"]
    assert found.legs[0].end_ms / 1000 == pytest.approx(BEGINS_S + 660, abs=30)
    assert "end not seen" in (found.legs[0].reason or "")


def test_a_bus_under_way_is_not_lost_for_a_position_astray() -> None:
    road = shape("s", (0, 0), (5000, 0))
    told_of = along(road, np.arange(0.0, 1500.0, 90.0))
    astray = told_of.lat.copy()
    astray[-1] += 120.0 / METRES_PER_DEGREE
    now_s = float(told_of.time_s[-1])
    for lat in (told_of.lat, astray):
        heard = Positions("bus", told_of.time_s, lat, told_of.lon)
        assert [leg.trip for leg in attribute([trip("t", road)], [heard], now_s=now_s).legs] == [
            "t"
        ]


@pytest.mark.parametrize("name", ["loop", "there and back", "twice round", "figure of eight"])
def test_a_road_that_meets_itself_is_followed_and_not_jumped(name: str) -> None:
    square = [(0.0, 0.0), (1500.0, 0.0), (1500.0, 1500.0), (0.0, 1500.0), (0.0, 0.0)]
    corners = {
        "loop": square,
        "there and back": [(0.0, 0.0), (3000.0, 0.0), (0.0, 0.0)],
        "twice round": [*square, *square[1:]],
        "figure of eight": [(0.0, 0.0), (2000.0, 2000.0), (2000.0, 0.0), (0.0, 2000.0)],
    }[name]
    road = shape("s", *corners)
    day = Day([trip("t", road)])
    rng = np.random.default_rng(3)
    metres = np.arange(0.0, road.length_m, 95.0)
    plain = along(road, metres)
    noisy = Positions(
        "bus",
        plain.time_s,
        plain.lat + rng.normal(0, 8, len(metres)) / METRES_PER_DEGREE,
        plain.lon + rng.normal(0, 8, len(metres)) / METRES_PER_DEGREE,
    )
    way = track(noisy, day.roads.plane)
    (found,) = drives(day, way)
    where = [metre for _, metre in found.fits[0].path]
    true = [metres[int(np.flatnonzero(way.fix_of == fix)[0])] for fix, _ in found.fits[0].path]
    assert found.fits[0].covered > 0.9
    # At a turn on the spot both sides lie within a fix of each other: no nearer than that.
    assert np.abs(np.array(where) - np.array(true)).max() < 150.0


def test_each_trip_goes_to_one_drive_and_the_whole_is_best() -> None:
    # The first drive likes both, the second only one: greed would leave it without.
    assert choose([{"a": 10.0, "b": 9.0}, {"a": 9.5}]) == ["b", "a"]
    assert choose([{"a": 1.0}, {"a": 2.0}, {}]) == [None, "a", None]
    assert choose([{"a": -1.0}]) == [None]


@settings(max_examples=15)
@given(
    worths=st.lists(
        st.dictionaries(st.sampled_from("abcd"), st.floats(0.1, 20.0), max_size=4), max_size=5
    )
)
def test_no_trip_is_chosen_twice_and_no_drive_goes_without_one_that_is_free(
    worths: list[dict[str, float]],
) -> None:
    chosen = choose(worths)
    taken = [name for name in chosen if name is not None]
    assert len(taken) == len(set(taken))
    for name, worth in zip(chosen, worths, strict=True):
        assert name is not None or set(worth) <= set(taken)


@settings(max_examples=12)
@given(
    seed=st.integers(0, 10_000),
    every_s=st.sampled_from([10.0, 20.0, 30.0]),
    sigma_m=st.floats(0.0, 25.0),
    lost=st.floats(0.0, 0.5),
    assigned=st.booleans(),
    n=st.integers(0, 15),
)
def test_whatever_the_receivers_say_legs_keep_their_promises(
    seed: int, every_s: float, sigma_m: float, lost: float, assigned: bool, n: int
) -> None:
    day = date(2026, 9, 8 + n)
    trips = scheduled(WORLD, day, assigned=assigned)
    drives_of_day = WORLD.drives(day)[:20]
    rng = np.random.default_rng(seed)
    heard = [
        Positions(p.device, p.time_s[keep], p.lat[keep], p.lon[keep])
        for p in told(WORLD, drives_of_day, seed=seed, every_s=every_s, sigma_m=sigma_m)
        if (keep := rng.random(len(p.time_s)) >= lost).any()
    ]
    found = attribute(trips, heard)
    legs = defaultdict(list)
    for leg in found.legs:
        assert leg.start_ms < leg.end_ms
        legs[leg.device].append(leg)
    for theirs in legs.values():
        assert all(one.end_ms <= other.start_ms for one, other in pairwise(theirs))
    assert len({leg.trip for leg in found.legs}) == len(found.legs)
    truth = {d.trip.name: d.bus.device for d in drives_of_day if not d.excursion}
    for leg in found.legs:
        if leg.covered is not None:
            assert truth.get(leg.trip) == leg.device


@settings(max_examples=20)
@given(
    steps=st.lists(st.floats(-60.0, 200.0), min_size=5, max_size=60),
    side=st.lists(st.floats(-60.0, 60.0), min_size=60, max_size=60),
)
def test_progress_along_a_shape_never_falls(steps: list[float], side: list[float]) -> None:
    road = shape("s", (0, 0), (1200, 0), (1200, 1200), (0, 1200), (0, -400))
    day = Day([trip("t", road)])
    found = along(road, np.clip(np.cumsum(steps), 0.0, road.length_m))
    shifted = Positions(
        found.device,
        found.time_s,
        found.lat + np.array(side[: len(steps)]) / METRES_PER_DEGREE,
        found.lon,
    )
    for states in follow(track(shifted, day.roads.plane), day.roads, day.allowed).values():
        for at in states:
            for state in at:
                path = [metres for _, metres in state.path()]
                assert all(later >= earlier - BACK_M for earlier, later in pairwise(path))
