"""From samples to batches: collects, dates once the clock is trusted, and cuts.

Guarantees: a sample taken is either in the spool after the next :meth:`Gather.cut`,
dated or waiting for a date, or counted as dropped; nothing undated is ever put
into a batch. At most :data:`SAMPLES_BOUND` samples are held in memory; more are
counted as dropped. What a power cut takes from memory was never counted.
Does not: send.
"""

from __future__ import annotations

import asyncio
import dataclasses
import math
import threading
from collections.abc import Callable, Iterator, Sequence

from homeroute_agent import undated
from homeroute_agent.clock import Clock
from homeroute_agent.sample import Sample
from homeroute_agent.spool import Batch, Spool, SpoolError
from homeroute_agent.spool_file import Log
from homeroute_wire.batch import BATCH_BOUND, encode_body
from homeroute_wire.measurements import FROM_DEVICES
from homeroute_wire.schema import Measurement, Point

SAMPLES_BOUND = 20_000

BATCH_POINTS = 2_000
"""Points in one batch at most: far below every bound of the wire."""

_BODY_ROOM = BATCH_BOUND - 128
"""What the clear line leaves of a batch."""


class Gather:
    """Holds the samples of the batch being gathered.

    ``cut_done`` is called in the event loop after a cut has put something into
    the spool.
    """

    def __init__(
        self,
        spool: Spool,
        clock: Clock,
        *,
        kind: str,
        stream: str,
        log: Log,
        cut_done: Callable[[], None],
    ) -> None:
        self._spool, self._clock, self._kind, self._stream = spool, clock, kind, stream
        self._log, self._cut_done = log, cut_done
        self._samples: list[Sample] = []
        self._seq = 0
        self._keeping = threading.Lock()
        self._remembered = False
        self._undated_left = True
        self._failing = False

    def emit(
        self,
        record: Measurement,
        *,
        boot_ms: int | None = None,
        started_boot_ms: int | None = None,
    ) -> None:
        """Take one measurement, stamped now unless ``boot_ms`` says otherwise.

        Raises ValueError for what must not leave this kind of device, and for a
        number that is not finite: the sampler at fault hears of it.
        """
        if record.NAME not in FROM_DEVICES or self._kind not in record.KINDS:
            raise ValueError(f"a {self._kind} does not send {record.NAME}")
        for field in dataclasses.fields(record):
            value = getattr(record, field.name)
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"{record.NAME}.{field.name} is not finite")
        if len(self._samples) >= SAMPLES_BOUND:
            self._spool.drop(1)
            return
        stamp = self._clock.stamp() if boot_ms is None else boot_ms
        self._samples.append(Sample(stamp, record, started_boot_ms))

    async def cut(self) -> None:
        """Put what was gathered into the spool.

        Cancelled, it still finishes in its thread: no sample is lost between
        memory and disk.
        """
        samples, self._samples = self._samples, []
        if await asyncio.to_thread(self._keep, samples):
            self._cut_done()

    def _keep(self, samples: Sequence[Sample]) -> bool:
        with self._keeping:
            try:
                offset_ms, now_ms = self._clock.offset_ms, self._clock.now_ms()
                if offset_ms is None or now_ms is None:
                    return self._keep_undated(samples)
                kept = self._date_waiting(offset_ms, now_ms)
                return self._keep_dated(samples, offset_ms, now_ms) or kept
            except SpoolError as error:
                self._say(error)
                return False

    def _keep_undated(self, samples: Sequence[Sample]) -> bool:
        self._undated_left = True
        for start in range(0, len(samples), BATCH_POINTS):
            part = samples[start : start + BATCH_POINTS]
            self._spool.append_undated(self._clock.boot_id, len(part), undated.encode(part))
        return False

    def _keep_dated(self, samples: Sequence[Sample], offset_ms: int, now_ms: int) -> bool:
        for batch in self._batches([sample.dated(offset_ms) for sample in samples]):
            try:
                self._spool.append(batch, now_ms=now_ms)
            except SpoolError as error:  # counted as dropped; the next may still fit
                self._say(error)
            else:
                self._say(None)
        return bool(samples)

    def _date_waiting(self, offset_ms: int, now_ms: int) -> bool:
        if not self._remembered:
            self._spool.remember_clock(self._clock.boot_id, offset_ms, now_ms)
            self._remembered = True
        dated = False
        while self._undated_left and (waiting := self._spool.undated(self._clock.boot_id)):
            for row in waiting:
                points = [sample.dated(offset_ms) for sample in undated.decode(row.body)]
                self._spool.date(row, list(self._batches(points[: row.points])), now_ms=now_ms)
            dated = True
        self._undated_left = False
        return dated

    def _batches(self, points: Sequence[Point]) -> Iterator[Batch]:
        for start in range(0, len(points), BATCH_POINTS):
            yield from self._fitting(points[start : start + BATCH_POINTS])

    def _fitting(self, points: Sequence[Point]) -> Iterator[Batch]:
        body = encode_body(self._kind, points)
        if len(body) > _BODY_ROOM and len(points) > 1:
            half = len(points) // 2
            yield from self._fitting(points[:half])
            yield from self._fitting(points[half:])
            return
        self._seq += 1
        yield Batch(self._stream, self._seq, len(points), body)

    def _say(self, error: SpoolError | None) -> None:
        """Log a failing disk, and its recovery, once each."""
        if error is not None and not self._failing:
            self._log.error("%s; new points are counted as dropped", error)
        elif error is None and self._failing:
            self._log.info("spool takes points again")
        self._failing = error is not None
