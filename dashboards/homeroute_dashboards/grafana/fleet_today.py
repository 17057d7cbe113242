"""*Fleet today*: for the network engineer, what is wrong now and since when."""

from __future__ import annotations

from collections.abc import Mapping

from homeroute_dashboards.grafana.influxql import NOW, Pick, over, select, tag_values
from homeroute_dashboards.grafana.panels import (
    DATASOURCE,
    GREEN,
    GREY,
    RED,
    YELLOW,
    Json,
    Panel,
    dashboard,
    mapped,
    override,
)
from homeroute_wire.measurements import UPLINK_CONNECTED, UPLINK_NO_SERVICE, UPLINK_USABLE

STEP = "$__interval"

LEVELS: Mapping[float, tuple[str, str]] = {
    0: ("Offline or unknown", RED),
    1: ("Degraded", YELLOW),
    2: ("Online", GREEN),
    3: ("Off duty", GREY),
}
"""``device_status.level`` (wire)."""

UPLINK: Mapping[float, tuple[str, str]] = {
    UPLINK_NO_SERVICE: ("No service", RED),
    UPLINK_CONNECTED: ("Connected", YELLOW),
    UPLINK_USABLE: ("Usable", GREEN),
}

_STAT = {
    "colorMode": "value",
    "graphMode": "none",
    "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
}
_LINES = {"fillOpacity": 8, "lineWidth": 1, "spanNulls": False, "showPoints": "never"}
_LEGEND = {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}}


def build() -> Json:
    """The dashboard."""
    return dashboard(
        "homeroute-fleet-today",
        "Fleet today",
        "Which devices are down, degraded or losing data, and since when.",
        [
            *(_level(level) for level in (0, 1, 2, 3)),
            _clients_now(),
            _dropped(),
            _devices(),
            _uplink_states(),
            _lines("RTT", "Median round trip of the probes.", "uplink", "rtt_ms", "mean", "ms"),
            _lines("Loss", "Failed probes.", "uplink", "loss_ratio", "mean", "percentunit"),
            _throughput(),
            _clients(),
            _lines("Backlog", "Points waiting on the device.", "agent", "spooled", "last", "short"),
            _lines("Temperature", "Hottest sensor.", "health", "temperature_c", "max", "celsius"),
            _blocked(),
            _pipeline(),
        ],
        time={"from": "now/d", "to": "now"},
        refresh="30s",
        templating={"list": [_device_menu()]},
    )


def _device_menu() -> Json:
    query = tag_values("device_status", "device")
    return {
        "name": "device",
        "label": "Device",
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": query, "refId": "devices"},
        "definition": query,
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"selected": True, "text": "All", "value": "$__all"},
        "sort": 7,
    }


def _level(level: int) -> Panel:
    word, colour = LEVELS[level]
    last = select(
        "device_status", Pick("last", "level", "level"), span=NOW, by=["device"], devices=False
    )
    return Panel(
        "stat",
        word,
        f"Devices that are {word.lower()} now. The collector reports every device it knows "
        "every 30 s, the silent ones included.",
        [over(last, 'count("level") AS "devices"', where=f'"level" = {level}')],
        width=4,
        height=4,
        no_value="0",
        thresholds=[(None, GREY), (1, colour)],
        options=_STAT,
    )


def _clients_now() -> Panel:
    last = select(
        "wifi", Pick("last", "clients", "clients"), span=NOW, by=["device", "ssid", "band"]
    )
    return Panel(
        "stat",
        "Clients now",
        "Devices on student Wi-Fi, over all buses. Clients, never people.",
        [over(last, 'sum("clients") AS "clients"')],
        width=4,
        height=4,
        no_value="0",
        options=_STAT,
    )


def _dropped() -> Panel:
    spread = select("agent", Pick("spread", "dropped", "dropped"), by=["device", "version"])
    return Panel(
        "stat",
        "Points dropped",
        "Given up by devices in the time shown: their spool was full, or power went before the "
        "clock was known.",
        [over(spread, 'sum("dropped") AS "dropped"')],
        width=4,
        height=4,
        no_value="0",
        thresholds=[(None, GREEN), (1, RED)],
        options=_STAT,
    )


def _devices() -> Panel:
    status = select(
        "device_status",
        Pick("last", "level", "State"),
        Pick("last", "age_s", "Heard"),
        span=NOW,
        by=["device"],
    )
    uplink = select(
        "uplink",
        Pick("last", "state", "Uplink"),
        Pick("last", "rtt_ms", "RTT"),
        Pick("last", "loss_ratio", "Loss"),
        by=["device"],
    )
    agent = select(
        "agent",
        Pick("last", "spooled", "Backlog"),
        Pick("last", "dropped", "Dropped"),
        Pick("last", "refused", "Refused"),
        by=["device"],
    )
    return Panel(
        "table",
        "Devices",
        "The newest of each in the time shown; state and age as the collector says them now.",
        [status, uplink, agent],
        width=24,
        height=11,
        table=True,
        no_value="\N{EN DASH}",
        transformations=[
            {"id": "joinByField", "options": {"byField": "device", "mode": "outer"}},
            {
                "id": "organize",
                "options": {
                    "excludeByName": {"Time": True, "Time 1": True, "Time 2": True, "Time 3": True},
                    "renameByName": {"device": "Device"},
                },
            },
            {"id": "sortBy", "options": {"sort": [{"field": "State", "desc": False}]}},
        ],
        options={"cellHeight": "sm", "showHeader": True},
        overrides=[
            override("State", mappings=mapped(LEVELS), custom__cellOptions={"type": "color-text"}),
            override("Uplink", mappings=mapped(UPLINK), custom__cellOptions={"type": "color-text"}),
            override("Heard", unit="s"),
            override("RTT", unit="ms", decimals=0),
            override("Loss", unit="percentunit", decimals=0),
        ],
    )


def _uplink_states() -> Panel:
    # The 50th percentile is the lower middle sample, a level that was there. A lower one is no
    # choice: InfluxDB 1.x then answers nothing at all if one step holds a single sample.
    query = select(
        "uplink", Pick("percentile", "state", "state", argument=50), by=["device"], every=STEP
    )
    return Panel(
        "state-timeline",
        "Uplink",
        "The middle sample's level in each step. A gap is unreported, and counts neither as good "
        "nor as bad.",
        [query],
        width=24,
        height=10,
        alias="$tag_device",
        mappings=UPLINK,
        custom={"fillOpacity": 85, "lineWidth": 0, "spanNulls": False},
        options={"mergeValues": True, "showValue": "never", "rowHeight": 0.85},
        no_value="nothing reported",
    )


def _lines(
    title: str, description: str, measurement: str, field: str, aggregate: str, unit: str
) -> Panel:
    query = select(measurement, Pick(aggregate, field, title), by=["device"], every=STEP)
    return Panel(
        "timeseries",
        title,
        description,
        [query],
        width=12,
        height=8,
        unit=unit,
        alias="$tag_device",
        custom=_LINES,
        options=_LEGEND,
    )


def _throughput() -> Panel:
    query = select(
        "traffic",
        Pick("sum", "down_bytes", "down", factor=8, per="interval_s"),
        Pick("sum", "up_bytes", "up", factor=-8, per="interval_s"),
        where=[("role", "wan")],
        by=["device"],
        every=STEP,
    )
    return Panel(
        "timeseries",
        "Throughput",
        "Through the uplink; down is towards the riders, up is drawn below the line.",
        [query],
        width=12,
        height=8,
        unit="bps",
        alias="$tag_device $col",
        custom=_LINES,
        options=_LEGEND,
    )


def _clients() -> Panel:
    each = select(
        "wifi",
        Pick("max", "clients_peak", "clients"),
        by=["device", "ssid", "band"],
        every=STEP,
        fill="none",
    )
    return Panel(
        "timeseries",
        "Clients",
        "The most clients in each step, summed over all devices shown.",
        [over(each, 'sum("clients") AS "clients"', every=STEP)],
        width=12,
        height=8,
        alias="clients",
        custom=_LINES,
        options=_LEGEND,
    )


def _blocked() -> Panel:
    query = select(
        "filter", Pick("sum", "hits", "hits"), where=[("action", "blocked")], by=["category"],
        every=STEP, fill="none",
    )  # fmt: skip
    return Panel(
        "timeseries",
        "Blocked by category",
        "Content-filter hits, one per client, name and 10 s. Take-home hotspots send none.",
        [query],
        width=12,
        height=8,
        alias="$tag_category",
        custom={**_LINES, "drawStyle": "bars", "fillOpacity": 60, "stacking": {"mode": "normal"}},
        options=_LEGEND,
    )


def _pipeline() -> Panel:
    query = select(
        "pipeline",
        Pick("max", "follower_lag_s", "InfluxDB behind"),
        devices=False,
        every=STEP,
    )
    return Panel(
        "timeseries",
        "InfluxDB behind the archive",
        "Age of the oldest point not yet written here. Nothing is lost while it grows: the "
        "archive has it.",
        [query],
        width=12,
        height=8,
        unit="s",
        alias="lag",
        custom=_LINES,
        options=_LEGEND,
    )
