"""Hours in which nobody waits for a bus, as Grafana's mute timing, from the school calendar.

Guarantees: pure; while the timetable has a trip, and a margin around it, nothing is
muted, whatever the day; what the calendar does not reach is not muted, but for one
summer (:data:`AFTER_DAYS`): a file that grew old tells too much, never too little.
Times are the district's clock, across daylight saving. Does not: read a calendar.

The intervals are those of Alertmanager, which Grafana took over: an interval mutes
when all of its fields do, a timing when any of its intervals does; ``end_time`` is
exclusive and may be 24:00.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Any

NAME = "homeroute-no-service"
"""What the notification policies call it."""

MARGIN_MIN = 30
"""Around a day's trips: gateways start before the first and report after the last."""

AFTER_DAYS = 100
"""So long after the calendar's end it is still taken for holidays: a summer."""

DAY_MIN = 1_440
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

HEAD = """\
# Generated: homeroute dashboards mute-timings. When the calendar changes, generate it again and
# have Grafana read it: restart it, or POST /api/admin/provisioning/alerting/reload.
"""


@dataclass(frozen=True, slots=True)
class Hours:
    """A service day's first departure and last arrival, minutes of its own clock."""

    first_min: int
    last_min: int


Interval = Mapping[str, Any]


def intervals(
    days: Mapping[date, Hours], timezone: str, today: date, *, margin_min: int = MARGIN_MIN
) -> list[Interval]:
    """When to be quiet. ``days`` are those with trips, from ``today`` on, no gaps of knowledge.

    Empty where no day has a trip: then nothing is known, and nothing muted.
    """
    if not days:
        return []
    first_min = max(0, min(hours.first_min for hours in days.values()) - margin_min)
    last_min = min(DAY_MIN, max(hours.last_min for hours in days.values()) + margin_min)
    night = [
        {"start_time": _clock(start), "end_time": _clock(end)}
        for start, end in ((0, first_min), (last_min, DAY_MIN))
        if start < end
    ]
    served = {day.weekday() for day in days}
    never = [name for number, name in enumerate(WEEKDAYS) if number not in served]
    until = max(days) + timedelta(AFTER_DAYS)
    span = (today + timedelta(n) for n in range((until - today).days + 1))
    free = [day for day in span if day not in days]
    found: list[dict[str, Any]] = []
    if night:
        found.append({"times": night})
    if never:
        found.append({"weekdays": never})
    found += _dates([day for day in free if day.weekday() in served], never=bool(never), all_=free)
    return [{**interval, "location": timezone} for interval in found]


def _dates(days: Sequence[date], *, never: bool, all_: Sequence[date]) -> Iterator[dict[str, Any]]:
    """The days, a month at a time; joined over weekends, which are quiet anyway."""
    bridged = set(all_) if never else set(days)
    for (year, month), held in groupby(days, key=lambda day: (day.year, day.month)):
        yield {
            "years": [str(year)],
            "months": [str(month)],
            "days_of_month": [_span(*run) for run in _runs(list(held), bridged)],
        }


def _runs(days: Sequence[date], bridged: set[date]) -> list[tuple[date, date]]:
    runs: list[tuple[date, date]] = []
    for day in days:
        if runs:
            start, end = runs[-1]
            between = (end + timedelta(n) for n in range(1, (day - end).days))
            if all(one in bridged for one in between):
                runs[-1] = (start, day)
                continue
        runs.append((day, day))
    return runs


def _span(start: date, end: date) -> str:
    return f"{start.day}" if start == end else f"{start.day}:{end.day}"


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def text(found: Sequence[Interval]) -> str:
    """The file as Grafana reads it: JSON, which is YAML too."""
    document = {
        "apiVersion": 1,
        "muteTimes": [{"orgId": 1, "name": NAME, "time_intervals": list(found) or [NEVER]}],
    }
    return HEAD + json.dumps(document, indent=2) + "\n"


NEVER: Interval = {"years": ["1970"]}
"""An interval that mutes nothing: a policy must find its timing, and an empty one is refused."""
