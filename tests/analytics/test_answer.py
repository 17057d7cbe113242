"""What is said of one bus at a time: of roads drawn by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroute_analytics.attribution.answer import Known, answer
from homeroute_analytics.attribution.claims import Claims
from homeroute_analytics.attribution.fits import Day
from homeroute_analytics.attribution.stands import LEAST_S, MOST_NATS, bay_cost, stands
from homeroute_analytics.attribution.track import (
    METRES_PER_DEGREE,
    Positions,
    Reals,
    positions,
    track,
)
from homeroute_analytics.timetable import Call, Shape
from tests.analytics.drawn import along, shape, trip


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
