"""Our own linter of dashboards: the rules of the craft, over the JSON that is committed.

Guarantees: one line a fault, naming dashboard, panel and rule; each rule has a test
in which it fails. Does not: ask a database, or know how the JSON was made. Rules of
places and links stand in :mod:`homeroute_dashboards.grafana.lint_places`, rules
of queries in :mod:`homeroute_dashboards.grafana.lint_queries`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from homeroute_dashboards.grafana import lint_places, lint_queries
from homeroute_dashboards.grafana.colours import PALETTE

Json = dict[str, Any]

CORE = frozenset({
    "barchart", "bargauge", "dashlist", "gauge", "geomap", "heatmap", "histogram", "piechart",
    "row", "stat", "state-timeline", "status-history", "table", "text", "timeseries", "trend",
    "xychart",
})  # fmt: skip
"""Panels that come with Grafana OSS."""

WORDLESS = frozenset({"text", "dashlist", "row"})
"""Panels that ask for nothing, so that nothing can be empty, coloured or have a unit."""

SCHEMA = 42
"""The schema of Grafana 12: an older one is migrated in the browser at every opening."""

_COLOURED_CELLS = ("color-text", "color-background")

_KEYS_OF_COLOUR = frozenset({"color", "fixedColor", "iconColor", "fixed"})


def faults(dashboards: Sequence[Json]) -> list[str]:
    """Every broken rule, as ``dashboard: panel: what is wrong``."""
    found: list[str] = []
    for board in dashboards:
        name = board.get("title") or board.get("uid") or "a dashboard without a title"
        for rule in (_board, lint_places.board, lint_queries.board):
            found += [f"{name}: {fault}" for fault in rule(board)]
        for panel in board.get("panels", []):
            for panel_rule in (_said, _coloured, _broken_lines, _map, _nothing, lint_queries.panel):
                title = panel.get("title") or f"panel {panel.get('id')}"
                found += [f"{name}: {title}: {fault}" for fault in panel_rule(panel)]
    return found + list(lint_places.links(dashboards))


def _board(board: Json) -> Iterator[str]:
    if board.get("editable") is not False:
        yield "can be edited in place, which the next start undoes"
    if board.get("schemaVersion", 0) < SCHEMA:
        yield f"schemaVersion {board.get('schemaVersion')} is outdated: want {SCHEMA}"
    if not str(board.get("uid", "")).startswith("homeroute-"):
        yield "its uid does not begin with homeroute-"
    if len(board.get("description") or "") < 20:
        yield "does not say what it is for"


def _said(panel: Json) -> Iterator[str]:
    if panel.get("type") not in CORE:
        yield f"{panel.get('type')} is no core panel"
    if not panel.get("title"):
        yield "has no title"
    description = panel.get("description") or ""
    if len(description) < 15 or not description.endswith("."):
        yield "has no description in a plain sentence"
    if panel.get("type") in WORDLESS:
        return
    defaults = panel.get("fieldConfig", {}).get("defaults", {})
    if not defaults.get("unit"):
        yield "has no unit"
    if not defaults.get("noValue"):
        yield "has no words for an empty answer"
    if not defaults.get("thresholds", {}).get("steps"):
        yield "has no thresholds"


def _coloured(panel: Json) -> Iterator[str]:
    for colour in _colours(panel):
        if colour not in PALETTE.values():
            yield f"colour {colour} is not of the palette that every eye tells apart"


def _colours(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if isinstance(value, str) and key in _KEYS_OF_COLOUR and "/" not in value:
                yield value
            else:
                yield from _colours(value)
    elif isinstance(node, list):
        for value in node:
            yield from _colours(value)


def _broken_lines(panel: Json) -> Iterator[str]:
    if panel.get("type") in ("timeseries", "state-timeline"):
        custom = panel.get("fieldConfig", {}).get("defaults", {}).get("custom", {})
        if custom.get("spanNulls") is not False:
            yield "draws a line over time in which nothing was reported (spanNulls)"


def _map(panel: Json) -> Iterator[str]:
    if panel.get("type") == "geomap":
        ground = panel.get("options", {}).get("basemap", {})
        address = str(ground.get("config", {}).get("url", ""))
        if ground.get("type") != "xyz" or not address.startswith("data:"):
            yield "its ground comes from the internet"


def _nothing(panel: Json) -> Iterator[str]:
    """In a table, a value that is not there takes the lowest threshold's colour, unless mapped."""
    if panel.get("type") != "table":
        return
    config = panel.get("fieldConfig", {})
    columns = {
        override["matcher"]["options"]: {p["id"]: p["value"] for p in override["properties"]}
        for override in config.get("overrides", [])
    }
    custom = config.get("defaults", {}).get("custom", {})
    if custom.get("cellOptions", {}).get("type") in _COLOURED_CELLS:
        columns["every cell"] = {**config["defaults"], "custom.cellOptions": custom["cellOptions"]}
    for name, settings in columns.items():
        coloured = settings.get("custom.cellOptions", {}).get("type") in _COLOURED_CELLS
        special = [m for m in settings.get("mappings", []) if m["type"] == "special"]
        if coloured and not special:
            yield f"{name}: what is not there would be coloured as if it were bad, or good"
