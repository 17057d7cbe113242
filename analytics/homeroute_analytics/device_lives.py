"""Devices come and go: replaced, retired, and who rides where. History stays.

Guarantees: the old device's rows end the day before, none is deleted; the new one takes
the vehicle from that day on. Does not: know which devices were ever heard.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from homeroute_analytics.imports import Execute, ImportRefused


@dataclass(frozen=True, slots=True)
class DeviceLife:
    """What is known of a device on a day. None: not known, or not so."""

    device: str
    kind: str | None
    vehicle: str | None
    since: date | None
    until: date | None
    retired_day: date | None
    replaced_by: str | None


def retire(
    execute: Execute, device: str, day: date, *, now_ms: int, replaced_by: str | None = None
) -> str | None:
    """End a device's service on that day; the vehicle it rode in, None of one that had none.

    Raises :class:`ImportRefused` when nobody knows the device.
    """
    if not _known(execute, device):
        raise ImportRefused(f"device {device!r} is in no fleet and was never heard of")
    rows = execute(
        "SELECT vehicle, first_day FROM fleet WHERE device = ? AND first_day <= ? "
        "AND (last_day IS NULL OR last_day >= ?) ORDER BY first_day DESC",
        [device, day, day],
    )
    execute(
        "UPDATE fleet SET last_day = ?, imported_ms = ? WHERE device = ? AND first_day < ? "
        "AND (last_day IS NULL OR last_day >= ?)",
        [day - timedelta(1), now_ms, device, day, day],
    )
    # What would only have begun then never does.
    execute("DELETE FROM fleet WHERE device = ? AND first_day >= ?", [device, day])
    execute(
        "INSERT OR REPLACE INTO device_lives VALUES (?, ?, ?, ?)",
        [device, day, replaced_by, now_ms],
    )
    return str(rows[0][0]) if rows else None


def replace(execute: Execute, old: str, new: str, day: date, *, now_ms: int) -> str | None:
    """Put ``new`` where ``old`` was, from that day on; the vehicle, if it rode in one.

    Raises :class:`ImportRefused` when nobody knows the old one, or the new rides elsewhere.
    """
    if old == new:
        raise ImportRefused(f"{old!r} cannot replace itself")
    rides = execute(
        "SELECT vehicle FROM fleet WHERE device = ? AND (last_day IS NULL OR last_day >= ?)",
        [new, day],
    )
    theirs = execute(
        "SELECT last_day FROM fleet WHERE device = ? AND first_day <= ? "
        "AND (last_day IS NULL OR last_day >= ?) ORDER BY first_day DESC",
        [old, day, day],
    )
    vehicle = retire(execute, old, day, now_ms=now_ms, replaced_by=new)
    if rides and vehicle is not None and rides[0][0] != vehicle:
        raise ImportRefused(f"device {new!r} rides in {rides[0][0]} from {day} on")
    execute("DELETE FROM device_lives WHERE device = ?", [new])
    if vehicle is not None and not rides:
        execute(
            "INSERT INTO fleet VALUES (?, ?, ?, ?, ?)", [new, vehicle, day, theirs[0][0], now_ms]
        )
    return vehicle


def ended(execute: Execute, device: str, by: str | None, day: date | None) -> date | None:
    """Since when the device is retired, replaced by that one or none; None: it is not.

    ``day`` None: since whichever day. So that the same told twice changes nothing.
    """
    rows = execute(
        "SELECT retired_day FROM device_lives WHERE device = ? "
        "AND replaced_by IS NOT DISTINCT FROM ?",
        [device, by],
    )
    if not rows or day not in (None, rows[0][0]):
        return None
    since: date = rows[0][0]
    rides = execute(
        "SELECT 1 FROM fleet WHERE device = ? AND (last_day IS NULL OR last_day >= ?)",
        [device, since],
    )
    return None if rides else since


def listed(execute: Execute, day: date) -> list[DeviceLife]:
    """Every device that anybody knows of, by id, with its vehicle that day."""
    kinds = dict(_heard(execute))
    rows = execute(
        "SELECT device, vehicle, first_day, last_day FROM fleet WHERE first_day <= ? "
        "AND (last_day IS NULL OR last_day >= ?) ORDER BY first_day, imported_ms",
        [day, day],
    )
    rides = {device: (vehicle, first, last) for device, vehicle, first, last in rows}
    lives = {
        device: (retired, by)
        for device, retired, by in execute(
            "SELECT device, retired_day, replaced_by FROM device_lives", []
        )
    }
    fleet = {device for (device,) in execute("SELECT DISTINCT device FROM fleet", [])}
    return [
        DeviceLife(
            device,
            kinds.get(device),
            *rides.get(device, (None, None, None)),
            *lives.get(device, (None, None)),
        )
        for device in sorted({*kinds, *fleet, *lives})
    ]


def _known(execute: Execute, device: str) -> bool:
    rides = execute("SELECT 1 FROM fleet WHERE device = ? LIMIT 1", [device])
    return bool(rides) or device in dict(_heard(execute))


def _heard(execute: Execute) -> list[tuple[str, str]]:
    """Devices the collector has heard of, with their kind; none where it keeps no such table."""
    there = execute("SELECT 1 FROM information_schema.tables WHERE table_name = 'devices'", [])
    return execute("SELECT device, kind FROM devices", []) if there else []
