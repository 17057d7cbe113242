"""How far a filling came, in ``history.json`` beside the archive it fills.

Guarantees: the file is replaced whole, after what it tells of is on disk; so it
may tell of less than there is, never of more.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from homeroute_simulators.world import World

FILE_NAME = "history.json"

IDLE_DAYS = 400
"""No district rests longer; a feed's calendar has an end."""


class StateError(ValueError):
    """The file is damaged, or tells of another history."""


@dataclass(frozen=True, slots=True)
class FillState:
    """A history, what is done of it, and how long its truth is.

    ``buses`` 0: as many as the feed needs. ``before`` is the day after its last
    possible one, ISO. ``faults`` as the command takes them. ``gtfs`` is where the
    feed's zip was, ``gtfs_sha256`` which it was; both empty without a feed. Its
    calendar is moved by ``weeks``. ``truth`` is its file; empty: the one in the folder.
    """

    seed: int
    buses: int
    days: int
    before: str
    faults: str
    gtfs: str = ""
    gtfs_sha256: str = ""
    weeks: int = 0
    done: int = 0
    truth_bytes: int = 0
    truth: str = ""

    def save(self, folder: Path) -> None:
        """Replace the file."""
        draft = folder / (FILE_NAME + ".new")
        with draft.open("w", encoding="utf-8") as file:
            json.dump(asdict(self), file, indent=2)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(folder / FILE_NAME)


def recall(folder: Path) -> FillState | None:
    """The state in a folder; None when there is none. Raises :class:`StateError`."""
    path = folder / FILE_NAME
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(document.get("faults"), bool):
            # Written before there were more kinds than some.
            document["faults"] = "some" if document["faults"] else "none"
        return FillState(**document)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise StateError(f"read {path}: {error}; move it away to begin again") from None


def taught_days(world: World, before: date, count: int) -> list[date]:
    """The last ``count`` days before that one on which buses drive, oldest first.

    Fewer, where they begin with more than a year in which nothing drives.
    """
    return list(islice(_backwards(world, before), count))[::-1]


def _backwards(world: World, before: date) -> Iterator[date]:
    day, idle_days = before, 0
    while idle_days <= IDLE_DAYS:
        day -= timedelta(days=1)
        idle_days += 1
        if world.calendar.services(day):
            idle_days = 0
            yield day
