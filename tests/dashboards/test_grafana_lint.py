"""The linter of dashboards: every rule fails where it is broken, and only then."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from homeroute_dashboards.grafana.catalogue import dashboards
from homeroute_dashboards.grafana.lint import faults
from homeroute_dashboards.grafana.lint_queries import levels

Json = dict[str, Any]
BUILT = {built.uid: built.json for built in dashboards()}


@pytest.fixture
def boards() -> dict[str, Json]:
    return copy.deepcopy(BUILT)


def titled(board: Json, title: str) -> Json:
    return next(panel for panel in board["panels"] if panel["title"] == title)


def break_defaults(**changes: Any) -> Callable[[dict[str, Json]], None]:
    def breaks(boards: dict[str, Json]) -> None:
        defaults = titled(boards["homeroute-signal"], "RSRP, median")["fieldConfig"]["defaults"]
        defaults.update(changes)

    return breaks


def break_panel(uid: str, title: str, /, **changes: Any) -> Callable[[dict[str, Json]], None]:
    return lambda boards: titled(boards[uid], title).update(changes)


def break_board(uid: str, /, **changes: Any) -> Callable[[dict[str, Json]], None]:
    return lambda boards: boards[uid].update(changes)


def break_query(uid: str, title: str, old: str, new: str) -> Callable[[dict[str, Json]], None]:
    def breaks(boards: dict[str, Json]) -> None:
        target = titled(boards[uid], title)["targets"][0]
        assert old in target["query"]
        target["query"] = target["query"].replace(old, new)

    return breaks


def break_variable(number: int, **changes: Any) -> Callable[[dict[str, Json]], None]:
    def breaks(boards: dict[str, Json]) -> None:
        boards["homeroute-route-coverage"]["templating"]["list"][number].update(changes)

    return breaks


def bridge(boards: dict[str, Json]) -> None:
    custom = titled(boards["homeroute-signal"], "Round trip, longest")["fieldConfig"]
    custom["defaults"]["custom"]["spanNulls"] = True


def ask_tiles(boards: dict[str, Json]) -> None:
    held = titled(boards["homeroute-route-coverage"], "Where: segments of 250 m")
    held["options"]["basemap"]["config"]["url"] = "https://tiles.example/{z}/{x}/{y}.png"


def colour(boards: dict[str, Json]) -> None:
    steps = titled(boards["homeroute-signal"], "RSRP, median")["fieldConfig"]["defaults"]
    steps["thresholds"]["steps"][0]["color"] = "#00ff00"


def unmap(boards: dict[str, Json]) -> None:
    overrides = titled(boards["homeroute-devices"], "Devices")["fieldConfig"]["overrides"]
    for override in overrides:
        override["properties"] = [p for p in override["properties"] if p["id"] != "mappings"]


def unmap_cells(boards: dict[str, Json]) -> None:
    held = titled(boards["homeroute-route-coverage"], "Usable share by hour of day")
    del held["fieldConfig"]["defaults"]["mappings"]


def same_letters(boards: dict[str, Json]) -> None:
    titled(boards["homeroute-devices"], "Devices")["targets"][1]["refId"] = "A"


def hide_completeness(boards: dict[str, Json]) -> None:
    board = boards["homeroute-completeness"]
    names = ("Reported share", "n samples")
    board["panels"] = [panel for panel in board["panels"] if panel["title"] not in names]


def unlist(boards: dict[str, Json]) -> None:
    del boards["homeroute-device"]


def scramble(boards: dict[str, Json]) -> None:
    variables = boards["homeroute-route-coverage"]["templating"]["list"]
    variables.reverse()


RULES: dict[str, Callable[[dict[str, Json]], None]] = {
    "can be edited in place": break_board("homeroute-signal", editable=True),
    "schemaVersion 38 is outdated": break_board("homeroute-signal", schemaVersion=38),
    "does not begin with homeroute-": break_board("homeroute-signal", uid="signal"),
    "does not say what it is for": break_board("homeroute-signal", description="Signal"),
    "graph is no core panel": break_panel("homeroute-signal", "RSRP, median", type="graph"),
    "has no title": break_panel("homeroute-signal", "RSRP, median", title=""),
    "has no description": break_panel("homeroute-signal", "RSRP, median", description="RSRP"),
    "has no unit": break_defaults(unit=""),
    "has no words for an empty answer": break_defaults(noValue=""),
    "has no thresholds": break_defaults(thresholds={"mode": "absolute", "steps": []}),
    "colour #00ff00": colour,
    "draws a line over time": bridge,
    "its ground comes from the internet": ask_tiles,
    "two panels have one id": break_panel("homeroute-signal", "RSRP, median", id=2),
    "stands beyond the 24 columns": break_panel(
        "homeroute-signal", "n samples", gridPos={"x": 22, "y": 90, "w": 4, "h": 4}
    ),
    "overlap": break_panel(
        "homeroute-signal", "RSRP, median", gridPos={"x": 2, "y": 0, "w": 4, "h": 4}
    ),
    "leads nowhere": unlist,
    "two dashboards have one uid": break_board("homeroute-signal", uid="homeroute-device"),
    "cannot be All, or several": break_variable(1, multi=False),
    "All is a list of names": break_variable(1, allValue=None),
    "does not cascade from route": break_variable(2, query={"query": "SHOW TAG VALUES"}),
    "do not go from wide to narrow": scramble,
    "datasource 'prometheus' is none of": break_variable(1, datasource={"uid": "prometheus"}),
    "mean of a state hides outages": break_query(
        "homeroute-devices", "States", 'min("level")', 'mean("level")'
    ),
    "percentile of a state hides outages": break_query(
        "homeroute-device", "Uplinks", 'min("state")', 'percentile("state", 50)'
    ),
    "last of a state hides outages": break_query(
        "homeroute-fleet-today", "Internet on the bus", 'min("state")', 'last("state")'
    ),
    "leaves the order of its columns to chance": break_panel(
        "homeroute-devices", "Devices", transformations=[]
    ),
    "two queries have one refId": same_letters,
    "State: what is not there would be coloured": unmap,
    "every cell: what is not there would be coloured": unmap_cells,
    "$route is no variable of this dashboard": break_query(
        "homeroute-devices", "States", "$device$", "$route$"
    ),
    "$device stands outside": break_query(
        "homeroute-devices", "States", '"device" =~ /^$device$/', "\"device\" = '$device'"
    ),
    "a rate, and no completeness beside it": hide_completeness,
}


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_is_found_broken_where_it_is_broken(rule: str, boards: dict[str, Json]) -> None:
    RULES[rule](boards)
    assert any(rule in fault for fault in faults(list(boards.values()))), rule


def test_nothing_is_found_where_nothing_is_broken(boards: dict[str, Json]) -> None:
    assert faults(list(boards.values())) == []


def test_the_selects_of_a_query_are_told_apart_from_the_outermost_inwards() -> None:
    query = (
        'SELECT min("a") AS "a" FROM (SELECT max("s") AS "a" FROM "m" WHERE x GROUP BY y) WHERE z'
    )
    assert list(levels(query)) == [
        ('min("a") AS "a"', " WHERE z"),
        ('max("s") AS "a"', '"m" WHERE x GROUP BY y'),
    ]
