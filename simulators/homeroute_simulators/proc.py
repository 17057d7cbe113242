"""A device's own numbers, as Linux shows them: a fake root with proc/ and sys/.

Guarantees: each file is replaced whole, so that a reader finds the old text or
the new one. Does not: fake anything the agent does not read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_NET_HEAD = """\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo \
colls carrier compressed
"""
_HERTZ = 100
"""Ticks of proc/stat in a second."""


@dataclass(slots=True)
class Interface:
    """One network interface's counters, since boot."""

    rx_bytes: int = 0
    tx_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Vitals:
    """How the gateway is doing. ``busy_s`` and ``idle_s`` are of all cores together."""

    uptime_s: float
    busy_s: float
    idle_s: float
    memory_total_kib: int
    memory_available_kib: int
    temperature_c: float


def net_dev(interfaces: Mapping[str, Interface]) -> str:
    """The text of proc/net/dev."""
    rows = (
        f"{name:>6}: {i.rx_bytes} {i.rx_bytes // 900} 0 0 0 0 0 0 "
        f"{i.tx_bytes} {i.tx_bytes // 900} 0 0 0 0 0 0\n"
        for name, i in interfaces.items()
    )
    return _NET_HEAD + "".join(rows)


def stat(vitals: Vitals) -> str:
    """The text of proc/stat, as far as anybody reads: the line of all cores."""
    busy, idle = round(vitals.busy_s * _HERTZ), round(vitals.idle_s * _HERTZ)
    return f"cpu  {busy} 0 0 {idle} 0 0 0 0 0 0\ncpu0 {busy} 0 0 {idle} 0 0 0 0 0 0\n"


def meminfo(vitals: Vitals) -> str:
    """The text of proc/meminfo, its first three lines."""
    total, available = vitals.memory_total_kib, vitals.memory_available_kib
    return (
        f"MemTotal:       {total:>8} kB\nMemFree:        {available // 2:>8} kB\n"
        f"MemAvailable:   {available:>8} kB\n"
    )


class Root:
    """A fake ``/`` at ``path``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        thermal = path / "sys/class/thermal/thermal_zone0"
        thermal.mkdir(parents=True, exist_ok=True)
        (thermal / "type").write_text("cpu-thermal\n", encoding="ascii")
        (path / "proc/net").mkdir(parents=True, exist_ok=True)

    def write_vitals(self, vitals: Vitals) -> None:
        """Replace stat, meminfo, uptime and the thermal zone's temperature."""
        self._write("proc/stat", stat(vitals))
        self._write("proc/meminfo", meminfo(vitals))
        self._write("proc/uptime", f"{vitals.uptime_s:.2f} {vitals.idle_s:.2f}\n")
        milli_c = round(vitals.temperature_c * 1000)
        self._write("sys/class/thermal/thermal_zone0/temp", f"{milli_c}\n")

    def write_counters(self, interfaces: Mapping[str, Interface]) -> None:
        """Replace proc/net/dev."""
        self._write("proc/net/dev", net_dev(interfaces))

    def _write(self, name: str, text: str) -> None:
        path = self.path / name
        draft = path.with_name(path.name + ".new")
        draft.write_text(text, encoding="ascii")
        draft.replace(path)
