"""Every alert rule, once: its words, its threshold, and what to do about it.

The single source: the collector's own alerts, the documentation's table and
whoever writes the same alerts for Grafana take their text and numbers from
:data:`RULES`.

Guarantees: a rule's text is for the person who is woken by it: what is so, and
what to do, in words of the trade. Does not: know how a condition is found
(:mod:`homeroute_collector.alert_conditions`), or when it fires
(:mod:`homeroute_collector.alert_states`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["critical", "warning"]
Scope = Literal["device", "district"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing worth telling somebody.

    ``means`` says when it holds and may name ``{threshold}``; ``todo`` is the
    runbook in a sentence or two. It fires once it has held for ``for_s``, and is
    over once it has not held for ``calm_s``. ``threshold`` is in ``unit``; None
    where there is nothing to set. ``always``: it matters outside school hours too.
    """

    name: str
    title: str
    severity: Severity
    scope: Scope
    means: str
    todo: str
    for_s: float
    calm_s: float
    threshold: float | None = None
    unit: str = ""
    always: bool = False

    @property
    def meaning(self) -> str:
        """``means`` with its number."""
        number = "" if self.threshold is None else f"{self.threshold:g} {self.unit}".strip()
        return self.means.replace("{threshold}", number)


_RULES = (
    Rule(
        "bus_silent",
        "Bus silent on its run",
        "critical",
        "device",
        "A bus on a scheduled run has not been heard for three batch intervals. It stays until "
        "the bus is heard again, also after the run.",
        "Ask the driver whether the gateway's light is on; check its supply and fuse, then its "
        "SIM. A bus in the workshop: assign its trips to the substitute.",
        for_s=120,
        calm_s=120,
    ),
    Rule(
        "device_degraded",
        "Device degraded",
        "warning",
        "device",
        "A device reports, but no uplink is usable or its backlog grows.",
        "Look at its signal on the device's page: weak everywhere is antenna or cable, weak in "
        "one place is coverage, good signal without service is the SIM or the plan.",
        for_s=900,
        calm_s=300,
    ),
    Rule(
        "undervoltage",
        "Supply too low",
        "critical",
        "device",
        "The gateway measures less than its supply voltage: it will lose data, or its card.",
        "Check the supply and its cable; a starter's dip lasts seconds, this did not. Measure at "
        "the gateway with the engine off.",
        for_s=120,
        calm_s=600,
    ),
    Rule(
        "spool_growing",
        "Backlog growing",
        "warning",
        "device",
        "The device gathers more than it can send, over several reports.",
        "Nothing is lost until its spool is full. Check the uplink's throughput; after a long "
        "outage the backlog falls by itself.",
        for_s=600,
        calm_s=300,
    ),
    Rule(
        "points_lost",
        "Points dropped or refused",
        "warning",
        "device",
        "The device gave up points, or the collector could not understand some.",
        "Dropped: the spool was full or the clock never set, see its page. Refused: "
        "`homeroute refused` says why; after an upgrade `homeroute refused replay` tries again.",
        for_s=0,
        calm_s=3_600,
    ),
    Rule(
        "filter_canary",
        "Content filter lets the canary through",
        "critical",
        "device",
        "The bus's content filter did not block the test name, or did not answer.",
        "Treat the bus's Wi-Fi as unfiltered: switch the student SSID off, then check that the "
        "filter runs and that its lists are there.",
        for_s=60,
        calm_s=60,
    ),
    Rule(
        "two_devices_one_id",
        "Two devices with one id",
        "critical",
        "device",
        "Two running agents use the same device id and push each other off the broker.",
        "A card was copied, or a bundle installed twice. Find the other gateway, and enrol it "
        "under an id of its own: `homeroute enroll ID`.",
        for_s=0,
        calm_s=1_800,
        always=True,
    ),
    Rule(
        "broker_lost",
        "No connection to the broker",
        "critical",
        "district",
        "The collector cannot reach the MQTT broker.",
        "Start the broker, or mend the network between; `[broker]` says where it should be. The "
        "buses keep what they measure and send it afterwards.",
        for_s=120,
        calm_s=60,
        always=True,
    ),
    Rule(
        "archive_stuck",
        "The archive cannot be written",
        "critical",
        "district",
        "The collector cannot commit: nothing is acknowledged.",
        "Free space on the disk or mend its permissions. Nothing is lost while the buses' spools "
        "last.",
        for_s=60,
        calm_s=60,
        always=True,
    ),
    Rule(
        "rollup_failing",
        "A day cannot be rolled up",
        "warning",
        "district",
        "A day's figures cannot be computed, again and again: reports lack that day, and raw "
        "points from then on are kept past their retention.",
        "`homeroute rollup --day DAY` says why in one line; correct what was imported for that "
        "day, or upgrade, and it is done by itself. Watch the disk meanwhile.",
        for_s=3_600,
        calm_s=0,
        always=True,
    ),
    Rule(
        "publication_failing",
        "A week cannot be published",
        "warning",
        "district",
        "A week's learning minutes and filter rates cannot be computed, again and again: "
        "evaluators lack that week.",
        "`homeroute publish --week WEEK --dry-run` says why in one line; upgrade, and it is "
        "published by itself. It must be before its raw points expire: then it never is.",
        for_s=3_600,
        calm_s=0,
        always=True,
    ),
    Rule(
        "influx_lag",
        "InfluxDB is behind",
        "warning",
        "district",
        "Points have waited for InfluxDB for more than {threshold}.",
        "Check that InfluxDB runs and that its token is valid. Dashboards are late, the archive "
        "is not; it catches up by itself.",
        for_s=300,
        calm_s=300,
        threshold=300,
        unit="s",
    ),
    Rule(
        "disk_full",
        "Disk almost full",
        "critical",
        "district",
        "Less than {threshold} of the disk with the archive is free.",
        "Make room or a larger disk; `retention_days` decides how long raw points are kept. When "
        "it is full nothing is acknowledged, and the buses keep it.",
        for_s=60,
        calm_s=600,
        threshold=10,
        unit="%",
        always=True,
    ),
    Rule(
        "calendar_ending",
        "No calendar soon",
        "warning",
        "district",
        "The last imported calendar ends within {threshold}, or has ended.",
        "Import the next timetable. Without one a silent bus is called unscheduled, and neither "
        "outages nor most alerts are told; in summer that is as it should be.",
        for_s=0,
        calm_s=0,
        threshold=14,
        unit="days",
        always=True,
    ),
    Rule(
        "certificate_ending",
        "Certificate ends soon",
        "critical",
        "district",
        "A certificate of the broker ends within {threshold}.",
        "Restart `homeroute up`: it renews its own. One of another broker: renew it there, and "
        "give devices the new authority before the old one ends.",
        for_s=0,
        calm_s=0,
        threshold=30,
        unit="days",
        always=True,
    ),
)

RULES: dict[str, Rule] = {rule.name: rule for rule in _RULES}
"""Every rule by name, what concerns a device first."""
