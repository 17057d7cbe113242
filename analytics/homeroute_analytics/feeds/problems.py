"""What is wrong with a file: where it stands and what was wanted, all of it at once.

Guarantees: the first :data:`SHOWN` problems are kept with file, line and column, the
rest counted; :class:`FeedError` is one text, a line a problem. Does not: decide what
is wrong.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

SHOWN = 20
"""Problems told in full. More than these teach nothing new."""

QUOTED = 60
"""Characters of a wrong value that are shown."""


DAY_FORMS = "YYYY-MM-DD or MM/DD/YYYY"
"""What people may write for a day; GTFS's YYYYMMDD is read, too."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. ``line`` 0 is the file as a whole; ``column`` may be empty."""

    file: str
    line: int
    column: str
    what: str

    def __str__(self) -> str:
        """``stop_times.txt:17: arrival_time: 'late' is no time; want HH:MM:SS``."""
        where = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(part for part in (where, self.column, self.what) if part)


class FeedError(Exception):
    """A file that cannot be imported; ``problems`` holds the first of them, ``count`` all."""

    def __init__(self, problems: list[Problem] | str, count: int = 0) -> None:
        if isinstance(problems, str):
            problems = [Problem("", 0, "", problems)]
        self.problems = tuple(problems)
        self.count = max(count, len(problems))
        told = [str(problem) for problem in problems]
        if self.count > len(told):
            told.append(f"and {self.count - len(told)} more")
        super().__init__("\n".join(told))


class Problems:
    """Gathers problems, and reads single values, telling what is wrong with them."""

    def __init__(self) -> None:
        self.count = 0
        self._kept: list[Problem] = []
        self._files: set[str] = set()

    def add(self, file: str, line: int, column: str, what: str) -> None:
        """Keep or count one problem."""
        self.count += 1
        self._files.add(file)
        if len(self._kept) < SHOWN:
            self._kept.append(Problem(file, line, column, what))

    def clean(self, file: str) -> bool:
        """Whether nothing is wrong with that file so far."""
        return file not in self._files

    def check(self) -> None:
        """Raise :class:`FeedError` if there is any."""
        if self.count:
            raise FeedError(self._kept, self.count)

    def real(
        self, text: str, low: float, high: float, *, file: str, line: int, column: str
    ) -> float | None:
        """A number within bounds; None, and a problem, of anything else."""
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if low <= value <= high:
            return value
        self.add(file, line, column, f"{quoted(text)} is no number from {low:g} to {high:g}")
        return None

    def whole(self, text: str, *, file: str, line: int, column: str) -> int | None:
        """A whole number from 0 to 2^31; ``7.0`` is one."""
        value = self.real(text, 0, 2**31 - 1, file=file, line=line, column=column)
        if value is None or value.is_integer():
            return None if value is None else int(value)
        self.add(file, line, column, f"{quoted(text)} is no whole number")
        return None

    def clock_s(self, text: str, *, file: str, line: int, column: str) -> int | None:
        """Seconds of a GTFS time."""
        value = clock_s(text)
        if value is None:
            self.add(file, line, column, f"{quoted(text)} is no time; want HH:MM:SS")
        return value

    def day(self, text: str, *, file: str, line: int, column: str) -> date | None:
        """A day written ``YYYYMMDD``, ``YYYY-MM-DD`` or ``MM/DD/YYYY``."""
        value = day(text)
        if value is None:
            self.add(file, line, column, f"{quoted(text)} is no day; want {DAY_FORMS}")
        return value


def clock_s(text: str) -> int | None:
    """Seconds of ``H:MM`` or ``H:MM:SS``, past 24:00 or with AM or PM; None of anything else."""
    words = text.upper().replace(".", "")
    half = words[-2:] if words[-2:] in {"AM", "PM"} else ""
    parts = words.removesuffix(half).strip().split(":")
    if len(parts) not in {2, 3} or not all(p.isascii() and p.isdigit() for p in parts):
        return None
    hours, minutes, seconds = [*map(int, parts), 0][:3]
    if minutes > 59 or seconds > 59 or hours > 99 or (half and not 1 <= hours <= 12):
        return None
    if half:
        hours = hours % 12 + 12 * (half == "PM")
    return hours * 3600 + minutes * 60 + seconds


def day(text: str) -> date | None:
    """The day of ``YYYYMMDD``, ``YYYY-MM-DD`` or ``MM/DD/YYYY``; None of anything else."""
    parts = [text[:4], text[4:6], text[6:]] if len(text) == 8 else text.split("-")
    if "/" in text:
        month, *rest = text.split("/")
        parts = [*rest[1:], month, *rest[:1]]
    if len(parts) != 3 or not all(p.isascii() and p.isdigit() for p in parts):
        return None
    try:
        return date(*map(int, parts)) if len(parts[0]) == 4 else None
    except ValueError:
        return None


def quoted(text: str) -> str:
    """A value as a problem shows it: short, and on one line."""
    return repr(text if len(text) <= QUOTED else text[: QUOTED - 1] + "…")
