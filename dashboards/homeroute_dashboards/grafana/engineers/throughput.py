"""*Throughput*: bytes through the gateways, and who moves most."""

from __future__ import annotations

from homeroute_dashboards.grafana.board import Built, Folder, board
from homeroute_dashboards.grafana.colours import alarm
from homeroute_dashboards.grafana.influxql import TELEMETRY, Pick, over, select
from homeroute_dashboards.grafana.looks import Look
from homeroute_dashboards.grafana.panels import Board, lines, number
from homeroute_dashboards.grafana.shared import STEP
from homeroute_dashboards.grafana.tables import rows
from homeroute_dashboards.grafana.variables import cascade


def build() -> Built:
    """The dashboard."""
    return board(
        Folder.ENGINEERS,
        "homeroute-throughput",
        "Throughput",
        "Bytes through the gateways, towards and from the riders, and who moves most.",
        [*_totals(), rate(width=24), _local(), _devices()],
        variables=cascade(TELEMETRY, "traffic", "district", "device"),
        since="now-7d",
    )


def _totals() -> list[Board]:
    wan = "role = 'wan'"
    down = select(TELEMETRY, "traffic", Pick("down", "sum(down_bytes)"), where=wan)
    up = select(TELEMETRY, "traffic", Pick("up", "sum(up_bytes)"), where=wan)
    resets = select(TELEMETRY, "traffic", Pick("resets", "sum(resets)"))
    return [
        number("Down", "Through the uplinks, towards the riders.", down, unit="decbytes",
               decimals=1, width=8),
        number("Up", "Through the uplinks, from the riders.", up, unit="decbytes", decimals=1,
               width=8),
        number("Counter resets", "Counters that began again; what was counted before is kept.",
               resets, steps=alarm(100, 10_000), empty="0", width=8),
    ]  # fmt: skip


def rate(width: int = 12) -> Board:
    """Bits a second over the time the points cover, down above and up below the line."""
    query = select(
        TELEMETRY, "traffic",
        Pick("down", "sum(down_bytes) * 8 / sum(interval_s)"),
        Pick("up", "sum(up_bytes) * -8 / sum(interval_s)"),
        where="role = 'wan'", by=["device"], every=STEP,
    )  # fmt: skip
    return lines(
        "Throughput",
        "Through the uplink; down is towards the riders, up is drawn below the line.",
        query,
        unit="bps",
        alias="$tag_device $col",
        width=width,
    )


def _local() -> Board:
    each = select(
        TELEMETRY, "traffic", Pick("bytes", "sum(down_bytes)"), by=["device", "role"], every=STEP,
        fill="none",
    )  # fmt: skip
    return lines(
        "Down, by side of the gateway",
        "Bytes of each step over all devices. LAN far above WAN: a cache or a local server; far "
        "below: the gateway's own traffic.",
        over(each, Pick("bytes", "sum(bytes)"), by=["role"], every=STEP),
        unit="decbytes",
        alias="$tag_role",
        bars=True,
    )


def _devices() -> Board:
    query = select(
        TELEMETRY, "traffic",
        Pick("Down", "sum(down_bytes)"), Pick("Up", "sum(up_bytes)"),
        Pick("Covered", "sum(interval_s)"), Pick("Resets", "sum(resets)"),
        where="role = 'wan'", by=["device"],
    )  # fmt: skip
    return rows(
        "Devices, by bytes",
        "Through the uplink. Covered: the time these bytes were counted over.",
        [query],
        {
            "Device": Look(),
            "Down": Look("decbytes", 1),
            "Up": Look("decbytes", 1),
            "Covered": Look("s"),
            "Resets": Look(decimals=0, steps=alarm(10, 1000)),
        },
        names={"device": "Device"},
        sort=("Down", True),
        width=12,
        height=8,
    )
