"""From a device's message to its acknowledgement, knowing nothing of MQTT.

Guarantees: an acknowledgement is given only for what the archive has on disk;
messages wait in a queue bounded in number and bytes, and what finds it full is
counted and forgotten (the bus still has it); validation runs beside the event
loop and the commits; while the collector's own clock is not trusted nothing is
dated, committed or acknowledged.

Does not: connect to anything. :mod:`homeroute_collector.mqtt` offers messages
and carries the acknowledgements; a simulator may do the same.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from homeroute_collector.archive import Archive
from homeroute_collector.archive_records import ArchiveClosedError, Commit, Committed
from homeroute_collector.own_clock import OwnClock
from homeroute_collector.validation import refuse_whole, validate
from homeroute_wire.messages import Ack, Receipt

logger = logging.getLogger(__name__)

QUEUE_BATCHES = 8_192
QUEUE_BYTES = 67_108_864
"""What waits for validation, at most."""

IN_FLIGHT_POINTS = 120_000
IN_FLIGHT_BATCHES = 8_192
"""What is validated and waits for its commit, at most (and one round more)."""

ROUND_BATCHES = 64
ROUND_BYTES = 1_048_576
"""What is validated in one go."""

ACK_RECEIPTS = 500
"""Receipts in one acknowledgement, to stay far below a message's bound."""

CLOCK_POLL_S = 1.0


@dataclass(slots=True)
class Counts:
    """Since the start.

    Points: ``received`` (duplicates included), ``stored``, ``refused``. Batches:
    ``batches``, ``duplicates``, ``held``, ``overflowed``. Messages: ``garbage``
    (no clear line, so there are no points to count).
    """

    received: int = 0
    stored: int = 0
    refused: int = 0
    batches: int = 0
    duplicates: int = 0
    held: int = 0
    overflowed: int = 0
    garbage: int = 0


@dataclass(slots=True)
class _Answers:
    receipts: list[Receipt] = field(default_factory=list)
    held: list[tuple[str, int]] = field(default_factory=list)


Listener = Callable[[Commit, Committed], None]


class Ingest:
    """Validates what is offered, commits it, and answers. :meth:`run` does the work.

    ``acknowledge`` is called with a device and its :class:`Ack`, one per device
    and commit; None: nobody is told. ``listeners`` are called, in the event loop,
    with each commit of a device and its outcome, after it is on disk.
    """

    def __init__(
        self,
        archive: Archive,
        clock: OwnClock,
        *,
        district: str,
        retention_days: int,
        clock_poll_s: float = CLOCK_POLL_S,
    ) -> None:
        self.counts = Counts()
        self.acknowledge: Callable[[str, Ack], None] | None = None
        self.listeners: list[Listener] = []
        self._archive = archive
        self._clock = clock
        self._district = district
        self._retention_days = retention_days
        self._clock_poll_s = clock_poll_s
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._waiting_bytes = 0
        self._round = 0
        self._in_flight_batches = 0
        self._in_flight_points = 0
        self._answers: dict[str, _Answers] = {}
        self._moved = asyncio.Event()
        clock.saw(archive.newest_commit_ms)

    @property
    def queued(self) -> int:
        """Batches offered and not yet answered."""
        return len(self._waiting) + self._round + self._in_flight_batches

    def offer(self, district: str, device: str, payload: bytes) -> bool:
        """Hand in a message, by the ids in its topic. False when it was not taken.

        Ids are the topic's, so the broker's ACL vouches for them. A full queue, or
        another district's message, is counted and forgotten.
        """
        if district != self._district:
            self.counts.garbage += 1
            return False
        if not self._has_room(len(payload)):
            self.counts.overflowed += 1
            return False
        self._waiting.append((device, payload))
        self._waiting_bytes += len(payload)
        self._moved.set()
        return True

    async def put(
        self, district: str, device: str, payload: bytes, *, most: int = QUEUE_BATCHES
    ) -> None:
        """As :meth:`offer`, but wait for room: for history, which nobody resends.

        ``most``: wait also while so many batches wait for their validation.
        """
        await self._until(lambda: len(self._waiting) < most and self._has_room(len(payload)))
        self.offer(district, device, payload)

    async def drain(self) -> None:
        """Wait until everything offered so far has been answered."""
        await self._until(lambda: self.queued == 0 and not self._answers)

    async def run(self) -> None:
        """Work until cancelled. What is in flight then may or may not be committed."""
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, thread_name_prefix="validation") as beside:
            while True:
                await self._until(self._may_begin)
                await self._until_trusted()
                taken = self._take()
                commits = await loop.run_in_executor(
                    beside, self._validated, taken, self._clock.now_ms()
                )
                for (_, payload), commit in zip(taken, commits, strict=True):
                    self._submit(payload, commit)
                self._round = 0

    def _has_room(self, size: int) -> bool:
        return len(self._waiting) < QUEUE_BATCHES and self._waiting_bytes + size <= QUEUE_BYTES

    def _may_begin(self) -> bool:
        return (
            bool(self._waiting)
            and self._in_flight_points < IN_FLIGHT_POINTS
            and self._in_flight_batches < IN_FLIGHT_BATCHES
        )

    async def _until(self, ready: Callable[[], bool]) -> None:
        while not ready():
            self._moved.clear()
            await self._moved.wait()

    async def _until_trusted(self) -> None:
        if (problem := self._clock.problem) is None:
            return
        logger.warning("nothing is committed or acknowledged: %s", problem)
        while not self._clock.trusted:  # noqa: ASYNC110 - a clock tells nobody when it is set
            await asyncio.sleep(self._clock_poll_s)
        logger.warning("this machine's clock is trusted again")

    def _take(self) -> list[tuple[str, bytes]]:
        taken: list[tuple[str, bytes]] = []
        size = 0
        while self._waiting and len(taken) < ROUND_BATCHES and size < ROUND_BYTES:
            taken.append(self._waiting.popleft())
            size += len(taken[-1][1])
        self._waiting_bytes -= size
        self._round = len(taken)
        self._moved.set()
        return taken

    def _validated(self, taken: list[tuple[str, bytes]], received_ms: int) -> list[Commit]:
        return [
            validate(device, payload, received_ms=received_ms, retention_days=self._retention_days)
            for device, payload in taken
        ]

    def _submit(self, payload: bytes, commit: Commit) -> None:
        self._in_flight_batches += 1
        self._in_flight_points += commit.stored
        self._archive.submit(commit).add_done_callback(
            functools.partial(self._landed, payload, commit)
        )

    def _landed(self, payload: bytes, commit: Commit, answer: asyncio.Future[Committed]) -> None:
        self._in_flight_batches -= 1
        self._in_flight_points -= commit.stored
        self._moved.set()
        if answer.cancelled():
            return
        error = answer.exception()
        if error is None:
            self._answered(commit, answer.result())
        elif isinstance(error, ArchiveClosedError):
            pass  # not acknowledged: the bus still has it
        elif commit.header is not None and commit.columns:
            reason = f"the archive could not take it: {type(error).__name__}"
            whole = refuse_whole(commit.device, commit.header, payload, reason, commit.received_ms)
            self._submit(payload, whole)
        else:
            logger.error(
                "a batch of %s can be neither stored nor refused: %s", commit.device, error
            )

    def _answered(self, commit: Commit, committed: Committed) -> None:
        self._count(commit, committed)
        self._clock.saw(self._archive.newest_commit_ms)
        if commit.header is not None:
            if not self._answers:
                # After this loop turn: a commit's answers all arrive in one.
                asyncio.get_running_loop().call_soon(self._give_answers)
            answers = self._answers.setdefault(commit.device, _Answers())
            if committed.receipt is not None:
                answers.receipts.append(committed.receipt)
            else:
                answers.held.append((commit.stream, commit.header.seq))
        for listener in self.listeners:
            try:
                listener(commit, committed)
            except Exception:
                logger.exception("a listener failed on a commit of %s", commit.device)

    def _count(self, commit: Commit, committed: Committed) -> None:
        if commit.header is None:
            self.counts.garbage += 1
            return
        self.counts.batches += 1
        self.counts.received += commit.header.points
        match committed.outcome:
            case "stored":
                self.counts.stored += commit.stored
                self.counts.refused += commit.refused
            case "duplicate":
                self.counts.duplicates += 1
            case "held":
                self.counts.held += 1

    def _give_answers(self) -> None:
        answers, self._answers = self._answers, {}
        self._moved.set()
        if self.acknowledge is None:
            return
        clock_ms = self._clock.now_ms() if self._clock.trusted else None
        for device, its in answers.items():
            for at in range(0, max(len(its.receipts), len(its.held)), ACK_RECEIPTS):
                receipts = tuple(its.receipts[at : at + ACK_RECEIPTS])
                held = tuple(its.held[at : at + ACK_RECEIPTS])
                self.acknowledge(device, Ack(receipts, held, clock_ms))
