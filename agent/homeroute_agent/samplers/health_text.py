"""The kernel's and the Pi's words about the gateway itself, read. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_THROTTLED = re.compile(r"throttled=0x([0-9a-fA-F]+)")

UNDERVOLTAGE_BIT, CAPPED_BIT, THROTTLED_BIT, SOFT_LIMIT_BIT = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class CpuTimes:
    """Jiffies since boot, all cores together."""

    busy: int
    total: int


def parse_proc_stat(text: str) -> CpuTimes | None:
    """Read the first line of ``/proc/stat``; waiting for storage counts as idle."""
    words = text.split("\n", 1)[0].split()
    if len(words) < 5 or words[0] != "cpu" or not all(word.isdigit() for word in words[1:]):
        return None
    # Guest time is already part of user time.
    times = [int(word) for word in words[1:9]]
    idle = times[3] + (times[4] if len(times) > 4 else 0)
    return CpuTimes(sum(times) - idle, sum(times))


def busy_ratio(before: CpuTimes, now: CpuTimes) -> float | None:
    """Share of time busy between two readings; None when no time passed."""
    total = now.total - before.total
    if total <= 0:
        return None
    return min(1.0, max(0.0, (now.busy - before.busy) / total))


def parse_meminfo(text: str) -> float | None:
    """Share of memory used, from ``/proc/meminfo``: what is not *available*."""
    kib = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if words and words[0].isdigit():
            kib[name] = int(words[0])
    total, available = kib.get("MemTotal", 0), kib.get("MemAvailable")
    if available is None:
        available = sum(kib.get(name, 0) for name in ("MemFree", "Buffers", "Cached"))
    return min(1.0, max(0.0, 1 - available / total)) if total else None


def parse_uptime(text: str) -> int | None:
    """Whole seconds since boot, from ``/proc/uptime``."""
    words = text.split()
    try:
        return max(0, int(float(words[0])))
    except (IndexError, ValueError, OverflowError):
        return None


def parse_temperature(text: str) -> float | None:
    """Degrees Celsius from a sensor file in thousandths; None when implausible."""
    try:
        degrees = int(text.strip()) / 1000
    except ValueError:
        return None
    return degrees if -60 <= degrees <= 150 else None


@dataclass(frozen=True, slots=True)
class Power:
    """What the Pi's firmware says of its supply, now: not since boot."""

    undervoltage: bool
    throttled: bool


def parse_throttled(text: str) -> Power | None:
    """Read ``vcgencmd get_throttled``: bits 1 to 3 are all ways of being slowed down."""
    match = _THROTTLED.search(text)
    if match is None:
        return None
    bits = int(match[1], 16)
    slowed = bits >> CAPPED_BIT & 1 or bits >> THROTTLED_BIT & 1 or bits >> SOFT_LIMIT_BIT & 1
    return Power(bool(bits >> UNDERVOLTAGE_BIT & 1), bool(slowed))
