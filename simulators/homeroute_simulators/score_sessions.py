"""Finds each true session among the stored ones.

A stored session is the truth's when it began in the same minute (two seconds
either way, for counts of whole seconds) on the same device, and of several the
one with the same bytes, and then the same length. Guarantees: none is used twice; what
is left over on either side is counted; what an archive that is right tells of sessions
cut short is never left over; of those that nothing happened to, the end and the SSID
are compared too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import duckdb

from homeroute_simulators.score_load import lost_while

SLACK_MS = 2_000
MINUTE_MS = 60_000

UNSEEN_END_S = 62
"""A client that was not seen to leave (its access point started again, or fell silent) ended
when it was last seen: at a poll of half a minute, or an interim of a minute, before."""

_TRUE = f"""
SELECT start_ms, s.down_bytes - coalesce(u.down_bytes, 0), s.up_bytes - coalesce(u.up_bytes, 0),
       {lost_while("s.device", "s.start_ms", "s.end_ms", "session")},
       coalesce(u.down_bytes, 0), coalesce(u.up_bytes, 0), s.end_ms - s.start_ms, s.ssid
FROM session s LEFT JOIN unseen u USING (device, client, start_ms)
WHERE s.device = ? ORDER BY 1, 2, 3
"""  # noqa: S608 - names of ours

_STORED = """
SELECT started_min, coalesce(down_bytes, 0) AS down, coalesce(up_bytes, 0) AS up,
       session_s, ssid, cause
FROM stored_session WHERE device = ? AND NOT open
UNION ALL
SELECT started_min, coalesce(arg_max(down_bytes, session_s), 0),
       coalesce(arg_max(up_bytes, session_s), 0), max(session_s), ssid, 'interim'
FROM stored_session WHERE device = ?
GROUP BY stream, ssid, client, started_min HAVING bool_and(open)
ORDER BY ALL
"""
"""Ends, and the last interim of each session that no end was ever told of."""


@dataclass(slots=True)
class Sessions:
    """The comparison. ``expected`` were not touched by a loss; of those that were, ``lost`` count.

    Bytes are of the expected ones, without those that nobody could see, which are lost;
    an error also where a session touched by a loss is told to have moved more than it did.
    ``ends_wrong`` and ``ssids_wrong`` are of the matched.
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
    ends_wrong: int = 0
    ssids_wrong: int = 0


@dataclass(frozen=True, slots=True, order=True)
class ToldSession:
    """What is stored of a session. ``cause`` is of its end; ``interim``: no end was told."""

    down: int
    up: int
    session_s: int = 0
    ssid: str = ""
    cause: str = "left"


@dataclass(slots=True)
class TrueSession:
    """A session that was. ``touched``: some of it was lost. ``found``: what was told of it."""

    start_ms: int
    down: int
    up: int
    touched: bool
    down_unseen: int = 0
    up_unseen: int = 0
    length_ms: int = 0
    ssid: str = ""
    found: ToldSession | None = None

    def ends_as(self, told: ToldSession) -> bool:
        """Whether its length is told right, to what its interface can know of its end."""
        late_s = told.session_s - self.length_ms / 1000
        least_s = 0 if told.cause in ("left", "shutdown") else UNSEEN_END_S
        slack_s = SLACK_MS / 1000
        return told.cause != "interim" and -least_s - slack_s <= late_s <= slack_s

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
        compare(true, [(minute, ToldSession(*told)) for minute, *told in stored], total)
    return total


def compare(
    true: list[TrueSession], stored: Iterable[tuple[int, ToldSession]], total: Sessions
) -> None:
    """Compare those of one device. ``stored``: with the minute that each began in."""
    free: dict[int, list[ToldSession]] = defaultdict(list)
    for minute, told in stored:
        free[minute].append(told)
    whole = [session for session in true if not session.touched]
    touched = [session for session in true if session.touched]
    # Those that nothing happened to choose first, and the exact before the near.
    for sessions, exactly in ((whole, True), (touched, True), (whole, False)):
        for session in sessions:
            if session.found is None:
                session.found = _take(session, free, exactly=exactly)
    _give(touched, free)
    for extra in (told for left in free.values() for told in left):
        total.invented += 1
        total.down_error += extra.down
        total.up_error += extra.up
        total.down_reported += extra.down
        total.up_reported += extra.up
    for session in true:
        _count(session, total)


def _take(
    session: TrueSession, free: dict[int, list[ToldSession]], *, exactly: bool
) -> ToldSession | None:
    choices = [
        (
            minute != session.start_ms // MINUTE_MS,
            abs(told.down - session.down) + abs(told.up - session.up),
            told.ssid != session.ssid,
            abs(told.session_s * 1000 - session.length_ms),
            minute,
            told,
        )
        for minute in session.minutes()
        for told in free.get(minute, ())
    ]
    if exactly:
        choices = [choice for choice in choices if not choice[1]]
    if not choices:
        return None
    *_, minute, told = min(choices)
    free[minute].remove(told)
    return told


def _give(touched: list[TrueSession], free: dict[int, list[ToldSession]]) -> None:
    """Give what is left to sessions cut short, of which less is told than they moved.

    As many as can be are given away: whenever there is a way to give every one, none is
    left over. One at a time, and each to its best fit, is not enough: the slack of two
    seconds lets one take its neighbour's, whose own then fits nobody.
    """
    told = sorted(((its, minute) for minute in free for its in free[minute]), reverse=True)
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
                if its.down <= touched[at].down and its.up <= touched[at].up
            ),
            key=lambda at: (touched[at].down, touched[at].up, at),
        )
        for its, minute in told
    ]
    for number, at in _most(fits).items():
        its, minute = told[number]
        touched[at].found = its
        free[minute].remove(its)


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
        told = session.found or ToldSession(0, 0)
        total.lost += session.found is None
        total.down_lost += max(0, session.down - told.down)
        total.up_lost += max(0, session.up - told.up)
        total.down_error += max(0, told.down - session.down)
        total.up_error += max(0, told.up - session.up)
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
    total.down_reported += session.found.down
    total.up_reported += session.found.up
    total.down_error += abs(session.found.down - session.down)
    total.up_error += abs(session.found.up - session.up)
    total.ends_wrong += not session.ends_as(session.found)
    total.ssids_wrong += session.found.ssid != session.ssid
