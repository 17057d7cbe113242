"""Compares seconds by uplink state: the truth's against samples held for ten seconds.

A sample stands until the next one, for ten seconds at most (fifteen, when the next
one is that late). Guarantees: time without samples is unreported, and never good;
samples in time that was lost, or in which the device was off, are counted as
invented; where two devices tell under one name, the better state counts, in the truth
as in the samples. Does not: compare second by second; it compares sums, which is what is
reported.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import duckdb

HOLD_MS = 10_000
LATE_MS = 15_000

SHARE = 0.005
"""Seconds by state may be off by this share of the time compared."""

CHANGE_MS = 12_250
"""A change is seen up to 10 s off its time, either way: 3 standard deviations are 12.25 s,
and of n changes √n times as much. In a short run this is more than the share."""

SILENCE_MS = 20_000
"""From switching on to the first sample, and from the last to switching off."""

_SWEEP = f"""
WITH samples AS (
    SELECT device, time_ms, state,
           lead(time_ms) OVER (PARTITION BY device ORDER BY time_ms) AS next_ms
    FROM (SELECT device, time_ms, max(state) AS state FROM stored_uplink GROUP BY 1, 2)
), held AS (
    SELECT device, time_ms AS start_ms, state,
           CASE WHEN next_ms - time_ms <= {LATE_MS} THEN next_ms
                ELSE time_ms + {HOLD_MS} END AS end_ms
    FROM samples
), events AS (
    SELECT device, start_ms AS moment, 1 AS turn, state AS was, 1 AS "on", NULL AS told, 0 AS lost
    FROM uplink
    UNION ALL SELECT device, end_ms, 0, state, -1, NULL, 0 FROM uplink
    UNION ALL SELECT device, start_ms, 1, NULL, 0, state, 0 FROM held
    UNION ALL SELECT device, end_ms, 0, NULL, 0, -1, 0 FROM held
    UNION ALL SELECT device, start_ms, 1, NULL, 0, NULL, 1 FROM lost WHERE of IN ('', 'uplink')
    UNION ALL SELECT device, end_ms, 0, NULL, 0, NULL, -1 FROM lost WHERE of IN ('', 'uplink')
), stretches AS (
    SELECT device,
           CASE WHEN sum("on") FILTER (was = 2) OVER here > 0 THEN 2
                WHEN sum("on") FILTER (was = 1) OVER here > 0 THEN 1
                WHEN sum("on") FILTER (was = 0) OVER here > 0 THEN 0
                ELSE -1 END AS was,
           coalesce(last_value(told IGNORE NULLS) OVER here, -1) AS told,
           sum(lost) OVER here > 0 AS lost,
           lead(moment) OVER ordered - moment AS ms
    FROM events
    WINDOW ordered AS (PARTITION BY device ORDER BY moment, turn),
           here AS (PARTITION BY device ORDER BY moment, turn
                    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
SELECT device, was, told, lost, sum(ms) FROM stretches WHERE ms > 0 GROUP BY ALL ORDER BY ALL
"""  # noqa: S608 - names of ours

_EDGES = """
SELECT device, count(*), count(*) FILTER (next_ms IS NULL OR next_ms > end_ms)
FROM (SELECT device, end_ms,
             lead(start_ms) OVER (PARTITION BY device ORDER BY start_ms) AS next_ms FROM uplink)
GROUP BY 1
"""


@dataclass(slots=True)
class Levels:
    """One device, or all of them. Lists are by state, of time that is both true and reported.

    ``changes`` of state and ``stretches`` (of being on, or lost) decide how exact
    sampling can be.
    """

    device: str
    truth_ms: list[int]
    reported_ms: list[int]
    unreported_ms: int = 0
    lost_ms: int = 0
    invented_ms: int = 0
    changes: int = 0
    stretches: int = 0

    @classmethod
    def of(cls, device: str) -> Levels:
        """Nothing yet."""
        return cls(device, [0, 0, 0], [0, 0, 0])

    @classmethod
    def together(cls, levels: Iterable[Levels]) -> Levels:
        """The sum."""
        total = cls.of("")
        for level in levels:
            total.truth_ms = [a + b for a, b in zip(total.truth_ms, level.truth_ms, strict=True)]
            total.reported_ms = [
                a + b for a, b in zip(total.reported_ms, level.reported_ms, strict=True)
            ]
            total.unreported_ms += level.unreported_ms
            total.lost_ms += level.lost_ms
            total.invented_ms += level.invented_ms
            total.changes += level.changes
            total.stretches += level.stretches
        return total

    @property
    def bound_ms(self) -> float:
        """How far a state's seconds may be off."""
        return max(SHARE * sum(self.truth_ms), CHANGE_MS * math.sqrt(self.changes))

    @property
    def silence_bound_ms(self) -> float:
        """How much may be unreported though nothing was lost."""
        return SHARE * (sum(self.truth_ms) + self.unreported_ms) + SILENCE_MS * self.stretches

    @property
    def overrun_bound_ms(self) -> float:
        """How much the last sample before switching off, or before a loss, may overrun it."""
        return float(LATE_MS * self.stretches)

    @property
    def within(self) -> bool:
        """Whether this device's seconds are right."""
        pairs = zip(self.truth_ms, self.reported_ms, strict=True)
        return (
            all(abs(reported - truth) <= self.bound_ms for truth, reported in pairs)
            and self.unreported_ms <= self.silence_bound_ms
            and self.invented_ms <= self.overrun_bound_ms
        )

    def document(self) -> dict[str, Any]:
        """In seconds, for ``--json``."""
        return {
            "device": self.device,
            "truth_s": [ms / 1000 for ms in self.truth_ms],
            "reported_s": [ms / 1000 for ms in self.reported_ms],
            "unreported_s": self.unreported_ms / 1000,
            "lost_s": self.lost_ms / 1000,
            "invented_s": self.invented_ms / 1000,
            "bound_s": round(self.bound_ms / 1000, 1),
            "within": self.within,
        }


def measure_uplink(work: duckdb.DuckDBPyConnection) -> tuple[Levels, ...]:
    """Seconds by state of every device."""
    levels: dict[str, Levels] = {}
    for device, was, told, lost, ms in work.execute(_SWEEP).fetchall():
        level = levels.setdefault(device, Levels.of(device))
        if was >= 0 and lost:
            level.lost_ms += ms
        if told >= 0 and (was < 0 or lost):
            level.invented_ms += ms
        elif was >= 0 and told < 0 and not lost:
            level.unreported_ms += ms
        elif was >= 0 and told >= 0:
            level.truth_ms[was] += ms
            level.reported_ms[told] += ms
    for device, runs, ends in work.execute(_EDGES).fetchall():
        if device in levels:
            levels[device].changes = runs - ends
            levels[device].stretches = ends
    losses = "SELECT device, count(*) FROM lost WHERE of IN ('', 'uplink') GROUP BY 1"
    for device, count in work.execute(losses).fetchall():
        if device in levels:
            levels[device].stretches += count
    return tuple(levels[device] for device in sorted(levels))
