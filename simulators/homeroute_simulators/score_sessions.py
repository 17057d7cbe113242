"""Finds each true session among the stored ones.

A stored session is the truth's when it began in the same minute (two seconds
either way, for counts of whole seconds) on the same device, and of several the
one with the same bytes. Guarantees: none is used twice; what is left over on
either side is counted; what an archive that is right tells of sessions cut short
is never left over.
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
SELECT start_ms, s.down_bytes - coalesce(u.down_bytes, 0), s.up_bytes - coalesce(u.up_bytes, 0),
       {lost_while("s.device", "s.start_ms", "s.end_ms", "session")},
       coalesce(u.down_bytes, 0), coalesce(u.up_bytes, 0)
FROM session s LEFT JOIN unseen u USING (device, client, start_ms)
WHERE s.device = ? ORDER BY 1, 2, 3
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

    Bytes are of the expected ones, without those that nobody could see, which are lost;
    an error also where a session touched by a loss is told to have moved more than it did.
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
class TrueSession:
    """A session that was. ``touched``: some of it was lost. ``found``: what was told of it."""

    start_ms: int
    down: int
    up: int
    touched: bool
    down_unseen: int = 0
    up_unseen: int = 0
    found: tuple[int, int] | None = None

    def minutes(self) -> set[int]:
        """The minutes it may be told to have begun in."""
        return {(self.start_ms + slack) // MINUTE_MS for slack in (-SLACK_MS, 0, SLACK_MS)}


def match_sessions(work: duckdb.DuckDBPyConnection) -> Sessions:
    """Compare the sessions of every device."""
    total = Sessions()
    devices = work.execute(
        "SELECT device FROM session UNION SELECT device FROM stored_session ORDER BY 1"
    ).fetchall()
    for (device,) in devices:
        true = [TrueSession(*row) for row in work.execute(_TRUE, [device]).fetchall()]
        stored = work.execute(_STORED, [device, device]).fetchall()
        compare(true, stored, total)
    return total


def compare(
    true: list[TrueSession], stored: Iterable[tuple[int, int, int]], total: Sessions
) -> None:
    """Compare those of one device. ``stored``: the minute it began in, bytes down and up."""
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
    session: TrueSession, free: dict[int, list[tuple[int, int]]], *, exactly: bool
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


def _give(touched: list[TrueSession], free: dict[int, list[tuple[int, int]]]) -> None:
    """Give what is left to sessions cut short, of which less is told than they moved.

    As many as can be are given away: whenever there is a way to give every one, none is
    left over. One at a time, and each to its best fit, is not enough: the slack of two
    seconds lets one take its neighbour's, whose own then fits nobody.
    """
    told = sorted(((moved, minute) for minute in free for moved in free[minute]), reverse=True)
    near: dict[int, list[int]] = defaultdict(list)
    for at, session in enumerate(touched):
        if session.found is None:
            for minute in session.minutes():
                near[minute].append(at)
    fits = [
        sorted(
            (
                at
                for at in near.get(minute, ())
                if moved[0] <= touched[at].down and moved[1] <= touched[at].up
            ),
            key=lambda at: (touched[at].down, touched[at].up, at),
        )
        for moved, minute in told
    ]
    for number, at in _most(fits).items():
        moved, minute = told[number]
        touched[at].found = moved
        free[minute].remove(moved)


def _most(fits: list[list[int]]) -> dict[int, int]:
    """As many of ``fits`` as possible with a choice each, none chosen twice (augmenting paths)."""
    chosen: dict[int, int] = {}
    taken: dict[int, int] = {}
    for begin in range(len(fits)):
        # Breadth first: who would have to move elsewhere, for this one to be given a place.
        came: dict[int, int] = {}
        waiting = [begin]
        for number in waiting:
            fresh = [at for at in fits[number] if at not in came]
            came |= dict.fromkeys(fresh, number)
            free = next((at for at in fresh if at not in taken), None)
            if free is not None:
                _shift(chosen, taken, came, free)
                break
            waiting += [taken[at] for at in fresh]
    return chosen


def _shift(chosen: dict[int, int], taken: dict[int, int], came: dict[int, int], at: int) -> None:
    """Give a place to who asked for it, the one that leaves to who asked for that, and so on."""
    while True:
        number = came[at]
        left = chosen.get(number)
        chosen[number], taken[at] = at, number
        if left is None:
            return
        at = left


def _count(session: TrueSession, total: Sessions) -> None:
    total.down_lost += session.down_unseen
    total.up_lost += session.up_unseen
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
