"""What a batch says that presence needs: its live part, in a few small records.

Guarantees: pure; points received more than :data:`HISTORICAL_MS` after their
event are counted and otherwise left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, Protocol

HISTORICAL_MS = 180_000
"""A point received this much after its event is of the past (DESIGN section 3)."""


class Columns(Protocol):
    """Validated columns of one measurement."""

    @property
    def times_ms(self) -> Sequence[int]:
        """A time for each row."""

    @property
    def values(self) -> Mapping[str, Sequence[Any]]:
        """A list for each tag and field."""


class Sighting(Protocol):
    """A sample of one series."""

    @property
    def time_ms(self) -> int:
        """When it was made, by the device."""

    @property
    def series(self) -> tuple[str, ...]:
        """What a newer sample replaces."""


@dataclass(frozen=True, slots=True)
class UplinkSeen:
    """The newest sample of one uplink; what may be None was not measured."""

    time_ms: int
    interface: str
    state: int
    rtt_ms: float | None
    loss_ratio: float | None
    technology: str = ""
    carrier: str = ""
    rsrp_dbm: float | None = None
    sinr_db: float | None = None

    @property
    def series(self) -> tuple[str, ...]:
        """What a newer sample replaces."""
        return (self.interface,)


@dataclass(frozen=True, slots=True)
class WifiSeen:
    """The newest count of clients on one SSID and band."""

    time_ms: int
    ssid: str
    band: str
    clients: int

    @property
    def series(self) -> tuple[str, ...]:
        """What a newer sample replaces."""
        return (self.ssid, self.band)


@dataclass(frozen=True, slots=True)
class AgentSeen:
    """The agent's ledger at one time, in points."""

    time_ms: int
    version: str
    sampled: int
    spooled: int
    dropped: int
    refused: int
    spool_bytes: int = 0
    config_version: int = 0


@dataclass(frozen=True, slots=True)
class HealthSeen:
    """The gateway's own state; None where it cannot tell."""

    time_ms: int
    undervoltage: bool | None
    throttled: bool | None
    clock_offset_ms: int | None
    disk_ratio: float | None
    temperature_c: float | None


@dataclass(frozen=True, slots=True)
class FilterSeen:
    """The newest check of one content filter with its canary."""

    time_ms: int
    filter: str
    canary_blocked: bool
    filter_live: bool

    @property
    def series(self) -> tuple[str, ...]:
        """What a newer sample replaces."""
        return (self.filter,)


@dataclass(frozen=True, slots=True)
class Report:
    """One committed batch.

    ``newest_ms`` is the newest live point's time, None when all are historical;
    ``historical`` says how many are.
    """

    kind: str
    received_ms: int
    newest_ms: int | None
    historical: int
    uplinks: tuple[UplinkSeen, ...] = ()
    wifi: tuple[WifiSeen, ...] = ()
    agents: tuple[AgentSeen, ...] = ()
    health: tuple[HealthSeen, ...] = ()
    filters: tuple[FilterSeen, ...] = ()


READ: Mapping[str, type] = {
    "uplink": UplinkSeen,
    "wifi": WifiSeen,
    "agent": AgentSeen,
    "health": HealthSeen,
    "filter_check": FilterSeen,
}
"""What presence reads of a measurement: its record's fields, the first of which is the time."""


@cache
def read_fields(measurement: str) -> tuple[str, ...]:
    """The columns presence reads of a measurement, without the time."""
    return tuple(field.name for field in fields(READ[measurement]) if field.name != "time_ms")


def digest(kind: str, received_ms: int, measurements: Mapping[str, Columns]) -> Report:
    """Read a batch's validated measurements."""
    oldest_live = received_ms - HISTORICAL_MS
    times = [time for columns in measurements.values() for time in columns.times_ms]
    live = [time for time in times if time >= oldest_live]

    def seen(name: str) -> tuple[Any, ...]:
        columns = measurements.get(name)
        if columns is None:
            return ()
        nothing = [None] * len(columns.times_ms)
        lists = [columns.values.get(field, nothing) for field in read_fields(name)]
        rows = zip(columns.times_ms, *lists, strict=True)
        return tuple(READ[name](*row) for row in rows if row[0] >= oldest_live)

    return Report(
        kind=kind,
        received_ms=received_ms,
        newest_ms=max(live, default=None),
        historical=len(times) - len(live),
        uplinks=seen("uplink"),
        wifi=seen("wifi"),
        agents=seen("agent"),
        health=seen("health"),
        filters=seen("filter_check"),
    )
