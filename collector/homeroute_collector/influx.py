"""The InfluxDB follower: the archive's points, in order of their commits.

Guarantees: the stored cursor moves past a commit only after InfluxDB has taken
every point of it or refused that very point alone; so after any crash or outage
each point is there, and written twice it overwrites itself. Points InfluxDB
refuses are counted and logged, stay in the archive, and hold up nobody.

Does not: keep points of its own. What is not yet written waits in the archive;
its age is the lag.

What an answer means (DESIGN section 8)::

    2xx            advance
    413, 400, 422  halve, until the bad point stands alone: refused, go on
    429, 5xx, none wait, as long as Retry-After says; else back off with full jitter
    other          stay and shout: somebody must change a token or a name
"""

from __future__ import annotations

import asyncio
import logging
import random
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from homeroute_collector.influx_targets import Answer, Target, Unreachable

log = logging.getLogger(__name__)

CHUNK_POINTS = 5_000
"""Points in one request (DESIGN section 8)."""

IDLE_S = 1.0
"""How often an idle follower looks for new commits."""

_BEYOND_RETENTION = re.compile(r"points beyond retention policy dropped=(\d+)")


class Verdict(Enum):
    """What to do after an answer."""

    ADVANCE = "advance"
    HALVE = "halve"
    WAIT = "wait"
    STAY = "stay"


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole commits ``(after, upto]`` as lines.

    ``received_ms``: when the oldest of them was received. ``unwritable``: rows
    that have no line.
    """

    upto: int
    lines: Sequence[str]
    received_ms: int
    unwritable: int = 0


class Source(Protocol):
    """The archive as the follower sees it."""

    async def cursor(self) -> int:
        """The last commit InfluxDB has; 0 before the first."""

    async def advance(self, commit_id: int) -> None:
        """Store the cursor durably."""

    async def next_chunk(self, after: int, points: int) -> Chunk | None:
        """About ``points`` points of the commits after ``after``; None: there are none."""


@dataclass(frozen=True, slots=True)
class Following:
    """How the follower does. ``lag_s`` is None before the first look at the archive.

    ``commit_id`` is the last commit InfluxDB has.
    """

    connected: bool
    commit_id: int
    lag_s: float | None
    problem: str | None
    written: int
    rejected: int


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


class Follower:
    """Feeds one target from one source until cancelled.

    ``now_ms`` and ``sleep`` are injected for tests.
    """

    def __init__(
        self,
        source: Source,
        target: Target,
        *,
        now_ms: Callable[[], int],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chunk_points: int = CHUNK_POINTS,
    ) -> None:
        self._source = source
        self._target = target
        self._now_ms = now_ms
        self._sleep = sleep
        self._chunk_points = chunk_points
        self._moving = asyncio.Lock()
        self._rebuilds = 0
        self._waiting_since_ms: int | None = None
        self._looked = False
        self._after = 0
        self._connected = False
        self._problem: str | None = "no write tried yet"
        self._said: str | None = None
        self._written = 0
        self._rejected = 0

    def following(self) -> Following:
        """How it does now."""
        lag_s: float | None = 0.0 if self._looked else None
        if self._waiting_since_ms is not None:
            lag_s = max(0.0, (self._now_ms() - self._waiting_since_ms) / 1000)
        return Following(
            self._connected, self._after, lag_s, self._problem, self._written, self._rejected
        )

    async def rebuild(self) -> None:
        """Begin again at the archive's first commit: fills an empty InfluxDB."""
        async with self._moving:
            await self._source.advance(0)
            self._after = 0
            # Only now: whoever sees the number changed reads the cursor anew.
            self._rebuilds += 1
        log.info("%s: writing everything in the archive again", self._target.name)

    async def run(self) -> None:
        """Follow until cancelled."""
        ahead: Chunk | None = None
        rebuilds = -1
        while True:
            if rebuilds != self._rebuilds:
                ahead, rebuilds = None, self._rebuilds
                self._after = await self._source.cursor()
            chunk = ahead or await self._source.next_chunk(self._after, self._chunk_points)
            self._looked = True
            self._waiting_since_ms = chunk.received_ms if chunk else None
            if chunk is None:
                await self._sleep(IDLE_S)
                continue
            _, ahead = await asyncio.gather(
                self._deliver(chunk),
                self._source.next_chunk(chunk.upto, self._chunk_points),
            )
            async with self._moving:
                if rebuilds == self._rebuilds:
                    await self._source.advance(chunk.upto)
                    self._after = chunk.upto

    async def _deliver(self, chunk: Chunk) -> None:
        if chunk.unwritable:
            self._rejected += chunk.unwritable
            log.error("%d archived points have no line and were left out", chunk.unwritable)
        size = self._chunk_points
        # A bulk commit may be larger than a request: it goes in several.
        parts = [chunk.lines[i : i + size] for i in range(0, len(chunk.lines), size)]
        rejected, example = 0, ""
        while parts:
            part = parts.pop(0)
            answer = await self._answer("\n".join(part))
            beyond = _BEYOND_RETENTION.search(answer.reason)
            if judge(answer) is Verdict.ADVANCE:
                self._written += len(part)
            elif beyond and 0 < int(beyond[1]) <= len(part):
                # The others of a partial write are written; there is no one to single out.
                self._written += len(part) - int(beyond[1])
                rejected, example = rejected + int(beyond[1]), answer.reason
            elif len(part) == 1:
                rejected, example = rejected + 1, f"{answer.reason}: {part[0]}"
            else:
                middle = len(part) // 2
                parts[:0] = [part[:middle], part[middle:]]
        if rejected:
            self._rejected += rejected
            log.error("%s refused %d points, e.g. %.500s", self._target.name, rejected, example)

    async def _answer(self, text: str) -> Answer:
        """Ask until there is an answer about these lines, however long that takes."""
        attempt = 0
        tried_to_create = False
        while True:
            answer = None
            try:
                answer = await self._target.write(text)
                verdict = judge(answer)
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
            answer = await self._target.create()
        except Unreachable:
            return False
        if answer is None or judge(answer) is not Verdict.ADVANCE:
            return False
        log.info("%s: created", self._target.name)
        return True

    def _well(self) -> None:
        if not self._connected:
            log.info("%s: writing", self._target.name)
        self._connected, self._problem, self._said = True, None, None

    def _ill(self, verdict: Verdict, problem: str) -> None:
        self._connected, self._problem = False, problem[:300]
        kind = verdict.value
        if kind == self._said:
            return
        self._said = kind
        if verdict is Verdict.STAY:
            log.error(
                "%s takes no points (%s): check token, user, database; the archive keeps them",
                self._target.name,
                problem,
            )
        else:
            log.warning("%s: %s; the archive keeps the points", self._target.name, problem)
