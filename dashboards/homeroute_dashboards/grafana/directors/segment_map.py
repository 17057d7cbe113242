"""The map of a district's segments, coloured by how usable they were."""

from __future__ import annotations

from homeroute_dashboards.grafana.colours import IDLE, SHARE
from homeroute_dashboards.grafana.influxql import TELEMETRY, Pick, select
from homeroute_dashboards.grafana.looks import SHARE_LOOK, Look
from homeroute_dashboards.grafana.maps import Layer, segments
from homeroute_dashboards.grafana.panels import Board
from homeroute_dashboards.grafana.shares import DRIVEN, HEARD

PLACED = (
    Pick("n passes", "sum(reported_passes)"), Pick("lat", "last(lat)"), Pick("lon", "last(lon)"),
)  # fmt: skip
"""As few columns as will do: each costs InfluxDB another look at every series of every segment."""


def panel() -> Board:
    """One point for each 250 m of road; grey under five passes."""
    each = select(
        TELEMETRY, "segment_day",
        Pick("Usable", f"sum(usable_s) / {HEARD}"), Pick("Reported", f"{HEARD} / {DRIVEN}"),
        *PLACED, by=["route", "segment"],
    )  # fmt: skip
    bare = select(TELEMETRY, "segment_day", *PLACED, by=["route", "segment"])
    return segments(
        "Where: segments of 250 m",
        "A point is the middle of 250 m of road, coloured by its usable share; point at it for "
        "the passes reported and how much of the drives was. Grey: under five passes, too few.",
        [
            Layer("Usable share", each, "Usable", keep=("n passes", "greaterOrEqual", 5)),
            Layer("Too few passes", bare, "n passes", ("n passes", "lower", 5), IDLE, 4),
        ],
        {
            "Usable": Look(SHARE_LOOK, 0),
            "Reported": Look(SHARE_LOOK, 0),
            "n passes": Look(decimals=0),
        },
        SHARE,
        unit=SHARE_LOOK,
    )
