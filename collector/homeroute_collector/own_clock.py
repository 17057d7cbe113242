"""Whether the collector may trust its own clock.

Guarantees: until the clock is trusted no point is dated, committed or
acknowledged (DESIGN section 3). ``sane``: not before this release was built,
and not earlier than the archive's newest commit less a minute.
``synchronised``: sane, and the kernel says that NTP or alike disciplines it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

from homeroute_wire.kernel_clock import kernel_synchronised

BUILT_MS = 1_793_491_200_000
"""2026-11-01 UTC. Moved forward with each release; a clock before it is wrong."""

BACKWARDS_MS = 60_000
"""How far the clock may step back past what the archive has already seen."""


class OwnClock:
    """The collector's wall clock, with its own doubt.

    ``saw(ms)`` tells it of the archive's newest commit.
    """

    def __init__(
        self,
        policy: Literal["sane", "synchronised"] = "sane",
        *,
        wall: Callable[[], float] = time.time,
        synchronised: Callable[[], bool] | None = None,
        built_ms: int = BUILT_MS,
    ) -> None:
        self._policy = policy
        self._wall = wall
        self._synchronised = synchronised or kernel_synchronised
        self._floor_ms = built_ms

    def now_ms(self) -> int:
        """Milliseconds since 1970 by this machine, trusted or not."""
        return int(self._wall() * 1000)

    def saw(self, committed_ms: int) -> None:
        """Remember that the archive holds a commit made at ``committed_ms``."""
        self._floor_ms = max(self._floor_ms, committed_ms - BACKWARDS_MS)

    @property
    def problem(self) -> str | None:
        """Why the clock is not trusted; None when it is."""
        if self.now_ms() < self._floor_ms:
            return "this machine's clock is behind what has already been recorded; set it"
        if self._policy == "synchronised" and not self._synchronised():
            return 'this machine\'s clock is not synchronised; start NTP, or set clock = "sane"'
        return None

    @property
    def trusted(self) -> bool:
        """Whether points may be dated by it now."""
        return self.problem is None
