"""InfluxDB line protocol, from rows in a measurement's own column order.

Guarantees: NaN and infinities are rejected, never written; a line break in a
value cannot begin another line; integers stay integers. Escapes follow
InfluxDB's line protocol reference: comma, equals sign and space in tags,
double quote and backslash in strings.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from homeroute_wire.schema import COMMON_TAGS, FieldSpec, MeasurementSpec

_CACHE_BOUND = 65_536


class LineError(ValueError):
    """A row that has no line: no field at all, or a value that cannot be written."""


class LineEncoder:
    """Encodes rows of one measurement; remembers the escaped tag sets it has seen.

    A row is ``(time_ms, district, device, kind, *tags, *fields)`` with tags and
    fields in ``spec.columns`` order; None leaves a tag or field out.
    """

    def __init__(self, spec: MeasurementSpec) -> None:
        self._name = spec.name
        self._tag_names = (*COMMON_TAGS, *(t.name for t in spec.tags))
        self._fields = [(f.name + "=", _writer(f)) for f in spec.fields]
        self._heads: dict[tuple[Any, ...], str] = {}

    def line(self, row: Sequence[Any]) -> str:
        """One line, without its line break. Raises :class:`LineError`."""
        split = 1 + len(self._tag_names)
        tags = tuple(row[1:split])
        head = self._heads.get(tags)
        if head is None:
            head = self._head(tags)
        parts = [
            name + write(value)
            for (name, write), value in zip(self._fields, row[split:], strict=True)
            if value is not None
        ]
        if not parts:
            raise LineError(f"{self._name}: a row without fields")
        return f"{head} {','.join(parts)} {row[0]}"

    def lines(self, rows: Iterable[Sequence[Any]]) -> Iterator[str]:
        """A line for each row."""
        return map(self.line, rows)

    def _head(self, tags: tuple[Any, ...]) -> str:
        head = self._name + "".join(
            f",{name}={escape_tag(value)}"
            for name, value in sorted(zip(self._tag_names, tags, strict=True))
            if value
        )
        if len(self._heads) < _CACHE_BOUND:
            self._heads[tags] = head
        return head


def escape_tag(value: str) -> str:
    r"""Escape a tag value. Line breaks become the two characters ``\n``.

    Raises :class:`LineError` for a trailing backslash, which has no escape.
    """
    if value.endswith("\\"):
        raise LineError("a tag value cannot end with a backslash")
    for raw, escaped in ((",", "\\,"), ("=", "\\="), (" ", "\\ "), ("\n", "\\n"), ("\r", "\\r")):
        value = value.replace(raw, escaped)
    return value


def _writer(field: FieldSpec) -> Any:
    return {"int": _int, "float": _float, "bool": _bool, "str": _str}[field.value_type]


def _int(value: int) -> str:
    return f"{value:d}i"


def _float(value: float) -> str:
    if not math.isfinite(value):
        raise LineError(f"{value} is no finite number")
    return repr(float(value))


def _bool(value: bool) -> str:
    return "true" if value else "false"


def _str(value: str) -> str:
    text = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + text.replace("\n", "\\n").replace("\r", "\\r") + '"'
