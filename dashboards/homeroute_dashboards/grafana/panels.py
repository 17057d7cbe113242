"""The panels every dashboard is made of: core panels only, each says what it shows.

Guarantees: title, description, unit, thresholds and the words of an empty answer
are arguments nobody can leave out or that have an honest default; lines are
broken where nothing was reported. Does not: place a panel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as sdk

from homeroute_dashboards.grafana.colours import PLAIN, Steps
from homeroute_dashboards.grafana.dataquery import Target, datasource
from homeroute_dashboards.grafana.influxql import Query
from homeroute_dashboards.grafana.looks import Look, Thresholds, Words, mappings, properties

Board = Any
"""One of the SDK's panel builders: they share their methods, not a type."""

Condition = tuple[str, str, float]
"""A column, Grafana's name of a comparison (``lower``, ``greaterOrEqual``), and a number."""

NOTHING = "nothing reported"
_FLAT = shapes.TableCellBackgroundDisplayMode.BASIC
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
    return _dressed(panel, title, description, query, unit, steps, empty, width, height).mappings(
        mappings(words)
    )


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
    dressed = _dressed(panel, title, description, queries[0], unit, steps, empty, width, height)
    return dressed.color_scheme(dashboard.FieldColor().mode(COLOUR_MODE.PALETTE_CLASSIC_BY_NAME))


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
    return _dressed(
        panel, title, description, query, "short", worst_first, NOTHING, width, height
    ).color_scheme(dashboard.FieldColor().mode(COLOUR_MODE.THRESHOLDS))


def rows(
    title: str,
    description: str,
    queries: Sequence[Query],
    columns: Mapping[str, Look],
    *,
    names: Mapping[str, str] | None = None,
    join: str | None = None,
    time: str | None = None,
    sort: tuple[str, bool] | None = None,
    where: Sequence[Condition] = (),
    keep: int | None = None,
    empty: str = NOTHING,
    now: bool = False,
    width: int = 24,
    height: int = 10,
) -> Board:
    """A table. ``columns`` are shown in this order, with these looks, and no others.

    ``names`` says what a tag is called on screen; ``join`` the tag several queries
    are joined by; ``time`` what the first query's time is called, hidden when
    None; ``where`` what a row must fulfil; ``sort`` a column and whether downwards;
    ``keep`` how many rows. Rows are chosen by Grafana: InfluxQL can only sort by time,
    and a condition on an aggregate costs it a subquery over every series again.
    """
    called = {"time": time, "Time": time} if time else {}
    known = {**(names or {}), **{k: v for k, v in called.items() if v}}
    panel = table.Panel().show_header(True).cell_height(shapes.TableCellHeight.SM)
    for index, query in enumerate(queries):
        panel.with_target(Target(query, "table", "", chr(ord("A") + index)))
    for index in range(len(queries)):
        # Each answer has a time of its own; two columns of one name could not be told apart.
        shown = index == 0 and time is not None
        panel.with_transformation(_organized(drop=not shown, of=chr(ord("A") + index)))
    if len(queries) > 1:
        options = {"byField": join, "mode": "outer"}
        panel.with_transformation(sdk.DataTransformerConfig(id_val="joinByField", options=options))
    order = {name: place for place, name in enumerate(_sources(columns, known))}
    panel.with_transformation(
        sdk.DataTransformerConfig(
            id_val="organize",
            options={"excludeByName": {}, "indexByName": order, "renameByName": known},
        )
    )
    if where:
        panel.with_transformation(kept(where))
    if sort:
        by = {"fields": {}, "sort": [{"field": sort[0], "desc": sort[1]}]}
        panel.with_transformation(sdk.DataTransformerConfig(id_val="sortBy", options=by))
    if keep:
        limit = {"limitField": str(keep)}
        panel.with_transformation(sdk.DataTransformerConfig(id_val="limit", options=limit))
    for name, look in columns.items():
        panel.override_by_name(name, properties(look))
    if now:
        panel.time_from("3m")
    return _dressed(panel, title, description, queries[0], "short", PLAIN, empty, width, height)


def grid(
    title: str,
    description: str,
    query: Query,
    *,
    across: str,
    down: str,
    cell: str,
    look: Look,
    empty: str = NOTHING,
    width: int = 12,
    height: int = 10,
) -> Board:
    """A heat map with numbers: one tag across, one down, a column's value in each cell.

    InfluxDB sorts an answer by the tags' names, then values: ``across`` must come
    before ``down`` in the alphabet, or the columns would not be in order.
    """
    if across > down:
        raise ValueError(f"grid {title!r}: {across} comes after {down}; its columns would mix")
    options = {"columnField": across, "rowField": down, "valueField": cell, "emptyValue": "null"}
    panel = (
        table.Panel()
        .show_header(True)
        .cell_height(shapes.TableCellHeight.SM)
        .align(shapes.FieldTextAlignment.CENTER)
        .cell_options(shapes.TableColoredBackgroundCellOptions(_FLAT))
        .with_target(Target(query))
        .with_transformation(sdk.DataTransformerConfig(id_val="groupingToMatrix", options=options))
        .override_by_name(
            f"{down}\\{across}",  # what the transformation calls the column of rows' names
            [
                sdk.DynamicConfigValue(id_val="custom.cellOptions", value={"type": "auto"}),
                sdk.DynamicConfigValue(id_val="custom.align", value="left"),
            ],
        )
    )
    if look.decimals is not None:
        panel.decimals(look.decimals)
    return _dressed(
        panel, title, description, query, look.unit, look.steps or PLAIN, empty, width, height
    )


def kept(conditions: Sequence[Condition], of: str | None = None) -> sdk.DataTransformerConfig:
    """Only rows that fulfil all conditions; ``of`` keeps it to one query's."""
    filters = [
        {"fieldName": name, "config": {"id": comparison, "options": {"value": value}}}
        for name, comparison, value in conditions
    ]
    return sdk.DataTransformerConfig(
        id_val="filterByValue",
        filter_val=sdk.MatcherConfig(id_val="byRefId", options=of) if of else None,
        options={"type": "include", "match": "all", "filters": filters},
    )


def _organized(*, drop: bool, of: str) -> sdk.DataTransformerConfig:
    hidden = {"Time": True, "time": True} if drop else {}
    return sdk.DataTransformerConfig(
        id_val="organize",
        filter_val=sdk.MatcherConfig(id_val="byRefId", options=of),
        options={"excludeByName": hidden, "indexByName": {}, "renameByName": {}},
    )


def _sources(columns: Mapping[str, Look], known: Mapping[str, str]) -> list[str]:
    back: dict[str, list[str]] = {}
    for source, shown in known.items():
        back.setdefault(shown, []).append(source)
    return [source for name in columns for source in back.get(name, [name])]


def _dressed(
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
