"""What each bus drove, for the truth.

Guarantees: a drive is written once, when it has ended or the run has; of one that
began before the run or goes on past it, the part within. Does not: steer.
"""

from __future__ import annotations

from homeroute_simulators.course import Course
from homeroute_simulators.planned_drive import PlannedDrive
from homeroute_simulators.truth import Recorder


class Logbook:
    """One bus's. ``began_ms`` is when the run began, ms since 1970."""

    def __init__(self, recorder: Recorder, course: Course, began_ms: int) -> None:
        self._recorder = recorder
        self._course = course
        self._began_ms = began_ms
        self._driving = course.driving(began_ms)

    def note(self, at_ms: int) -> None:
        """Time went on to there."""
        now = self._course.driving(at_ms)
        if now is not self._driving:
            self._write(self._driving, at_ms)
            self._driving = now

    def close(self, at_ms: int) -> None:
        """The run ended there."""
        self.note(at_ms)
        self._write(self._driving, at_ms)
        self._driving = None

    def _write(self, planned: PlannedDrive | None, at_ms: int) -> None:
        if planned is None:
            return
        self._recorder.drive(
            device=planned.bus.device,
            trip=planned.trip.name,
            route=planned.trip.route.label,
            start_ms=max(planned.depart_ms, self._began_ms),
            end_ms=min(planned.arrive_ms, at_ms),
        )
