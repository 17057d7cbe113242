"""*Hotspots*: lent to households, so daily totals only; unused apart from not reporting."""

from __future__ import annotations

from homeroute_dashboards.grafana.board import Built, Folder, board
from homeroute_dashboards.grafana.colours import alarm
from homeroute_dashboards.grafana.influxql import TELEMETRY, Pick, over, select
from homeroute_dashboards.grafana.looks import LEVELS, Look
from homeroute_dashboards.grafana.panels import Board, lines, number
from homeroute_dashboards.grafana.tables import rows
from homeroute_dashboards.grafana.variables import cascade

HOTSPOT = "kind = 'hotspot'"
IDLE_DAYS = alarm(30, 60)
"""60 days unused is a preset of funding programs (DESIGN section 10)."""


def build() -> Built:
    """The dashboard."""
    return board(
        Folder.ENGINEERS,
        "homeroute-hotspots",
        "Hotspots",
        "Take-home hotspots: used, unused, and not reporting. A household: daily totals only.",
        [*_counts(), _table(), _days()],
        variables=cascade(TELEMETRY, "device_status", "district", "device"),
        since="now-60d",
        refresh="15m",
    )


def _counts() -> list[Board]:
    known = select(TELEMETRY, "device_status", Pick("level", "last(level)"), where=HOTSPOT,
                   by=["device"])  # fmt: skip
    used = select(TELEMETRY, "usage", Pick("h", "sum(active_hours)"), by=["device"])
    total = select(TELEMETRY, "usage", Pick("down", "sum(down_bytes)"))
    return [
        number("Known", "Hotspots the collector knows.", over(known, Pick("n", "count(level)")),
               empty="0", now=True, width=6),
        number("Used", "Hotspots with traffic in any hour of the time shown.",
               over(used, Pick("n", "count(h)"), where="h > 0"), empty="0", width=6),
        number("Reporting", "Hotspots that sent a daily total in the time shown.",
               over(used, Pick("n", "count(h)")), empty="0", width=6),
        number("Down", "Towards households, over all hotspots shown.", total, unit="decbytes",
               decimals=1, width=6),
    ]  # fmt: skip


def _table() -> Board:
    usage = select(
        TELEMETRY, "usage",
        Pick("Down", "sum(down_bytes)"), Pick("Active hours", "sum(active_hours)"),
        Pick("Days reported", "count(down_bytes)"), by=["device"],
    )  # fmt: skip
    idle = select(TELEMETRY, "device_day", Pick("Idle", "last(idle_days)"), where=HOTSPOT,
                  by=["device"])  # fmt: skip
    status = select(TELEMETRY, "device_status", Pick("State", "last(level)"),
                    Pick("Heard", "last(age_s)"), where=HOTSPOT, by=["device"])  # fmt: skip
    return rows(
        "Hotspots",
        "Idle: days since the last use, told only while it reports. Silent is not unused: look at "
        "State and Days reported.",
        [usage, idle, status],
        {
            "Device": Look(),
            "State": Look(words=LEVELS),
            "Heard": Look("s"),
            "Idle": Look("d", 0, IDLE_DAYS),
            "Active hours": Look("h", 0),
            "Days reported": Look(decimals=0),
            "Down": Look("decbytes", 1),
        },
        names={"device": "Device"},
        join="device",
        sort=("Idle", True),
        height=12,
    )


def _days() -> Board:
    each = select(TELEMETRY, "usage", Pick("down", "sum(down_bytes)"), by=["device"], every="1d",
                  fill="none")  # fmt: skip
    return lines(
        "Down, a day",
        "Towards households, over all hotspots shown; days as UTC counts them.",
        over(each, Pick("down", "sum(down)"), every="1d", fill="none"),
        unit="decbytes",
        alias="$col",
        bars=True,
        width=24,
    )
