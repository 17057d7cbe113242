"""Compares what is counted by clock minute: client-minutes and filter hits."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from homeroute_simulators.score_load import lost_while

_DEFINITIONS = {
    "active": "active_clients",
    "learning": "learning_clients",
    "learning (strict)": "learning_clients_strict",
    "learning (loose)": "learning_clients_loose",
    "lookups": "lookups",
}
_TRUE = {
    "active": "active",
    "learning": "learning",
    "learning (strict)": "strict",
    "learning (loose)": "loose",
    "lookups": "lookups",
}


@dataclass(frozen=True, slots=True)
class Count:
    """``error`` adds up every minute's difference; ``lost`` is the truth of lost minutes."""

    truth: int
    reported: int
    lost: int
    error: int


def count_minutes(work: duckdb.DuckDBPyConnection) -> dict[str, Count]:
    """Client-minutes by definition, and lookups.

    A minute of the truth that is not stored counts as zero.
    """
    stored = ", ".join(f"sum({column}) AS told_{column}" for column in _DEFINITIONS.values())
    lost = lost_while("m.device", "m.minute * 60000", "(m.minute + 1) * 60000", "activity")
    work.execute(
        f"CREATE OR REPLACE TABLE minutes AS SELECT *, {lost} AS is_lost"  # noqa: S608 - names of ours
        " FROM (SELECT * FROM"
        " (SELECT device, minute, sum(active) AS active, sum(learning) AS learning,"
        " sum(strict) AS strict, sum(loose) AS loose, sum(lookups) AS lookups"
        " FROM minute GROUP BY 1, 2) FULL JOIN"
        f" (SELECT device, time_ms // 60000 AS minute, {stored} FROM stored_activity GROUP BY 1, 2)"
        " USING (device, minute)) m"
    )
    return {
        name: _count(work, "minutes", _TRUE[name], f"told_{column}")
        for name, column in _DEFINITIONS.items()
    }


def count_blocks(work: duckdb.DuckDBPyConnection) -> Count:
    """Blocked lookups by device, category and minute."""
    lost = lost_while("m.device", "m.minute * 60000", "(m.minute + 1) * 60000", "filter")
    work.execute(
        f"CREATE OR REPLACE TABLE blocks AS SELECT *, {lost} AS is_lost"  # noqa: S608 - names of ours
        " FROM (SELECT * FROM (SELECT device, category, time_ms // 60000 AS minute, count(*) AS was"
        " FROM block GROUP BY ALL) FULL JOIN"
        " (SELECT device, category, time_ms // 60000 AS minute, sum(hits) AS told"
        " FROM stored_filter WHERE action = 'blocked' GROUP BY ALL)"
        " USING (device, category, minute)) m"
    )
    return _count(work, "blocks", "was", "told")


def _count(work: duckdb.DuckDBPyConnection, table: str, was: str, told: str) -> Count:
    # Of a lost minute a part may have been told; never more than there was.
    row = work.execute(
        f"""
        SELECT coalesce(sum(w) FILTER (NOT is_lost), 0),
               coalesce(sum(t) FILTER (NOT is_lost), 0),
               coalesce(sum(greatest(w - t, 0)) FILTER (is_lost), 0),
               coalesce(sum(CASE WHEN is_lost THEN greatest(t - w, 0) ELSE abs(w - t) END), 0)
        FROM (SELECT coalesce({was}, 0) AS w, coalesce({told}, 0) AS t, is_lost FROM {table})
        """  # noqa: S608 - names of ours
    ).fetchone()
    assert row is not None
    return Count(*(int(value) for value in row))
