"""What holds now, of every rule and every subject: pure, from what presence and parts say.

Guarantees: only live points are looked at, so that a backlog of last week fires
nothing; outside school hours every rule but those that matter always is muted, by
the device's own runs where they are known. Where no timetable was ever imported
nothing is muted, and no bus is told of as silent, for nobody knows when it should
be heard.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from homeroute_collector.alert_rules import Rule
from homeroute_collector.alert_states import DISTRICT, Condition
from homeroute_collector.presence import Device, backlog_grows
from homeroute_collector.schedule import Schedule
from homeroute_collector.validation import DAY_MS

TWIN_MS = 600_000
"""Two devices that share an id push each other out every few seconds, not every hour."""

HOTSPOT_RULES = ("spool_growing", "points_lost", "two_devices_one_id")
"""A household switches off, drives nowhere and owes nobody an explanation."""


@dataclass(frozen=True, slots=True)
class Ending:
    """A certificate and when it ends, ms since 1970."""

    name: str
    ends_ms: int


@dataclass(frozen=True, slots=True)
class Facts:
    """The district's own state. None where there is none, or it could not be read."""

    broker_problem: str | None = None
    archive_problem: str | None = None
    rollup_problem: str | None = None
    publication_problem: str | None = None
    follower_lag_s: float | None = None
    follower_problem: str | None = None
    disk_free_ratio: float | None = None
    certificates: tuple[Ending, ...] = ()


def conditions(
    rules: Mapping[str, Rule],
    devices: Iterable[Device],
    facts: Facts,
    schedule: Schedule | None,
    now_ms: int,
    zone: tzinfo = UTC,
) -> Iterator[Condition]:
    """Every condition of ``rules``; a rule that is not in it is switched off."""
    for rule in rules.values():
        if rule.scope == "district":
            holds, detail = _district(rule, facts, schedule, now_ms)
            if not rule.always and _muted(schedule, None, now_ms):
                holds = None
            yield Condition(rule.name, DISTRICT, holds, detail)
    of_devices = [rule for rule in rules.values() if rule.scope == "device"]
    for device in devices:
        muted = _muted(schedule, device, now_ms)
        for rule in of_devices:
            if device.kind == "hotspot" and rule.name not in HOTSPOT_RULES:
                continue
            if device.state == "retired":
                yield Condition(rule.name, device.device, holds=False, detail="retired")
                continue
            holds, detail = _device(rule.name, device, schedule, now_ms, zone)
            # That a bus is heard again is told whenever it is.
            if muted and not rule.always and not (rule.name == "bus_silent" and holds is False):
                holds = None
            yield Condition(rule.name, device.device, holds, detail)


def _muted(schedule: Schedule | None, device: Device | None, now_ms: int) -> bool:
    if schedule is None or schedule.calendar == "none":
        return False
    if schedule.calendar == "ended":
        return True
    if device is None or device.kind == "hotspot":
        return not schedule.drives(now_ms)
    return schedule.expected_since(device.device, now_ms) is None


def _device(
    rule: str, device: Device, schedule: Schedule | None, now_ms: int, zone: tzinfo
) -> tuple[bool | None, str]:
    if rule == "bus_silent":
        return _silent(device, schedule, zone)
    if rule == "two_devices_one_id":
        seen = device.twin_ms is not None and now_ms - device.twin_ms <= TWIN_MS
        return seen, "an older run of its agent came back after a newer one" if seen else ""
    if not device.live:
        return None, ""  # what it last said is not what is so now
    match rule:
        case "device_degraded":
            uplink = device.uplink
            rtt = "" if uplink is None or uplink.rtt_ms is None else f", {uplink.rtt_ms:.0f} ms"
            words = ("no service", "connected, not usable", "usable, but its backlog grows")
            where = "its backlog grows" if uplink is None else f"uplink {words[uplink.state]}{rtt}"
            return device.state == "degraded", where
        case "undervoltage":
            health = device.health
            known = None if health is None else health.undervoltage
            return known, "undervoltage now" if known else ""
        case "spool_growing":
            waiting = device.agents[-1].spooled if device.agents else 0
            return backlog_grows(device.agents), f"{waiting:,} points wait on the device"
        case "points_lost":
            return _lost(device)
        case "filter_canary":
            return _filter(device)
    raise ValueError(f"rule {rule} has no condition")


def _silent(device: Device, schedule: Schedule | None, zone: tzinfo) -> tuple[bool | None, str]:
    if device.live:
        return False, "heard again"
    if device.state != "offline" or schedule is None or schedule.calendar != "current":
        return None, ""
    if device.newest_ms is None:
        return True, "never heard"
    heard = datetime.fromtimestamp(device.newest_ms / 1000, zone)
    return True, f"last heard {heard:%a %d %b %H:%M}"


def _lost(device: Device) -> tuple[bool | None, str]:
    if len(device.agents) < 2:
        return None, ""
    first, last = device.agents[0], device.agents[-1]
    # A new card begins at zero: that is no loss.
    dropped, refused = max(0, last.dropped - first.dropped), max(0, last.refused - first.refused)
    told = [f"{n:,} points {word}" for n, word in ((dropped, "dropped"), (refused, "refused")) if n]
    return bool(told), " and ".join(told)


def _filter(device: Device) -> tuple[bool | None, str]:
    if not device.filters:
        return None, ""
    dead = [seen.filter for seen in device.filters if not seen.filter_live]
    open_ = [seen.filter for seen in device.filters if seen.filter_live and not seen.canary_blocked]
    told = [f"{name} does not answer" for name in dead]
    told += [f"{name} did not block the canary" for name in open_]
    return bool(told), ", ".join(told)


def _district(
    rule: Rule, facts: Facts, schedule: Schedule | None, now_ms: int
) -> tuple[bool | None, str]:
    bound = rule.threshold or 0.0
    match rule.name:
        case "broker_lost":
            return facts.broker_problem is not None, facts.broker_problem or ""
        case "archive_stuck":
            return facts.archive_problem is not None, facts.archive_problem or ""
        case "rollup_failing":
            return facts.rollup_problem is not None, facts.rollup_problem or ""
        case "publication_failing":
            return facts.publication_problem is not None, facts.publication_problem or ""
        case "influx_lag":
            lag_s = facts.follower_lag_s
            if lag_s is None:
                return (None if facts.follower_problem else False), ""
            why = f": {facts.follower_problem}" if facts.follower_problem else ""
            return lag_s > bound, f"{lag_s:.0f} s behind{why}"
        case "disk_full":
            free = facts.disk_free_ratio
            return (None, "") if free is None else (free * 100 < bound, f"{free:.1%} free")
        case "calendar_ending":
            if schedule is None or schedule.ends_ms is None or schedule.calendar == "none":
                return (None if schedule is None else False), ""
            days = (schedule.ends_ms - now_ms) / DAY_MS
            told = f"ends in {days:.0f} days" if days > 0 else f"ended {-days:.0f} days ago"
            return days <= bound, told
        case "certificate_ending":
            soon = [c for c in facts.certificates if c.ends_ms - now_ms <= bound * DAY_MS]
            return bool(soon), ", ".join(
                f"{c.name} ends in {(c.ends_ms - now_ms) / DAY_MS:.0f} days"
                if c.ends_ms > now_ms
                else f"{c.name} has ended"
                for c in soon
            )
    raise ValueError(f"rule {rule.name} has no condition")
