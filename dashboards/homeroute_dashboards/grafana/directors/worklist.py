"""What to work on: dead zones and longest gaps; and the way from a row to its device."""

from __future__ import annotations

from homeroute_dashboards.grafana.colours import COMPLETE, SHARE, alarm
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


def zones() -> Board:
    """Segments that were not usable, by what it cost: clients times minutes."""
    query = select(
        TELEMETRY, "segment_day",
        Pick("Outage felt", "sum(client_outage_min)"),
        Pick("Usable", f"sum(usable_s) / {HEARD}"),
        Pick("Reported", f"{HEARD} / {DRIVEN}"),
        Pick("n passes", "sum(reported_passes)"),
        Pick("Latitude", "last(lat)"), Pick("Longitude", "last(lon)"),
        by=["period", "route", "segment"],
    )  # fmt: skip
    return rows(
        "Dead zones to work on",
        "Segments usable less than 80% of the reported time over five passes reported or more, by "
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


def gaps() -> Board:
    """Trips with the longest stretch without internet, or without word of it."""
    query = select(
        TELEMETRY, "trip_day",
        Pick("Gap", "longest_gap_s"), Pick("Driven", "driven_s"), Pick("Reported s", "reported_s"),
        Pick("Route", "route"), Pick("Trip", "trip"), Pick("Device", "device"),
        where="longest_gap_s > 0 and driven_s > 0",
    )  # fmt: skip
    return rows(
        "Longest gaps",
        "The trips driven with the longest stretch unreported or without service. The device "
        "leads to its own dashboard at that hour.",
        [query],
        {
            "Start": Look("dateTimeAsLocal", width=170),
            "Route": Look(),
            "Trip": Look(),
            "Device": Look(link=DEVICE_THEN),
            "Gap": Look("s", None, alarm(300, 900)),
            "Driven": Look("s"),
            "Reported s": Look("s"),
        },
        time="Start",
        sort=("Gap", True),
        keep=25,
        width=12,
        height=8,
    )
