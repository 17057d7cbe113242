"""*Content filter*: does it really block, and what."""

from __future__ import annotations

from homeroute_dashboards.grafana.board import Built, Folder, board
from homeroute_dashboards.grafana.colours import BAD, GOOD, any_is_bad
from homeroute_dashboards.grafana.influxql import TELEMETRY, Pick, over, select
from homeroute_dashboards.grafana.looks import Look
from homeroute_dashboards.grafana.panels import Board, lines, number
from homeroute_dashboards.grafana.shared import STEP
from homeroute_dashboards.grafana.tables import rows
from homeroute_dashboards.grafana.variables import cascade

BLOCKED = "action = 'blocked'"


def build() -> Built:
    """The dashboard."""
    return board(
        Folder.ENGINEERS,
        "homeroute-content-filter",
        "Content filter",
        "Whether each bus's filter blocks its canary, and what is blocked, by category.",
        [*_counts(), _canaries(), _categories(), _devices(), _by_category()],
        variables=cascade(TELEMETRY, "filter_check", "district", "device"),
        since="now-7d",
    )


def _counts() -> list[Board]:
    failed = select(TELEMETRY, "filter_check", Pick("n", "count(canary_blocked)"),
                    where="canary_blocked = false")  # fmt: skip
    dead = select(TELEMETRY, "filter_check", Pick("n", "count(filter_live)"),
                  where="filter_live = false")  # fmt: skip
    asked = select(TELEMETRY, "filter_check", Pick("n", "count(canary_blocked)"))
    hits = select(TELEMETRY, "filter", Pick("hits", "sum(hits)"), where=BLOCKED)
    return [
        number("Canary not blocked", "Checks in which the test name came through: that filter "
               "does not filter.", failed, steps=any_is_bad(), empty="0", width=6),
        number("Filter silent", "Checks that got no answer at all.", dead, steps=any_is_bad(),
               empty="0", width=6),
        number("n checks", "At power-on, then every hour.", asked, empty="0", width=6),
        number("Blocked", "Hits, one per client, name and 10 s. Hotspots send none.", hits,
               empty="0", width=6),
    ]  # fmt: skip


def _canaries() -> Board:
    passed = select(TELEMETRY, "filter_check", Pick("Blocked", "count(canary_blocked)"),
                    where="canary_blocked = true", by=["device"])  # fmt: skip
    let = select(TELEMETRY, "filter_check", Pick("Came through", "count(canary_blocked)"),
                 where="canary_blocked = false", by=["device"])  # fmt: skip
    return rows(
        "Canaries, by device",
        "Checks of each bus's filter with a test name, and how they ended.",
        [passed, let],
        {
            "Device": Look(),
            "Blocked": Look(decimals=0, steps=((None, BAD), (1, GOOD))),
            "Came through": Look(decimals=0, steps=any_is_bad()),
        },
        names={"device": "Device"},
        join="device",
        sort=("Came through", True),
        width=12,
        height=9,
    )


def _categories() -> Board:
    query = select(TELEMETRY, "filter", Pick("Hits", "sum(hits)"), by=["category", "action"])
    return rows(
        "Categories",
        "What filters did, by category. A list that is missing shows as uncategorized.",
        [query],
        {"Category": Look(), "Action": Look(), "Hits": Look("locale", 0)},
        names={"category": "Category", "action": "Action"},
        sort=("Hits", True),
        width=12,
        height=9,
    )


def _devices() -> Board:
    query = select(TELEMETRY, "filter", Pick("hits", "sum(hits)"), where=BLOCKED, by=["device"],
                   every=STEP, fill="none")  # fmt: skip
    return lines("Blocked, by device", "Hits in each step. A filter that falls silent shows in "
                 "the canaries, not here.", query, bars=True, stacked=True)  # fmt: skip


def _by_category() -> Board:
    each = select(TELEMETRY, "filter", Pick("hits", "sum(hits)"), where=BLOCKED, every=STEP,
                  by=["category", "device"], fill="none")  # fmt: skip
    return lines(
        "Blocked, by category",
        "Hits in each step, over all devices shown.",
        over(each, Pick("hits", "sum(hits)"), by=["category"], every=STEP, fill="none"),
        alias="$tag_category",
        bars=True,
        stacked=True,
    )
