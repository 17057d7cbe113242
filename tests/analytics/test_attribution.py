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

from homeroute_analytics.attribution.answer import Known, answer
from homeroute_analytics.attribution.choose import choose
from homeroute_analytics.attribution.claims import Claims
from homeroute_analytics.attribution.day_legs import UNSEEN_CONFIDENCE, attribute
from homeroute_analytics.attribution.drives import drives
from homeroute_analytics.attribution.fits import Day
from homeroute_analytics.attribution.stands import LEAST_S, MOST_NATS, bay_cost, stands
from homeroute_analytics.attribution.trace import BACK_M, follow
from homeroute_analytics.attribution.track import (
    METRES_PER_DEGREE,
    Positions,
    Reals,
    positions,
    track,
)
from homeroute_analytics.legs import Leg
from homeroute_analytics.timetable import Call, ScheduledTrip, Shape
from homeroute_simulators.world import world
from tests.analytics.driven import scheduled, told

WORLD = world(7, buses=12)
DAY = date(2026, 9, 10)
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
BEGINS_S = 1_788_900_000
LAT, LON = 36.1, -95.9


def shape(name: str, *corners: tuple[float, float]) -> Shape:
    east, north = (np.array(axis, dtype=np.float64) for axis in zip(*corners, strict=True))
    lat = LAT + north / METRES_PER_DEGREE
    lon = LON + east / (METRES_PER_DEGREE * np.cos(np.radians(LAT)))
    along = np.concatenate(([0.0], np.cumsum(np.hypot(np.diff(east), np.diff(north)))))
    return Shape(name, tuple(lat.tolist()), tuple(lon.tolist()), tuple(along.tolist()))


def trip(
    name: str, road: Shape, *, starts_s: float = 0.0, mps: float = 10.0, route: str = "r"
) -> ScheduledTrip:
    takes_s = round(road.length_m / mps)
    return ScheduledTrip(
        feed=1,
        trip=name,
        route=route,
        label=route,
        period="AM",
        direction=road.shape,
        service_day=DAY,
        start_ms=round((BEGINS_S + starts_s) * 1000),
        end_ms=round((BEGINS_S + starts_s + takes_s) * 1000),
        shape=road,
        calls=(Call("a", 0, 0, 0.0), Call("b", takes_s, takes_s, road.length_m)),
    )


def along(road: Shape, metres: Reals, starts_s: float = 0.0, every_s: float = 10.0) -> Positions:
    """Positions at those metres of a road, in the middle of the lane."""
    times: Reals = BEGINS_S + starts_s + every_s * np.arange(len(metres), dtype=np.float64)
    return positions(
        "bus",
        times,
        np.interp(metres, road.along_m, road.lat),
        np.interp(metres, road.along_m, road.lon),
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


def test_direction_follows_from_progress_on_a_street_driven_both_ways() -> None:
    out, back = shape("out", (0, 0), (4000, 0)), shape("back", (4000, 0), (0, 0))
    day = Day([trip("there", out), trip("home", back)])
    for road, name in ((out, "there"), (back, "home")):
        way = track(along(road, np.arange(0.0, 2500.0, 90.0)), day.roads.plane)
        found = answer(Known(day, way))
        assert found.fit is not None and found.assigned and found.fit.trip.trip == name


def test_two_routes_on_one_road_at_one_time_are_told_apart_only_where_they_part() -> None:
    left = shape("left", (0, 0), (2000, 0), (2000, 2000))
    right = shape("right", (0, 0), (2000, 0), (2000, -2000))
    day = Day([trip("l", left, route="l"), trip("r", right, route="r")])
    whole = along(left, np.arange(0.0, 3000.0, 90.0))
    before = answer(Known(day, track(whole.until(20), day.roads.plane)))
    assert not before.assigned and before.confidence < 0.6
    after = answer(Known(day, track(whole.until(30), day.roads.plane)))
    assert after.fit is not None and after.assigned and after.fit.trip.trip == "l"


def test_a_bus_already_known_to_be_on_one_of_two_trips_leaves_the_other_to_the_next_bus() -> None:
    left = shape("left", (0, 0), (2000, 0), (2000, 2000))
    right = shape("right", (0, 0), (2000, 0), (2000, -2000))
    day = Day([trip("l", left, route="l"), trip("r", right, route="r")])
    claims = Claims()
    # The first bus has turned left; the second one, a minute later, is still on the common road.
    first = Known(day, track(along(left, np.arange(0.0, 3000.0, 90.0)), day.roads.plane), "first")
    first.claim(claims, len(first.track) - 1)
    metres: Reals = np.arange(0.0, 1500.0, 90.0)
    second = Known(day, track(along(right, metres, 60.0), day.roads.plane), "second")
    alone, beside = answer(second), answer(second, claims=claims)
    assert not alone.assigned and alone.confidence < 0.6
    assert beside.assigned and beside.fit is not None and beside.fit.trip.trip == "r"
    assert claims.likeliest("l", besides="second")[0] == "first"
    assert claims.likeliest("nobody's", besides="second") == ("", 0.0)


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


def test_at_the_end_of_its_trip_a_bus_is_not_taken_for_one_that_shares_the_end() -> None:
    whole = shape("whole", (0, 0), (12_000, 0))
    tail = shape("tail", (8000, 3000), (8000, 0), (12_000, 0))
    day = Day([trip("t", whole), trip("o", tail, starts_s=500.0, route="other")])
    known = Known(day, track(along(whole, np.arange(0.0, 12_000.0, 100.0)), day.roads.plane))
    said = [answer(known, fix).fit for fix in range(6, len(known.track))]
    assert {fit.trip.trip for fit in said if fit is not None} == {"t"} and None not in said


def waited(road: Shape, drawn: Shape, *, wait_s: float = 120.0) -> Positions:
    """A bus that stands at that road's start, jittering by some metres, and then drives."""
    stands = int(wait_s / 10.0)
    metres = np.concatenate((np.zeros(stands), np.arange(1, 40) * 50.0))
    clean = along(road, metres, starts_s=-wait_s)
    jitter = np.random.default_rng(3).normal(0.0, 6.0 / METRES_PER_DEGREE, (2, len(metres)))
    assert drawn.length_m > metres.max()
    return positions("bus", clean.time_s, clean.lat + jitter[0], clean.lon + jitter[1])


def test_the_bay_a_bus_stood_at_tells_two_routes_that_leave_together_apart() -> None:
    bays = [shape("a", (0, 0), (0, 2000)), shape("b", (0, 25), (0, 2000))]
    trips = [trip(bay.shape, bay, route=bay.shape) for bay in bays]
    day = Day(trips)
    for bay in bays:
        found = answer(Known(day, track(waited(bay, bays[1]), day.roads.plane)))
        assert found.fit is not None and found.assigned
        assert found.fit.trip.route == bay.shape
        assert found.fit.bay_m is not None and found.fit.bay_m < 10.0


def test_a_bay_some_metres_along_a_road_is_a_rival_however_long_the_bus_stood() -> None:
    # The wait is before the one road begins, and upon the other: it is no part of the way.
    bays = [shape("a", (0, 0), (0, 3000)), shape("b", (0, -22), (0, 3000))]
    day = Day([trip(bay.shape, bay, route=bay.shape) for bay in bays])
    known = Known(day, track(waited(bays[0], bays[0], wait_s=900.0), day.roads.plane))
    (drive,) = known.drives(len(known.track) - 1)
    assert {fit.trip.route for fit in drive.fits} == {"a", "b"}


def test_a_bus_that_was_not_seen_to_stand_leaves_them_alike() -> None:
    bays = [shape("a", (0, 0), (0, 2000)), shape("b", (0, 25), (0, 2000))]
    day = Day([trip(bay.shape, bay, route=bay.shape) for bay in bays])
    metres: Reals = np.arange(38, dtype=np.float64) * 50.0 + 80.0
    moving = along(bays[0], metres)
    found = answer(Known(day, track(moving, day.roads.plane)))
    assert not found.assigned and found.confidence == pytest.approx(0.5, abs=0.05)
    assert found.fit is not None and found.fit.bay_m is None
    assert answer(Known(day, track(moving, day.roads.plane)), sure=0.4).assigned


def test_a_bus_that_creeps_does_not_stand() -> None:
    times = [10.0 * n for n in range(40)]
    assert not stands(times, [12.0 * n for n in range(40)], [0.0] * 40)[:, 2].any()


@given(
    x=st.lists(st.floats(-200, 200), min_size=1, max_size=40),
    step_s=st.floats(1, 60),
)
def test_a_stand_lasts_at_least_20_s_and_its_middle_is_among_its_positions(
    x: list[float], step_s: float
) -> None:
    times = [n * step_s for n in range(len(x))]
    found = stands(times, x, [0.0] * len(x))
    for middle, _, lasted_s in found:
        assert (lasted_s == 0.0) == bool(np.isnan(middle))
        assert lasted_s == 0.0 or (lasted_s >= LEAST_S and min(x) <= middle <= max(x))


@given(away_m=st.floats(0, 50_000), farther_m=st.floats(0.1, 100), lasted_s=st.floats(20, 3600))
def test_a_bay_farther_off_costs_more_but_never_decides_alone(
    away_m: float, farther_m: float, lasted_s: float
) -> None:
    cost = bay_cost(away_m, lasted_s)
    # Nothing but rounding below nothing.
    assert -1e-9 <= cost <= bay_cost(away_m + farther_m, lasted_s)
    assert bay_cost(away_m, lasted_s) <= MOST_NATS


def test_nothing_is_said_before_400_m() -> None:
    road = shape("s", (0, 0), (4000, 0))
    day = Day([trip("t", road)])
    found = answer(Known(day, track(along(road, np.arange(0.0, 390.0, 60.0)), day.roads.plane)))
    assert found.fit is None and "400 m" in found.rule


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


@settings(max_examples=15, deadline=None)
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


@settings(max_examples=12, deadline=None)
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


@settings(max_examples=20, deadline=None)
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


def test_a_road_that_nobody_drew_is_matched_by_its_stops() -> None:
    stops = shape("stops", (0, 0), (1500, 0), (3000, 0), (3000, 1500))
    bare = replace(
        trip("t", stops),
        calls=tuple(
            Call(str(n), round(m / 10), round(m / 10), m) for n, m in enumerate(stops.along_m)
        ),
    )
    day = Day([bare])
    assert day.roads.loose.tolist() == [True]
    assert not Day([trip("t", stops)]).roads.loose.any()
    # The real road swings out by 250 m between the stops.
    real = shape("real", (0, 0), (750, 250), (1500, 0), (2250, -250), (3000, 0), (3000, 1500))
    way = track(along(real, np.arange(0.0, real.length_m, 95.0)), day.roads.plane)
    found = answer(Known(day, way))
    assert found.fit is not None and found.assigned
