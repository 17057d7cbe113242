"""*Learning minutes*: how many, by route, period and week, and how much is known."""

from __future__ import annotations

from homeroute_dashboards.grafana.board import Built, Folder, board
from homeroute_dashboards.grafana.colours import COMPLETE
from homeroute_dashboards.grafana.evaluators.banner import banner, methods
from homeroute_dashboards.grafana.influxql import REPORTING, Pick, over, select
from homeroute_dashboards.grafana.looks import SHARE_LOOK, Look
from homeroute_dashboards.grafana.panels import Board, lines
from homeroute_dashboards.grafana.tables import grid, rows
from homeroute_dashboards.grafana.variables import cascade

A_ROUTE = "route != 'all'"
MARGIN = "route = 'all'"
REPORTED = "sum(reported_s) / sum(scheduled_s)"
OWN_SHARE = (
    "Reported is the definition's own part of all that was scheduled in its weeks: in the week "
    "of a change, two definitions share one."
)


def build() -> Built:
    """The dashboard."""
    return board(
        Folder.EVALUATORS,
        "homeroute-learning",
        "Learning minutes",
        "Learning-site active minutes of clients on the way, by route, period and week; "
        "suppressed, and with their completeness.",
        [banner(), _periods(), *_weeks(), _routes(), *_grids(), methods()],
        variables=cascade(REPORTING, "learning_week", "district", "route"),
        since="now-1y",
        refresh="1h",
    )


def _picks() -> list[Pick]:
    return [
        Pick("Per client-trip", "sum(learning_client_min) / sum(client_trips)"),
        Pick("Strict", "sum(learning_client_min_strict) / sum(client_trips)"),
        Pick("Loose", "sum(learning_client_min_loose) / sum(client_trips)"),
        Pick("Learning of active", "sum(learning_client_min) / sum(active_client_min)"),
        Pick("Classified", "sum(classified_lookups) / sum(lookups)"),
        Pick("n client-trips", "sum(client_trips)"),
        Pick("n trips", "sum(trips)"),
        Pick("Reported", REPORTED),
    ]


def _looks() -> dict[str, Look]:
    return {
        "Per client-trip": Look("m", 1),
        "Strict": Look("m", 1),
        "Loose": Look("m", 1),
        "Learning of active": Look(SHARE_LOOK, 0),
        "Classified": Look(SHARE_LOOK, 0, COMPLETE),
        "n client-trips": Look(decimals=0),
        "n trips": Look(decimals=0),
        "Reported": Look(SHARE_LOOK, 0, COMPLETE),
    }


def _periods() -> Board:
    query = select(
        REPORTING, "learning_week", *_picks(), where=MARGIN, by=["definition", "period"],
        variables=("district",),
    )  # fmt: skip
    return rows(
        "All routes, by period and definition",
        "Learning-site active minutes per client-trip, and their strict and loose bounds, over "
        "all routes together, hidden cells within. Whatever route is chosen above. "
        f"{OWN_SHARE}",
        [query],
        {"Period": Look(width=70), "Definition": Look(), **_looks()},
        names={"period": "Period", "definition": "Definition"},
        sort=("Period", False),
        height=6,
    )


def _weeks() -> list[Board]:
    minutes = select(
        REPORTING, "learning_week",
        Pick("per client-trip", "learning_client_min / client_trips"),
        where=MARGIN, by=["definition", "district", "period"], variables=("district",),
    )  # fmt: skip
    known = select(
        REPORTING, "learning_week", Pick("reported", "reported_s / scheduled_s"), where=MARGIN,
        by=["definition", "district", "period"], variables=("district",),
    )  # fmt: skip
    return [
        lines("Per client-trip, a week", "Learning-site active minutes per client-trip over all "
              "routes; a point is an ISO week, at its Monday.",
              minutes, unit="m", alias="$tag_district $tag_period $tag_definition", points=True),
        lines("Reported share, a week", "Reported seconds of scheduled ones, of the same "
              "trips; in the week of a change the definitions' lines add up.",
              known, unit=SHARE_LOOK, alias="$tag_district $tag_period $tag_definition",
              points=True, steps=COMPLETE),
    ]  # fmt: skip


def _routes() -> Board:
    query = select(
        REPORTING, "learning_week", *_picks(), where=A_ROUTE, by=["definition", "period", "route"]
    )
    return rows(
        "Routes",
        "By route and period. A route that is missing was too small to show: not a zero. "
        f"{OWN_SHARE}",
        [query],
        {"Route": Look(), "Period": Look(width=70), "Definition": Look(), **_looks()},
        names={"route": "Route", "period": "Period", "definition": "Definition"},
        sort=("Route", False),
        empty="every cell is hidden, or no week is complete",
    )


def _grids() -> list[Board]:
    total = select(REPORTING, "learning_week", Pick("Trips", "sum(client_trips)"), where=A_ROUTE,
                   by=["route", "week"])  # fmt: skip
    # What was scheduled stands again beside each definition, of which a week may have two.
    cells = select(
        REPORTING, "learning_week", Pick("seen_s", "sum(reported_s)"),
        Pick("due_s", "max(scheduled_s)"), where=A_ROUTE,
        by=["district", "period", "route", "week"],
    )  # fmt: skip
    known = over(cells, Pick("Reported", "sum(seen_s) / sum(due_s)"), by=["route", "week"])
    return [
        grid("Client-trips, by week", "Behind the minutes above, periods together. A grey dash "
             "is hidden, not zero.", total, across="route", down="week", cell="Trips",
             look=Look(decimals=0)),
        grid("Reported share, by week", "Of the same trips, definitions together.", known,
             across="route", down="week", cell="Reported", look=Look(SHARE_LOOK, 0, COMPLETE)),
    ]  # fmt: skip
