"""*Devices*: which are down or degraded, since when, and how much they owe."""

from __future__ import annotations

from homeroute_dashboards.grafana.board import Built, Folder, board
from homeroute_dashboards.grafana.colours import alarm, any_is_bad
from homeroute_dashboards.grafana.influxql import TELEMETRY, Pick, over, select
from homeroute_dashboards.grafana.looks import LEVELS, SHARE_LOOK, UPLINK, Look
from homeroute_dashboards.grafana.panels import Board, number, timeline
from homeroute_dashboards.grafana.shared import STEP, clients_now, state_counts
from homeroute_dashboards.grafana.tables import rows
from homeroute_dashboards.grafana.variables import cascade

SIX_HOURS_MS = 21_600_000

DEVICE_AT = (
    (
        "/d/homeroute-device?${district:queryparam}&var-device=${__data.fields.Device}"
        f'&time=${{__data.fields["Last point"].numeric}}&time.window={SIX_HOURS_MS}'
    ),
    "The device, around its last point",
)


def build() -> Built:
    """The dashboard."""
    return board(
        Folder.ENGINEERS,
        "homeroute-devices",
        "Devices",
        "Which devices are down, degraded or losing data, and since when.",
        [*state_counts(), clients_now(), _dropped(), _table(), _states()],
        variables=cascade(TELEMETRY, "device_status", "district", "device"),
        since="now-24h",
        refresh="30s",
    )


def _dropped() -> Board:
    spread = select(TELEMETRY, "agent", Pick("dropped", "spread(dropped)"),
                    by=["device", "version"])  # fmt: skip
    return number(
        "Points dropped",
        "Given up by devices in the time shown: their spool was full, or power went before the "
        "clock was known.",
        over(spread, Pick("dropped", "sum(dropped)")),
        steps=any_is_bad(),
        empty="0",
    )


def _table() -> Board:
    newest = select(TELEMETRY, "agent", Pick("Backlog", "last(spooled)"), by=["device"])
    status = select(
        TELEMETRY, "device_status", Pick("State", "last(level)"), Pick("Heard", "last(age_s)"),
        by=["device"],
    )  # fmt: skip
    ledger = select(
        TELEMETRY, "agent", Pick("Dropped", "last(dropped)"), Pick("Refused", "last(refused)"),
        by=["device"],
    )  # fmt: skip
    uplink = select(
        TELEMETRY, "uplink", Pick("Uplink", "last(state)"), Pick("RTT", "last(rtt_ms)"),
        Pick("Loss", "last(loss_ratio)"), Pick("n samples", "count(state)"), by=["device"],
    )  # fmt: skip
    return rows(
        "Devices",
        "The newest of each in the time shown; state and age as the collector says them. A device "
        "leads to its own dashboard, around its last point.",
        [newest, status, ledger, uplink],
        {
            "Device": Look(link=DEVICE_AT, width=140),
            "State": Look(words=LEVELS, width=150),
            "Heard": Look("s"),
            "Last point": Look("dateTimeAsLocal", width=170),
            "Uplink": Look(words=UPLINK, width=170),
            "RTT": Look("ms", 0, alarm(300, 1000)),
            "Loss": Look(SHARE_LOOK, 0, alarm(0.05, 0.2)),
            "n samples": Look(decimals=0),
            "Backlog": Look(decimals=0, steps=alarm(5_000, 50_000)),
            "Dropped": Look(decimals=0, steps=any_is_bad()),
            "Refused": Look(decimals=0, steps=any_is_bad()),
        },
        names={"device": "Device"},
        join="device",
        time="Last point",
        sort=("State", False),
        height=12,
    )


def _states() -> Board:
    query = select(
        TELEMETRY, "device_status", Pick("state", "min(level)"), by=["device"], every=STEP
    )
    return timeline(
        "States",
        "The worst state of each step, as the collector believed it then. It knows devices from "
        "their first point on.",
        query,
        LEVELS,
        height=12,
    )
