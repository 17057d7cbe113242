"""Grafana's alert rules: what each asks of InfluxDB, and when its answer is bad.

Words, severity and thresholds are the collector's own
(:data:`homeroute_collector.alert_rules.RULES`): both tell the same. Every query is built
by :mod:`homeroute_dashboards.grafana.influxql`, and cannot name what does not exist.

Guarantees: an answer has one number for each device or district, with those names as
its tags; most queries answer only of what is wrong, so that no answer means well.
Does not: know how Grafana writes a rule (:mod:`homeroute_dashboards.grafana.alert_files`),
or mute anything outside school hours (:mod:`homeroute_dashboards.grafana.mute_timings`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from homeroute_collector.alert_rules import RULES, Rule
from homeroute_dashboards.grafana.influxql import TELEMETRY, Pick, Query, over, select

DEVICE = ("district", "device")
DISTRICT = ("district",)

RECENT_S = 120
"""Four of the collector's points: one or two may still be on their way."""

Comparison = Literal["gt", "lt"]


@dataclass(frozen=True, slots=True)
class Watch:
    """One rule as Grafana looks at it.

    It is bad when the query's last number over the past ``since_s`` is greater (or
    less) than ``bound``. ``silence``: what no answer means.
    """

    rule: Rule
    query: Query
    since_s: int
    comparison: Comparison
    bound: float
    silence: Literal["OK", "Alerting"] = "OK"
    note: str = ""


NOT_IN_INFLUXDB = {
    "archive_stuck": "the collector's own points pass through the archive: when it cannot be "
    "written they end, which influx_lag tells",
    "rollup_failing": "a rollup that fails writes nothing, and yesterday's numbers look the same; "
    "the collector tells",
    "publication_failing": "a week that is not published looks like one that has not settled; the "
    "collector tells",
    "two_devices_one_id": "who was pushed off the broker is no measurement; the collector tells",
}
"""Rules that Grafana cannot look at, and why."""


def watches() -> list[Watch]:
    """Every rule that InfluxDB can answer, in the collector's order."""
    built = {watch.rule.name: watch for watch in (*_of_devices(), *_of_the_district())}
    return [built[name] for name in RULES if name in built]


def _of_devices() -> list[Watch]:
    growth = "(last(spooled) - first(spooled)) / (last(sampled) - first(sampled))"
    lost = "last(dropped) - first(dropped) + last(refused) - first(refused)"
    ledger = select(TELEMETRY, "agent", Pick("grew", growth), by=DEVICE, variables=())
    given_up = select(TELEMETRY, "agent", Pick("lost", lost), by=DEVICE, variables=())
    supply = select(TELEMETRY, "health", Pick("low", "last(undervoltage)"), by=DEVICE, variables=())
    canary = select(
        TELEMETRY, "filter_check", Pick("blocked", "last(canary_blocked)"),
        by=(*DEVICE, "filter"), variables=(),
    )  # fmt: skip
    return [
        _watch("bus_silent", _in_state("offline"), RECENT_S, "gt", 0),
        _watch("device_degraded", _in_state("degraded"), RECENT_S, "gt", 0),
        _watch("undervoltage", _counted(supply, "low", "low = true"), 180, "gt", 0),
        # Half of what was sampled meanwhile, as presence has it; less is the batch being gathered.
        _watch("spool_growing", ledger, 300, "gt", 0.5),
        _watch("points_lost", given_up, 900, "gt", 0),
        # A filter is checked every hour: two of them.
        _watch("filter_canary", _counted(canary, "blocked", "blocked = false"), 7_200, "gt", 0),
    ]


def _of_the_district() -> list[Watch]:
    broker = select(
        TELEMETRY, "pipeline", Pick("up", "last(broker_connected)"), by=DISTRICT, variables=()
    )
    down = over(broker, Pick("down", "count(up)"), where="up = false", by=DISTRICT)
    return [
        _watch("broker_lost", down, RECENT_S, "gt", 0),
        _watch(
            "influx_lag",
            _own("last(follower_lag_s)"),
            300,
            "gt",
            _threshold("influx_lag"),
            silence="Alerting",
            note="Also when the collector has written nothing for five minutes: it is stopped, "
            "cannot reach InfluxDB, or cannot write its archive.",
        ),
        _watch(
            "disk_full", _own("last(disk_free_ratio) * 100"), 300, "lt", _threshold("disk_full")
        ),
        _watch(
            "calendar_ending", _own("last(calendar_days)"), 300, "lt", _threshold("calendar_ending")
        ),
        _watch(
            "certificate_ending",
            _own("last(certificate_days)"),
            300,
            "lt",
            _threshold("certificate_ending"),
        ),
    ]


def _watch(
    name: str,
    query: Query,
    since_s: int,
    comparison: Comparison,
    bound: float,
    *,
    silence: Literal["OK", "Alerting"] = "OK",
    note: str = "",
) -> Watch:
    return Watch(RULES[name], query, since_s, comparison, bound, silence, note)


def _threshold(name: str) -> float:
    bound = RULES[name].threshold
    if bound is None:
        raise ValueError(f"rule {name} has no threshold")
    return bound


def _in_state(state: str) -> Query:
    """Reports of the collector that called a bus so; a bus in another state has none."""
    where = f"state = '{state}' and kind = 'bus'"
    return select(
        TELEMETRY, "device_status", Pick("reports", "count(level)"), where=where, by=DEVICE,
        variables=(),
    )  # fmt: skip


def _counted(inner: Query, column: str, where: str) -> Query:
    """How many of the last values are so; Grafana compares numbers, and they are flags."""
    return over(inner, Pick("found", f"count({column})"), where=where, by=DEVICE)


def _own(expression: str) -> Query:
    """A figure of the collector's own."""
    return select(TELEMETRY, "pipeline", Pick("figure", expression), by=DISTRICT, variables=())
