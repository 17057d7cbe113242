"""Rules of queries: outages survive zooming out, rates stand beside their completeness.

Guarantees: said of the query's text, as committed. Does not: run it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from homeroute_dashboards.grafana.influxql import REPORTING, TELEMETRY
from homeroute_dashboards.grafana.lint_places import beside

Json = dict[str, Any]

KNOWN = (TELEMETRY.uid, REPORTING.uid)
OWN_MACROS = frozenset({"timeFilter", "__interval", "__timezone"})

STATES = r'(\w+)\((?:"state"|"level"), ?|(\w+)\("(?:state|level)"\)'
KEEPS_OUTAGES = frozenset({"min", "count"})

RATE_UNITS = frozenset({"percentunit", "percent"})
COMPLETENESS = re.compile(r"\breported\b|\bclassified\b|\bn\b|\bminutes reported\b", re.IGNORECASE)

_VARIABLE = re.compile(r"\$\{?(\w+)")
_PATTERN = re.compile(r"=~ /\^\$(\w+)\$/")


def levels(query: str) -> Iterator[tuple[str, str]]:
    """The columns of each SELECT, outermost first, and what follows its FROM."""
    match = re.match(r"SELECT (.+?) FROM (.+)$", query, re.DOTALL)
    if not match:
        return
    columns, rest = match.groups()
    if not rest.startswith("("):
        yield columns, rest
        return
    depth = 0
    for place, mark in enumerate(rest):
        depth += {"(": 1, ")": -1}.get(mark, 0)
        if depth == 0:
            yield columns, rest[place + 1 :]
            yield from levels(rest[1:place])
            return


def panel(held: Json) -> Iterator[str]:
    """One panel's queries."""
    targets = held.get("targets", [])
    for target in targets:
        yield from _source(target)
        query = target.get("query", "")
        for columns, rest in levels(query):
            if "time($__interval)" not in rest:
                continue
            for one, other in re.findall(STATES, columns):
                if (one or other) not in KEEPS_OUTAGES:
                    yield f"{one or other} of a state hides outages when zoomed out: want min"
    if held.get("type") == "table" and not any(
        step["id"] in ("organize", "groupingToMatrix") for step in held.get("transformations", [])
    ):
        yield "leaves the order of its columns to chance: want organize"
    letters = [target.get("refId") for target in targets]
    if len(set(letters)) != len(letters):
        yield "two queries have one refId"


def board(dashboard: Json) -> Iterator[str]:
    """Sources and variables of a whole dashboard, and rates without completeness near."""
    variables = dashboard.get("templating", {}).get("list", [])
    names = {variable["name"] for variable in variables}
    for variable in variables:
        yield from (f"variable {variable['name']}: {fault}" for fault in _source(variable))
    panels = dashboard.get("panels", [])
    notes = dashboard.get("annotations", {}).get("list", [])
    asked = [(held["title"], target) for held in panels for target in held.get("targets", [])]
    asked += [(note["name"], note["target"]) for note in notes]
    for title, target in asked:
        query = target.get("query", "")
        for name in _VARIABLE.findall(query):
            if name not in names | OWN_MACROS:
                yield f"{title}: ${name} is no variable of this dashboard"
        loose = [n for n in _VARIABLE.findall(_PATTERN.sub("", query)) if n in names]
        if loose:
            yield f"{title}: ${loose[0]} stands outside =~ /^${loose[0]}$/, where All breaks it"
    for held in panels:
        if _rate(held) and not any(
            _complete(other) for other in panels if beside(held["gridPos"], other["gridPos"])
        ):
            yield f"{held['title']}: a rate, and no completeness beside it"


def _source(node: Json) -> Iterator[str]:
    uid = (node.get("datasource") or {}).get("uid")
    if uid not in KNOWN:
        yield f"datasource {uid!r} is none of {', '.join(KNOWN)}"


def _rate(held: Json) -> bool:
    config = held.get("fieldConfig", {})
    units = {config.get("defaults", {}).get("unit")}
    for override in config.get("overrides", []):
        units |= {p["value"] for p in override["properties"] if p["id"] == "unit"}
    return bool(units & RATE_UNITS)


def _complete(held: Json) -> bool:
    aliases = [
        alias for target in held.get("targets", [])
        for alias in re.findall(r'AS "([^"]+)"', target.get("query", ""))
    ]  # fmt: skip
    return any(COMPLETENESS.search(text) for text in (held.get("title", ""), *aliases))
