"""The map of segments: core geomap, and no tile from the internet unless one is named.

Guarantees: by default the ground is a single transparent pixel that stands in the
dashboard itself, so that no tile server learns which roads are looked at, and a
district without internet sees its map. HOMEROUTE_TILES, set when the dashboards are
generated, names a tile server of the district's own: ``https://…/{z}/{x}/{y}.png``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import common, geomap
from grafana_foundation_sdk.cog import builder
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import geomap as models

from homeroute_dashboards.grafana.colours import Steps
from homeroute_dashboards.grafana.dataquery import Target, datasource
from homeroute_dashboards.grafana.influxql import Query
from homeroute_dashboards.grafana.looks import Look, Thresholds, properties
from homeroute_dashboards.grafana.panels import NOTHING, Board
from homeroute_dashboards.grafana.tables import Condition, kept

TILES_VARIABLE = "HOMEROUTE_TILES"

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAAC0lEQVR42mNgAAIA"
    "AAUAAen63NgAAAAASUVORK5CYII="
)
"""A transparent PNG of one pixel. An empty address would make Grafana ask its own default."""


@dataclass(frozen=True, slots=True)
class Layer:
    """Points of one query that ``keep`` a condition. ``colour`` None: by ``field``'s thresholds."""

    name: str
    query: Query
    field: str
    keep: Condition
    colour: str | None = None
    size: int = 6


def segments(
    title: str,
    description: str,
    layers: Sequence[Layer],
    columns: Mapping[str, Look],
    steps: Steps,
    *,
    unit: str,
    tiles: str | None = None,
    width: int = 24,
    height: int = 14,
) -> Board:
    """A map. ``columns`` are what a point tells when pointed at; they need ``lat`` and ``lon``."""
    panel = (
        geomap.Panel()
        .view(geomap.MapViewConfig().id("fit").all_layers(True).padding(5).max_zoom(16))
        .controls(
            geomap.ControlsOptions()
            .show_zoom(True)
            .mouse_wheel_zoom(False)
            .show_attribution(True)
            .show_scale(True)
            .show_measure(False)
            .show_debug(False)
        )
        .basemap(_ground(tiles or os.environ.get(TILES_VARIABLE)))
        .layers([_markers(layer, chr(ord("A") + n)) for n, layer in enumerate(layers)])
        .tooltip(geomap.TooltipOptions().mode(models.TooltipMode.DETAILS))
    )
    for number, layer in enumerate(layers):
        letter = chr(ord("A") + number)
        panel.with_target(Target(layer.query, "table", "", letter))
        panel.with_transformation(kept([layer.keep], of=letter))
    for name, look in columns.items():
        panel.override_by_name(name, properties(look))
    return (
        panel.title(title)
        .description(description)
        .datasource(datasource(layers[0].query.database))
        .unit(unit)
        .thresholds(Thresholds(steps))
        .no_value(NOTHING)
        .span(width)
        .height(height)
    )


def _ground(tiles: str | None) -> common.MapLayerOptions:
    layer = common.MapLayerOptions().type("xyz").name("Ground")
    if tiles:
        return layer.config({"url": tiles, "attribution": ""})
    return layer.config({"url": PIXEL, "attribution": "no map tiles"})


def _markers(layer: Layer, ref_id: str) -> common.MapLayerOptions:
    colour: dict[str, object] = {"field": layer.field, "fixed": layer.colour or "#808890"}
    if layer.colour:
        colour.pop("field")
    style = {
        "color": colour,
        "opacity": 0.8,
        "size": {"fixed": layer.size, "min": 2, "max": 15},
        "symbol": {"fixed": "img/icons/marker/circle.svg", "mode": "fixed"},
    }
    where = shapes.FrameGeometrySource(
        mode=shapes.FrameGeometrySourceMode.COORDS, latitude="lat", longitude="lon"
    )
    options = common.MapLayerOptions().type("markers").name(layer.name)
    options.config({"showLegend": layer.colour is None, "style": style})
    return (
        options.location(_Given(where))
        .tooltip(True)
        .filter_data({"id": "byRefId", "options": ref_id})
    )


@dataclass(frozen=True, slots=True)
class _Given(builder.Builder[shapes.FrameGeometrySource]):
    source: shapes.FrameGeometrySource

    def build(self) -> shapes.FrameGeometrySource:
        return self.source
