"""A stretch of road in the names of its stops, and a dead zone in those of its costliest trip."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroute_analytics.dead_zones import Zone, worklist, zones
from homeroute_analytics.directors import Segment, Span, segments
from homeroute_analytics.road_lines import road_of
from homeroute_analytics.stops_around import EDGE_M, Stop, Stops, stops_of, where
from tests.analytics.rows import MemoryArchive
from tests.dashboards.reported import DAYS, FIRST, METRE, district, segment_day

SPAN = Span(DAYS[0], DAYS[-1])
ROAD = (Stop("Elm St", 0.0), Stop("Oak Ave", 900.0), Stop("Ash Ct", 1400.0), Stop("School", 3000.0))


@pytest.mark.parametrize(
    ("start_m", "end_m", "said"),
    [
        (250, 750, "between Elm St and Oak Ave"),
        (750, 1000, "at Oak Ave"),
        (750, 1250, "at Oak Ave"),
        (1000, 1250, "between Oak Ave and Ash Ct"),
        (500, 2000, "from Oak Ave to Ash Ct"),
        (0, 250, "between Elm St and Oak Ave"),
        (2750, 3000, "between Ash Ct and School"),
        (3000, 3400, "from School to the end"),
    ],
)
def test_a_stretch_lies_between_its_stops_or_at_them(
    start_m: float, end_m: float, said: str
) -> None:
    assert where(ROAD, start_m, end_m) == said


def test_before_the_first_stop_is_from_the_start() -> None:
    assert where((Stop("Elm St", 900.0),), 0.0, 500.0) == "from the start to Elm St"


def test_a_loop_that_ends_where_it_began_is_at_that_stop() -> None:
    assert where((Stop("Elm St", 300.0), Stop("Elm St", 900.0)), 0.0, 1250.0) == "at Elm St"


def test_without_stops_nothing_is_said() -> None:
    assert where((), 0.0, 250.0) is None


@given(
    st.lists(st.sampled_from([60.0 * n for n in range(80)]), min_size=1, max_size=12).map(sorted),
    st.integers(0, 18),
    st.integers(1, 6),
)
def test_no_stop_lies_nearer_than_the_ones_named(
    along: list[float], first: int, count: int
) -> None:
    stops = [Stop(f"s{number:02}", metres) for number, metres in enumerate(along)]
    edge_m = min(EDGE_M, count * 250.0 / 4)
    start_m, end_m = first * 250.0 + edge_m, (first + count) * 250.0 - edge_m
    within = [stop.name for stop in stops if start_m < stop.along_m < end_m]
    before = [stop.name for stop in stops if stop.along_m <= start_m]
    beyond = [stop.name for stop in stops if stop.along_m >= end_m]
    said = where(stops, first * 250.0, (first + count) * 250.0)
    assert said is not None
    named = [stop.name for stop in stops if stop.name in said]
    if within:
        assert named == ([within[0], within[-1]] if len(within) > 1 else within)
    else:
        assert named == [*before[-1:], *beyond[:1]]
        assert ("start" in said, "the end" in said) == (not before, not beyond)


def found(held: MemoryArchive) -> tuple[list[Zone], Stops]:
    async def ask() -> tuple[list[Zone], Stops]:
        judged: list[Segment] = await segments(held.query, SPAN)
        roads = {(each.trip, road_of(each.segment)) for each in judged}
        return zones(judged), await stops_of(held.query, roads)

    return asyncio.run(ask())


def test_a_dead_zone_is_named_by_the_stops_around_it() -> None:
    (zone,), stops = found(district())
    assert zone.where(stops) == "between B & Main and C & Main"
    (crossing,) = zone.crossings
    assert (crossing.start_m, crossing.end_m) == (500.0, 1000.0)


def test_the_trip_that_loses_most_names_the_zone_and_one_without_stops_gives_way() -> None:
    held = district()
    for day in DAYS:
        passes = [
            segment_day(day, "4 Elm", n, 0.0, trip="4-live", client_outage_min=99.0) for n in (2, 3)
        ]
        # The other road runs the same way 20 m beside, and has dead segments there.
        passes += [
            segment_day(
                day,
                "=7 Oak",
                n,
                0.0,
                trip="7-PM",
                segment=f"7@1:{n + 2:03d}",
                lon=-98.0 + 20 * METRE,
                client_outage_min=20.0,
            )
            for n in (2, 3)
        ]
        held.add("segment_day", passes)
    held.db.execute(
        "INSERT INTO feed_trips SELECT * REPLACE ('7-PM' AS trip, 'PM' AS period) "
        "FROM feed_trips WHERE trip = '7-AM'"
    )
    (zone,), stops = found(held)
    assert [crossing.trip for crossing in zone.crossings] == ["4-live", "7-PM", "4-AM"]
    assert zone.where(stops) == "between y and z"


def test_a_road_that_comes_back_through_a_zone_crosses_it_twice() -> None:
    held = district()
    for day in DAYS:
        held.add(
            "segment_day",
            [
                segment_day(day, "4 Elm", n, 0.0, segment=f"4@1:{back:03d}")
                for n, back in ((3, 8), (2, 9))
            ],
        )
    (zone,), _ = found(held)
    assert sorted((c.start_m, c.end_m) for c in zone.crossings) == [
        (500.0, 1000.0),
        (2000.0, 2500.0),
    ]


def test_a_newer_feed_of_the_same_road_names_the_stops() -> None:
    held = district()
    held.db.execute(
        "INSERT INTO feeds SELECT * REPLACE (2 AS feed, ? AS first_day) FROM feeds", [DAYS[5]]
    )
    held.db.execute("INSERT INTO feed_trips SELECT * REPLACE (2 AS feed) FROM feed_trips")
    held.db.execute(
        "INSERT INTO feed_stops SELECT * REPLACE (2 AS feed, 'New ' || name AS name) "
        "FROM feed_stops"
    )
    (zone,), stops = found(held)
    assert zone.where(stops) == "between New B & Main and New C & Main"
    assert len(asyncio.run(worklist(held.query, Span(FIRST, DAYS[-1])))) == 1
