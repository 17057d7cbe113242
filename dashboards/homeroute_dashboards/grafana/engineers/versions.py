"""*Versions and settings*: who runs what, with which settings, and whose clock is off."""

from __future__ import annotations

from homeroute_dashboards.grafana.board import Built, Folder, board
from homeroute_dashboards.grafana.colours import alarm
from homeroute_dashboards.grafana.influxql import TELEMETRY, Pick, over, select
from homeroute_dashboards.grafana.looks import Look
from homeroute_dashboards.grafana.panels import Board, lines
from homeroute_dashboards.grafana.shared import STEP, ledger
from homeroute_dashboards.grafana.tables import rows
from homeroute_dashboards.grafana.variables import cascade


def build() -> Built:
    """The dashboard."""
    return board(
        Folder.ENGINEERS,
        "homeroute-versions",
        "Agent versions and settings",
        "Who runs which agent with which settings, whose samplers fail, whose clock is off.",
        [_versions(), _settings(), _devices(), _errors(), _clocks(), ledger(width=24)],
        variables=cascade(TELEMETRY, "agent", "district", "device"),
        since="now-7d",
    )


def _versions() -> Board:
    each = select(TELEMETRY, "agent", Pick("n", "count(sampled)"), by=["device", "version"])
    return rows(
        "Versions",
        "Devices that ran each version in the time shown: during an upgrade one counts twice.",
        [over(each, Pick("Devices", "count(n)"), Pick("Minutes", "sum(n)"), by=["version"])],
        {"Version": Look(), "Devices": Look(decimals=0), "Minutes": Look(decimals=0)},
        names={"version": "Version"},
        sort=("Devices", True),
        width=12,
        height=6,
    )


def _settings() -> Board:
    last = select(TELEMETRY, "agent", Pick("settings", "last(config_version)"), by=["device"])
    return rows(
        "Settings",
        "The oldest and the newest version of the settings applied. 0: the device's own file.",
        [over(last, Pick("Oldest", "min(settings)"), Pick("Newest", "max(settings)"),
              Pick("Devices", "count(settings)"))],
        {"Oldest": Look(decimals=0), "Newest": Look(decimals=0), "Devices": Look(decimals=0)},
        width=12,
        height=6,
    )  # fmt: skip


def _devices() -> Board:
    newest = select(TELEMETRY, "agent", Pick("Settings", "last(config_version)"),
                    by=["device", "version"])  # fmt: skip
    return rows(
        "Devices",
        "What each said last, under each version it ran.",
        [newest],
        {
            "Device": Look(),
            "Version": Look(),
            "Settings": Look(decimals=0),
            "Said last": Look("dateTimeAsLocal"),
        },
        names={"device": "Device", "version": "Version"},
        time="Said last",
        sort=("Said last", True),
    )


def _errors() -> Board:
    query = select(TELEMETRY, "agent", Pick("errors", "max(sampler_errors)"), by=["device"],
                   every=STEP)  # fmt: skip
    return lines("Sampler errors", "Failures of a device's samplers since its start.", query,
                 steps=alarm(1, 100))  # fmt: skip


def _clocks() -> Board:
    query = select(TELEMETRY, "health", Pick("offset", "max(clock_offset_ms)"), by=["device"],
                   every=STEP)  # fmt: skip
    return lines(
        "Clock offset",
        "The collector's clock less the device's own, the most of each step. Points are dated "
        "by the trusted one.",
        query,
        unit="ms",
        steps=alarm(5_000, 60_000),
    )
