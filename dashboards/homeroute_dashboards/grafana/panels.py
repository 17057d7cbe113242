"""The panels every dashboard is made of: core panels only, each says what it shows.

Guarantees: title, description, unit, thresholds and the words of an empty answer
are arguments nobody can leave out or that have an honest default; lines are
broken where nothing was reported. Does not: place a panel.
"""

from __future__ import annotations

from typing import Any

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    stat,
    statetimeline,
    timeseries,
)
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as sdk

from homeroute_dashboards.grafana.colours import PLAIN, Steps
from homeroute_dashboards.grafana.dataquery import Target, datasource
from homeroute_dashboards.grafana.influxql import Query
from homeroute_dashboards.grafana.looks import Thresholds, Words, mappings

Board = Any
"""One of the SDK's panel builders: they share their methods, not a type."""

NOTHING = "nothing reported"
COLOUR_MODE = sdk.FieldColorModeId


def number(
    title: str,
    description: str,
    query: Query,
    *,
    unit: str = "short",
    steps: Steps = PLAIN,
    decimals: int | None = None,
    words: Words | None = None,
    empty: str = NOTHING,
    now: bool = False,
    width: int = 4,
    height: int = 4,
) -> Board:
    """One number for the range shown; ``now``: for its last three minutes."""
    reduce = common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False)
    panel = (
        stat.Panel()
        .graph_mode(shapes.BigValueGraphMode.NONE)
        .color_mode(shapes.BigValueColorMode.VALUE)
        .reduce_options(reduce)
        .with_target(Target(query, "time_series"))
    )
    if decimals is not None:
        panel.decimals(decimals)
    if now:
        panel.time_from("3m")
    if words:
        panel.mappings(mappings(words))
    return dressed(panel, title, description, query, unit, steps, empty, width, height)


def lines(
    title: str,
    description: str,
    *queries: Query,
    unit: str = "short",
    alias: str = "$tag_device",
    steps: Steps = PLAIN,
    bars: bool = False,
    stacked: bool = False,
    points: bool = False,
    empty: str = NOTHING,
    width: int = 12,
    height: int = 8,
) -> Board:
    """Values over time; a gap is a gap."""
    legend = common.VizLegendOptions().display_mode(shapes.LegendDisplayMode.LIST)
    legend.placement(shapes.LegendPlacement.BOTTOM).show_legend(True).calcs([])
    panel = (
        timeseries.Panel()
        .line_width(1)
        .fill_opacity(60 if bars else 8)
        .span_nulls(False)
        .show_points(shapes.VisibilityMode.ALWAYS if points else shapes.VisibilityMode.AUTO)
        .legend(legend)
        .tooltip(common.VizTooltipOptions().mode(shapes.TooltipDisplayMode.MULTI))
    )
    if bars:
        panel.draw_style(shapes.GraphDrawStyle.BARS)
    if stacked:
        panel.stacking(common.StackingConfig().mode(shapes.StackingMode.NORMAL))
    for index, query in enumerate(queries):
        panel.with_target(Target(query, "time_series", alias, chr(ord("A") + index)))
    placed = dressed(panel, title, description, queries[0], unit, steps, empty, width, height)
    return placed.color_scheme(dashboard.FieldColor().mode(COLOUR_MODE.PALETTE_CLASSIC_BY_NAME))


def timeline(
    title: str,
    description: str,
    query: Query,
    words: Words,
    *,
    alias: str = "$tag_device",
    width: int = 24,
    height: int = 10,
) -> Board:
    """States over time, the worst of each step; a gap is unreported."""
    panel = (
        statetimeline.Panel()
        .merge_values(True)
        .fill_opacity(85)
        .line_width(0)
        .row_height(0.85)
        .span_nulls(False)
        .show_value(shapes.VisibilityMode.NEVER)
        .mappings(mappings(words))
        .with_target(Target(query, "time_series", alias))
    )
    worst_first = tuple(
        (None if index == 0 else value, colour)
        for index, (value, (_, colour)) in enumerate(sorted(words.items()))
    )
    return dressed(
        panel, title, description, query, "short", worst_first, NOTHING, width, height
    ).color_scheme(dashboard.FieldColor().mode(COLOUR_MODE.THRESHOLDS))


def dressed(
    panel: Board,
    title: str,
    description: str,
    query: Query,
    unit: str,
    steps: Steps,
    empty: str,
    width: int,
    height: int,
) -> Board:
    """What every panel says of itself, put on one of the SDK's builders."""
    return (
        panel.title(title)
        .description(description)
        .datasource(datasource(query.database))
        .unit(unit)
        .thresholds(Thresholds(steps))
        .no_value(empty)
        .span(width)
        .height(height)
    )
