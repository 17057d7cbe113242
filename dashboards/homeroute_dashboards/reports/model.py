"""What a report is: tables with units, what they rest on, and how they were counted.

Guarantees: every column has a unit in its name or none to have; a report travels as
JSON and comes back the same, so that one place renders it, wherever it was computed.
Does not: compute or draw.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal

Kind = Literal[
    "text",
    "share",
    "points",
    "seconds",
    "count",
    "minutes",
    "day",
    "metres",
    "degrees",
    "flag",
]
"""How a value reads. Shares are 0 to 1; points are percentage points, a difference of shares."""

SQL_TYPES: dict[Kind, str] = {
    "text": "VARCHAR",
    "share": "DOUBLE",
    "points": "DOUBLE",
    "seconds": "DOUBLE",
    "count": "BIGINT",
    "minutes": "DOUBLE",
    "day": "DATE",
    "metres": "DOUBLE",
    "degrees": "DOUBLE",
    "flag": "BOOLEAN",
}


@dataclass(frozen=True, slots=True)
class Column:
    """``name`` is the file's, unit included; ``heading`` is for people.

    ``wide``: left out where there is little room, on a terminal and on paper.
    """

    name: str
    heading: str
    kind: Kind = "text"
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows in order; None is ``absent``. ``empty`` is said where there are none.

    ``shown``: how many rows people see before they are sent to the file; None is all.
    ``cut``: how many more there are than travelled with it.
    """

    name: str
    title: str
    about: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    empty: str = "nothing"
    shown: int | None = None
    absent: str = "no data"
    cut: int = 0

    def brief(self) -> Table:
        """The rows people see."""
        rows = self.rows[: self.shown]
        return replace(self, rows=rows, cut=self.cut + len(self.rows) - len(rows))


@dataclass(frozen=True, slots=True)
class Report:
    """All of it. Days are service days, both inclusive; ``methods`` are terms and meanings.

    ``timezone_assumed``: nobody named it, it is the machine's.
    """

    what: str
    title: str
    district: str
    timezone: str
    timezone_assumed: bool
    first_day: date
    last_day: date
    route: str | None
    period: str | None
    generated_ms: int
    version: str
    simulated: bool
    headline: str
    notes: tuple[str, ...]
    tables: tuple[Table, ...]
    methods: tuple[tuple[str, str], ...] = field(default=())

    def table(self, name: str | None) -> Table | None:
        """The table of that name, or the first."""
        if name is None:
            return self.tables[0]
        return next((table for table in self.tables if table.name == name), None)

    def brief(self) -> Report:
        """With the rows people see."""
        return replace(self, tables=tuple(table.brief() for table in self.tables))

    def document(self) -> dict[str, Any]:
        """As JSON has it: a table's rows are objects by column name."""
        found = dataclasses.asdict(self)
        for table, told in zip(self.tables, found["tables"], strict=True):
            names = [column.name for column in table.columns]
            told["rows"] = [dict(zip(names, map(_plain, row), strict=True)) for row in table.rows]
        days = {"first_day": self.first_day.isoformat(), "last_day": self.last_day.isoformat()}
        return found | days

    @classmethod
    def of(cls, document: dict[str, Any]) -> Report:
        """Of :meth:`document`. Raises KeyError, TypeError or ValueError for anything else."""
        fields = {f.name: document[f.name] for f in dataclasses.fields(cls)}
        fields |= {
            "first_day": date.fromisoformat(document["first_day"]),
            "last_day": date.fromisoformat(document["last_day"]),
            "notes": tuple(document["notes"]),
            "methods": tuple((term, text) for term, text in document["methods"]),
            "tables": tuple(_table(told) for told in document["tables"]),
        }
        return cls(**fields)


def _table(told: dict[str, Any]) -> Table:
    columns = tuple(Column(**column) for column in told["columns"])
    rows = tuple(tuple(_read(c, row[c.name]) for c in columns) for row in told["rows"])
    return Table(**(told | {"columns": columns, "rows": rows}))


def _read(column: Column, value: Any) -> Any:
    return date.fromisoformat(value) if column.kind == "day" and value is not None else value


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return round(value, 6) if isinstance(value, float) else value
