"""One alert's life: pending, firing, over.

Guarantees: pure, with the time passed in. A condition that cannot be told (None:
muted, or nobody knows) ends what is pending and leaves what is firing as it is:
an outage is not over because school is. Short holes in a firing condition, shorter
than its rule's calm, are not told.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from homeroute_collector.alert_rules import Rule

Event = Literal["fired", "resolved"]

DISTRICT = ""
"""The subject of a rule that concerns no one device."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Whether a rule holds for a subject now; None: it cannot be told, or is muted.

    ``detail`` is for people: what is so, with its number and unit.
    """

    rule: str
    subject: str
    holds: bool | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Alert:
    """A condition that holds, or has lately. Times in ms since 1970, by the collector.

    ``since_ms``: since when it held; ``fired_ms`` None while pending;
    ``calm_since_ms``: since when it has not held although it fired.
    """

    rule: str
    subject: str
    since_ms: int
    detail: str
    fired_ms: int | None = None
    calm_since_ms: int | None = None

    @property
    def firing(self) -> bool:
        """Whether it has been told."""
        return self.fired_ms is not None


def advanced(
    alert: Alert | None, rule: Rule, condition: Condition, now_ms: int
) -> tuple[Alert | None, Event | None]:
    """The alert after this look at it; None: there is none (any more)."""
    if condition.holds is None:
        return (alert if alert is not None and alert.firing else None), None
    if condition.holds:
        if alert is None:
            alert = Alert(rule.name, condition.subject, now_ms, condition.detail)
        alert = replace(alert, detail=condition.detail, calm_since_ms=None)
        if alert.firing or now_ms - alert.since_ms < rule.for_s * 1000:
            return alert, None
        return replace(alert, fired_ms=now_ms), "fired"
    if alert is None or not alert.firing:
        return None, None
    calm_ms = now_ms if alert.calm_since_ms is None else alert.calm_since_ms
    if now_ms - calm_ms >= rule.calm_s * 1000:
        return None, "resolved"
    return replace(alert, calm_since_ms=calm_ms), None
