"""*Filter rates*: blocks per hundred active client-minutes, by category.

Guarantees: a rate's blocks and minutes are of the same weeks. A category has no row in a
week in which it was hidden or not blocked, and which of the two nobody may know: so its
rates stand week by week, and no rate of several weeks is made of them.
"""

from __future__ import annotations

from homeroute_dashboards.grafana.board import Built, Folder, board
from homeroute_dashboards.grafana.evaluators.banner import banner
from homeroute_dashboards.grafana.influxql import REPORTING, Pick, select
from homeroute_dashboards.grafana.looks import Look
from homeroute_dashboards.grafana.panels import Board, lines
from homeroute_dashboards.grafana.tables import rows
from homeroute_dashboards.grafana.variables import cascade

RATE = "sum(hits) * 100 / sum(active_client_min)"


def build() -> Built:
    """The dashboard."""
    return board(
        Folder.EVALUATORS,
        "homeroute-filter-rates",
        "Filter rates",
        "Blocks per hundred active client-minutes, by category, route and week; suppressed.",
        [banner(), _categories(), _routes(), _weeks(), _minutes()],
        variables=cascade(REPORTING, "filter_week", "district", "route"),
        since="now-1y",
        refresh="1h",
    )


def _picks() -> list[Pick]:
    return [
        Pick("Per 100 active min", RATE),
        Pick("Hits", "sum(hits)"),
        Pick("n active min", "sum(active_client_min)"),
    ]


LOOKS = {
    "Per 100 active min": Look(decimals=2),
    "Hits": Look("locale", 0),
    "n active min": Look("locale", 0),
}


def _categories() -> Board:
    query = select(
        REPORTING, "filter_week", *_picks(), where="route = 'all' and category != 'all'",
        by=["category", "district", "period", "week"], variables=("district",),
    )  # fmt: skip
    return rows(
        "Categories, by week",
        "Over all routes, newest week first. Adverts and telemetry are left out. A category that "
        "is missing in a week is hidden or had no block: weeks cannot be averaged.",
        [query],
        {"Week": Look(width=90), "Category": Look(), "Period": Look(width=70),
         "District": Look(), **LOOKS},
        names={"week": "Week", "category": "Category", "period": "Period",
               "district": "District"},
        sort=("Week", True),
        width=12,
    )  # fmt: skip


def _routes() -> Board:
    query = select(
        REPORTING, "filter_week", *_picks(), where="route != 'all' and category = 'all'",
        by=["period", "route"],
    )  # fmt: skip
    return rows(
        "Routes",
        "All categories together. A route that is missing was too small to show.",
        [query],
        {"Route": Look(), "Period": Look(width=70), **LOOKS},
        names={"route": "Route", "period": "Period"},
        sort=("Per 100 active min", True),
        empty="every cell is hidden, or no week is complete",
        width=12,
    )


def _weeks() -> Board:
    query = select(
        REPORTING, "filter_week", Pick("rate", "hits * 100 / active_client_min"),
        where="route = 'all' and category = 'all'", by=["district", "period"],
        variables=("district",),
    )  # fmt: skip
    return lines("Per 100 active minutes, a week", "Blocks of all categories and routes.", query,
                 alias="$tag_district $tag_period", points=True)  # fmt: skip


def _minutes() -> Board:
    query = select(
        REPORTING, "filter_week", Pick("n", "active_client_min"),
        where="route = 'all' and category = 'all'", by=["district", "period"],
        variables=("district",),
    )  # fmt: skip
    return lines("n active client-minutes, a week", "What the rate is a rate of.", query,
                 alias="$tag_district $tag_period", unit="m", points=True)  # fmt: skip
