"""What is told of an alert, and the queue in which it waits to be told.

Guarantees: a notice has an id of its own, so that a receiver who gets it twice can
tell; a queue is bounded, drops its oldest and counts them. Pure: knows no clock,
file or network.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from homeroute_collector.alert_rules import Severity

Told = Literal["fired", "resolved", "test"]

QUEUE_NOTICES = 1_000
"""What waits for one channel, at most; a depot of 300 buses fits thrice."""

DIGEST_NOTICES = 200
"""What is told at once, at most."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell. ``since_ms``: since when it held; ``at_ms``: when it fired or ended."""

    event: Told
    rule: str
    title: str
    severity: Severity
    subject: str
    since_ms: int
    at_ms: int
    detail: str
    todo: str

    @property
    def id(self) -> str:
        """The same for the same event of the same alert, in this run and in the next."""
        parts = f"{self.event}|{self.rule}|{self.subject}|{self.since_ms}|{self.at_ms}"
        return hashlib.sha256(parts.encode()).hexdigest()[:24]


class Outbox:
    """Notices that wait for one channel, oldest first. ``dropped`` counts, for ever."""

    def __init__(
        self, notices: Iterable[Notice] = (), *, dropped: int = 0, bound: int = QUEUE_NOTICES
    ) -> None:
        self.dropped = dropped
        self._bound = bound
        self._waiting: deque[Notice] = deque()
        self.put(notices)

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, notices: Iterable[Notice]) -> None:
        """Add; at the bound the oldest goes."""
        for notice in notices:
            if len(self._waiting) >= self._bound:
                self._waiting.popleft()
                self.dropped += 1
            self._waiting.append(notice)

    def joined(self, notices: Iterable[Notice]) -> Outbox:
        """What it will be once these are put."""
        outbox = Outbox(self._waiting, dropped=self.dropped, bound=self._bound)
        outbox.put(notices)
        return outbox

    def head(self, most: int = DIGEST_NOTICES) -> tuple[Notice, ...]:
        """The oldest, left where they are."""
        return tuple(self._waiting)[:most]

    def settle(self, told: Sequence[Notice], *, refused: bool = False) -> None:
        """Take these out: they were told, or refused for good, which is counted."""
        ids = {notice.id for notice in told}
        before = len(self._waiting)
        self._waiting = deque(n for n in self._waiting if n.id not in ids)
        if refused:
            self.dropped += before - len(self._waiting)

    @property
    def waiting(self) -> tuple[Notice, ...]:
        """All of them."""
        return tuple(self._waiting)
