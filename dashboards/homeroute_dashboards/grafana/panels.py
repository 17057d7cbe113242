"""Grafana's JSON, as little of it as a panel needs: core panels only, each with a description.

Guarantees: every panel says what it shows and what an empty one means
(``noValue``). Does not: know a measurement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

DATASOURCE = {"type": "influxdb", "uid": "homeroute-telemetry"}

GREEN, YELLOW, RED, GREY = "green", "orange", "red", "#808890"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel before it has a place. ``width`` of 24, ``height`` in rows of 30 px."""

    kind: str
    title: str
    description: str
    queries: Sequence[str]
    width: int
    height: int
    unit: str = "short"
    no_value: str = "no data"
    table: bool = False
    alias: str = ""
    thresholds: Sequence[tuple[float | None, str]] = ((None, GREEN),)
    mappings: Mapping[float, tuple[str, str]] = field(default_factory=dict)
    custom: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    overrides: Sequence[Json] = ()
    transformations: Sequence[Json] = ()


def dashboard(uid: str, title: str, description: str, panels: Sequence[Panel], **rest: Any) -> Json:
    """A whole dashboard; panels flow left to right, top to bottom."""
    return {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": ["homeroute"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "timezone": "browser",
        "panels": _placed(panels),
        **rest,
    }


def mapped(values: Mapping[float, tuple[str, str]]) -> list[Json]:
    """Numbers shown as words, each in a colour."""
    if not values:
        return []
    options = {
        f"{value:g}": {"text": text, "color": colour, "index": index}
        for index, (value, (text, colour)) in enumerate(values.items())
    }
    return [{"type": "value", "options": options}]


def override(column: str, **properties: Any) -> Json:
    """Settings of one column; ``custom__x`` stands for ``custom.x``."""
    return {
        "matcher": {"id": "byName", "options": column},
        "properties": [
            {"id": name.replace("__", "."), "value": value} for name, value in properties.items()
        ],
    }


def steps(thresholds: Sequence[tuple[float | None, str]]) -> Json:
    """Colours from these values upwards; the first, None, is the base."""
    found = [{"value": value, "color": colour} for value, colour in thresholds]
    return {"mode": "absolute", "steps": found}


def _placed(panels: Sequence[Panel]) -> list[Json]:
    placed = []
    x = y = row_height = 0
    for number, panel in enumerate(panels, 1):
        if x + panel.width > 24:
            x, y, row_height = 0, y + row_height, 0
        grid = {"x": x, "y": y, "w": panel.width, "h": panel.height}
        placed.append(_panel(number, panel, grid))
        x, row_height = x + panel.width, max(row_height, panel.height)
    return placed


def _panel(number: int, panel: Panel, grid: Json) -> Json:
    defaults: Json = {
        "unit": panel.unit,
        "noValue": panel.no_value,
        "color": {"mode": "palette-classic" if panel.kind == "timeseries" else "thresholds"},
        "thresholds": steps(panel.thresholds),
        "mappings": mapped(panel.mappings),
        "custom": dict(panel.custom),
    }
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": DATASOURCE,
        "gridPos": grid,
        "fieldConfig": {"defaults": defaults, "overrides": list(panel.overrides)},
        "options": dict(panel.options),
        "transformations": list(panel.transformations),
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": DATASOURCE,
                "rawQuery": True,
                "query": query,
                "resultFormat": "table" if panel.table else "time_series",
                **({"alias": panel.alias} if panel.alias else {}),
            }
            for index, query in enumerate(panel.queries)
        ],
    }
