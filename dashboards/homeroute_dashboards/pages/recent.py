"""The last hour of every device's uplink, one mark each half minute.

A mark is the level that at least three quarters of its samples reach: one lost
probe among three does show, one of ten does not.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

STEP_MS = 30_000
MARKS = 120
UNREPORTED = "-"

_SQL = """
SELECT device, time_ms // $3 AS step, quantile_disc(state, 0.25)
FROM uplink WHERE time_ms >= $1 AND time_ms < $2
GROUP BY ALL
"""


async def marks(
    query: Callable[[str, Sequence[Any]], Awaitable[list[tuple[Any, ...]]]], now_ms: int
) -> tuple[int, dict[str, str]]:
    """The start (ms) of the first mark, and per device :data:`MARKS` characters.

    ``0``, ``1``, ``2`` as uplink's state, ``-`` unreported; the last is
    still going on. A device without any sample in the hour is left out.
    """
    first = now_ms // STEP_MS - MARKS + 1
    rows = await query(_SQL, [first * STEP_MS, (first + MARKS) * STEP_MS, STEP_MS])
    strips: dict[str, list[str]] = {}
    for device, step, state in rows:
        strips.setdefault(device, [UNREPORTED] * MARKS)[step - first] = str(state)
    return first * STEP_MS, {device: "".join(strip) for device, strip in strips.items()}
