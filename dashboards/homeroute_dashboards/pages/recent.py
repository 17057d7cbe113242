"""The last hour of every device's uplink, one mark a minute.

A mark is the level that at least three quarters of the minute's samples reach:
a minute with one lost probe stays usable, a quarter of it in a dead zone does not.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

MINUTE_MS = 60_000
MINUTES = 60
UNREPORTED = "-"

_SQL = """
SELECT device, time_ms // 60000 AS minute, quantile_disc(state, 0.25)
FROM uplink WHERE time_ms >= $1 AND time_ms < $2
GROUP BY ALL
"""


async def marks(
    query: Callable[[str, Sequence[Any]], Awaitable[list[tuple[Any, ...]]]], now_ms: int
) -> tuple[int, dict[str, str]]:
    """The start (ms) of the first minute, and per device :data:`MINUTES` characters.

    ``0``, ``1``, ``2`` as uplink's state, ``-`` unreported; the last is the
    minute still going on. A device without any sample in the hour is left out.
    """
    first = now_ms // MINUTE_MS - MINUTES + 1
    rows = await query(_SQL, [first * MINUTE_MS, (first + MINUTES) * MINUTE_MS])
    strips: dict[str, list[str]] = {}
    for device, minute, state in rows:
        strips.setdefault(device, [UNREPORTED] * MINUTES)[minute - first] = str(state)
    return first * MINUTE_MS, {device: "".join(strip) for device, strip in strips.items()}
