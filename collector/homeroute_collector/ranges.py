"""The sequence numbers received of one stream, as closed ranges.

Guarantees: pure; ranges are sorted, disjoint and not adjacent, so their number
is one more than the number of gaps. Does not: know devices, streams or storage.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator


class Ranges:
    """A set of positive whole numbers that mostly follow one another."""

    __slots__ = ("_first", "_last")

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        """From (first, last) pairs, inclusive, in any order, overlapping or not."""
        self._first: list[int] = []
        self._last: list[int] = []
        for first, last in sorted(ranges):
            if first > last:
                raise ValueError(f"range {first} to {last} runs backwards")
            if self._last and first <= self._last[-1] + 1:
                self._last[-1] = max(self._last[-1], last)
            else:
                self._first.append(first)
                self._last.append(last)

    def __contains__(self, seq: int) -> bool:
        at = bisect_right(self._first, seq) - 1
        return at >= 0 and seq <= self._last[at]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(tuple(self._first), tuple(self._last), strict=True)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ranges) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        return f"Ranges({list(self)})"

    def add(self, seq: int) -> bool:
        """Add one number. False when it was there already."""
        at = bisect_right(self._first, seq)
        if at and seq <= self._last[at - 1]:
            return False
        joins_left = at > 0 and self._last[at - 1] == seq - 1
        joins_right = at < len(self._first) and self._first[at] == seq + 1
        if joins_left and joins_right:
            self._last[at - 1] = self._last[at]
            del self._first[at], self._last[at]
        elif joins_left:
            self._last[at - 1] = seq
        elif joins_right:
            self._first[at] = seq
        else:
            self._first.insert(at, seq)
            self._last.insert(at, seq)
        return True

    @property
    def count(self) -> int:
        """How many numbers are in it."""
        return sum(last - first + 1 for first, last in self)

    @property
    def missing(self) -> int:
        """How many numbers between 1 and the largest are not in it."""
        return self._last[-1] - self.count if self._last else 0
