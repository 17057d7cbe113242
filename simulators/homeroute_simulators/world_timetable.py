"""A world's timetable in an archive, as a district would import it: by way of files.

Guarantees: it goes the way of any feed, so shapes are named and stops placed as a real
one's; it says what was planned, and of who drove only what somebody wrote down; twice
changes nothing. Does not: hold excursions, which are in no timetable.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

from homeroute_analytics import importing
from homeroute_analytics.imports import Execute, Outcome
from homeroute_simulators import timetable_files
from homeroute_simulators.world import World


def store(
    execute: Execute, world: World, first_day: date, last_day: date, *, folder: Path, now_ms: int
) -> list[Outcome]:
    """Write the timetable of those days into a folder and import it from there.

    Inside the caller's transaction. ``now_ms`` dates the import. Raises OSError, and
    ValueError where no bus is scheduled.
    """
    files = timetable_files.write(world, folder, first_day, last_day)
    asked: list[tuple[str, Path, date | None]] = [("gtfs", *feed) for feed in files.feeds]
    asked += [("fleet", files.fleet, None), ("assignments", files.assignments, None)]
    if files.calendar is not None:
        asked.append(("calendar", files.calendar, None))
    return [
        importing.store(
            execute,
            importing.document(what, [path]),
            from_day=day,
            timezone=world.district.timezone,
            today=first_day,
            now_ms=now_ms + number,
        )
        for number, (what, path, day) in enumerate(asked)
    ]
