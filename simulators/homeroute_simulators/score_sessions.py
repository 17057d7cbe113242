"""Finds each true session among the stored ones.

A stored session is the truth's when it began in the same minute (two seconds
either way, for counts of whole seconds) on the same device, and of several the
one with the same bytes. Guarantees: none is used twice; what is left over on
either side is counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import duckdb

from homeroute_simulators.score_load import lost_while

SLACK_MS = 2_000
MINUTE_MS = 60_000

_TRUE = f"""
SELECT start_ms, down_bytes, up_bytes, {lost_while("s.device", "s.start_ms", "s.end_ms", "session")}
FROM session s WHERE device = ? ORDER BY start_ms, down_bytes, up_bytes
"""  # noqa: S608 - names of ours

_STORED = """
SELECT started_min, coalesce(down_bytes, 0), coalesce(up_bytes, 0)
FROM stored_session WHERE device = ? AND NOT open
UNION ALL
SELECT started_min, coalesce(arg_max(down_bytes, session_s), 0),
       coalesce(arg_max(up_bytes, session_s), 0)
FROM stored_session WHERE device = ?
GROUP BY stream, ssid, client, started_min HAVING bool_and(open)
ORDER BY 1, 2, 3
"""
"""Ends, and the last interim of each session that no end was ever told of."""


@dataclass(slots=True)
class Sessions:
    """The comparison. ``expected`` were not touched by a loss; of those that were, ``lost`` count.

    Bytes are of the expected ones, and an error also where a session touched by
    a loss is told to have moved more than it did.
    """

    expected: int = 0
    matched: int = 0
    missing: int = 0
    invented: int = 0
    lost: int = 0
    down_lost: int = 0
    up_lost: int = 0
    down_truth: int = 0
    down_reported: int = 0
    down_error: int = 0
    up_truth: int = 0
    up_reported: int = 0
    up_error: int = 0


@dataclass(slots=True)
class _True:
    start_ms: int
    down: int
    up: int
    touched: bool
    found: tuple[int, int] | None = None

    def minutes(self) -> set[int]:
        return {(self.start_ms + slack) // MINUTE_MS for slack in (-SLACK_MS, 0, SLACK_MS)}


def match_sessions(work: duckdb.DuckDBPyConnection) -> Sessions:
    """Compare the sessions of every device."""
    total = Sessions()
    devices = work.execute(
        "SELECT device FROM session UNION SELECT device FROM stored_session ORDER BY 1"
    ).fetchall()
    for (device,) in devices:
        true = [_True(*row) for row in work.execute(_TRUE, [device]).fetchall()]
        stored = work.execute(_STORED, [device, device]).fetchall()
        _compare(true, stored, total)
    return total


def _compare(true: list[_True], stored: Iterable[tuple[int, int, int]], total: Sessions) -> None:
    free: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for minute, down, up in stored:
        free[minute].append((down, up))
    whole = [session for session in true if not session.touched]
    touched = [session for session in true if session.touched]
    # Those that nothing happened to choose first, and the exact before the near.
    for sessions, exactly in ((whole, True), (touched, True), (whole, False)):
        for session in sessions:
            if session.found is None:
                session.found = _take(session, free, exactly=exactly)
    _give(touched, free)
    extra = [moved for left in free.values() for moved in left]
    total.invented += len(extra)
    total.down_error += sum(down for down, _ in extra)
    total.up_error += sum(up for _, up in extra)
    total.down_reported += sum(down for down, _ in extra)
    total.up_reported += sum(up for _, up in extra)
    for session in true:
        _count(session, total)


def _take(
    session: _True, free: dict[int, list[tuple[int, int]]], *, exactly: bool
) -> tuple[int, int] | None:
    choices = [
        (
            minute != session.start_ms // MINUTE_MS,
            abs(down - session.down) + abs(up - session.up),
            minute,
            (down, up),
        )
        for minute in session.minutes()
        for down, up in free.get(minute, ())
    ]
    if exactly:
        choices = [choice for choice in choices if not choice[1]]
    if not choices:
        return None
    _, _, minute, moved = min(choices)
    free[minute].remove(moved)
    return moved


def _give(touched: list[_True], free: dict[int, list[tuple[int, int]]]) -> None:
    """Of a session cut short less is told than it moved: the most told goes to the least fit."""
    told = sorted(((moved, minute) for minute in free for moved in free[minute]), reverse=True)
    for moved, minute in told:
        fits = [
            session
            for session in touched
            if session.found is None
            and minute in session.minutes()
            and moved[0] <= session.down
            and moved[1] <= session.up
        ]
        if fits:
            min(fits, key=lambda session: (session.down, session.up)).found = moved
            free[minute].remove(moved)


def _count(session: _True, total: Sessions) -> None:
    if session.touched:
        down, up = session.found or (0, 0)
        total.lost += session.found is None
        total.down_lost += max(0, session.down - down)
        total.up_lost += max(0, session.up - up)
        total.down_error += max(0, down - session.down)
        total.up_error += max(0, up - session.up)
        return
    total.expected += 1
    total.down_truth += session.down
    total.up_truth += session.up
    if session.found is None:
        total.missing += 1
        total.down_error += session.down
        total.up_error += session.up
        return
    total.matched += 1
    total.down_reported += session.found[0]
    total.up_reported += session.found[1]
    total.down_error += abs(session.found[0] - session.down)
    total.up_error += abs(session.found[1] - session.up)
