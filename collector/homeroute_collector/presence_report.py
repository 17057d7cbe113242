"""What a batch says that presence needs: its live part, in a few small records.

Guarantees: pure; points received more than :data:`HISTORICAL_MS` after their
event are counted and otherwise left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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
    """The newest sample of one uplink; ``rtt_ms`` and ``loss_ratio`` may be unknown."""

    time_ms: int
    interface: str
    state: int
    rtt_ms: float | None
    loss_ratio: float | None

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


def digest(kind: str, received_ms: int, measurements: Mapping[str, Columns]) -> Report:
    """Read a batch's validated measurements."""
    oldest_live = received_ms - HISTORICAL_MS
    times = [time for columns in measurements.values() for time in columns.times_ms]
    live = [time for time in times if time >= oldest_live]

    def rows(name: str, *fields: str) -> Iterator[tuple[Any, ...]]:
        columns = measurements.get(name)
        if columns is None:
            return
        nothing = [None] * len(columns.times_ms)
        lists = [columns.values.get(field, nothing) for field in fields]
        for row in zip(columns.times_ms, *lists, strict=True):
            if row[0] >= oldest_live:
                yield row

    return Report(
        kind=kind,
        received_ms=received_ms,
        newest_ms=max(live, default=None),
        historical=len(times) - len(live),
        uplinks=tuple(
            UplinkSeen(*row) for row in rows("uplink", "interface", "state", "rtt_ms", "loss_ratio")
        ),
        wifi=tuple(WifiSeen(*row) for row in rows("wifi", "ssid", "band", "clients")),
        agents=tuple(
            AgentSeen(*row)
            for row in rows("agent", "version", "sampled", "spooled", "dropped", "refused")
        ),
    )
