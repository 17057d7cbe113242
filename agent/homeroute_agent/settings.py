"""Settings as rows: a frozen dataclass is a TOML table, a field is a key.

Guarantees: every key is either known and read by its own rule, or an error that
names the file, the key and the nearest known key. Does not: know any setting;
those are in :mod:`homeroute_agent.config`.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

Reader = Callable[[Any, Path], Any]
"""Reads a TOML value, given the folder of its file; ValueError says what was wanted."""

T = TypeVar("T")


class ConfigError(Exception):
    """A configuration that cannot be used: one line naming file and key.

    ``key`` is dotted and empty when the whole file is meant; ``nearest`` is the
    known key that an unknown one resembles, or empty.
    """

    def __init__(self, file: Path, key: str, reason: str, nearest: str = "") -> None:
        self.file, self.key, self.reason, self.nearest = file, key, reason, nearest
        place = f"{file}: {key}" if key else str(file)
        hint = f" (did you mean {nearest}?)" if nearest else ""
        super().__init__(f"{place}: {reason}{hint}")


def setting(doc: str, read: Reader, default: Any = dataclasses.MISSING) -> Any:
    """Declare a key: what it says, how it is read, and its default (required without)."""
    return dataclasses.field(default=default, metadata={"doc": doc, "read": read})


def table(doc: str, of: type, *, required: bool = False, absent: Any = None) -> Any:
    """Declare a ``[table]``. Absent, it is ``absent``; a required one reads as if empty."""
    if required:
        return dataclasses.field(metadata={"doc": doc, "table": of})
    return dataclasses.field(default=absent, metadata={"doc": doc, "table": of})


def tables(doc: str, of: type) -> Any:
    """Declare an array of tables (``[[name]]``): a tuple, empty by default."""
    return dataclasses.field(default=(), metadata={"doc": doc, "tables": of})


def build(of: type[T], document: Mapping[str, Any], file: Path, where: str = "") -> T:
    """Make ``of`` from a parsed TOML table. Raises :class:`ConfigError`."""
    known = {field.name: field for field in dataclasses.fields(of)}  # type: ignore[arg-type]
    for key in document:
        if key not in known:
            raise ConfigError(file, where + key, "unknown key", _nearest(key, known, where))
    values: dict[str, Any] = {}
    for name, field in known.items():
        rules = field.metadata
        if "tables" in rules:
            rows = _rows(document.get(name, []), file, where + name)
            values[name] = tuple(
                build(rules["tables"], row, file, f"{where}{name}.") for row in rows
            )
        elif name in document and "table" in rules:
            value = document[name]
            if not isinstance(value, dict):
                raise ConfigError(file, where + name, f"want a table: [{where}{name}]")
            values[name] = build(rules["table"], value, file, f"{where}{name}.")
        elif name in document:
            try:
                values[name] = rules["read"](document[name], file.parent)
            except ValueError as error:
                raise ConfigError(file, where + name, str(error)) from None
        elif field.default is dataclasses.MISSING:
            if "table" in rules:
                values[name] = build(rules["table"], {}, file, f"{where}{name}.")
            else:
                raise ConfigError(file, where + name, f"missing; want {rules['doc']}")
    return of(**values)


def _rows(value: object, file: Path, key: str) -> list[Mapping[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise ConfigError(file, key, f"want an array of tables: [[{key}]]")
    return value


def _nearest(key: str, known: Mapping[str, object], where: str) -> str:
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return where + close[0] if close else ""


def number(minimum: float, maximum: float) -> Reader:
    """A number within inclusive bounds, read as float."""

    def read(value: Any, _folder: Path) -> float:
        if type(value) not in (int, float) or not minimum <= value <= maximum:
            raise ValueError(f"{value!r}: want a number from {minimum:g} to {maximum:g}")
        return float(value)

    return read


def whole(minimum: int, maximum: int) -> Reader:
    """A whole number within inclusive bounds."""

    def read(value: Any, _folder: Path) -> int:
        if type(value) is not int or not minimum <= value <= maximum:
            raise ValueError(f"{value!r}: want a whole number from {minimum} to {maximum}")
        return value

    return read


def text(pattern: str, wanted: str) -> Reader:
    """A text that matches ``pattern`` wholly; ``wanted`` says so in words."""
    compiled = re.compile(pattern)

    def read(value: Any, _folder: Path) -> str:
        if not isinstance(value, str) or not compiled.fullmatch(value):
            raise ValueError(f"{value!r}: want {wanted}")
        return value

    return read


def choice(*choices: str) -> Reader:
    """One of a few words."""

    def read(value: Any, _folder: Path) -> str:
        if value not in choices:
            close = difflib.get_close_matches(str(value), choices, n=1)
            hint = f" (did you mean {close[0]}?)" if close else ""
            raise ValueError(f"{value!r}: want one of {', '.join(choices)}{hint}")
        return str(value)

    return read


def path(value: Any, folder: Path) -> Path:
    """A path; a relative one starts at the file's folder."""
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError(f"{value!r}: want a path")
    return folder / value


def several(item: Reader) -> Reader:
    """A list of values that each read as ``item``, as a tuple."""

    def read(value: Any, folder: Path) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise ValueError(f"{value!r}: want a list")
        return tuple(item(one, folder) for one in value)

    return read
