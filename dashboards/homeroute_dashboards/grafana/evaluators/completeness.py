"""*Completeness*: how much of the driving anyone can say anything about."""

from __future__ import annotations

from homeroute_dashboards.grafana.board import Built, Folder, board
from homeroute_dashboards.grafana.colours import COMPLETE, SHARE
from homeroute_dashboards.grafana.evaluators.banner import banner
from homeroute_dashboards.grafana.influxql import REPORTING, Pick, select
from homeroute_dashboards.grafana.looks import SHARE_LOOK, Look
from homeroute_dashboards.grafana.panels import Board, number
from homeroute_dashboards.grafana.shares import DRIVEN, HEARD
from homeroute_dashboards.grafana.tables import grid, rows
from homeroute_dashboards.grafana.variables import cascade


def build() -> Built:
    """The dashboard."""
    return board(
        Folder.EVALUATORS,
        "homeroute-completeness",
        "Completeness",
        "How much of the driving was reported, by route, week and hour: before any other number.",
        [banner(), *_totals(), _routes(), *_grids()],
        variables=cascade(REPORTING, "route_hour", "district", "route"),
        since="now-1y",
        refresh="1h",
    )


def _totals() -> list[Board]:
    known = select(REPORTING, "route_hour", Pick("Reported", f"{HEARD} / {DRIVEN}"))
    usable = select(REPORTING, "route_hour", Pick("Usable", f"sum(usable_s) / {HEARD}"))
    samples = select(REPORTING, "route_hour", Pick("n", "sum(samples)"))
    return [
        number("Reported share", "Reported seconds of those driven or scheduled.", known,
               unit=SHARE_LOOK, decimals=1, steps=COMPLETE, width=8),
        number("Usable share", "Usable seconds of reported ones: riders had internet.", usable,
               unit=SHARE_LOOK, decimals=1, steps=SHARE, width=8),
        number("n samples", "Uplink samples behind these numbers.", samples, empty="0", width=8),
    ]  # fmt: skip


def _routes() -> Board:
    query = select(
        REPORTING, "route_hour",
        Pick("Reported", f"{HEARD} / {DRIVEN}"), Pick("Usable", f"sum(usable_s) / {HEARD}"),
        Pick("Driven", f"{DRIVEN}"), Pick("n samples", "sum(samples)"),
        by=["period", "route"],
    )  # fmt: skip
    return rows(
        "Routes",
        "By route and period. Compare learning only between routes that reported alike.",
        [query],
        {
            "Route": Look(),
            "Period": Look(width=70),
            "Reported": Look(SHARE_LOOK, 1, COMPLETE),
            "Usable": Look(SHARE_LOOK, 1, SHARE),
            "Driven": Look("s"),
            "n samples": Look("locale", 0),
        },
        names={"route": "Route", "period": "Period"},
        sort=("Reported", False),
    )


def _grids() -> list[Board]:
    weeks = select(REPORTING, "route_hour", Pick("Reported", f"{HEARD} / {DRIVEN}"),
                   by=["route", "week"])  # fmt: skip
    hours = select(REPORTING, "route_hour", Pick("Reported", f"{HEARD} / {DRIVEN}"),
                   by=["hod", "route"])  # fmt: skip
    look = Look(SHARE_LOOK, 0, COMPLETE)
    return [
        grid("Reported share, by week", "Each ISO week and route.", weeks, across="route",
             down="week", cell="Reported", look=look),
        grid("Reported share, by hour", "Each local hour and route.", hours, across="hod",
             down="route", cell="Reported", look=look),
    ]  # fmt: skip
