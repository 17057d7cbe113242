"""Which batches are on their way, and what may be sent when. Pure: no I/O, no clock.

Guarantees: at most ``size`` batches are in flight and the last place is kept for
live data; a batch unanswered is due again after the timeout with full jitter;
a held one is tried again much later and takes no place meanwhile. Times are ms
of any clock that never goes back.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection
from dataclasses import dataclass

from homeroute_agent.spool import Batch, Key

BACKLOG_GAP_MS = 50
"""Between two batches of the backlog: a fleet catching up leaves room for live data."""

HELD_MS = 300_000
"""A held batch waits half to all of this, doubled with each hold up to :data:`HELD_BOUND_MS`."""

HELD_BOUND_MS = 3_600_000

FRESH_MS = 1_000
"""A batch sent so recently before a hello has reached the collector that said it."""

SILENT_TIMEOUTS = 2
"""After so many timeouts without any answer the collector counts as silent."""


def full_jitter_s(attempt: int, uniform: Callable[[float, float], float] = random.uniform) -> float:
    """How long to wait before trying again: anything up to 1.5 to the attempt, 58 s at most."""
    return uniform(0.0, 1.5 ** min(10, attempt))


@dataclass(slots=True)
class _Flight:
    sent_ms: int
    due_ms: int
    attempts: int
    unanswered: int
    """Sendings that may still reach the collector; above one it may store the
    batch even after it answered *held* once."""
    parked: bool = False
    """Held before: outside the window."""


class Window:
    """Batches in flight and batches held."""

    def __init__(
        self,
        size: int,
        ack_timeout_ms: int,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._size, self._timeout_ms, self._uniform = size, ack_timeout_ms, uniform
        self._flights: dict[Key, _Flight] = {}
        self._held: dict[Key, int] = {}
        self._holds: dict[Key, int] = {}
        self._newest = 0
        self._backlog_ms = 0
        self._unanswered_ms: int | None = None  # since when nothing has been answered

    @property
    def newest(self) -> int:
        """The greatest id sent so far; a batch above it is live."""
        return self._newest

    def places(self) -> int:
        """Free places."""
        return self._size - sum(not flight.parked for flight in self._flights.values())

    def may_send_backlog(self, now_ms: int, *, paced: bool = True) -> bool:
        """Whether an older batch may go now."""
        spare = 1 if paced and self._size > 1 else 0
        return self.places() > spare and (not paced or now_ms >= self._backlog_ms)

    def skip(self, now_ms: int) -> Collection[Key]:
        """Held batches whose time has not come."""
        self._held = {key: until for key, until in self._held.items() if until > now_ms}
        return self._held.keys()

    def restore(self, keys: Collection[Key], *, newest: int = 0) -> None:
        """Batches marked as sent, how often is unknown: due at once.

        ``newest`` is the greatest id among them.
        """
        for key in keys:
            self._held.pop(key, None)
            self._flights[key] = _Flight(0, 0, 0, 2)
        self._newest = max(self._newest, newest)

    def sent(self, batch: Batch, now_ms: int) -> None:
        """Note one sending."""
        if self._unanswered_ms is None:
            self._unanswered_ms = now_ms
        flight = self._flights.setdefault(batch.key, _Flight(0, 0, 0, 0))
        flight.sent_ms = now_ms
        flight.attempts += 1
        flight.unanswered += 1
        if flight.parked:
            flight.due_ms = now_ms + self._held_ms(batch.key)
        else:
            jitter_ms = round(1000 * full_jitter_s(flight.attempts, self._uniform))
            flight.due_ms = now_ms + self._timeout_ms + jitter_ms
        if batch.id <= self._newest:
            self._backlog_ms = now_ms + BACKLOG_GAP_MS
        self._newest = max(self._newest, batch.id)

    def due(self, now_ms: int) -> list[Key]:
        """Batches to send again, in the order they were first sent."""
        return [key for key, flight in self._flights.items() if flight.due_ms <= now_ms]

    def settle(self, keys: Collection[Key]) -> None:
        """Forget batches that are acknowledged, or gone."""
        for key in keys:
            self._flights.pop(key, None)
            self._held.pop(key, None)
            self._holds.pop(key, None)

    def hold(self, key: Key, now_ms: int) -> bool:
        """Note that the collector did not keep a batch.

        True when no other sending of it can be on its way, so that it may be
        unmarked in the spool.
        """
        flight = self._flights.get(key)
        if flight is None:
            return False
        self._holds[key] = self._holds.get(key, 0) + 1
        flight.unanswered -= 1
        if flight.unanswered <= 0:
            del self._flights[key]
            self._held[key] = now_ms + self._held_ms(key)
            return True
        flight.parked = True
        flight.due_ms = now_ms + self._held_ms(key)
        return False

    def connected(self, now_ms: int) -> None:
        """A new connection: what was on its way is due at once."""
        self.answered()
        for flight in self._flights.values():
            if not flight.parked:
                flight.due_ms = now_ms

    def hello(self, now_ms: int) -> None:
        """The collector has come back: what it may have missed is due soon."""
        for flight in self._flights.values():
            if not flight.parked and flight.sent_ms < now_ms - FRESH_MS:
                soon = now_ms + round(self._uniform(0.0, 1000.0))
                flight.due_ms = min(flight.due_ms, soon)
                flight.attempts = 0

    def answered(self) -> None:
        """The collector has said something, or may say it anew: it is not silent."""
        self._unanswered_ms = None

    def silent(self, now_ms: int) -> bool:
        """Whether what was sent has met nothing but silence for long."""
        since_ms = self._unanswered_ms
        return since_ms is not None and now_ms - since_ms > SILENT_TIMEOUTS * self._timeout_ms

    def idle(self) -> bool:
        """Whether nothing is in flight, held batches aside."""
        return all(flight.parked for flight in self._flights.values())

    def next_ms(self, now_ms: int) -> int | None:
        """When something may be sent again, if nothing else happens."""
        times = [flight.due_ms for flight in self._flights.values()]
        times += [*self._held.values(), self._backlog_ms]
        return min((at for at in times if at > now_ms), default=None)

    def _held_ms(self, key: Key) -> int:
        holds = max(0, self._holds.get(key, 1) - 1)
        bound: int = min(HELD_BOUND_MS, HELD_MS << min(8, holds))
        return round(self._uniform(0.5, 1.0) * bound)
