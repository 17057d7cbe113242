"""The ribbon: a trip's road, whole, with what is known of each of its segments."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise

from homeroute_analytics.directors import Span
from homeroute_analytics.ribbon import Choice, Ribbon, choices, ribbon
from homeroute_analytics.road_lines import roads, segment_lines
from tests.analytics.rows import MemoryArchive
from tests.dashboards.reported import DAYS, LENGTH_M, district, segment_day

SPAN = Span(DAYS[0], DAYS[-1])


def drawn(held: MemoryArchive, route: str = "4 Elm", span: Span = SPAN) -> Ribbon:
    async def ask() -> Ribbon | None:
        (choice,) = [c for c in await choices(held.query, span) if c.route == route]
        return await ribbon(held.query, choice, span)

    found = asyncio.run(ask())
    assert found is not None
    return found


def test_the_pieces_cover_the_road_and_each_has_its_state() -> None:
    found = drawn(district())
    edges = [(piece.start_m, piece.end_m) for piece in found.pieces]
    assert edges == [(250.0 * n, 250.0 * (n + 1)) for n in range(6)] and edges[-1][1] == LENGTH_M
    assert [piece.state for piece in found.pieces] == [
        "undriven", "mixed", "dead", "dead", "unreported", "mixed",
    ]  # fmt: skip


def test_dead_neighbours_are_one_stretch_between_its_stops() -> None:
    (zone,) = drawn(district()).dead
    assert (zone.start_m, zone.end_m, zone.passes) == (500.0, 1000.0, 30)
    assert zone.where == "between B & Main and C & Main"
    assert round(zone.outage_min) == 216


def test_few_days_are_insufficient_and_silence_stays_apart() -> None:
    found = drawn(district(), span=replace(SPAN, first_day=DAYS[-2]))
    states = {piece.state for piece in found.pieces}
    assert states == {"undriven", "insufficient", "unreported"} and found.dead == ()


def test_a_stop_without_a_name_is_called_by_its_id() -> None:
    assert [stop.name for stop in drawn(district(), "=7 Oak").stops] == ["x", "y", "z"]


def test_another_version_of_the_road_is_told_of_and_not_drawn_into_this_one() -> None:
    held = district()
    held.add("segment_day", [segment_day(DAYS[0], "4 Elm", 0, 0.0, segment="4@old:000")])
    found = drawn(held)
    assert found.earlier == 1 and found.pieces[0].state == "undriven"


def test_only_trips_of_the_timetable_are_offered() -> None:
    held = district()
    held.db.execute(
        "INSERT INTO trip_day BY NAME SELECT DISTINCT day, route, 'live' AS trip FROM trip_day"
    )
    offered: list[Choice] = asyncio.run(choices(held.query, SPAN))
    assert {choice.trip for choice in offered} == {"4-AM", "7-AM"}


def test_lines_of_a_roads_segments_join_end_to_end() -> None:
    found = asyncio.run(roads(district().query, {"4@1", "gone@9"}))
    assert set(found) == {"4@1"}
    lines = segment_lines(found["4@1"])
    assert len(lines) == 6
    assert all(one[-1] == other[0] for one, other in pairwise(lines))
