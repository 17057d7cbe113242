"""One device's row of the fleet, as a plain document.

Guarantees: a device that is not reporting has no present uplink, clients, backlog,
supply, clock or filter: the last known ones would be taken for now. Null is not
known, never none.
"""

from __future__ import annotations

from typing import Any

from homeroute_collector.alert_conditions import TWIN_MS
from homeroute_collector.collector import Collector
from homeroute_collector.presence import Device
from homeroute_collector.presence_report import FilterSeen
from homeroute_collector.schedule import Schedule
from homeroute_wire import signal


def device_row(
    collector: Collector, known: Device, route: str | None, now_ms: int
) -> dict[str, Any]:
    """The row; times in ms since 1970."""
    uplink = known.uplink if known.live else None
    agent = known.agents[-1] if known.agents else None
    health = known.health if known.live else None
    return {
        "device": known.device,
        "kind": known.kind,
        "state": known.state,
        "state_since_ms": known.state_since_ms,
        "scheduled": scheduled(known, collector.presence.schedule, now_ms),
        "age_s": known.age_s(now_ms),
        "last_ms": known.newest_ms,
        "uplink_state": uplink.state if uplink else None,
        # The last word on it may be of before the device came back.
        "uplink_age_s": max(0, now_ms - uplink.time_ms) / 1000 if uplink else None,
        "rtt_ms": uplink.rtt_ms if uplink else None,
        "loss_ratio": uplink.loss_ratio if uplink else None,
        "technology": uplink.technology if uplink else None,
        "carrier": uplink.carrier if uplink else None,
        "rsrp_dbm": uplink.rsrp_dbm if uplink else None,
        "sinr_db": uplink.sinr_db if uplink else None,
        "signal_bars": signal.bars(uplink.rsrp_dbm, uplink.sinr_db, collector.config.signal.bars)
        if uplink
        else None,
        "clients": known.clients if known.live else None,
        "route": route,
        # What waits on a device that is not heard is not known: it grows.
        "spooled": agent.spooled if agent and known.live else None,
        "spool_bytes": agent.spool_bytes if agent and known.live else None,
        "dropped": agent.dropped if agent else None,
        "refused": agent.refused if agent else None,
        "backfilling": known.backfilling(now_ms),
        "version": known.version,
        "config_version": agent.config_version if agent else None,
        "seq_gaps": collector.archive.seq_gaps(known.device, known.stream),
        "undervoltage": health.undervoltage if health else None,
        "throttled": health.throttled if health else None,
        "clock_offset_ms": health.clock_offset_ms if health else None,
        "filter": _filter(known.filters) if known.live else None,
        "two_devices": known.twin_ms is not None and now_ms - known.twin_ms <= TWIN_MS,
    }


def scheduled(known: Device, schedule: Schedule | None, now_ms: int) -> bool | None:
    """Whether the device is expected to be heard now; None where no timetable says."""
    if known.kind == "hotspot" or schedule is None or schedule.calendar != "current":
        return None
    return schedule.expected_since(known.device, now_ms) is not None


def _filter(checks: tuple[FilterSeen, ...]) -> str | None:
    """The worst of the device's filters: ``silent``, ``open`` or ``blocking``."""
    if not checks:
        return None
    if not all(check.filter_live for check in checks):
        return "silent"
    return "blocking" if all(check.canary_blocked for check in checks) else "open"
