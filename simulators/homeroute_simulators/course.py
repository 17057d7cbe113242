"""A bus's way through a day: its drives one after the other, and standing between them. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from homeroute_simulators.lap import Moment
from homeroute_simulators.planned_drive import PlannedDrive
from homeroute_simulators.radio import Radio
from homeroute_simulators.reception import Reception, receive

AROUND_MS = 60_000
"""A client can be aboard so long before the departure and after the arrival, at most."""


class DayCourse:
    """One bus on one day. Between drives it stands where the last one ended, and is empty.

    Before the first drive it stands where that begins. ValueError when it has none.
    """

    def __init__(self, drives: Iterable[PlannedDrive], radio: Radio) -> None:
        self.drives = tuple(sorted(drives, key=lambda planned: planned.depart_ms))
        if not self.drives:
            raise ValueError("a course needs a drive; a bus without one stays in the yard")
        self._begins_ms = [planned.depart_ms - AROUND_MS for planned in self.drives]
        self._radio = radio
        self._received: tuple[PlannedDrive, Reception] | None = None

    def moment(self, time_ms: int) -> Moment:
        """Where the bus is and who is aboard."""
        # Stays end with the drive: nobody is aboard between two of them.
        return self._current(time_ms).at(time_ms)

    def air(self, time_ms: int) -> tuple[float, bool]:
        """Signal in dBm, and whether the air is bad: nothing then gets through."""
        planned = self._current(time_ms)
        if self._received is None or self._received[0] is not planned:
            self._received = planned, receive(self._radio, planned)
        return self._received[1].at(time_ms)

    def driving(self, time_ms: int) -> PlannedDrive | None:
        """The drive under way, from a minute before its departure to a minute after its arrival."""
        planned = self._current(time_ms)
        begins_ms, ends_ms = planned.depart_ms - AROUND_MS, planned.arrive_ms + AROUND_MS
        return planned if begins_ms <= time_ms < ends_ms else None

    def _current(self, time_ms: int) -> PlannedDrive:
        """The last drive begun; the first before any."""
        return self.drives[max(0, bisect_right(self._begins_ms, time_ms) - 1)]
