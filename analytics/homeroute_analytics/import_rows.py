"""Rows of fleet, assignments, calendar and usage: stored by key, and what that changes.

A row replaces the one with its key (a device's or trip's first day, a day); the others
stay as they are, for a file is seldom the whole truth, and how many those are is said.

Guarantees: as :mod:`homeroute_analytics.imports`. Does not: look for contradictions within
a file; its reader has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from homeroute_analytics.imports import (
    EXAMPLES,
    Change,
    Document,
    Execute,
    Outcome,
    chunks,
    remember,
    selected,
)
from homeroute_analytics.timetable_tables import TABLES

TABLE_OF = {
    "fleet": "fleet",
    "assignments": "assignments",
    "calendar": "calendar_days",
    "usage": "imported_usage",
}

_UNNOTED = frozenset({"imported_ms", "source"})
"""Columns that say who brought a row, not what it says."""

_OVERRULED = {
    "fleet": """SELECT old.device || ' in ' || old.vehicle || ' from ' || old.first_day
        FROM fleet old JOIN incoming new ON (old.device = new.device) <> (old.vehicle = new.vehicle)
        WHERE {overlap}""",
    "assignments": """SELECT old.vehicle || ' on ' || old.trip || ' from ' || old.first_day
        FROM assignments old JOIN incoming new ON old.trip = new.trip AND old.vehicle <> new.vehicle
            AND (old.weekdays & new.weekdays) <> 0
        WHERE {overlap}""",
}
_OVERLAP = (
    "old.first_day <= coalesce(new.last_day, DATE '9999-12-31') "
    "AND new.first_day <= coalesce(old.last_day, DATE '9999-12-31') "
    "AND old.first_day <= new.first_day"
)

_WARNED = {
    "assignments": (
        (
            "trips are in no feed",
            "SELECT DISTINCT trip FROM incoming WHERE trip NOT IN (SELECT trip FROM feed_trips)",
        ),
        (
            "vehicles have no device: import the fleet too",
            (
                "SELECT DISTINCT vehicle FROM incoming "
                "WHERE vehicle NOT IN (SELECT vehicle FROM fleet)"
            ),
        ),
    ),
    "fleet": (
        (
            "devices are retired, and ride all the same",
            (
                "SELECT DISTINCT device FROM incoming JOIN device_lives USING (device) "
                "WHERE last_day IS NULL OR last_day >= retired_day"
            ),
        ),
    ),
}


def document(
    what: str, name: str, columns: Mapping[str, Sequence[Any]], *, notes: Sequence[str] = ()
) -> Document:
    """What is to be stored of such a file."""
    tables = {TABLE_OF[what]: chunks(columns)}
    return Document(what=what, name=name, tables=tables, notes=tuple(notes))


def apply(execute: Execute, document: Document, *, now_ms: int) -> Outcome:
    """Store them."""
    outcome = stored(execute, document, now_ms)
    if not outcome.unchanged:
        remember(execute, document, outcome, now_ms)
    return outcome


def stored(execute: Execute, document: Document, now_ms: int) -> Outcome:
    """Store what a document has of these tables, and say what that does; remember nothing."""
    changes: list[Change] = []
    warnings: list[str] = []
    rows = 0
    for table in TABLE_OF.values():
        for text in document.tables.get(table, ()):
            found = store(execute, table, text, now_ms)
            rows += found.rows
            changes += found.changes
            warnings += found.warnings
    changes = _summed(changes)
    return Outcome(
        what=document.what,
        name=document.name,
        unchanged=not any(change.how in {"added", "changed"} for change in changes),
        rows=rows,
        changes=tuple(changes),
        warnings=tuple(dict.fromkeys(warnings)),
        notes=tuple(document.notes),
    )


def store(execute: Execute, table: str, text: str, now_ms: int) -> Outcome:
    """Store one chunk of one of these tables, and say what it does."""
    what = next(what for what, name in TABLE_OF.items() if name == table)
    declared = TABLES[table]
    sql, values = selected(table, text, {"imported_ms": now_ms})
    execute(f"CREATE OR REPLACE TEMP TABLE incoming AS {sql}", values)
    said = [name for name in declared.columns if name not in {*declared.key, *_UNNOTED}]
    same = " AND ".join(f"old.{name} IS NOT DISTINCT FROM new.{name}" for name in said)
    on = " AND ".join(f"old.{name} = new.{name}" for name in declared.key)
    named = f"concat_ws(' ', {', '.join(f'new.{name}' for name in declared.key)})"
    compared = execute(
        f"SELECT {named}, old.{declared.key[0]} IS NULL, "  # noqa: S608 - declared names
        f"old.{declared.key[0]} IS NOT NULL AND {same} "
        f"FROM incoming new LEFT JOIN {table} old ON {on} ORDER BY 1",
        [],
    )
    overruled = _overruled(execute, table) if table in _OVERRULED else []
    [(there,)] = execute(
        f"SELECT count(*) FROM {table} new "  # noqa: S608 - declared names
        f"WHERE NOT EXISTS (SELECT 1 FROM incoming old WHERE {on})",
        [],
    )
    sorts: dict[str, list[str]] = {
        "added": [name for name, new, _ in compared if new],
        "changed": [name for name, new, equal in compared if not new and not equal],
        "overruled": overruled,
    }
    changes = [
        Change(f"{what} rows" if what != "calendar" else "days", how, len(of), tuple(of[:EXAMPLES]))
        for how, of in sorts.items()
        if of
    ]
    equal = sum(equal for _, _, equal in compared)
    thing = "days" if what == "calendar" else f"{what} rows"
    changes += [
        Change(thing, how, count)
        for how, count in (("as they are", equal), ("not in the file, kept", there))
        if count
    ]
    warnings = []
    for said_of, sql in _WARNED.get(table, ()):
        names = sorted(str(name) for (name,) in execute(sql, []))
        if names:
            shown = ", ".join(names[:EXAMPLES])
            warnings.append(f"{len(names)} {said_of}: {shown}")
    execute(
        f"INSERT OR REPLACE INTO {table} BY NAME SELECT new.* FROM incoming new "  # noqa: S608
        f"WHERE NOT EXISTS (SELECT 1 FROM {table} old WHERE {on} AND {same or 'true'})",
        [],
    )
    execute("DROP TABLE incoming", [])
    return Outcome(
        what,
        table,
        unchanged=False,
        rows=len(compared),
        changes=tuple(changes),
        warnings=tuple(warnings),
    )


def _overruled(execute: Execute, table: str) -> list[str]:
    sql = _OVERRULED[table].format(overlap=_OVERLAP)
    declared = TABLES[table]
    on = " AND ".join(f"old.{name} = new.{name}" for name in declared.key)
    return sorted({name for (name,) in execute(f"{sql} AND NOT ({on})", [])})


def _summed(changes: Sequence[Change]) -> list[Change]:
    """Of several chunks; what is kept of the table is the last one's count."""
    found: dict[tuple[str, str], Change] = {}
    for change in changes:
        key = change.thing, change.how
        if key in found and change.how != "not in the file, kept":
            before = found[key]
            examples = (*before.examples, *change.examples)[:EXAMPLES]
            change = Change(change.thing, change.how, before.count + change.count, examples)  # noqa: PLW2901
        found[key] = change
    return list(found.values())
