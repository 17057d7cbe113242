"""Lines and deletions to one InfluxDB, asked until there is an answer about them.

Guarantees: :meth:`Delivery.write` returns only when every line was taken or refused
alone; :meth:`Delivery.clear` only when the stretch is empty, or there never was such
a measurement. Does not: remember what is still to come; that is a cursor's work.

What an answer means (DESIGN section 8)::

    2xx            advance
    413, 400, 422  halve, until the bad point stands alone: refused, go on;
                   a deletion has no half: stay and shout
    429, 5xx, none wait, as long as Retry-After says; else back off with full jitter
    other          stay and shout: somebody must change a token or a name
"""

from __future__ import annotations

import asyncio
import logging
import random
import re
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum

from homeroute_collector.influx_targets import Answer, Target, Unreachable

log = logging.getLogger(__name__)

CHUNK_POINTS = 5_000
"""Points in one request (DESIGN section 8)."""

_BEYOND_RETENTION = re.compile(r"points beyond retention policy dropped=(\d+)")


class Verdict(Enum):
    """What to do after an answer."""

    ADVANCE = "advance"
    HALVE = "halve"
    WAIT = "wait"
    STAY = "stay"


def judge(answer: Answer) -> Verdict:
    """What an answer means for the lines that were sent."""
    if 200 <= answer.status < 300:
        return Verdict.ADVANCE
    if answer.status in (400, 413, 422):
        return Verdict.HALVE
    if answer.status in (408, 425, 429) or answer.status >= 500:
        return Verdict.WAIT
    return Verdict.STAY


def backoff_s(attempt: int) -> float:
    """Full jitter: anything up to 1.5 to the power of the attempt, at most 58 s."""
    return random.uniform(0.0, 1.5 ** min(10, attempt))


class Delivery:
    """Writes to one target. ``sleep`` is injected for tests.

    ``connected`` and ``problem`` say how it stands, ``written`` and ``rejected``
    count points.
    """

    def __init__(
        self,
        target: Target,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chunk_points: int = CHUNK_POINTS,
    ) -> None:
        self.target = target
        self.connected = False
        self.problem: str | None = "no write tried yet"
        self.written = 0
        self.rejected = 0
        self._sleep = sleep
        self._chunk_points = chunk_points
        self._said: str | None = None

    async def write(self, lines: Sequence[str], unwritable: int = 0) -> None:
        """Write lines, in as many requests as they need.

        ``unwritable`` rows had no line: they are counted and logged as refused.
        """
        if unwritable:
            self.rejected += unwritable
            log.error("%d archived points have no line and were left out", unwritable)
        size = self._chunk_points
        # A bulk commit may be larger than a request: it goes in several.
        parts = [lines[i : i + size] for i in range(0, len(lines), size)]
        rejected, example = 0, ""
        while parts:
            part = parts.pop(0)
            text = "\n".join(part)
            answer = await self._answer(lambda text=text: self.target.write(text))  # type: ignore[misc]
            beyond = _BEYOND_RETENTION.search(answer.reason)
            if judge(answer) is Verdict.ADVANCE:
                self.written += len(part)
            elif beyond and 0 < int(beyond[1]) <= len(part):
                # The others of a partial write are written; there is no one to single out.
                self.written += len(part) - int(beyond[1])
                rejected, example = rejected + int(beyond[1]), answer.reason
            elif len(part) == 1:
                rejected, example = rejected + 1, f"{answer.reason}: {part[0]}"
            else:
                middle = len(part) // 2
                parts[:0] = [part[:middle], part[middle:]]
        if rejected:
            self.rejected += rejected
            log.error("%s refused %d points, e.g. %.500s", self.target.name, rejected, example)

    async def clear(self, measurement: str, start_ms: int, end_ms: int) -> None:
        """Delete a measurement's points from ``start_ms`` to ``end_ms`` (exclusive)."""
        await self._answer(
            lambda: self.target.delete(measurement, start_ms, end_ms), divisible=False
        )

    async def _answer(
        self, ask: Callable[[], Awaitable[Answer]], *, divisible: bool = True
    ) -> Answer:
        """Ask until there is an answer about these lines, however long that takes."""
        attempt = 0
        tried_to_create = False
        while True:
            answer = None
            try:
                answer = await ask()
                verdict = judge(answer)
                if verdict is Verdict.HALVE and not divisible:
                    verdict = Verdict.STAY
                problem = f"{answer.status} {answer.reason}".strip()
            except Unreachable as error:
                verdict, problem = Verdict.WAIT, str(error)
            if answer and verdict in (Verdict.ADVANCE, Verdict.HALVE):
                self._well()
                return answer
            if answer and answer.status == 404 and not tried_to_create:
                tried_to_create = True
                if await self._created():
                    continue
            self._ill(verdict, problem)
            attempt += 1
            asked = answer.retry_after_s if answer else None
            await self._sleep(backoff_s(attempt) if asked is None else asked)

    async def _created(self) -> bool:
        try:
            answer = await self.target.create()
        except Unreachable:
            return False
        if answer is None or judge(answer) is not Verdict.ADVANCE:
            return False
        log.info("%s: created", self.target.name)
        return True

    def _well(self) -> None:
        if not self.connected:
            log.info("%s: writing", self.target.name)
        self.connected, self.problem, self._said = True, None, None

    def _ill(self, verdict: Verdict, problem: str) -> None:
        self.connected, self.problem = False, problem[:300]
        kind = verdict.value
        if kind == self._said:
            return
        self._said = kind
        if verdict is Verdict.STAY:
            log.error(
                "%s takes no points (%s): check token, user, database; the archive keeps them",
                self.target.name,
                problem,
            )
        else:
            log.warning("%s: %s; the archive keeps the points", self.target.name, problem)
