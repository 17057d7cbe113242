"""*Device*: everything of one device, in the time an overview's row led to."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from homeroute_dashboards.grafana.board import Built, Folder, board
from homeroute_dashboards.grafana.colours import ODD, alarm, any_is_bad
from homeroute_dashboards.grafana.dataquery import Target, datasource
from homeroute_dashboards.grafana.engineers import power, signal, throughput
from homeroute_dashboards.grafana.influxql import TELEMETRY, Pick, over, select
from homeroute_dashboards.grafana.looks import LEVELS, UPLINK, Look
from homeroute_dashboards.grafana.panels import Board, lines, number, timeline
from homeroute_dashboards.grafana.shared import STEP, ledger
from homeroute_dashboards.grafana.tables import rows
from homeroute_dashboards.grafana.variables import cascade


def build() -> Built:
    """The dashboard."""
    return board(
        Folder.ENGINEERS,
        "homeroute-device",
        "Device",
        "One device: state, internet, signal, riders' clients, power, and what it still owes.",
        [*_now(), _states(), _uplink(), *signal.quality(), *signal.radio(), throughput.rate(),
         _clients(), *power.charts(), ledger(), _days()],
        variables=cascade(TELEMETRY, "device_status", "district", "device"),
        annotations=[_undervoltage()],
        since="now-24h",
        refresh="30s",
    )  # fmt: skip


def _now() -> list[Board]:
    state = select(TELEMETRY, "device_status", Pick("state", "last(level)"))
    age = select(TELEMETRY, "device_status", Pick("age", "last(age_s)"))
    backlog = select(TELEMETRY, "agent", Pick("backlog", "last(spooled)"))
    errors = select(TELEMETRY, "agent", Pick("errors", "last(sampler_errors)"))
    dropped = select(TELEMETRY, "agent", Pick("dropped", "last(dropped)"))
    refused = select(TELEMETRY, "agent", Pick("refused", "last(refused)"))
    return [
        number("State", "What the collector believes now.", state, words=LEVELS, now=True),
        number("Heard", "Age of the newest live point.", age, unit="s", now=True,
               steps=alarm(180, 600)),
        number("Backlog", "Points that wait on the device.", backlog, steps=alarm(5_000, 50_000)),
        number("Dropped", "Points the device ever gave up.", dropped, steps=any_is_bad()),
        number("Refused", "Points the collector ever refused of it.", refused, steps=any_is_bad()),
        number("Sampler errors", "Failures of its samplers since its start.", errors,
               steps=alarm(1, 100)),
    ]  # fmt: skip


def _states() -> Board:
    query = select(
        TELEMETRY, "device_status", Pick("state", "min(level)"), by=["device"], every=STEP
    )
    return timeline(
        "State", "The worst state of each step, as the collector believed it then.", query, LEVELS,
        height=5,
    )  # fmt: skip


def _uplink() -> Board:
    query = select(
        TELEMETRY, "uplink", Pick("state", "min(state)"), by=["device", "interface"], every=STEP
    )
    return timeline(
        "Uplinks",
        "The worst moment of each step, for each interface. A gap is unreported, and counts "
        "neither as good nor as bad.",
        query,
        UPLINK,
        alias="$tag_device $tag_interface",
        height=5,
    )


def _clients() -> Board:
    each = select(TELEMETRY, "wifi", Pick("clients", "max(clients_peak)"), fill="none",
                  by=["device", "ssid", "band"], every=STEP)  # fmt: skip
    return lines(
        "Clients",
        "The most clients of each step, over SSIDs and bands. Clients, never people.",
        over(each, Pick("clients", "sum(clients)"), by=["device"], every=STEP),
    )


def _days() -> Board:
    query = select(
        TELEMETRY, "device_day",
        Pick("Scheduled", "scheduled_s"), Pick("Reported", "reported_s"),
        Pick("Usable", "usable_s"),
        Pick("On no trip", "unassigned_s"), Pick("Batches missing", "batches_missing"),
        Pick("Came late by", "backfill_delay_s"), Pick("Device", "device"),
    )  # fmt: skip
    return rows(
        "Days",
        "Whole service days. Batches missing are numbers that never came, though later ones did.",
        [query],
        {
            "Day": Look("dateTimeAsLocal"),
            "Device": Look(),
            "Scheduled": Look("s"),
            "Reported": Look("s"),
            "Usable": Look("s"),
            "On no trip": Look("s"),
            "Batches missing": Look(decimals=0, steps=any_is_bad()),
            "Came late by": Look("s"),
        },
        time="Day",
        sort=("Day", True),
        empty="no whole day in the time shown",
        height=7,
    )


def _undervoltage() -> dashboard.AnnotationQuery:
    query = select(TELEMETRY, "health", Pick("uptime", "uptime_s"), Pick("device", "device"),
                   where="undervoltage = true", tail=" LIMIT 200")  # fmt: skip
    return (
        dashboard.AnnotationQuery()
        .name("Undervoltage")
        .datasource(datasource(TELEMETRY))
        .enable(True)
        .icon_color(ODD)
        .target(Target(query, "table", ref_id="Anno", note="device"))
    )
