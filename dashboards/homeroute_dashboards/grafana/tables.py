"""Tables and grids: which columns, in which order, with which looks.

Guarantees: columns stand in the order they are declared in (Grafana's server gives
tags in any order); a value that is not there is a grey dash. Rows are chosen and
sorted by Grafana: InfluxQL can only sort by time, and a condition on an aggregate
costs it a subquery over every series again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as sdk

from homeroute_dashboards.grafana.colours import PLAIN
from homeroute_dashboards.grafana.dataquery import Target
from homeroute_dashboards.grafana.influxql import Query
from homeroute_dashboards.grafana.looks import Look, mappings, properties
from homeroute_dashboards.grafana.panels import NOTHING, Board, dressed

Condition = tuple[str, str, float]
"""A column, Grafana's name of a comparison (``lower``, ``greaterOrEqual``), and a number."""

_FLAT = shapes.TableCellBackgroundDisplayMode.BASIC


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
    ``keep`` how many rows.
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
    return dressed(panel, title, description, queries[0], "short", PLAIN, empty, width, height)


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
    panel.mappings(mappings(None))
    if look.decimals is not None:
        panel.decimals(look.decimals)
    return dressed(
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
