"""What the JSON API says of alerts: what is active, each rule, and each channel's health.

Guarantees: no secret, no recipient and no path of a webhook's address is in it.
"""

from __future__ import annotations

from typing import Any

from homeroute_collector.alert_rules import Rule
from homeroute_collector.alert_states import Alert
from homeroute_collector.collector import Collector


def alerts(collector: Collector) -> dict[str, Any]:
    """Active alerts, the worst first, with the rules and channels behind them."""
    known = collector.alerts
    return {
        "now_ms": collector.clock.now_ms(),
        "district": collector.config.district,
        "timezone": collector.timezone,
        "timezone_assumed": collector.timezone_assumed,
        "alerts": [_alert(known.rules[alert.rule], alert) for alert in known.active],
        "channels": [
            {
                "channel": channel.name,
                "where": channel.sender.where,
                "waiting": len(channel.outbox),
                "dropped": channel.outbox.dropped,
                "sent_ms": channel.sent_ms,
                "problem": channel.problem,
            }
            for channel in known.channels
        ],
        "rules": [_rule(rule) for rule in known.rules.values()],
        "problem": known.problem,
    }


def _alert(rule: Rule, alert: Alert) -> dict[str, Any]:
    return {
        "rule": rule.name,
        "title": rule.title,
        "severity": rule.severity,
        "subject": alert.subject or None,
        "state": "firing" if alert.firing else "pending",
        "since_ms": alert.since_ms,
        "fired_ms": alert.fired_ms,
        "detail": alert.detail,
        "todo": rule.todo,
    }


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "rule": rule.name,
        "title": rule.title,
        "severity": rule.severity,
        "meaning": rule.meaning,
        "todo": rule.todo,
        "for_s": rule.for_s,
        "threshold": rule.threshold,
        "unit": rule.unit,
        "always": rule.always,
    }
