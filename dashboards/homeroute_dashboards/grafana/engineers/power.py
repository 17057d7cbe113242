"""*Power and temperature*: supplies too low, gateways too hot, cards too full."""

from __future__ import annotations

from homeroute_dashboards.grafana.board import Built, Folder, board
from homeroute_dashboards.grafana.colours import alarm, any_is_bad
from homeroute_dashboards.grafana.influxql import TELEMETRY, Pick, Query, over, select
from homeroute_dashboards.grafana.looks import SHARE_LOOK, Look
from homeroute_dashboards.grafana.panels import Board, lines, number
from homeroute_dashboards.grafana.shared import STEP
from homeroute_dashboards.grafana.tables import rows
from homeroute_dashboards.grafana.variables import cascade

HOT = alarm(75, 85)


def build() -> Built:
    """The dashboard."""
    return board(
        Folder.ENGINEERS,
        "homeroute-power",
        "Power and temperature",
        "Supplies that are too low, gateways that run hot, full cards, and restarts.",
        [*_totals(), _devices(), *charts()],
        variables=cascade(TELEMETRY, "health", "district", "device"),
        since="now-7d",
    )


def _totals() -> list[Board]:
    low = select(TELEMETRY, "health", Pick("n", "count(uptime_s)"), where="undervoltage = true")
    slow = select(TELEMETRY, "health", Pick("n", "count(uptime_s)"), where="throttled = true")
    hot = select(TELEMETRY, "health", Pick("t", "max(temperature_c)"))
    minutes = select(TELEMETRY, "health", Pick("n", "count(uptime_s)"))
    return [
        number("Minutes undervolted", "Minutes in which a supply was too low. Its cable or its "
               "converter is too weak.", low, steps=any_is_bad(), empty="0", width=6),
        number("Minutes throttled", "Minutes in which a processor was slowed down.", slow,
               steps=any_is_bad(), empty="0", width=6),
        number("Hottest", "The hottest sensor of any device shown.", hot, unit="celsius",
               decimals=0, steps=HOT, width=6),
        number("Minutes reported", "Minutes behind these numbers, over all devices shown.",
               minutes, empty="0", width=6),
    ]  # fmt: skip


def _devices() -> Board:
    query = select(
        TELEMETRY, "health",
        Pick("Hottest", "max(temperature_c)"), Pick("Processor, most", "max(cpu_ratio)"),
        Pick("Memory, most", "max(memory_ratio)"), Pick("Storage, most", "max(disk_ratio)"),
        Pick("Shortest uptime", "min(uptime_s)"), Pick("Minutes reported", "count(uptime_s)"),
        by=["device"],
    )  # fmt: skip
    low = select(TELEMETRY, "health", Pick("Undervolted", "count(uptime_s)"),
                 where="undervoltage = true", by=["device"])  # fmt: skip
    return rows(
        "Devices, the hottest first",
        "The worst of each in the time shown. A bus that restarts with its engine has a short "
        "uptime every day.",
        [query, low],
        {
            "Device": Look(),
            "Undervolted": Look("m", 0, any_is_bad()),
            "Hottest": Look("celsius", 0, HOT),
            "Processor, most": Look(SHARE_LOOK, 0, alarm(0.8, 0.95)),
            "Memory, most": Look(SHARE_LOOK, 0, alarm(0.8, 0.95)),
            "Storage, most": Look(SHARE_LOOK, 0, alarm(0.8, 0.95)),
            "Shortest uptime": Look("s"),
            "Minutes reported": Look(decimals=0),
        },
        names={"device": "Device"},
        join="device",
        sort=("Hottest", True),
    )


def charts() -> list[Board]:
    """Heat, load and supply over time."""
    heat = select(TELEMETRY, "health", Pick("t", "max(temperature_c)"), by=["device"], every=STEP)
    load = select(TELEMETRY, "health", Pick("cpu", "max(cpu_ratio)"), by=["device"], every=STEP)
    return [
        lines("Temperature", "The hottest sensor, the most of each step.", heat, unit="celsius",
              steps=HOT, width=8),
        lines("Processor", "Busy share of all cores, the most of each step.", load,
              unit=SHARE_LOOK, steps=alarm(0.8, 0.95), width=8),
        lines("Minutes undervolted, minutes reported", "The supply's bad minutes among those "
              "reported, in each step.", _minutes("undervolted", "undervoltage = true"),
              _minutes("reported"), alias="$col", bars=True, width=8),
    ]  # fmt: skip


def _minutes(name: str, where: str = "") -> Query:
    each = select(TELEMETRY, "health", Pick("n", "count(uptime_s)"), where=where, every=STEP,
                  by=["device"], fill="none")  # fmt: skip
    return over(each, Pick(name, "sum(n)"), every=STEP, fill="none")
