"""One channel's way out: gathers, sends, tries again.

Guarantees: what waits is gathered for ``group_s`` and told as one message, and no
two messages follow each other within ``interval_s``, so that a whole depot that
goes dark is one mail and not a hundred; a failure is tried again for ever with full
jitter, honouring what the receiver asked for; what a receiver refuses for good is
counted and said in the log, and does not hold up the next. A change between
failing and working is logged once, without address or secret.

Does not: know HTTP or SMTP, or persist; it asks to be saved after each success.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from homeroute_collector.alert_messages import subjects
from homeroute_collector.alert_notices import Notice, Outbox

log = logging.getLogger(__name__)

FIRST_RETRY_S, LAST_RETRY_S = 5.0, 300.0
ASKED_BOUND_S = 3_600.0
"""The longest a receiver may ask us to wait."""


class Retryable(Exception):
    """It was not taken now; ``after_s`` is what the receiver asked for."""

    def __init__(self, reason: str, after_s: float | None = None) -> None:
        super().__init__(reason)
        self.after_s = after_s


class Refused(Exception):
    """It will never be taken: sending the same again is of no use."""


class Sender(Protocol):
    """Sends one message, or raises :class:`Retryable` or :class:`Refused`."""

    @property
    def where(self) -> str:
        """Where it goes, fit for a log and a page: no path, no secret."""
        ...

    async def send(self, notices: Sequence[Notice], now_ms: int) -> None:
        """Returns once the receiver has taken it."""
        ...


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds to gather, and between two messages at least."""

    group_s: float
    interval_s: float


class Channel:
    """An outbox and its sender. Call :meth:`step` often; it does nothing until due.

    ``save`` persists the outboxes. Not to be stepped twice at once.
    """

    def __init__(
        self,
        name: str,
        sender: Sender,
        outbox: Outbox,
        pace: Pace,
        *,
        save: Callable[[], Awaitable[None]],
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.name = name
        self.sender = sender
        self.outbox = outbox
        self.problem: str | None = None
        self.sent_ms: int | None = None
        self._pace = pace
        self._save = save
        self._jitter = jitter
        self._attempts = 0
        self._due_ms: int | None = None

    async def step(self, now_ms: int) -> None:
        """Send what is due."""
        if not len(self.outbox):
            self._due_ms = None
            return
        if self._due_ms is None:
            self._due_ms = self._first_due(now_ms)
        if now_ms < self._due_ms:
            return
        notices = self.outbox.head()
        try:
            await self.sender.send(notices, now_ms)
        except Retryable as failure:
            self._failed(failure, now_ms)
        except Refused as refusal:
            log.warning(
                "alerts by %s: %s refuses a message for good (%s): %s",
                self.name,
                self.sender.where,
                refusal,
                subjects(notices),
            )
            await self._settled(notices, now_ms, problem=str(refusal), refused=True)
        else:
            if self.problem:
                log.info("alerts by %s: %s takes messages again", self.name, self.sender.where)
            self.sent_ms = now_ms
            await self._settled(notices, now_ms, problem=None, refused=False)

    async def tell(self, notice: Notice, now_ms: int) -> str | None:
        """Send one notice now, past the queue; says what went wrong, or None."""
        try:
            await self.sender.send((notice,), now_ms)
        except (Retryable, Refused) as failure:
            return str(failure)
        return None

    def _first_due(self, now_ms: int) -> int:
        gathered_ms = now_ms + int(self._pace.group_s * 1000)
        if self.sent_ms is None:
            return gathered_ms
        return max(gathered_ms, self.sent_ms + int(self._pace.interval_s * 1000))

    def _failed(self, failure: Retryable, now_ms: int) -> None:
        if self.problem is None:
            log.warning(
                "alerts by %s: %s: %s; trying again until it works",
                self.name,
                self.sender.where,
                failure,
            )
        self.problem = str(failure)
        ceiling_s = min(LAST_RETRY_S, FIRST_RETRY_S * 2 ** min(self._attempts, 10))
        self._attempts += 1
        wait_s = self._jitter(0, ceiling_s)
        if failure.after_s is not None:
            wait_s = max(wait_s, min(failure.after_s, ASKED_BOUND_S))
        self._due_ms = now_ms + int(wait_s * 1000)

    async def _settled(
        self, notices: Sequence[Notice], now_ms: int, *, problem: str | None, refused: bool
    ) -> None:
        self.problem = problem
        self._attempts = 0
        self.outbox.settle(notices, refused=refused)
        self._due_ms = now_ms + int(self._pace.interval_s * 1000) if len(self.outbox) else None
        await self._save()
