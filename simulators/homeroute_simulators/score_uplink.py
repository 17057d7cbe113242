"""Compares the uplink's states with the truth: sample by sample, second by second, and in sums.

A sample stands until the next one, for ten seconds at most (fifteen, when the next
one is that late). Guarantees: time without samples is unreported, and never good;
samples in time that was lost, or in which the device was off, are counted as invented.
Three questions, each of which catches what the others forgive:

- a sample is *wrong* when its device was not in that state within :data:`SLACK_MS` of it;
- a second is *misplaced* when another state is told than was. A change of state is seen
  at the next sample: each misplaces ten seconds at most, and less when the state is gone
  again before them;
- seconds by state are *off* by what is misplaced one way more than the other.

Where two devices tell under one name, either's state is right of a sample and of a
second; in sums the better counts, in the truth as in the samples.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import duckdb

HOLD_MS = 10_000
LATE_MS = 15_000

JITTER_MS = 100
"""How much more than ten seconds may lie between two samples: a stamp is some ms behind its
beat, and by another few at the next one."""

SLACK_MS = 2_000
"""The simulated world moves by the second, and a probe takes a while."""

SHARE = 0.005
"""Seconds of a state may be off by this share of them."""

DELAY_SD_MS = HOLD_MS / math.sqrt(12)
"""A change is seen 0 to 10 s late, evenly: the standard deviation."""

DEVIATIONS = 3.0
"""So far from what is likely one comparison may be."""

SILENCE_MS = 20_000
"""From switching on to the first sample, and from the last to switching off."""

_STRETCHES = f"""
CREATE OR REPLACE TABLE stretch AS
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
), swept AS (
    SELECT device, moment,
           coalesce(sum("on") FILTER (was = 2) OVER here, 0) > 0 AS two,
           coalesce(sum("on") FILTER (was = 1) OVER here, 0) > 0 AS one,
           coalesce(sum("on") FILTER (was = 0) OVER here, 0) > 0 AS none,
           coalesce(last_value(told IGNORE NULLS) OVER here, -1) AS told,
           sum(lost) OVER here > 0 AS lost,
           lead(moment) OVER ordered - moment AS ms
    FROM events
    WINDOW ordered AS (PARTITION BY device ORDER BY moment, turn),
           here AS (PARTITION BY device ORDER BY moment, turn
                    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
SELECT device, moment, ms, told, lost,
       CASE WHEN two THEN 2 WHEN one THEN 1 WHEN none THEN 0 ELSE -1 END AS was,
       CASE told WHEN 2 THEN two WHEN 1 THEN one WHEN 0 THEN none ELSE false END AS so,
FROM swept WHERE ms > 0
"""  # noqa: S608 - names of ours

_SECONDS = """
SELECT device, was, told, lost, sum(ms)::BIGINT, coalesce(sum(ms) FILTER (NOT so), 0)::BIGINT
FROM stretch GROUP BY ALL ORDER BY ALL
"""

_CHANGES = f"""
SELECT device, fresh.state, past.state, count(*), sum(most)::BIGINT,
       sum(CASE WHEN most < {HOLD_MS} THEN most - most * most / {2.0 * HOLD_MS}
                ELSE {HOLD_MS / 2} END),
       sum(CASE WHEN most < {HOLD_MS}
                THEN most * most - most ** 3 / {1.5 * HOLD_MS}
                     - (most - most * most / {2.0 * HOLD_MS}) ** 2
                ELSE {HOLD_MS**2 / 12} END)
FROM (SELECT *, least(end_ms - start_ms, {HOLD_MS})::DOUBLE AS most FROM uplink) AS fresh
JOIN uplink AS past USING (device)
WHERE past.end_ms = fresh.start_ms AND past.state <> fresh.state GROUP BY ALL
"""  # noqa: S608 - names of ours
"""Of each change: how much of the state that begins is missed at most, likely, and its variance.

Of samples 10 s apart one falls into a state of L seconds with a chance of L/10, anywhere;
else all of it is missed.
"""

_SAMPLES = f"""
WITH known AS (
    SELECT device, state, start_ms,
           max(end_ms) OVER (PARTITION BY device, state ORDER BY start_ms) AS until_ms
    FROM uplink
), there AS (
    SELECT device, start_ms,
           max(end_ms) OVER (PARTITION BY device ORDER BY start_ms) AS until_ms
    FROM uplink
), gone AS (
    SELECT device, start_ms, max(end_ms) OVER (PARTITION BY device ORDER BY start_ms) AS until_ms
    FROM lost WHERE of IN ('', 'uplink')
), asked AS (
    SELECT device, time_ms, state, time_ms + {SLACK_MS} AS late_ms FROM stored_uplink
)
SELECT a.device, count(*), count(*) FILTER (k.until_ms IS NULL
                                            OR k.until_ms < a.time_ms - {SLACK_MS})
FROM asked a
ASOF JOIN there t ON t.device = a.device AND t.start_ms <= a.time_ms
ASOF LEFT JOIN gone g ON g.device = a.device AND g.start_ms <= a.time_ms
ASOF LEFT JOIN known k
    ON k.device = a.device AND k.state = a.state AND k.start_ms <= a.late_ms
WHERE t.until_ms > a.time_ms AND (g.until_ms IS NULL OR g.until_ms <= a.time_ms)
GROUP BY 1
"""  # noqa: S608 - names of ours

_STARTS = """
SELECT device, count(*) FROM (SELECT device, end_ms,
    lead(start_ms) OVER (PARTITION BY device ORDER BY start_ms) AS next_ms FROM uplink)
WHERE next_ms IS NULL OR next_ms > end_ms GROUP BY 1
"""


_LISTS = ("truth_ms", "reported_ms", "missed_ms", "false_ms", "came", "went", "most_ms")
_COUNTS = ("likely_ms", "variance", "samples", "wrong", "unreported_ms", "lost_ms", "invented_ms")


def _nothing() -> list[int]:
    return [0, 0, 0]


@dataclass(slots=True)
class Levels:
    """One device, or all of them. Lists are by state, of time that is both true and reported.

    ``truth_ms`` and ``reported_ms`` are sums; ``missed_ms`` is time in a state that is
    told as another, ``false_ms`` time told as a state that it was not in. How often each
    state ``came`` and ``went`` by a change, how much of it then has to be missed
    (``most_ms``; ``likely_ms`` and its ``variance`` of all states), and ``stretches`` (of
    being on, or lost), decide how exact sampling can be.
    """

    device: str
    truth_ms: list[int] = field(default_factory=_nothing)
    reported_ms: list[int] = field(default_factory=_nothing)
    missed_ms: list[int] = field(default_factory=_nothing)
    false_ms: list[int] = field(default_factory=_nothing)
    came: list[int] = field(default_factory=_nothing)
    went: list[int] = field(default_factory=_nothing)
    most_ms: list[int] = field(default_factory=_nothing)
    likely_ms: float = 0.0
    variance: float = 0.0
    samples: int = 0
    wrong: int = 0
    unreported_ms: int = 0
    lost_ms: int = 0
    invented_ms: int = 0
    stretches: int = 0

    @classmethod
    def together(cls, levels: Iterable[Levels]) -> Levels:
        """The sum."""
        total = cls("")
        for level in levels:
            for name in _LISTS:
                pairs = zip(getattr(total, name), getattr(level, name), strict=True)
                setattr(total, name, [a + b for a, b in pairs])
            for name in _COUNTS:
                setattr(total, name, getattr(total, name) + getattr(level, name))
            total.stretches += level.stretches
        return total

    @property
    def misplaced_ms(self) -> int:
        """Time told as another state than it was in."""
        return sum(self.missed_ms)

    def bound_ms(self, state: int, deviations: float = DEVIATIONS) -> float:
        """How far a state's seconds may be off: what n changes, seen late evenly, come to.

        One change cannot be seen later than at the next sample, n not more than n of that.
        """
        changes = self.came[state] + self.went[state]
        likely = max(HOLD_MS, deviations * DELAY_SD_MS * math.sqrt(changes))
        return max(SHARE * self.truth_ms[state], min(likely, (HOLD_MS + JITTER_MS) * changes))

    def misplaced_bound_ms(self, deviations: float = DEVIATIONS) -> float:
        """How much may be misplaced, with so many changes and states so short."""
        likely = max(HOLD_MS, self.likely_ms + deviations * math.sqrt(self.variance))
        return min(sum(self.most_ms) + JITTER_MS * sum(self.came), likely)

    @property
    def silence_bound_ms(self) -> float:
        """How much may be unreported though nothing was lost."""
        return SHARE * (sum(self.truth_ms) + self.unreported_ms) + SILENCE_MS * self.stretches

    @property
    def overrun_bound_ms(self) -> float:
        """How much the last sample before switching off, or before a loss, may overrun it."""
        return float(LATE_MS * self.stretches)

    def within(self, deviations: float) -> bool:
        """Whether this device's samples and seconds are right, state by state."""
        for state in range(3):
            off_ms = abs(self.reported_ms[state] - self.truth_ms[state])
            if off_ms > self.bound_ms(state, deviations):
                return False
            # What is missed of a state came with it; what is falsely told of it, after it.
            if self.missed_ms[state] > self.most_ms[state] + JITTER_MS * self.came[state]:
                return False
            if self.false_ms[state] > (HOLD_MS + JITTER_MS) * self.went[state]:
                return False
        return (
            not self.wrong
            and self.misplaced_ms <= self.misplaced_bound_ms(deviations)
            and self.unreported_ms <= self.silence_bound_ms
            and self.invented_ms <= self.overrun_bound_ms
        )

    def document(self, deviations: float) -> dict[str, Any]:
        """In seconds, for ``--json``."""
        return {
            "device": self.device,
            "truth_s": [ms / 1000 for ms in self.truth_ms],
            "reported_s": [ms / 1000 for ms in self.reported_ms],
            "missed_s": [ms / 1000 for ms in self.missed_ms],
            "false_s": [ms / 1000 for ms in self.false_ms],
            "came": list(self.came),
            "went": list(self.went),
            "samples": self.samples,
            "wrong_samples": self.wrong,
            "unreported_s": self.unreported_ms / 1000,
            "lost_s": self.lost_ms / 1000,
            "invented_s": self.invented_ms / 1000,
            "bound_s": [round(self.bound_ms(s, deviations) / 1000, 1) for s in range(3)],
            "within": self.within(deviations),
        }


def measure_uplink(work: duckdb.DuckDBPyConnection) -> tuple[Levels, ...]:
    """Every device's samples and seconds."""
    levels: dict[str, Levels] = {}
    work.execute(_STRETCHES)
    for device, was, told, lost, ms, unlike_ms in work.execute(_SECONDS).fetchall():
        level = levels.setdefault(device, Levels(device))
        if was >= 0 and lost:
            level.lost_ms += ms
        if told >= 0 and (was < 0 or lost):
            level.invented_ms += ms
        elif was >= 0 and told < 0 and not lost:
            level.unreported_ms += ms
        elif was >= 0 and told >= 0:
            level.truth_ms[was] += ms
            level.reported_ms[told] += ms
            level.missed_ms[was] += unlike_ms
            level.false_ms[told] += unlike_ms
    work.execute("DROP TABLE stretch")
    for device, into, out, changes, *missed in work.execute(_CHANGES).fetchall():
        level = levels.setdefault(device, Levels(device))
        level.came[into] += changes
        level.went[out] += changes
        level.most_ms[into] += missed[0]
        level.likely_ms += missed[1]
        level.variance += missed[2]
    for device, samples, wrong in work.execute(_SAMPLES).fetchall():
        levels[device].samples, levels[device].wrong = samples, wrong
    losses = "SELECT device, count(*) FROM lost WHERE of IN ('', 'uplink') GROUP BY 1"
    for counted in (_STARTS, losses):
        for device, count in work.execute(counted).fetchall():
            if device in levels:
                levels[device].stretches += count
    return tuple(levels[device] for device in sorted(levels))
