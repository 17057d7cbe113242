"""The simulated gateway of a take-home hotspot."""

from __future__ import annotations

import random
from pathlib import Path

from homeroute_simulators.gateway import Gateway
from homeroute_simulators.link import Link
from homeroute_simulators.truth_facts import Facts


class HotspotGateway(Gateway):
    """A take-home hotspot: stands still, in good coverage, used in the evening and whenever."""

    def __init__(
        self,
        device: str,
        folder: Path,
        link: Link,
        rng: random.Random,
        *,
        daily_bytes: int,
        at_ms: int,
        facts: Facts | None = None,
        rtt_scale: float = 1.0,
    ) -> None:
        super().__init__(device, folder, link, rng, at_ms=at_ms, facts=facts, rtt_scale=rtt_scale)
        self._bytes_s = daily_bytes / 86_400.0

    def _step(self, step_s: float) -> None:
        if self.troubles.power:
            return
        self._cover(-96.0 + self._rng.gauss(0.0, 1.5))
        got = (
            int(self._bytes_s * step_s * 5) if self.link.covered and self._rng.random() < 0.2 else 0
        )
        self._move(got, got // 12)
        self._live(step_s, 0.05)
