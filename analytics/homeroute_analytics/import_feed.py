"""A feed as a document, and its storing: what it changes against the feed it takes over from.

Guarantees: as :mod:`homeroute_analytics.imports`; a day's trips before and after are
compared by the rule of which feed is in force. Does not: touch the feeds that are there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from homeroute_analytics import import_rows
from homeroute_analytics.feeds.records import Feed
from homeroute_analytics.imports import (
    EXAMPLES,
    Change,
    Document,
    Execute,
    ImportRefused,
    Outcome,
    chunks,
    insert,
    remember,
)
from homeroute_analytics.timetable import in_force
from homeroute_analytics.timetable_tables import FEED_TABLES

_OWN = frozenset(table.name for table in FEED_TABLES)

_PRINTED = """
SELECT trip, label, md5(concat_ws('|', label, period, start_s, end_s, shape, call_stop::VARCHAR,
    call_arrive_s::VARCHAR, call_depart_s::VARCHAR)) AS print
FROM feed_trips JOIN feed_routes USING (feed, route) WHERE feed = ?
"""
_OF_ROUTES = "label AS name, md5(string_agg(print, '' ORDER BY print)) AS print"
_COMPARED = {
    "routes": f"SELECT {_OF_ROUTES} FROM ({_PRINTED}) GROUP BY label",  # noqa: S608 - of ours
    "trips": f"SELECT trip AS name, print FROM ({_PRINTED})",  # noqa: S608 - of ours
    "stops": "SELECT stop AS name, concat_ws('|', name, round(lat, 5), round(lon, 5)) AS print "
    "FROM feed_stops WHERE feed = ?",
    "roads": "SELECT shape AS name, '' AS print FROM feed_shapes WHERE feed = ?",
}
"""Of each thing its name and all that is said of it."""


def document(feed: Feed) -> Document:
    """What is to be stored of a feed."""
    days = feed.days
    services = [(service, day) for service, on in feed.services.items() for day in sorted(on)]
    called = [trip.calls for trip in feed.trips]
    return Document(
        what="gtfs" if feed.format == "gtfs" else "routes",
        name=feed.name,
        timezone=feed.timezone,
        first_day=days[0].isoformat(),
        last_day=days[-1].isoformat(),
        notes=feed.notes,
        tables={
            "feed_routes": chunks(
                _columns(feed.routes, "route", "label", "area", "locale", "school")
            ),
            "feed_stops": chunks(_columns(feed.stops, "stop", "name", "lat", "lon")),
            "feed_shapes": chunks(_columns(feed.shapes, "shape", "lat", "lon", "along_m")),
            "feed_trips": chunks(
                _columns(
                    feed.trips,
                    *("trip", "route", "service", "shape", "direction", "period"),
                    *("start_s", "end_s"),
                )
                | {
                    "call_stop": [[call.stop for call in calls] for calls in called],
                    "call_arrive_s": [[call.arrive_s for call in calls] for calls in called],
                    "call_depart_s": [[call.depart_s for call in calls] for calls in called],
                    "call_along_m": [[call.along_m for call in calls] for calls in called],
                }
            ),
            "feed_services": chunks(
                {
                    "service": [service for service, _ in sorted(services)],
                    "day": [day.isoformat() for _, day in sorted(services)],
                }
            ),
        },
    )


def _columns(records: Sequence[Any], *names: str) -> dict[str, list[Any]]:
    return {name: [getattr(record, name) for record in records] for name in names}


def apply(
    execute: Execute,
    document: Document,
    *,
    from_day: date | None,
    timezone: str,
    today: date,
    now_ms: int,
) -> Outcome:
    """Store a feed that takes force on ``from_day``, by default on its first day of service.

    ``timezone`` is the district's, for a feed that names none. Raises
    :class:`ImportRefused`.
    """
    last = date.fromisoformat(document.last_day)
    known = execute("SELECT feed, first_day, last_day, name, sha256 FROM feeds", [])
    there = [row[1] for row in known if row[4] == document.sha256]
    # The same file without --from stays in force from when it was told to be.
    first = from_day or max(there, default=date.fromisoformat(document.first_day))
    if last < first:
        raise ImportRefused(f"{document.name}: it ends on {last}, before {first}")
    same = [row for row in known if row[1] == first]
    whole = {"what": document.what, "name": document.name, "notes": tuple(document.notes)}
    span = {"first_day": first.isoformat(), "last_day": last.isoformat()}
    if same and max(same)[4] == document.sha256:
        return Outcome(unchanged=True, **whole, **span)  # type: ignore[arg-type]
    feed = max((row[0] for row in known), default=0) + 1
    execute(
        "INSERT INTO feeds BY NAME SELECT ? AS feed, ? AS format, ? AS name, ? AS sha256, "
        "? AS timezone, ? AS first_day, ? AS last_day, ? AS imported_ms",
        [
            *(feed, document.what, document.name, document.sha256),
            *(document.timezone or timezone, first, last, now_ms),
        ],
    )
    rows = 0
    for table, texts in document.tables.items():
        for text in texts if table in _OWN else ():
            rows += insert(execute, table, text, {"feed": feed})
    after = [*known, (feed, first, last, document.name)]
    before = in_force(known, first)
    assigned = import_rows.stored(execute, document, now_ms)
    changes = [change for thing in _COMPARED for change in _compared(execute, thing, before, feed)]
    days, warnings = _days(execute, known, after, feed, today)
    warnings += _orphans(execute, feed, first)
    if document.timezone and document.timezone != timezone:
        warnings.append(_other_zone(document.timezone, timezone))
    outcome = Outcome(
        unchanged=False,
        rows=rows + assigned.rows,
        changes=(*changes, *days, *assigned.changes),
        warnings=(*warnings, *assigned.warnings),
        **whole,  # type: ignore[arg-type]
        **span,  # type: ignore[arg-type]
    )
    remember(execute, document, outcome, now_ms)
    return outcome


def _compared(execute: Execute, thing: str, before: int | None, feed: int) -> list[Change]:
    """What is added, removed and changed of one thing, from feed to feed."""
    sql = _COMPARED[thing]
    rows = execute(
        f"SELECT coalesce(old.name, new.name), old.name IS NULL, new.name IS NULL "  # noqa: S608
        f"FROM ({sql}) AS old FULL JOIN ({sql}) AS new USING (name) "
        "WHERE old.print IS DISTINCT FROM new.print OR old.name IS NULL OR new.name IS NULL "
        "ORDER BY 1",
        [-1 if before is None else before, feed],
    )
    named: dict[str, list[str]] = {"added": [], "removed": [], "changed": []}
    for name, is_new, is_gone in rows:
        named["added" if is_new else "removed" if is_gone else "changed"].append(name)
    return [
        Change(thing, how, len(names), tuple(names[:EXAMPLES]))
        for how, names in named.items()
        if names
    ]


def _days(
    execute: Execute,
    known: Sequence[tuple[Any, ...]],
    after: Sequence[tuple[Any, ...]],
    feed: int,
    today: date,
) -> tuple[list[Change], list[str]]:
    """How the days change on which the new feed is in force."""
    counted = execute(
        "SELECT feed, day, count(*) FROM feed_services JOIN feed_trips USING (feed, service) "
        "GROUP BY ALL",
        [],
    )
    trips = {(of, day): number for of, day, number in counted}
    sorts: Mapping[str, list[date]] = {"added": [], "lost": [], "changed": []}
    taken: dict[int, list[date]] = {}
    first = min(row[1] for row in after if row[0] == feed)
    for day in sorted({day for _, day in trips if day >= first}):
        old = in_force(known, day)
        if (new := in_force(after, day)) == old:
            continue  # another feed's day still
        had = trips.get((old, day), 0) if old is not None else 0
        has = trips.get((new, day), 0) if new is not None else 0
        if had and old is not None:
            taken.setdefault(old, []).append(day)
        if had != has:
            sorts["added" if not had else "lost" if not has else "changed"].append(day)
    changes = [
        Change("service days", how, len(days), tuple(day.isoformat() for day in days[:EXAMPLES]))
        for how, days in sorts.items()
        if days
    ]
    names = {row[0]: row[3] for row in known}
    for old, days in sorted(taken.items()):
        span = f"{names[old]} from {days[0]} to {days[-1]}"
        changes.append(Change("service days", "taken over", len(days), (span,)))
    past = [day for days in taken.values() for day in days if day < today]
    warnings = []
    if past:
        warnings.append(
            f"{len(past)} of these days are past, from {min(past)}: what was said of them changes; "
            "--from gives the feed a later first day"
        )
    if all(day < today for of, day in trips if of == feed):
        warnings.append("every day of the feed is past")
    return changes, warnings


def _orphans(execute: Execute, feed: int, first: date) -> list[str]:
    """Trips that vehicles are assigned to from then on, and the feed does not have."""
    rows = execute(
        "SELECT DISTINCT trip FROM assignments WHERE (last_day IS NULL OR last_day >= ?) "
        "AND trip NOT IN (SELECT trip FROM feed_trips WHERE feed = ?) ORDER BY 1",
        [first, feed],
    )
    if not rows:
        return []
    named = ", ".join(trip for (trip,) in rows[:EXAMPLES])
    return [f"{len(rows)} trips that vehicles are assigned to are not in the feed: {named}"]


def _other_zone(feed: str, district: str) -> str:
    return (
        f"the feed's time zone is {feed}, but days and hours are told in {district}; if the feed "
        f"is right, `homeroute up --timezone {feed}` mends it once and for all, or "
        f'timezone = "{feed}" in the --config file'
    )
