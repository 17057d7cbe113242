"""What the broker tells of itself under ``$SYS``, as Eclipse Mosquitto names it.

Guarantees: pure; a figure that cannot be read is left out, and a broker that fell
silent is not reported as if it still spoke. Does not: need them: a broker without
``$SYS`` (NATS, EMQX by default), or whose access list hides it, tells nothing.
"""

from __future__ import annotations

import re

from homeroute_wire.measurements import BrokerState

ROOT = "$SYS/broker/"

TOPICS = {
    f"{ROOT}uptime": "uptime_s",
    f"{ROOT}clients/connected": "connected",
    f"{ROOT}publish/messages/received": "received",
    f"{ROOT}publish/messages/dropped": "dropped",
    f"{ROOT}store/messages/count": "kept",
}
"""Field by topic (mosquitto(8), "Broker Status"). Told again when it changed; uptime always."""

SILENT_MS = 180_000
"""Mosquitto tells its uptime every ``sys_interval`` (10 s; 30 s embedded)."""

_NUMBER = re.compile(rb"(\d{1,18})( seconds)?")


class BrokerFigures:
    """The newest of each figure."""

    def __init__(self) -> None:
        self._figures: dict[str, int] = {}
        self._heard_ms: int | None = None

    def heard(self, name: str, payload: bytes, *, now_ms: int) -> None:
        """Take a message of one of :data:`TOPICS`."""
        field = TOPICS.get(name)
        match = _NUMBER.fullmatch(payload)
        if field is None or match is None:
            return
        self._figures[field] = int(match[1])
        if field == "uptime_s":
            self._heard_ms = now_ms

    def forget(self) -> None:
        """The connection is lost: the next broker may be another one."""
        self._figures.clear()
        self._heard_ms = None

    def record(self, *, now_ms: int) -> BrokerState | None:
        """What it said last; None when it is silent, or never spoke."""
        if self._heard_ms is None or now_ms - self._heard_ms > SILENT_MS:
            return None
        return BrokerState(**self._figures)
