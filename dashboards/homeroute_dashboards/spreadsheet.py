"""CSV for spreadsheets: one place that writes it, and that disarms it.

Guarantees: no cell of text begins a formula, whoever named the route; an absent value
is an empty cell. RFC 4180 lines. Pure.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def disarmed(text: str) -> str:
    """The text, behind an apostrophe where a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def written(header: Sequence[str], rows: Iterable[Iterable[Any]]) -> str:
    """A whole file."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue()


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, float):
        return round(value, 6)
    return disarmed(value) if isinstance(value, str) else value
