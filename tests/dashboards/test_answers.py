"""The sentence, the file and the numbers behind the connectivity page."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroute_analytics.coverage import Cell, Coverage, Movement
from homeroute_dashboards.pages.answers import (
    CSV_COLUMNS,
    coverage_csv,
    coverage_json,
    headline,
    percent,
)

EMPTY = Cell(None, None)


def cell(route: str, hour: int | None, usable: float, trips: int = 20, days: int = 10) -> Cell:
    return Cell(route, hour, usable * 1000, 0.0, (1 - usable) * 1000, 1250.0, 100, trips, 25, days)


def coverage(*routes: Cell, cells: tuple[Cell, ...] = ()) -> Coverage:
    own = cells or tuple(replace(r, hour=7) for r in routes)
    days = max((r.days for r in routes), default=0)
    return Coverage(own, routes, replace(EMPTY, days=days), EMPTY)


def plain(text: str) -> str:
    return text.replace("\N{NARROW NO-BREAK SPACE}", " ")


def test_the_headline_names_the_worst_route_its_evidence_and_its_worst_hour() -> None:
    found = coverage(
        cell("4", None, 0.812),
        cell("7", None, 0.95),
        cells=(cell("4", 7, 0.6), cell("4", 15, 0.9), cell("7", 7, 0.95)),
    )
    assert plain(headline(found)) == (
        "Route 4 loses connectivity most: usable 81.2 % of reported time "
        "(20 of 25 trips heard from, on 10 days; 80 % of scheduled time reported). "
        "Worst hour of any route: 4, 07:00 to 08:00, at 60.0 %."
    )


def test_routes_within_a_point_of_the_worst_are_named_together_and_the_worst_hour_is_of_any() -> (
    None
):
    found = coverage(
        cell("15", None, 0.905),
        cell("17", None, 0.907, days=11),
        cell("12", None, 0.935),
        cells=(cell("15", 19, 0.4, trips=1), cell("17", 6, 0.843), cell("15", 6, 0.9)),
    )
    assert plain(headline(found)) == (
        "Routes 15 and 17 lose connectivity most, within a point of each other: "
        "usable 90.5 % to 90.7 % of reported time "
        "(40 of 50 trips heard from, on 10 to 11 days; 80 % of scheduled time reported). "
        "Worst hour of any route: 17, 06:00 to 07:00, at 84.3 %; "
        "dashed cells (few trips) left out."
    )


def test_a_route_that_ran_on_fewer_days_than_all_says_of_how_many() -> None:
    found = coverage(cell("4", None, 0.8), cell("7", None, 0.95, days=11))
    assert ", on 10 of 11 days; " in headline(found)


def test_many_near_routes_are_counted_and_not_listed() -> None:
    found = coverage(*(cell(str(n), None, 0.9 + n / 1000) for n in range(6)))
    assert headline(found).startswith("Routes 0, 1, 2 and 3 more lose connectivity most")


def test_a_route_with_few_trips_does_not_make_the_headline_before_one_with_enough() -> None:
    found = coverage(cell("new", None, 0.1, trips=1, days=1), cell("4", None, 0.8))
    assert headline(found).startswith("Route 4 ")


def test_the_headline_says_when_all_it_has_is_few_trips() -> None:
    assert headline(coverage(cell("4", None, 0.5, trips=1, days=1))).endswith(
        "Few trips so far: this may change."
    )


def test_the_headline_does_not_call_a_perfect_route_the_one_that_loses_most() -> None:
    assert headline(coverage(cell("4", None, 1.0))).startswith("No route loses connectivity")


def test_there_is_no_headline_about_routes_nobody_heard_from() -> None:
    assert headline(coverage(Cell("4", None, scheduled_s=3600.0, trips_scheduled=1))) == ""
    assert headline(coverage()) == ""


def test_the_csv_has_every_cell_every_route_and_the_total() -> None:
    text = coverage_csv(coverage(cell("4", None, 0.812)), "America/Chicago")
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0] == [*CSV_COLUMNS, "timezone"]
    assert {row[-1] for row in rows[1:]} == {"America/Chicago"}
    assert [row[:3] for row in rows[1:]] == [
        ["4", "7", "0.812"],
        ["4", "", "0.812"],
        ["all routes", "", ""],
    ]


@pytest.mark.parametrize("route", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_a_route_named_like_a_formula_stays_text_in_a_spreadsheet(route: str) -> None:
    rows = list(csv.reader(io.StringIO(coverage_csv(coverage(cell(route, None, 0.5)), "UTC"))))
    assert rows[1][0] == f"'{route}"


def test_the_json_puts_each_routes_cells_in_the_order_of_the_day() -> None:
    found = coverage(cell("4", None, 0.7), cells=(cell("4", 15, 0.2), cell("4", 7, 0.9)))
    answer = coverage_json(found, Movement(100.0, 25.0))
    assert answer["hours"] == [7, 15]
    assert [c["hour"] for c in answer["routes"][0]["cells"]] == [7, 15]
    assert answer["unassigned"]["moving_share"] == 0.25


@given(st.floats(0, 1), st.integers(0, 2))
def test_what_is_not_quite_all_or_nothing_never_reads_so(share: float, decimals: int) -> None:
    text = plain(percent(share, decimals))
    assert (text == f"{100:.{decimals}f} %") == (share == 1) or share * 100 >= 100
    assert (text == f"{0:.{decimals}f} %") == (share == 0) or share * 100 == 0
