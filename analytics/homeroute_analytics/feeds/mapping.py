"""Which column of a file is which field, by the names other programs give, or a mapping's.

A mapping is a TOML file of the district's own: ``[columns]`` (``field = "Their Name"``),
of a routing pair ``[routes]`` and ``[stops]`` where the two differ, and of usage ``unit``
and ``[devices]``.

Guarantees: names are compared without case, blanks and punctuation; a field that is not
found is said with the names it is known by and those that are there. Does not: guess.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from homeroute_analytics.feeds.csvfile import CsvFile
from homeroute_analytics.feeds.problems import FeedError, Problem

Fields = Mapping[str, tuple[str, ...]]
"""Of each field the names it is known by, its own left out."""

Row = dict[str, str]

KEYS = frozenset({"columns", "routes", "stops", "devices", "unit"})


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """A mapping as it was read; an empty one maps nothing."""

    columns: Mapping[str, str] = field(default_factory=dict)
    devices: Mapping[str, str] = field(default_factory=dict)
    unit: str = ""
    files: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def of(self, file: str) -> ColumnMapping:
        """The mapping of one file of a pair."""
        return replace(self, columns={**self.columns, **self.files.get(file, {})})


def read(path: Path | None) -> ColumnMapping:
    """The mapping of a file. Raises :class:`FeedError`, OSError."""
    if path is None:
        return ColumnMapping()
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FeedError([Problem(path.name, 0, "", f"no TOML: {error}")]) from None
    if unknown := sorted(document.keys() - KEYS):
        what = f"unknown; there are {', '.join(sorted(KEYS))}"
        raise FeedError([Problem(path.name, 0, unknown[0], what)])
    return ColumnMapping(
        _texts(path, document, "columns"),
        _texts(path, document, "devices"),
        str(document.get("unit", "")),
        {name: _texts(path, document, name) for name in ("routes", "stops")},
    )


def _texts(path: Path, document: dict[str, Any], key: str) -> dict[str, str]:
    table = document.get(key, {})
    if not isinstance(table, dict) or not all(isinstance(v, str) for v in table.values()):
        raise FeedError([Problem(path.name, 0, key, 'want a table of texts: name = "Their Name"')])
    return table


def rows(
    file: CsvFile, fields: Fields, needed: Collection[str], mapping: ColumnMapping
) -> Iterator[tuple[int, Row]]:
    """(line, values by field) of every row; '' where there is no such column.

    Raises :class:`FeedError` where a column that is needed is not there.
    """
    names = columns(file, fields, needed, mapping)
    chosen = list(names.values())
    for line, values in file.rows(chosen):
        found = dict.fromkeys(fields, "")
        found.update(zip(names, values, strict=True))
        yield line, found


def columns(
    file: CsvFile, fields: Fields, needed: Collection[str], mapping: ColumnMapping
) -> dict[str, str]:
    """Of each field that is there the name of its column."""
    there = {plain(name): name for name in reversed(file.header())}
    found: dict[str, str] = {}
    problems = []
    for name, others in fields.items():
        told = mapping.columns.get(name)
        known = [told] if told is not None else [name, *others]
        match = next((there[plain(k)] for k in known if plain(k) in there), None)
        if match is not None:
            found[name] = match
        elif told is not None and name in needed:
            problems.append(Problem(file.name, 1, told, "no such column, as the mapping names it"))
        elif name in needed:
            what = (
                f"no column for {name} (known as {', '.join(known)}); there are "
                f"{', '.join(file.header()[:20])}; name it in a --mapping file"
            )
            problems.append(Problem(file.name, 1, "", what))
    if problems:
        raise FeedError(problems)
    return found


def plain(name: str) -> str:
    """A name without what programs write differently."""
    return re.sub(r"[^a-z0-9]", "", name.lower())
