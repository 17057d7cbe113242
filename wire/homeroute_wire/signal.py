"""How strong a mobile signal is, in bars: the lesser of its power and its quality.

Guarantees: pure; nothing measured is None, never zero bars. The limits are DESIGN
section 7's.
"""

from __future__ import annotations

from collections.abc import Sequence

RSRP_BARS_DBM = (-115.0, -105.0, -95.0, -85.0)
SINR_BARS_DB = (-3.0, 1.0, 4.5, 13.0)
"""At or above each limit a bar more, from one to four."""

WORDS = ("none", "poor", "fair", "good", "excellent")


def bars(
    rsrp_dbm: float | None,
    sinr_db: float | None,
    *,
    rsrp_bars: Sequence[float] = RSRP_BARS_DBM,
    sinr_bars: Sequence[float] = SINR_BARS_DB,
) -> int | None:
    """Bars 0 to 4; of the two measures the lesser, one alone where only one is known."""
    known = [
        sum(value >= limit for limit in limits)
        for value, limits in ((rsrp_dbm, rsrp_bars), (sinr_db, sinr_bars))
        if value is not None
    ]
    return min(known, default=None)
