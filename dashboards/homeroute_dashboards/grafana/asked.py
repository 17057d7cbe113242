"""Everything that dashboards and alerts ask, read from what is committed.

Guarantees: from the JSON and YAML that Grafana reads, not from the code that made
them; panels, variables, annotations and alert rules. Does not: run a query.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["panel", "variable", "annotation", "alert"]

DATABASES = {"homeroute-telemetry": "telemetry", "homeroute-reporting": "reporting"}

_HOURS = {"s": 1 / 3600, "m": 1 / 60, "h": 1.0, "d": 24.0, "w": 168.0, "M": 720.0, "y": 8_766.0}
_ONE = r'"[^"]+" (?:!=|>=|<=|=|>|<) (?:\'[^\']*\'|true|false|[0-9.]+)'
_CHOICE = re.compile(rf" AND {_ONE}(?: and {_ONE})*|(?<=WHERE ){_ONE}(?: and {_ONE})* AND ")


@dataclass(frozen=True, slots=True)
class Asked:
    """One query: where it stands, what it asks, and over how many hours by default."""

    dashboard: str
    title: str
    kind: Kind
    database: str
    query: str
    hours: float
    variables: tuple[str, ...] = ()

    @property
    def measurement(self) -> str:
        """The innermost measurement."""
        return str(re.findall(r'FROM "(\w+)"', self.query)[-1])

    @property
    def unchosen(self) -> str:
        """The query without its conditions on values: what is there to choose from."""
        return _CHOICE.sub("", self.query)


def of_dashboards(dashboards: Iterable[Mapping[str, Any]]) -> list[Asked]:
    """Every query of those dashboards, in order."""
    return [asked for board in dashboards for asked in _of(board)]


def _of(board: Mapping[str, Any]) -> Iterator[Asked]:
    name, hours = board["title"], hours_of(board["time"]["from"])
    variables = board.get("templating", {}).get("list", [])
    names = tuple(variable["name"] for variable in variables)
    for variable in variables:
        database = DATABASES[variable["datasource"]["uid"]]
        query = variable["query"]["query"]
        yield Asked(name, f"${variable['name']}", "variable", database, query, hours, names)
    for note in board.get("annotations", {}).get("list", []):
        database = DATABASES[note["target"]["datasource"]["uid"]]
        query = note["target"]["query"]
        yield Asked(name, note["name"], "annotation", database, query, hours, names)
    for panel in board["panels"]:
        own = hours_of("now-" + panel["timeFrom"]) if panel.get("timeFrom") else hours
        targets = panel.get("targets", [])
        for target in targets:
            title = panel["title"] + (f" {target['refId']}" if len(targets) > 1 else "")
            database = DATABASES[target["datasource"]["uid"]]
            yield Asked(name, title, "panel", database, target["query"], own, names)


def of_alerts(provisioned: Iterable[Mapping[str, Any]]) -> list[Asked]:
    """Every query of provisioned alert rules (Grafana's alerting files, apiVersion 1)."""
    return [
        Asked(
            "alerts",
            rule["title"],
            "alert",
            DATABASES[step["datasourceUid"]],
            step["model"]["query"],
            step["relativeTimeRange"]["from"] / 3600,
        )
        for held in provisioned
        for group in held.get("groups", [])
        for rule in group["rules"]
        for step in rule["data"]
        if step["datasourceUid"] in DATABASES
    ]


def hours_of(since: str) -> float:
    """How far ``now-28d/d`` reaches back; ``now/d`` is a day."""
    match = re.fullmatch(r"now(?:-(\d+)([smhdwMy]))?(?:/[a-z])?", since)
    if match is None:
        raise ValueError(f"time {since!r}: want now, now-28d or now-28d/d")
    return int(match[1]) * _HOURS[match[2]] if match[1] else 24.0


def titles(asked: Sequence[Asked]) -> list[str]:
    """What to call each."""
    return [f"{one.dashboard}: {one.title}" for one in asked]
