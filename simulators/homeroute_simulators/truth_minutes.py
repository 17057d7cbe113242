"""Active and learning client-minutes, told by the world that knows every lookup. Pure.

This is DESIGN section 7 written a second time, on purpose: the agent's own
counting is what the truth is there to check, so nothing of it is used here. A
client is learning in a minute with 2 lookups of learning names (strictly 4,
loosely 1), or between two such minutes at most two minutes apart within one
session. It is active when it is learning loosely, with 1 lookup that is no
background, or with 10 kB moved.

Guarantees: the two forms, one client at a time and whole matrices, agree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MINUTE_MS = 60_000
LOOSE, DEFAULT, STRICT = 1, 2, 4
ACTIVE_LOOKUPS = 1
ACTIVE_BYTES = 10_000
BRIDGED_MIN = 2

Counts = NDArray[np.int64]


@dataclass(slots=True)
class Deeds:
    """What one client did in one minute. ``lookups`` counts background too, ``other`` does not."""

    learning: int = 0
    other: int = 0
    lookups: int = 0
    moved_bytes: int = 0


Together = Callable[[int, int], bool]
"""Whether the client was here all the while from one time to another, ms."""


def learning(deeds: Mapping[int, Deeds], minute: int, least: int, together: Together) -> bool:
    """Whether one client was learning in a minute, by the definition that asks ``least``."""

    def reaches(m: int) -> bool:
        return m in deeds and deeds[m].learning >= least

    if reaches(minute):
        return True
    # The gap around this minute, at most BRIDGED_MIN minutes wide, one session across it.
    for width in range(1, BRIDGED_MIN + 1):
        for first in range(minute - width + 1, minute + 1):
            after = first + width
            if (
                reaches(first - 1)
                and reaches(after)
                and together(first * MINUTE_MS, after * MINUTE_MS)
            ):
                return True
    return False


def active(deeds: Mapping[int, Deeds], minute: int, together: Together) -> bool:
    """Whether one client was active in a minute."""
    did = deeds.get(minute, Deeds())
    return (
        learning(deeds, minute, LOOSE, together)
        or did.learning + did.other >= ACTIVE_LOOKUPS
        or did.moved_bytes >= ACTIVE_BYTES
    )


def learning_matrix(lookups: Counts, least: int) -> NDArray[np.bool_]:
    """The same for minutes by clients, each client on one session that spans all its lookups."""
    reaches = lookups >= least
    bridged = reaches.copy()
    size = len(reaches)
    for width in range(1, BRIDGED_MIN + 1):
        # ends[k]: minutes k and k + width + 1 both reach it, those between are bridged.
        ends = reaches[: max(0, size - width - 1)] & reaches[width + 1 :]
        for inside in range(1, width + 1):
            bridged[inside : inside + len(ends)] |= ends
    return bridged


def active_matrix(lookups: Counts, other: Counts, moved_bytes: Counts) -> NDArray[np.bool_]:
    """Activity of minutes by clients: of learning lookups, other lookups, and bytes."""
    return (
        learning_matrix(lookups, LOOSE)
        | (lookups + other >= ACTIVE_LOOKUPS)
        | (moved_bytes >= ACTIVE_BYTES)
    )
