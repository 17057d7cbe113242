"""The dead-zone worklist, and the way from a row to the device's dashboard."""

from __future__ import annotations

from homeroute_dashboards.grafana.colours import COMPLETE, SHARE
from homeroute_dashboards.grafana.influxql import TELEMETRY, Pick, select
from homeroute_dashboards.grafana.looks import SHARE_LOOK, Look
from homeroute_dashboards.grafana.panels import Board
from homeroute_dashboards.grafana.shares import DRIVEN, HEARD
from homeroute_dashboards.grafana.tables import rows

TWO_HOURS_MS = 7_200_000

DEVICE_THEN = (
    (
        "/d/homeroute-device?${district:queryparam}"
        "&var-device=${__data.fields.Device}"
        f"&time=${{__data.fields.Start.numeric}}&time.window={TWO_HOURS_MS}"
    ),
    "The device, an hour before and after",
)
"""A row's own device and time; Grafana reads ``time`` and ``time.window`` as a range."""


def panel() -> Board:
    """Segments that were not usable, by what it cost: clients times minutes."""
    query = select(
        TELEMETRY, "segment_day",
        Pick("Outage felt", "sum(client_outage_min)"),
        Pick("Usable", f"sum(usable_s) / {HEARD}"),
        Pick("Reported", f"{HEARD} / {DRIVEN}"),
        Pick("n passes", "count(usable_s)"),
        Pick("Latitude", "last(lat)"), Pick("Longitude", "last(lon)"),
        by=["period", "route", "segment"],
    )  # fmt: skip
    return rows(
        "Dead zones to work on",
        "Segments usable less than 80% of the reported time over five passes driven or more, by "
        "client-minutes lost. The verdict with its interval: `homeroute report coverage`.",
        [query],
        {
            "Route": Look(width=140),
            "Period": Look(width=70),
            "Segment": Look(),
            "Outage felt": Look("m", 0),
            "Usable": Look(SHARE_LOOK, 0, SHARE),
            "Reported": Look(SHARE_LOOK, 0, COMPLETE),
            "n passes": Look(decimals=0, width=90),
            "Latitude": Look("none", 5),
            "Longitude": Look("none", 5),
        },
        names={"route": "Route", "period": "Period", "segment": "Segment"},
        sort=("Outage felt", True),
        where=(("Usable", "lower", 0.8), ("n passes", "greaterOrEqual", 5)),
        keep=50,
        empty="no dead zone with five passes or more",
    )
