"""Files of a timetable, read; and what was read, stored: the one road in.

`homeroute import` takes it, on either side of HTTP, and so does a simulated district.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from homeroute_analytics import import_feed, import_rows
from homeroute_analytics.feeds import gtfs, mapping, plain, routing, usage
from homeroute_analytics.feeds.csvfile import CsvFile
from homeroute_analytics.feeds.problems import FeedError, Problem
from homeroute_analytics.imports import Document, Execute, Outcome


def document(
    what: str,
    files: Sequence[Path],
    *,
    told: Path | None = None,
    from_day: date | None = None,
    until: date | None = None,
    today: date | None = None,
) -> Document:
    """What is to be stored of those files: one, of ``routes`` two.

    ``told`` is a mapping of their columns; ``from_day`` and ``until`` are of rows that name
    none; usage after ``today`` (default: this machine's) is refused. Raises
    :class:`FeedError`, OSError.
    """
    path = files[0]
    if what == "gtfs":
        return import_feed.document(gtfs.read(path))
    columns_told, file = mapping.read(told), CsvFile.at(path)
    if what == "routes":
        return _routes(
            routing.read(
                file, CsvFile.at(files[1]), columns_told, first_day=from_day, last_day=until
            )
        )
    columns = {
        "fleet": lambda: plain.fleet(file, columns_told, from_day),
        "assignments": lambda: plain.assignments(file, columns_told, from_day),
        "calendar": lambda: plain.calendar(file, columns_told),
        "usage": lambda: usage.read(file, columns_told, today or date.today()),  # noqa: DTZ011,
    }[what]()
    if not next(iter(columns.values())):
        raise FeedError([Problem(path.name, 0, "", "no row below the names of the columns")])
    return import_rows.document(what, path.name, columns, notes=file.notes)


def _routes(read: routing.Routing) -> Document:
    """A routing export: a feed, and the assignments it tells, from its first day on."""
    document = import_feed.document(read.feed)
    if not read.crews:
        return document
    vehicles, trips, bits = zip(*read.crews, strict=True)
    size = len(trips)
    assigned = import_rows.document(
        "assignments",
        document.name,
        {
            "vehicle": vehicles,
            "trip": trips,
            "first_day": [document.first_day] * size,
            "last_day": [document.last_day] * size,
            "weekdays": bits,
        },
    )
    return replace(document, tables={**document.tables, **assigned.tables})


def store(
    execute: Execute,
    document: Document,
    *,
    from_day: date | None,
    timezone: str,
    today: date,
    now_ms: int,
) -> Outcome:
    """Store a document inside the caller's transaction; ``from_day`` is a feed's.

    ``timezone`` is the district's. Raises ImportRefused.
    """
    if document.what in import_rows.TABLE_OF:
        return import_rows.apply(execute, document, now_ms=now_ms)
    return import_feed.apply(
        execute, document, from_day=from_day, timezone=timezone, today=today, now_ms=now_ms
    )
