"""InfluxQL expressions with bare names, checked against what is declared, and quoted.

Guarantees: every name is one of those given, every function one that InfluxDB
1.6 and 2.x both have (no ``sqrt``, ``abs`` or ``pow``: those came with 1.7), and
a tag is compared only with values it can have. Does not: check types, or parse
more than a flat row of tokens; InfluxDB does, in the tests.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

FUNCTIONS = frozenset({
    "count", "distinct", "first", "last", "max", "mean", "median", "min", "mode",
    "non_negative_derivative", "non_negative_difference", "percentile", "spread", "sum",
})  # fmt: skip
WORDS = frozenset({"and", "or", "true", "false"})

_TOKEN = re.compile(
    r"(?P<space>\s+)|(?P<call>[a-z_]+)(?=\()|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|`(?P<alias>[^`]+)`|(?P<number>\d+(?:\.\d+)?[smhdw]?)|'(?P<text>[^']*)'"
    r"|(?P<mark><=|>=|!=|[-+*/(),<>=])"
)


class UnknownName(ValueError):
    """A measurement, field, tag, function or tag value that is not declared."""


def quoted(name: str) -> str:
    """An identifier."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def rendered(
    expression: str,
    names: Sequence[str],
    *,
    of: str,
    choices: Mapping[str, Sequence[str]] | None = None,
) -> str:
    """The expression with its names quoted. A name with spaces stands in backquotes.

    ``choices`` are the values a tag can have, none meaning any. Raises
    :class:`UnknownName`.
    """
    parts: list[str] = []
    place, newest = 0, ""
    while place < len(expression):
        match = _TOKEN.match(expression, place)
        if match is None:
            raise UnknownName(f"{expression!r}: cannot read {expression[place:]!r}")
        place = match.end()
        kind, text = match.lastgroup, match.group(match.lastgroup or 0)
        if kind == "call" and text not in FUNCTIONS:
            raise UnknownName(f"{expression!r}: no function {text!r} on every InfluxDB")
        if kind in ("name", "alias") and text.lower() not in WORDS:
            if text not in names:
                raise UnknownName(f"{of} has no {text!r}: it has {', '.join(names)}")
            newest, text = text, quoted(text)
        if kind == "text":
            possible = (choices or {}).get(newest) or ()
            if possible and text not in possible:
                raise UnknownName(f"{of}.{newest} is never {text!r}: {', '.join(possible)}")
            text = f"'{text}'"
        parts.append(" " if kind == "space" else text)
    return "".join(parts)
