"""*Pipeline*: does what buses send arrive, and does it arrive here."""

from __future__ import annotations

from homeroute_dashboards.grafana.board import Built, Folder, board
from homeroute_dashboards.grafana.colours import alarm, any_is_bad
from homeroute_dashboards.grafana.influxql import TELEMETRY, Pick, over, select
from homeroute_dashboards.grafana.looks import Look
from homeroute_dashboards.grafana.panels import Board, lines, number
from homeroute_dashboards.grafana.shared import STEP, ledger
from homeroute_dashboards.grafana.tables import rows
from homeroute_dashboards.grafana.variables import cascade

LAG = alarm(300, 3600)
OWN = ("district",)
"""The collector's own points carry no bus's name."""


def build() -> Built:
    """The dashboard."""
    return board(
        Folder.ENGINEERS,
        "homeroute-pipeline",
        "Pipeline",
        "Whether what buses send arrives: received, stored, refused, dropped, waiting, and how "
        "far InfluxDB is behind.",
        [*_now(), _flow(), _lag(), _queue(), ledger(), _ledgers(), *_broker()],
        variables=cascade(TELEMETRY, "agent", "district", "device"),
        since="now-24h",
        refresh="30s",
    )


def _now() -> list[Board]:
    lag = select(TELEMETRY, "pipeline", Pick("lag", "last(follower_lag_s)"), variables=OWN)
    queue = select(TELEMETRY, "pipeline", Pick("queue", "last(queue)"), variables=OWN)
    refused = select(TELEMETRY, "pipeline", Pick("refused", "spread(refused)"), variables=OWN)
    stored = select(TELEMETRY, "pipeline", Pick("stored", "spread(stored)"), variables=OWN)
    waiting = select(TELEMETRY, "agent", Pick("spooled", "last(spooled)"), by=["device"])
    dropped = select(TELEMETRY, "agent", Pick("dropped", "spread(dropped)"),
                     by=["device", "version"])  # fmt: skip
    return [
        number("InfluxDB behind", "Age of the oldest point not yet here. Nothing is lost while "
               "it grows: the archive has it.", lag, unit="s", steps=LAG),
        number("Queue", "Batches that wait to be judged.", queue, steps=alarm(100, 1000)),
        number("Stored", "Points committed in the time shown, since the collector's last start.",
               stored),
        number("Refused", "Points that could not be understood in the time shown; kept, and "
               "replayable.", refused, steps=any_is_bad(), empty="0"),
        number("Waiting on devices", "Points in all spools, as each device said last.",
               over(waiting, Pick("waiting", "sum(spooled)")), steps=alarm(100_000, 1_000_000),
               empty="0"),
        number("Dropped by devices", "Points given up in the time shown.",
               over(dropped, Pick("dropped", "sum(dropped)")), steps=any_is_bad(), empty="0"),
    ]  # fmt: skip


def _flow() -> Board:
    query = select(
        TELEMETRY, "pipeline",
        Pick("received", "non_negative_derivative(max(received), 1s)"),
        Pick("stored", "non_negative_derivative(max(stored), 1s)"),
        Pick("refused", "non_negative_derivative(max(refused), 1s)"),
        every=STEP, variables=OWN,
    )  # fmt: skip
    return lines("Points a second", "As they arrive, are stored, and are refused. Received counts "
                 "duplicates too.", query, alias="$col", unit="cps")  # fmt: skip


def _lag() -> Board:
    query = select(TELEMETRY, "pipeline", Pick("behind", "max(follower_lag_s)"), every=STEP,
                   variables=OWN)  # fmt: skip
    return lines("InfluxDB behind the archive", "The most of each step.", query, alias="$col",
                 unit="s", steps=LAG)  # fmt: skip


def _queue() -> Board:
    query = select(TELEMETRY, "pipeline", Pick("waiting", "max(queue)"), every=STEP, variables=OWN)
    return lines("Batches that wait to be judged", "The most of each step.", query, alias="$col",
                 steps=alarm(100, 1000))  # fmt: skip


def _ledgers() -> Board:
    query = select(
        TELEMETRY, "agent",
        Pick("Sampled", "last(sampled)"), Pick("Stored", "last(stored)"),
        Pick("Refused", "last(refused)"), Pick("Dropped", "last(dropped)"),
        Pick("Waiting", "last(spooled)"), Pick("Waiting bytes", "last(spool_bytes)"),
        by=["device"],
    )  # fmt: skip
    return rows(
        "Each device's own ledger",
        "Sampled is stored, refused, dropped and waiting together, always, as the device said it "
        "last.",
        [query],
        {
            "Device": Look(),
            "Sampled": Look("locale", 0),
            "Stored": Look("locale", 0),
            "Refused": Look("locale", 0, any_is_bad()),
            "Dropped": Look("locale", 0, any_is_bad()),
            "Waiting": Look("locale", 0, alarm(5_000, 50_000)),
            "Waiting bytes": Look("decbytes", 1),
        },
        names={"device": "Device"},
        sort=("Waiting", True),
    )


def _broker() -> list[Board]:
    now = select(
        TELEMETRY, "broker", Pick("connections", "max(connected)"), every=STEP, variables=OWN
    )
    flow = select(
        TELEMETRY, "broker",
        Pick("received", "non_negative_derivative(max(received), 1s)"),
        Pick("dropped", "non_negative_derivative(max(dropped), 1s)"),
        every=STEP, variables=OWN,
    )  # fmt: skip
    kept = select(TELEMETRY, "broker", Pick("kept", "max(kept)"), every=STEP, variables=OWN)
    silent = "this broker tells nothing of itself"
    return [
        lines("Broker: connections", "MQTT clients connected, the collector among them. From the "
              "broker's own $SYS topics.", now, alias="$col", empty=silent, width=8),
        lines("Broker: messages a second", "Received, and given up at its bounds. A dropped one "
              "costs one resending: the bus still has it.", flow, alias="$col", unit="cps",
              empty=silent, width=8),
        lines("Broker: messages held", "Retained and queued: it grows while the collector is "
              "away.", kept, alias="$col", empty=silent, width=8),
    ]  # fmt: skip
