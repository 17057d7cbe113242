"""What one sample is worth: the one definition that every second of coverage comes from.

A sample is worth the time until the device's next one, if that follows within
:data:`SAMPLE_CAP_MS`. The last sample before a longer silence is worth as much
as the one before it, or :data:`SAMPLE_MS` when it stands alone. Of samples made at
the same moment (a gateway with two modems) the best counts: one way out is enough.

Guarantees: a device's spans do not overlap; no sample speaks for longer than the
cap, so what is left of a drive is *unreported*. Does not: know of drives or places.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

Query = Callable[[str, Sequence[Any]], Awaitable[list[tuple[Any, ...]]]]
"""Runs one SELECT on the archive and returns its rows."""

SAMPLE_MS = 10_000
"""The uplink's cadence (wire)."""

SAMPLE_CAP_MS = 15_000
"""No sample speaks for longer: one late sample is bridged, a missed one is not."""

MOVING_MPS = 2.0
"""A bus is moving from this speed on; GPS noise at a kerb stays below."""

MOVING_LEVEL = f"CASE WHEN speed_mps >= {MOVING_MPS} THEN 2 ELSE 0 END"
"""The level of a position: 2 moving, 0 standing; a point without speed did not move."""


def spans(table: str, level: str) -> str:
    """The SQL of ``samples`` and ``spans`` (device, level, time_ms, end_ms), for a WITH.

    ``level`` is an expression over the columns of ``table``. Parameters: $1 kind of
    device, $2 and $3 the range of time, whose edges are looked beyond.
    """
    cap = SAMPLE_CAP_MS
    return f"""
samples AS (
    SELECT device, time_ms, max({level}) AS level
    FROM {table}
    WHERE kind = $1 AND time_ms >= $2 - 2 * {cap} AND time_ms < $3 + {cap}
    GROUP BY device, time_ms
),
neighbours AS (
    SELECT device, time_ms, level,
           lead(time_ms) OVER device_times - time_ms AS after_ms,
           time_ms - lag(time_ms) OVER device_times AS before_ms
    FROM samples
    WINDOW device_times AS (PARTITION BY device ORDER BY time_ms)
),
spans AS (
    SELECT device, level, time_ms, time_ms + CASE
        WHEN after_ms <= {cap} THEN after_ms
        WHEN before_ms <= {cap} THEN before_ms
        ELSE {SAMPLE_MS} END AS end_ms
    FROM neighbours
)"""  # noqa: S608 - names of ours


async def expired_before(query: Query) -> int:
    """Raw points from before this moment are gone; 0: none."""
    rows = await query("SELECT value FROM meta WHERE key = 'expired_before_ms'", [])
    return int(rows[0][0]) if rows else 0
