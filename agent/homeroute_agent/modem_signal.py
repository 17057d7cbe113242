"""What a modem says of its radio, and the newest of it. Pure.

Guarantees: a value outside the wire's bounds is absent, never sent; a reading past
its age is none, for a bus moves on. Does not: hold anything that names a modem or a
SIM card.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from homeroute_wire.measurements import Uplink
from homeroute_wire.schema import TAG_PATTERN

_BOUNDS = {"rsrp_dbm": (-160.0, -20.0), "rsrq_db": (-50.0, 30.0), "sinr_db": (-50.0, 60.0)}
"""As the wire has them; a modem without service prints -32768 and the like."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One reading. Absent where the modem does not tell.

    ``technology`` is lte, 5g (stand-alone), 5g-nsa (5G beside an LTE anchor, whose
    figures these then are: the connection stands and falls with it), umts, gsm or cdma.
    """

    rsrp_dbm: float | None = None
    rsrq_db: float | None = None
    sinr_db: float | None = None
    technology: str | None = None
    carrier: str | None = None

    @property
    def tells(self) -> bool:
        """Whether there is any figure in it."""
        return not (self.rsrp_dbm is None and self.rsrq_db is None and self.sinr_db is None)

    def within(self) -> Signal:
        """The same without what the wire would refuse."""
        kept = {
            name: value if value is not None and low <= value <= high else None
            for name, (low, high) in _BOUNDS.items()
            for value in (getattr(self, name),)
        }
        carrier = self.carrier if self.carrier and TAG_PATTERN.fullmatch(self.carrier) else None
        return replace(self, **kept, carrier=carrier)


class NewestSignal:
    """The newest reading, while it is young."""

    __slots__ = ("_heard_ms", "_max_age_ms", "_signal")

    def __init__(self) -> None:
        self._signal: Signal | None = None
        self._heard_ms = 0
        self._max_age_ms = 0

    def hear(self, signal: Signal, at_ms: int, *, max_age_ms: int) -> None:
        """Take a reading of the boot time ``at_ms``; it is good for ``max_age_ms``."""
        self._signal, self._heard_ms, self._max_age_ms = signal.within(), at_ms, max_age_ms

    def at(self, now_ms: int) -> Signal | None:
        """The reading that holds now; None when there is none young enough."""
        young = now_ms - self._heard_ms <= self._max_age_ms
        return self._signal if young else None


def enriched(uplink: Uplink, signal: Signal | None) -> Uplink:
    """An uplink point with what the modem says: before the settings, where it knows better."""
    if signal is None:
        return uplink
    return replace(
        uplink,
        technology=signal.technology or uplink.technology,
        carrier=signal.carrier or uplink.carrier,
        rsrp_dbm=signal.rsrp_dbm,
        rsrq_db=signal.rsrq_db,
        sinr_db=signal.sinr_db,
    )
