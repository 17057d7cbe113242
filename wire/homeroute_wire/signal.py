"""How strong a mobile signal is, in bars: the lesser of its power and its quality.

Guarantees: pure; nothing measured is None, never zero bars. The limits are DESIGN
section 7's, unless a district sets its own.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bars:
    """At or above each limit a bar more, from one to four; both rise."""

    rsrp_dbm: tuple[float, ...] = (-115.0, -105.0, -95.0, -85.0)
    sinr_db: tuple[float, ...] = (-3.0, 1.0, 4.5, 13.0)


BARS = Bars()

WORDS = ("none", "poor", "fair", "good", "excellent")


def bars(rsrp_dbm: float | None, sinr_db: float | None, by: Bars = BARS) -> int | None:
    """Bars 0 to 4; of the two measures the lesser, one alone where only one is known."""
    known = [
        sum(value >= limit for limit in limits)
        for value, limits in ((rsrp_dbm, by.rsrp_dbm), (sinr_db, by.sinr_db))
        if value is not None
    ]
    return min(known, default=None)
