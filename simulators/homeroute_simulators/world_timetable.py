"""A world's timetable in an archive, as a district would import it: by way of files.

Guarantees: it goes the way of any feed, so shapes are named and stops placed as a real
one's; it says what was planned, and of who drove only what somebody wrote down; twice
changes nothing. Does not: hold excursions, which are in no timetable.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from homeroute_analytics import importing
from homeroute_analytics.imports import Document, Execute, Outcome
from homeroute_simulators import timetable_files
from homeroute_simulators.world import World


def documents(
    world: World, first_day: date, last_day: date, *, folder: Path
) -> list[tuple[Document, date | None]]:
    """Write the timetable of those days into a folder, and read it back as an import does.

    In the order in which to store them, each with the day it takes force on where it is a
    feed. Raises OSError, and ValueError where no bus is scheduled.
    """
    files = timetable_files.write(world, folder, first_day, last_day)
    asked: list[tuple[str, Path, date | None]] = [("gtfs", *feed) for feed in files.feeds]
    asked += [("fleet", files.fleet, None), ("assignments", files.assignments, None)]
    if files.calendar is not None:
        asked.append(("calendar", files.calendar, None))
    return [(importing.document(what, [path]), day) for what, path, day in asked]


def store_all(
    execute: Execute,
    read: Sequence[tuple[Document, date | None]],
    *,
    timezone: str,
    today: date,
    now_ms: int,
) -> list[Outcome]:
    """Store what :func:`documents` read, inside the caller's transaction."""
    return [
        importing.store(
            execute,
            document,
            from_day=day,
            timezone=timezone,
            today=today,
            now_ms=now_ms + number,
        )
        for number, (document, day) in enumerate(read)
    ]


def store(
    execute: Execute, world: World, first_day: date, last_day: date, *, folder: Path, now_ms: int
) -> list[Outcome]:
    """Both: write the timetable of those days, and store it.

    Inside the caller's transaction. ``now_ms`` dates the import.
    """
    return store_all(
        execute,
        documents(world, first_day, last_day, folder=folder),
        timezone=world.district.timezone,
        today=first_day,
        now_ms=now_ms,
    )
