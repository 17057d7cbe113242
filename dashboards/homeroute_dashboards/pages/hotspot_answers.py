"""Lent hotspots as their page tells them: plain JSON, and the headline.

Pure. For staff who lend them: a row is a household.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import date
from typing import Any

from homeroute_analytics.hotspots import Hotspot, Ladder, counted


def hotspots_json(
    rows: Sequence[Hotspot], as_of: date, ladder: Ladder, waiting: int = 0
) -> dict[str, Any]:
    """All rows, how many stand where, and the presets they were judged by.

    ``waiting`` are those known since ``as_of`` ended: no day of theirs is whole.
    """
    return {
        "as_of": as_of.isoformat(),
        "headline": headline(rows, waiting),
        "waiting": waiting,
        "counts": counted(rows),
        "ladder": dataclasses.asdict(ladder),
        "hotspots": [_row(row) for row in rows],
    }


def headline(rows: Sequence[Hotspot], waiting: int = 0) -> str:
    """What needs a decision, in a sentence; empty where no hotspot is known."""
    return " ".join(text for text in (_lent(rows), _begun(waiting)) if text)


def _begun(waiting: int) -> str:
    if not waiting:
        return ""
    told = "1 hotspot is known" if waiting == 1 else f"{waiting} hotspots are known"
    return f"{told} since today only: counted from tomorrow, when a first day is whole."


def _lent(rows: Sequence[Hotspot]) -> str:
    if not rows:
        return ""
    counts = counted(rows)
    lent = sum(number for standing, number in counts.items() if standing != "retired")
    if not lent:
        return "No hotspot is lent."
    known = lent - counts["not_reporting"] - counts["no_data"]
    unused = counts["notice"] + counts["terminate"]
    text = f"{unused or 'None'} of {lent} lent hotspots {'has' if unused == 1 else 'have'} "
    text += "been unused for long enough to act on"
    if known < lent:
        silent = lent - known
        text += f"; of {silent} nothing recent is known, which is not the same as unused"
    return text + "."


def _row(row: Hotspot) -> dict[str, Any]:
    found = dataclasses.asdict(row)
    days = {key: value.isoformat() for key, value in found.items() if isinstance(value, date)}
    return found | days | {"completeness": row.completeness}
