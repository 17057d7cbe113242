"""Verdicts of segments, and whether a fix helped: right, and as sure as they say."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from homeroute_analytics.before_after import (
    FEWEST_DAYS,
    Change,
    Where,
    before_after,
    student_t,
)
from homeroute_analytics.dead_zones import worklist
from homeroute_analytics.directors import Span, by_route, by_trip, longest_gaps, segments
from homeroute_analytics.verdicts import Limits, fewest_clean, verdict, wilson
from tests.analytics.rows import MemoryArchive

FIRST = date(2026, 11, 2)
EVER = Span(FIRST, FIRST + timedelta(365))


def test_sixteen_clean_passes_make_a_segment_good_and_fifteen_do_not() -> None:
    assert verdict(16, 16, 16) == "good"
    assert verdict(15, 15, 15) == "mixed"


@pytest.mark.parametrize(
    ("usable", "passes", "days", "expected"),
    [
        (0, 4, 4, "insufficient"),
        (0, 9, 2, "insufficient"),
        (0, 5, 3, "dead"),
        (2, 5, 3, "dead"),
        (3, 5, 3, "mixed"),
        (60, 100, 50, "dead"),
        (80, 100, 50, "mixed"),
        (95, 100, 50, "good"),
    ],
)
def test_a_verdict_follows_wilsons_interval(
    usable: int, passes: int, days: int, expected: str
) -> None:
    assert verdict(usable, passes, days) == expected


def test_wilsons_interval_is_that_of_the_textbook() -> None:
    # Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 0) == (0.0, 1.0)


def segment(day: int, index: int, share: float, **changes: Any) -> dict[str, Any]:
    """A pass of 25 s; segments lie 250 m apart northwards."""
    row = {
        "day": FIRST + timedelta(day),
        "route": "4 Elm",
        "trip": "t1",
        "period": "AM",
        "segment": f"s@1:{index:03d}",
        "usable_s": 25 * share,
        "connected_s": 0.0,
        "no_service_s": 25 * (1 - share),
        "unreported_s": 0.0,
        "client_outage_min": 10 * (1 - share),
        "located": True,
        "lat": 38.5 + index * 250 / 111_320,
        "lon": -98.0,
    }
    return row | changes


def archive(*rows: dict[str, Any]) -> MemoryArchive:
    held = MemoryArchive()
    held.add("segment_day", rows)
    return held


def test_passes_that_say_too_little_do_not_count_and_unreported_is_never_good() -> None:
    silent = {"usable_s": 5.0, "no_service_s": 0.0, "unreported_s": 20.0}
    held = archive(
        *(segment(day, 0, 1.0) for day in range(4)),
        *(segment(day, 0, 1.0, **silent) for day in range(4, 20)),
        *(segment(day, 1, 1.0, located=False) for day in range(20)),
    )
    first, second = asyncio.run(segments(held.query, EVER))
    assert (first.driven, first.passes, first.usable, first.verdict) == (20, 4, 4, "insufficient")
    assert first.reported_share == pytest.approx((4 * 25 + 16 * 5) / (20 * 25))
    assert (second.driven, second.passes, second.verdict) == (20, 0, "insufficient")


def test_neighbouring_dead_segments_of_any_trip_are_one_zone_and_the_costliest_comes_first() -> (
    None
):
    held = archive(
        *(segment(day, index, 0.0) for day in range(8) for index in (3, 4)),
        *(segment(day, 5, 1.0) for day in range(20)),
        *(segment(day, 4, 0.0, trip="t2", route="5 Oak", segment="r@2:001") for day in range(8)),
        *(segment(day, 12, 0.0, client_outage_min=99.0) for day in range(8)),
    )
    far, near = asyncio.run(worklist(held.query, EVER))
    assert (far.segments, far.outage_min) == (("s@1:012",), 792.0)
    assert near.segments == ("r@2:001", "s@1:003", "s@1:004")
    assert (near.routes, near.trips, near.passes) == (("4 Elm", "5 Oak"), ("t1", "t2"), 24)
    assert near.outage_min == 240.0


def trip(day: int, usable: float, reported: float = 1000.0, **changes: Any) -> dict[str, Any]:
    row = {
        "day": FIRST + timedelta(day),
        "device": "bus-1",
        "route": "4 Elm",
        "trip": "t1",
        "period": "AM",
        "source": "gps",
        "scheduled_s": 1000.0,
        "driven_s": 1000.0,
        "reported_s": reported,
        "connected_s": usable,
        "usable_s": usable,
        "longest_gap_s": 1000.0 - usable,
        "client_outage_min": 0.0,
        "observed": reported >= 800,
    }
    return row | changes


def test_routes_are_told_with_what_they_rest_on_the_worst_first() -> None:
    held = MemoryArchive()
    held.add("trip_day", [trip(day, 900.0) for day in range(3)])
    silent = {"driven_s": 0.0, "source": "none"}
    held.add("trip_day", [trip(3, 0.0, 0.0, **silent), trip(0, 500.0, route="5", trip="t2")])
    held.add("trip_day", [trip(0, 0.0, 0.0, route="6", trip="t3", **silent)])
    worst, better, unknown = asyncio.run(by_route(held.query, EVER))
    assert (worst.route, worst.usable_share) == ("5", 0.5)
    assert (better.usable_share, better.reported_share) == (0.9, 0.75)
    assert (better.trips_scheduled, better.trips_observed, better.observed_share) == (4, 3, 0.75)
    assert better.gap_median_s == 100.0
    assert (unknown.route, unknown.usable_share, unknown.reported_share) == ("6", None, 0.0)
    assert [c.trip for c in asyncio.run(by_trip(held.query, EVER))] == ["t2", "t1", "t3"]
    gaps = asyncio.run(longest_gaps(held.query, EVER, limit=2))
    assert [(g.trip, g.longest_gap_s) for g in gaps] == [("t2", 500.0), ("t1", 100.0)]


def asked(held: MemoryArchive, changed: int, where: Where | None = None) -> Change:
    day = FIRST + timedelta(changed)
    return asyncio.run(before_after(held.query, day, where or Where()))


def test_a_fix_shows_as_a_difference_with_its_interval_and_its_day_on_neither_side() -> None:
    held = MemoryArchive()
    held.add("trip_day", [trip(day, 700.0 + 20 * (day % 3)) for day in range(10)])
    held.add("trip_day", [trip(10, 0.0)])
    held.add("trip_day", [trip(day, 900.0 + 20 * (day % 3)) for day in range(11, 21)])
    found = asked(held, 10)
    assert (found.before.days, found.after.days) == (10, 10)
    assert found.difference == pytest.approx(0.2, abs=0.01)
    assert found.low is not None
    assert found.high is not None
    assert found.difference is not None
    assert 0.15 < found.low < found.difference < found.high < 0.25


def test_too_few_days_have_a_difference_and_no_interval() -> None:
    held = MemoryArchive()
    held.add("trip_day", [trip(day, 700.0) for day in range(10)])
    held.add("trip_day", [trip(day, 900.0) for day in range(11, 11 + FEWEST_DAYS - 1)])
    found = asked(held, 10)
    assert found.difference == pytest.approx(0.2)
    assert (found.low, found.high) == (None, None)
    assert asked(held, 60).difference is None


def test_a_place_stays_itself_when_a_feed_renames_its_segments() -> None:
    # After the change the road begins 100 m farther on: other names, other middles.
    held = archive(
        *(
            segment(day, index, 0.2 if index == 4 else 1.0)
            for day in range(10)
            for index in range(9)
        ),
        *(
            segment(
                day,
                index,
                0.9,
                segment=f"s@2:{index:03d}",
                lat=38.5 + (index * 250 + 100) / 111_320,
            )
            for day in range(11, 21)
            for index in range(9)
        ),
    )
    place = (38.5 + 1000 / 111_320, -98.0, 130.0)
    found = asked(held, 10, Where(route="4 Elm", place=place))
    assert found.segments == 2
    assert found.before.usable_share == pytest.approx(0.2)
    assert found.difference == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("freedom", "expected"), [(3, 3.182), (5, 2.571), (10, 2.228), (60, 2.000)]
)
def test_students_quantiles_are_the_tables(freedom: float, expected: float) -> None:
    assert student_t(freedom) == pytest.approx(expected, rel=0.01)


@pytest.mark.slow
def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """Days of their own weather, ten before and ten after; 95% is promised."""
    rng = np.random.default_rng(5)
    from homeroute_analytics import before_after as module

    covered = trials = 0
    for _ in range(600):
        sides = []
        for mean in (0.8, 0.88):
            days = np.clip(rng.normal(mean, 0.06, 10), 0, 1)
            reported = rng.uniform(2_000, 6_000, 10)
            rows = [
                (FIRST, float(u * r), float(r), float(r), 4)
                for u, r in zip(days, reported, strict=True)
            ]
            sides.append(module._side(rows))
        (one, spread_one), (other, spread_other) = sides
        assert one.usable_share is not None and other.usable_share is not None
        assert spread_one is not None and spread_other is not None
        half = module._half(spread_one, one.days, spread_other, other.days)
        covered += abs(other.usable_share - one.usable_share - 0.08) <= half
        trials += 1
    assert 0.92 <= covered / trials <= 0.98


@pytest.mark.parametrize("limits", [Limits(), Limits(bar=0.9), Limits(fewest_passes=30)])
def test_so_many_clean_passes_are_the_fewest_for_good(limits: Limits) -> None:
    n = fewest_clean(limits)
    assert verdict(n, n, n, limits) == "good"
    assert verdict(n - 1, n - 1, n - 1, limits) != "good"
    assert fewest_clean() == 16
