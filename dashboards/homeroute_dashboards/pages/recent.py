"""The last while of every device's uplink, as a strip of marks.

A mark is the level that at least three quarters of its samples reach: one lost
probe among three does show, one of ten does not. The strip is an hour; where
nothing older is known it is shorter, so that a fresh start is not mostly empty
and a hole of half a minute can be seen.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

UNREPORTED = "-"

_SQL = """
SELECT device, time_ms // $3 AS step, quantile_disc(state, 0.25)
FROM uplink WHERE time_ms >= $1 AND time_ms < $2
GROUP BY ALL
"""
_OLDEST = "SELECT min(time_ms) FROM uplink WHERE time_ms >= $1 AND time_ms < $2"


@dataclass(frozen=True, slots=True)
class Scale:
    """``marks`` of ``step_ms`` each. A sample is due every 10 s: no step is shorter."""

    step_ms: int
    marks: int

    def first(self, now_ms: int) -> int:
        """The number of the first mark's step; the last is still going on."""
        return now_ms // self.step_ms - self.marks + 1

    def window_ms(self, now_ms: int) -> tuple[int, int]:
        """Start, and end exclusive."""
        first = self.first(now_ms)
        return first * self.step_ms, (first + self.marks) * self.step_ms


FIVE_MINUTES = Scale(15_000, 20)
QUARTER = Scale(15_000, 60)
HOUR = Scale(30_000, 120)


@dataclass(frozen=True, slots=True)
class Strips:
    """Per device a text of marks, the first of which begins at ``start_ms``.

    ``0``, ``1``, ``2`` as uplink's state, ``-`` unreported. A device without any
    sample is left out.
    """

    start_ms: int
    scale: Scale
    devices: dict[str, str]


async def marks(
    query: Callable[[str, Sequence[Any]], Awaitable[list[tuple[Any, ...]]]], now_ms: int
) -> Strips:
    """Every device's strip, on one scale: the shortest that shows all the hour knows."""
    [(oldest,)] = await query(_OLDEST, list(HOUR.window_ms(now_ms)))
    short = (s for s in (FIVE_MINUTES, QUARTER) if oldest and oldest >= s.window_ms(now_ms)[0])
    scale = next(short, HOUR)
    first = scale.first(now_ms)
    rows = await query(_SQL, [*scale.window_ms(now_ms), scale.step_ms])
    strips: dict[str, list[str]] = {}
    for device, step, state in rows:
        strips.setdefault(device, [UNREPORTED] * scale.marks)[step - first] = str(state)
    return Strips(
        first * scale.step_ms, scale, {name: "".join(strip) for name, strip in strips.items()}
    )
