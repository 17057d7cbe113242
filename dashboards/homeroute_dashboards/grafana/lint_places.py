"""Rules of places: ids, grid, links between dashboards, and variables that cascade."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

Json = dict[str, Any]

WIDTH = 24
ORDER = ("district", "route", "trip", "device")

_LINK = re.compile(r"^/d/([A-Za-z0-9_-]+)")


def board(dashboard: Json) -> Iterator[str]:
    """Ids, places, and variables of one dashboard."""
    panels = dashboard.get("panels", [])
    ids = [panel.get("id") for panel in panels]
    if len(set(ids)) != len(ids) or None in ids:
        yield "two panels have one id"
    for panel in panels:
        place = panel["gridPos"]
        if place["x"] < 0 or place["x"] + place["w"] > WIDTH:
            yield f"{panel['title']} stands beyond the {WIDTH} columns"
    for one, other in combinations(panels, 2):
        if overlap(one["gridPos"], other["gridPos"]):
            yield f"{one['title']} and {other['title']} overlap"
    yield from _variables(dashboard)


def overlap(one: Json, other: Json) -> bool:
    """Whether two places share a cell."""
    across = one["x"] < other["x"] + other["w"] and other["x"] < one["x"] + one["w"]
    return across and beside(one, other)


def beside(one: Json, other: Json) -> bool:
    """Whether two places share a row of the grid."""
    return bool(one["y"] < other["y"] + other["h"] and other["y"] < one["y"] + one["h"])


def _variables(dashboard: Json) -> Iterator[str]:
    before: list[str] = []
    for variable in dashboard.get("templating", {}).get("list", []):
        name = variable["name"]
        query = variable.get("query")
        text = query.get("query", "") if isinstance(query, dict) else str(query)
        if not (variable.get("includeAll") and variable.get("multi")):
            yield f"variable {name} cannot be All, or several"
        if variable.get("allValue") != ".*":
            yield f"variable {name}: All is a list of names, not the pattern .*"
        for wider in before:
            if f'"{wider}" =~ /^${wider}$/' not in text:
                yield f"variable {name} does not cascade from {wider}"
        before.append(name)
    if before != [name for name in ORDER if name in before]:
        yield f"variables {before} do not go from wide to narrow"


def links(dashboards: Sequence[Json]) -> Iterator[str]:
    """Links to dashboards that are not there, over all of them."""
    known = {dashboard.get("uid") for dashboard in dashboards}
    if len(known) != len(dashboards):
        yield "two dashboards have one uid"
    for dashboard in dashboards:
        for address in _addresses(dashboard):
            match = _LINK.match(address)
            if match and match[1] not in known:
                yield f"{dashboard.get('title')}: {address} leads nowhere"


def _addresses(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "url" and isinstance(value, str):
                yield value
            else:
                yield from _addresses(value)
    elif isinstance(node, list):
        for value in node:
            yield from _addresses(value)
