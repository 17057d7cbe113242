"""Compares how many clients each sample of the Wi-Fi tells with how many were associated.

Guarantees: a sample is right when it tells a number that was true at some moment within
:data:`SLACK_MS` of it; none is compared that stands in time that was lost, or in which the
truth cannot know who is there. Does not: compare peaks, comings and goings, or the share of
randomised addresses.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

SLACK_MS = 2_000
"""The simulated world moves by the second; comings and goings are told within one."""

_SAMPLES = f"""
WITH edges AS (
    SELECT device, start_ms AS at_ms, 1 AS came, 0 AS went FROM session
    UNION ALL SELECT device, end_ms, 0, 1 FROM session
), known AS (
    SELECT device, at_ms, sum(sum(came)) OVER so_far AS came, sum(sum(went)) OVER so_far AS went
    FROM edges GROUP BY device, at_ms WINDOW so_far AS (PARTITION BY device ORDER BY at_ms)
), there AS (
    SELECT device, start_ms, max(end_ms) OVER (PARTITION BY device ORDER BY start_ms) AS until_ms
    FROM uplink
), gone AS (
    SELECT device, start_ms, max(end_ms) OVER (PARTITION BY device ORDER BY start_ms) AS until_ms
    FROM lost WHERE of IN ('', 'wifi')
), told AS (
    SELECT device, time_ms, sum(clients)::BIGINT AS clients,
           time_ms - {SLACK_MS} AS early_ms, time_ms + {SLACK_MS} AS late_ms
    FROM stored_wifi GROUP BY device, time_ms
), compared AS (
    SELECT t.clients,
           coalesce(late.came, 0) - coalesce(early.went, 0) AS most,
           greatest(0, coalesce(early.came, 0) - coalesce(late.went, 0)) AS least
    FROM told t
    ASOF JOIN there o ON o.device = t.device AND o.start_ms <= t.time_ms
    ASOF LEFT JOIN gone g ON g.device = t.device AND g.start_ms <= t.late_ms
    ASOF LEFT JOIN known early ON early.device = t.device AND early.at_ms <= t.early_ms
    ASOF LEFT JOIN known late ON late.device = t.device AND late.at_ms <= t.late_ms
    WHERE o.until_ms > t.time_ms AND (g.until_ms IS NULL OR g.until_ms < t.early_ms)
)
SELECT count(*), count(*) FILTER (clients NOT BETWEEN least AND most) FROM compared
"""  # noqa: S608 - names of ours


@dataclass(frozen=True, slots=True)
class WifiSamples:
    """Samples compared, and those of them that tell a number that never was."""

    samples: int
    wrong: int


def count_clients(work: duckdb.DuckDBPyConnection) -> WifiSamples:
    """Compare every sample of every device that the truth knows sessions of."""
    row = work.execute(_SAMPLES).fetchone()
    assert row is not None
    return WifiSamples(*row)
