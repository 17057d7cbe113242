"""How a passage along a shape compares with the trips that the timetable sends along it.

Guarantees: costs and evidence are nats, so that they add up; a trip that would be
earlier or later than the bounds is no candidate. Does not: choose among candidates.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from homeroute_analytics.attribution.roads import Roads
from homeroute_analytics.attribution.stands import bay_cost
from homeroute_analytics.attribution.trace import AT_START_M, State
from homeroute_analytics.attribution.track import Reals, Track
from homeroute_analytics.timetable import ScheduledTrip

USUAL_LATE_S, LATE_SCALE_S, EARLY_SCALE_S = 60.0, 120.0, 60.0
"""A bus is a minute late: a nat for each two minutes more (DESIGN section 6), and for each
minute less, for who leaves early leaves people behind (docs/decisions/0007)."""

EARLIEST_S, LATEST_S = -600.0, 2400.0
"""A trip driven earlier or later than this is another trip."""

DRIFT_FREE_S, DRIFT_SCALE_S = 120.0, 180.0
"""Lateness changes on the way; a nat for each three minutes beyond the first two."""

SAMPLES = 8
"""Fixes of a passage at which it is compared with the timetable."""

STOP_SPACING_M = 1.0

END_M = 15.0
"""So near an end of the shape a bus has not left it, or has reached it."""


@dataclass(frozen=True, slots=True)
class Clock:
    """When a trip is due at each metre of its shape: seconds since 1970."""

    trip: ScheduledTrip
    along_m: Reals
    due_s: Reals

    def due(self, along_m: Reals) -> Reals:
        """When the trip is due there."""
        due: Reals = np.interp(along_m, self.along_m, self.due_s)
        return due


def clock(trip: ScheduledTrip) -> Clock:
    """The trip's clock: due at a stop when it leaves it, at the last one when it arrives.

    A trip whose stops are unknown is driven evenly.
    """
    if len(trip.calls) < 2:
        ends = np.array([trip.start_ms / 1000, trip.end_ms / 1000])
        return Clock(trip, np.array([0.0, trip.shape.length_m]), ends)
    zero_s = trip.start_ms / 1000 - trip.calls[0].depart_s
    along = np.maximum.accumulate([call.along_m for call in trip.calls])
    due = [float(call.depart_s) for call in trip.calls[:-1]] + [float(trip.calls[-1].arrive_s)]
    return Clock(trip, along, zero_s + np.maximum.accumulate(due))


def only_stops(trip: ScheduledTrip) -> bool:
    """Whether the trip's shape is a line from stop to stop: nobody drew the road."""
    if len(trip.shape.lat) > len(trip.calls) or not trip.calls:
        return False
    stops = np.sort([call.along_m for call in trip.calls])
    return bool(
        np.all(np.abs(stops - np.array(trip.shape.along_m)[:, None]).min(1) < STOP_SPACING_M)
    )


class Day:
    """The trips that may be under way, by the shape they follow."""

    def __init__(self, trips: Iterable[ScheduledTrip]) -> None:
        self.trips: Sequence[ScheduledTrip] = tuple(trips)
        self.roads = Roads(
            (trip.shape for trip in self.trips),
            {trip.shape.shape for trip in self.trips if only_stops(trip)},
        )
        self.clocks: list[list[Clock]] = [[] for _ in self.roads.shapes]
        for trip in sorted(self.trips, key=lambda t: (t.start_ms, t.trip)):
            if trip.shape.shape in self.roads.index:
                self.clocks[self.roads.index[trip.shape.shape]].append(clock(trip))
        self.first_stops = [self._first_stops(shape) for shape in range(len(self.clocks))]
        self._changes = [_changes(clocks) for clocks in self.clocks]

    def _first_stops(self, shape: int) -> Reals:
        """Where each trip of a shape begins: metres east and north, one row each."""
        line = self.roads.shapes[shape]
        along = [each.along_m[0] for each in self.clocks[shape]]
        lat, lon = (np.interp(along, line.along_m, degrees) for degrees in (line.lat, line.lon))
        return np.column_stack(self.roads.plane.xy(lat, lon))

    def allowed(self, shape: int, time_s: float) -> bool:
        """Whether any trip may be on that shape at that time."""
        return bisect_right(self._changes[shape], time_s) % 2 == 1


def _changes(clocks: Iterable[Clock]) -> list[float]:
    """When a trip of these may come to be under way, and when none is any more, in turn."""
    changes: list[float] = []
    spans = ((c.due_s[0] + EARLIEST_S, c.due_s[-1] + LATEST_S) for c in clocks)
    for begin_s, end_s in sorted(spans):
        if changes and begin_s <= changes[-1]:
            changes[-1] = max(changes[-1], end_s)
        else:
            changes += [begin_s, end_s]
    return changes


@dataclass(frozen=True, slots=True)
class Fit:
    """A passage taken for a trip: what speaks for it, and against it.

    ``late_s`` is the mean lateness along it, ``drift_s`` how much it grew, ``bay_m`` how far
    from its first stop the bus stood before (None: it was not seen to stand at the start);
    ``cost`` is of all three, in nats.
    ``path`` is fix and metres along, from leaving the shape's start to reaching its end.
    """

    trip: ScheduledTrip
    state: State
    path: tuple[tuple[int, float], ...]
    lateral_m: float
    late_s: float
    drift_s: float
    bay_m: float | None
    cost: float

    @property
    def covered(self) -> float:
        """How much of the shape was driven, 0 to 1."""
        length_m = self.trip.shape.length_m
        return min(1.0, (self.path[-1][1] - self.path[0][1]) / length_m) if length_m else 0.0


def late_cost(late_s: float, drift_s: float) -> float:
    """Nats against a trip that late, whose lateness changed so much."""
    drift = max(0.0, abs(drift_s) - DRIFT_FREE_S) / DRIFT_SCALE_S
    beyond_s = late_s - USUAL_LATE_S
    return (beyond_s / LATE_SCALE_S if beyond_s > 0 else -beyond_s / EARLY_SCALE_S) + drift


def fits(day: Day, shape: int, state: State, track: Track) -> list[Fit]:
    """The trips that a passage may have been, in order of departure."""
    path = _trimmed(state.path(), float(day.roads.length_m[shape]))
    chosen = np.unique(np.linspace(0, len(path) - 1, min(len(path), SAMPLES)).astype(np.int64))
    along = np.array([path[n][1] for n in chosen])
    fixes = [path[n][0] for n in chosen]
    # The first fix may be a wait at the first stop: what counts is when it ended.
    times = np.where(np.arange(len(fixes)) == 0, track.depart_s[fixes], track.arrive_s[fixes])
    mean_s = float(times.mean())
    lateral_m = state.lateral * float(day.roads.gate_m[shape])
    stood_x, stood_y, stood_s = track.stood[fixes[0]]
    stood = stood_s > 0 and path[0][1] <= AT_START_M
    found: list[Fit] = []
    for candidate, (x, y) in zip(day.clocks[shape], day.first_stops[shape], strict=True):
        # Most trips of a day are hours away: they need no closer look.
        if not (candidate.due_s[0] + EARLIEST_S <= mean_s <= candidate.due_s[-1] + LATEST_S):
            continue
        late = times - candidate.due(along)
        late_s, drift_s = float(late.mean()), float(late[-1] - late[0])
        if EARLIEST_S <= late_s <= LATEST_S:
            cost = late_cost(late_s, drift_s)
            bay_m = float(np.hypot(stood_x - x, stood_y - y)) if stood else None
            if bay_m is not None:
                cost += bay_cost(bay_m, float(stood_s))
            found.append(
                Fit(candidate.trip, state, tuple(path), lateral_m, late_s, drift_s, bay_m, cost)
            )
    return found


def _trimmed(path: list[tuple[int, float]], length_m: float) -> list[tuple[int, float]]:
    """Without what came before leaving the shape's start and after reaching its end.

    A place beyond either end is nearest to that end as long as it is within the gate.
    """
    first, last = 0, len(path) - 1
    while first < last and path[first + 1][1] <= END_M:
        first += 1
    while last > first and path[last - 1][1] >= length_m - END_M:
        last -= 1
    return path[first : last + 1]
