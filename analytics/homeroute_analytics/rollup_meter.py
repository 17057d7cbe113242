"""Seconds of one device by uplink state, between any two moments. Pure.

Guarantees: exact to the millisecond, and additive: two halves of a stretch make the
whole. Does not: say what a sample is worth (:mod:`homeroute_analytics.samples`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from homeroute_analytics.rollup_facts import Track
from homeroute_analytics.segments import Times
from homeroute_wire.measurements import UPLINK_CONNECTED, UPLINK_NO_SERVICE, UPLINK_USABLE

CLIENTS_STAND_MS = 60_000
"""A count of clients stands so long when none follows."""

STATES = (UPLINK_USABLE, UPLINK_CONNECTED, UPLINK_NO_SERVICE)
"""The order of the first three columns of every sum."""


@dataclass(frozen=True, slots=True)
class Meter:
    """A device's spans, and running sums over them.

    Columns of sums: usable, connected, no service in ms, and client-milliseconds of
    what was not usable (clients present x time).
    """

    time_ms: Times
    end_ms: Times
    level: NDArray[np.int8]
    weight: Times
    sums: Times

    @classmethod
    def of(cls, spans: Track, clients: Track | None) -> Meter:
        """Of a device's spans and its counts of clients."""
        level = spans.columns[0]
        weight = np.zeros((len(level), 4), dtype=np.int64)
        for column, state in enumerate(STATES):
            weight[:, column] = level == state
        if clients is not None and len(clients.time_ms):
            last = np.searchsorted(clients.time_ms, spans.time_ms, side="right") - 1
            fresh = (last >= 0) & (spans.time_ms - clients.time_ms[last] <= CLIENTS_STAND_MS)
            present = np.where(fresh, clients.columns[0][last], 0)
            weight[:, 3] = present * (level != UPLINK_USABLE)
        long = (spans.end_ms - spans.time_ms)[:, None] * weight
        sums = np.concatenate((np.zeros((1, 4), dtype=np.int64), np.cumsum(long, axis=0)))
        return cls(spans.time_ms, spans.end_ms, level, weight, sums)

    def until(self, moments: Times) -> Times:
        """The sums from the beginning until each moment: a row of four for each."""
        if not len(self.time_ms):
            return np.zeros((len(moments), 4), dtype=np.int64)
        span = np.searchsorted(self.time_ms, moments, side="right") - 1
        begun = np.maximum(span, 0)
        part = np.minimum(moments, self.end_ms[begun]) - self.time_ms[begun]
        inside = self.sums[begun] + self.weight[begun] * part[:, None]
        return np.where((span >= 0)[:, None], inside, 0)

    def between(self, start_ms: int, end_ms: int) -> Times:
        """The four sums of a stretch."""
        both = self.until(np.array([start_ms, end_ms], dtype=np.int64))
        return np.asarray(both[1] - both[0])

    def samples(self, start_ms: int, end_ms: int) -> int:
        """How many samples were made in a stretch."""
        rows = self.rows(start_ms, end_ms)
        return int(rows.stop - rows.start)

    def rows(self, start_ms: int, end_ms: int) -> slice:
        """The samples made in a stretch."""
        first, last = np.searchsorted(self.time_ms, (start_ms, end_ms))
        return slice(int(first), int(last))

    def longest_gap_ms(self, start_ms: int, end_ms: int) -> int:
        """The longest time within a stretch without a sample that says connected or usable."""
        good = (self.level != UPLINK_NO_SERVICE) & (self.end_ms > start_ms)
        good &= self.time_ms < end_ms
        begins = np.append(np.maximum(self.time_ms[good], start_ms), end_ms)
        ends = np.append(start_ms, np.minimum(self.end_ms[good], end_ms))
        return int((begins - ends).max())


NOTHING = Meter(
    np.zeros(0, dtype=np.int64),
    np.zeros(0, dtype=np.int64),
    np.zeros(0, dtype=np.int8),
    np.zeros((0, 4), dtype=np.int64),
    np.zeros((1, 4), dtype=np.int64),
)
"""Of a device that was silent all day."""
