"""What the archive holds of one day's drives, read in a few queries as columns.

Guarantees: every sample counts whenever it arrived; only what lies within a leg it is
given is read, so a bus that idles all day costs nothing. Does not: decide what it means
(:mod:`homeroute_analytics.rollup_trips`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homeroute_analytics.legs import Leg
from homeroute_analytics.samples import Query, spans
from homeroute_analytics.segments import Times

AROUND_MS = 60_000
"""Positions this far before and after a leg tell where it began and ended."""

BEST_ACCURACY_M = 100.0
"""A position that is surer of less says nothing."""

UNSOLICITED = ("advertising", "ads", "publicite", "telemetry", "tracking")
"""Filter categories that no rider asked for: left out of every count of hits."""

_WITHIN = """
    SELECT DISTINCT s.* FROM ({rows}) AS s JOIN (
        SELECT unnest($4::VARCHAR[]) AS device, unnest($5::BIGINT[]) AS start_ms,
               unnest($6::BIGINT[]) AS end_ms) AS l
      ON l.device = s.device
     AND s.time_ms < l.end_ms + {around} AND s.end_ms > l.start_ms - {around}
    ORDER BY s.device, s.time_ms
"""

_SPANS = "WITH {spans} {within}".format(
    spans=spans("uplink", "state"),
    within=_WITHIN.format(rows="SELECT device, time_ms, end_ms, level FROM spans", around=0),
)

_POSITIONS = _WITHIN.format(
    rows="""SELECT device, time_ms, time_ms AS end_ms, min(lat) AS lat, min(lon) AS lon
        FROM position WHERE kind = $1 AND time_ms >= $2 AND time_ms < $3
         AND coalesce(accuracy_m, 0) <= {best} GROUP BY device, time_ms""",
    around=AROUND_MS,
).format(best=BEST_ACCURACY_M)

_CLIENTS = _WITHIN.format(
    rows="""SELECT device, time_ms, time_ms AS end_ms, sum(clients)::BIGINT AS clients
        FROM wifi WHERE kind = $1 AND time_ms >= $2 AND time_ms < $3 GROUP BY device, time_ms""",
    around=AROUND_MS,
)

# A record tells the session's length so far at the time it was made; the longest is the last.
# Interims lie at most 10 minutes apart, so a session of the range has a record near it.
_SESSIONS = _WITHIN.format(
    rows="""SELECT device, min(time_ms - session_s * 1000) AS time_ms, max(time_ms) AS end_ms,
               stream, client
        FROM session WHERE kind = $1 AND time_ms >= $2 AND time_ms < $3 + 900000
        GROUP BY device, stream, client, started_min""",
    around=0,
)

# A clock minute belongs to the drive that has its middle.
_ACTIVITY = _WITHIN.format(
    rows="""SELECT device, time_ms + 30000 AS time_ms, time_ms + 30001 AS end_ms, definition,
               active_clients, learning_clients, learning_clients_strict, learning_clients_loose,
               lookups, classified_lookups
        FROM activity WHERE kind = $1 AND time_ms >= $2 AND time_ms < $3""",
    around=0,
)

_FILTER = _WITHIN.format(
    rows="""SELECT device, time_ms + 30000 AS time_ms, time_ms + 30001 AS end_ms,
               sum(hits)::BIGINT AS hits
        FROM filter WHERE kind = $1 AND time_ms >= $2 AND time_ms < $3 AND action = 'blocked'
         AND category NOT IN ({unsolicited}) GROUP BY device, time_ms""",
    around=0,
).format(unsolicited=", ".join(f"'{name}'" for name in UNSOLICITED))


@dataclass(frozen=True, slots=True)
class Track:
    """One device's columns of one kind, by time. ``columns`` follow the query's order."""

    time_ms: Times
    end_ms: Times
    columns: tuple[NDArray[Any], ...]

    def within(self, start_ms: int, end_ms: int) -> slice:
        """Rows that begin in a range of time (rows are in order)."""
        first, last = np.searchsorted(self.time_ms, (start_ms, end_ms))
        return slice(int(first), int(last))


Tracks = Mapping[str, Track]
"""Tracks by device; a device with nothing is not there."""


@dataclass(frozen=True, slots=True)
class Facts:
    """A day's drives and everything recorded on them."""

    legs: tuple[Leg, ...]
    spans: Tracks
    positions: Tracks
    clients: Tracks
    sessions: Tracks
    activity: Tracks
    filter: Tracks


async def read(query: Query, day: Iterable[Leg], *, until_ms: int) -> Facts:
    """The facts of a service day's legs, cut off at ``until_ms``."""
    begun = sorted(
        (leg for leg in day if leg.start_ms < until_ms),
        key=lambda leg: (leg.trip, -leg.confidence, leg.start_ms, leg.device),
    )
    if not begun:
        return Facts((), {}, {}, {}, {}, {}, {})
    legs = tuple(leg.between(leg.start_ms, min(leg.end_ms, until_ms)) for leg in begun)
    start_ms = min(leg.start_ms for leg in legs) - AROUND_MS
    end_ms = max(leg.end_ms for leg in legs) + AROUND_MS
    given = ["bus", start_ms, end_ms, *extents(begun)]
    found = [
        _tracks(await query(sql, given), kinds)
        for sql, kinds in (
            (_SPANS, (np.int8,)),
            (_POSITIONS, (np.float64, np.float64)),
            (_CLIENTS, (np.int64,)),
            (_SESSIONS, (object, np.int64)),
            (_ACTIVITY, (object, *(np.int64,) * 6)),
            (_FILTER, (np.int64,)),
        )
    ]
    return Facts(legs, *found)


def extents(legs: Sequence[Leg]) -> list[list[Any]]:
    """Devices, starts and ends of legs, as three parameters that a query unnests."""
    return [
        [leg.device for leg in legs],
        [leg.start_ms for leg in legs],
        [leg.end_ms for leg in legs],
    ]


def _tracks(rows: Sequence[tuple[Any, ...]], kinds: Sequence[Any]) -> dict[str, Track]:
    """Rows (device, time, end, …) as a track of each device; they are sorted by both."""
    if not rows:
        return {}
    devices, times, ends, *others = zip(*rows, strict=True)
    names = np.array(devices, dtype=object)
    edges = [0, *(np.flatnonzero(names[1:] != names[:-1]) + 1).tolist(), len(rows)]
    columns = [np.array(values, dtype=kind) for values, kind in zip(others, kinds, strict=True)]
    time_ms, end_ms = np.array(times, dtype=np.int64), np.array(ends, dtype=np.int64)
    return {
        names[first]: Track(
            time_ms[first:last],
            end_ms[first:last],
            tuple(column[first:last] for column in columns),
        )
        for first, last in pairwise(edges)
    }
