"""What dnsmasq writes: its query log (``log-queries=extra``) and its lease file.

Guarantees: each line is whole when it appears, in the form of dnsmasq 2.90:
local time without a year, a serial, the asking client's address. Does not:
rotate; the file is opened anew when it was moved away.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

_PID = 1204
_LEASE_S = 43_200


@dataclass(frozen=True, slots=True)
class Lookup:
    """A client asked for a name; ``blocked`` when the filter answered itself."""

    address: str
    name: str
    blocked: bool


@dataclass(frozen=True, slots=True)
class Lease:
    """A row of the lease file. ``host_name`` is ``*`` when the client gave none."""

    mac: str
    address: str
    host_name: str


def log_lines(lookup: Lookup, serial: int, now: datetime) -> str:
    """The lines of one lookup. ``now`` is local time."""
    stamp = f"{now:%b} {now.day:2} {now:%H:%M:%S} dnsmasq[{_PID}]:"
    head = f"{stamp} {serial} {lookup.address}/{40_000 + serial % 20_000}"
    lines = [f"{head} query[A] {lookup.name} from {lookup.address}"]
    if lookup.blocked:
        lines.append(f"{head} config {lookup.name} is 0.0.0.0")
    else:
        lines.append(f"{head} forwarded {lookup.name} to 192.0.2.53")
        lines.append(f"{head} reply {lookup.name} is 198.51.100.{serial % 250 + 1}")
    return "".join(line + "\n" for line in lines)


def lease_lines(leases: Iterable[Lease], now: datetime) -> str:
    """The lease file's text: expiry, MAC, address, host name, client id."""
    expiry = int(now.timestamp()) + _LEASE_S
    return "".join(
        f"{expiry} {lease.mac} {lease.address} {lease.host_name} 01:{lease.mac}\n"
        for lease in leases
    )


class QueryLog:
    """Appends lookups to a log file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._serial = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    def is_open_in(self, pid: int) -> bool:
        """Whether a process has the log open; True where nobody can tell (no ``/proc``)."""
        files = Path(f"/proc/{pid}/fd")
        try:
            descriptors = list(files.iterdir())
        except OSError:
            return True
        return any(_target(descriptor) == str(self.path) for descriptor in descriptors)

    def append(self, lookups: Iterable[Lookup], now: datetime) -> None:
        """Write the lookups' lines in one write."""
        text = ""
        for lookup in lookups:
            self._serial += 1
            text += log_lines(lookup, self._serial, now)
        if text:
            with self.path.open("a", encoding="ascii") as file:
                file.write(text)


def _target(descriptor: Path) -> str:
    """What it is open on; empty when it was closed meanwhile."""
    try:
        return str(descriptor.readlink())
    except OSError:
        return ""


def write_leases(path: Path, leases: Iterable[Lease], now: datetime) -> None:
    """Replace the lease file whole, as a reader must always find it."""
    draft = path.with_suffix(".new")
    draft.write_text(lease_lines(leases, now), encoding="ascii")
    draft.replace(path)
