"""Puts what was read into the archive, in one transaction, and says what that changes.

A :class:`Document` is what a reader leaves, as text that a client may send: each
table's columns as JSON, in chunks, handed to the database unparsed.

Guarantees: :func:`apply` runs inside the caller's transaction, so that all of it is
there or nothing, and a dry run is the same work undone; the same document again
changes nothing and says so. Does not: read files, or know HTTP.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from homeroute_analytics.timetable_tables import TABLES

Execute = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]
"""Runs one statement in the transaction and returns its rows."""

CHUNK_ROWS = 50_000
"""Rows of one chunk: bounds what the database unpacks at once."""

EXAMPLES = 10
"""Names told of what changes; the count is of all."""

WHATS = ("gtfs", "routes", "fleet", "assignments", "calendar", "usage")


class ImportRefused(Exception):
    """A document that cannot be stored: says why."""


@dataclass(frozen=True, slots=True)
class Document:
    """What is to be stored: tables by name, each as chunks of JSON ``{"column": [...]}``.

    ``first_day`` and ``last_day`` are a feed's own (ISO), empty of other documents;
    ``notes`` what its reader forgave.
    """

    what: str
    name: str
    tables: Mapping[str, Sequence[str]]
    timezone: str = ""
    first_day: str = ""
    last_day: str = ""
    notes: Sequence[str] = ()

    @property
    def sha256(self) -> str:
        """Of the contents: files that say the same are the same."""
        digest = hashlib.sha256(f"{self.what} {self.timezone} {self.last_day}".encode())
        for name in sorted(self.tables):
            digest.update(name.encode())
            for chunk in self.tables[name]:
                digest.update(chunk.encode())
        return digest.hexdigest()

    @classmethod
    def of(cls, sent: object) -> Document:
        """From what a client sent, :func:`dataclasses.asdict` of one. Raises ImportRefused."""
        try:
            document = cls(**sent)  # type: ignore[arg-type]
            document.check()
        except (TypeError, AttributeError) as error:
            raise ImportRefused(f"no document of an import: {error}") from None
        return document

    def check(self) -> None:
        """Raise :class:`ImportRefused` unless it has the shape of a document."""
        texts = (self.name, self.timezone, self.first_day, self.last_day, *self.notes)
        if self.what not in WHATS or not all(isinstance(text, str) for text in texts):
            raise ImportRefused(f"what: {self.what!r}; want one of {', '.join(WHATS)}")
        for name, chunks in self.tables.items():
            if name not in TABLES or not all(isinstance(chunk, str) for chunk in chunks):
                raise ImportRefused(f"tables: {name!r} is none of a timetable")


@dataclass(frozen=True, slots=True)
class Change:
    """Things of one sort that are ``added``, ``removed``, ``changed`` or otherwise told of."""

    thing: str
    how: str
    count: int
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an import did, or would do. ``rows`` are those that stand in the document."""

    what: str
    name: str
    unchanged: bool
    first_day: str = ""
    last_day: str = ""
    rows: int = 0
    changes: tuple[Change, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def chunks(columns: Mapping[str, Sequence[Any]]) -> list[str]:
    """Equally long columns as the text of a document's table."""
    size = len(next(iter(columns.values())))
    return [
        json.dumps(
            {name: values[at : at + CHUNK_ROWS] for name, values in columns.items()},
            separators=(",", ":"),
            allow_nan=False,
        )
        for at in range(0, size, CHUNK_ROWS)
    ]


def selected(table: str, chunk: str, constants: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """The SELECT of one chunk's rows for that table, and its parameters.

    The columns of ``constants`` have the same value in every row. Bad text or a missing
    column is an error of the database.
    """
    sql_types = {n: t for n, t in TABLES[table].columns.items() if n not in constants}
    form = json.dumps({name: [_json_type(sql_type)] for name, sql_type in sql_types.items()})
    cast = TABLES[table].columns
    chosen = [
        *(f"?::{cast[name]} AS {name}" for name in constants),
        *(f"unnest(r.{name}) AS {name}" for name in sql_types),
    ]
    sql = f"SELECT {', '.join(chosen)} FROM (SELECT from_json_strict(?::VARCHAR, ?) AS r)"  # noqa: S608 - declared names
    return sql, [*constants.values(), chunk, form]


def insert(execute: Execute, table: str, chunk: str, constants: Mapping[str, Any]) -> int:
    """Insert one chunk; how many rows."""
    sql, values = selected(table, chunk, constants)
    found = execute(f"INSERT INTO {table} BY NAME {sql}", values)
    return int(found[0][0])


def remember(execute: Execute, document: Document, outcome: Outcome, now_ms: int) -> None:
    """Keep that it was imported, and what it did."""
    execute(
        "INSERT OR REPLACE INTO imports VALUES (?, ?, ?, ?, ?)",
        [now_ms, document.what, document.name, document.sha256, json.dumps(asdict(outcome))],
    )


def _json_type(sql_type: str) -> Any:
    return [sql_type.removesuffix("[]")] if sql_type.endswith("[]") else sql_type
