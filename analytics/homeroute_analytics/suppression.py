"""Which cells of a table with totals must stay hidden, so that none can be worked out. Pure.

A table and its totals are a network in which every cell is an arc and every sum a node
where as much flows in as out: a total flows in, its parts flow out. What a reader can
learn of a hidden arc is then exact to compute: the most that could be added to it, and
taken from it, around cycles of hidden arcs, no amount falling below zero.

Guarantees, against a reader who has every published cell, knows all the sums, knows that
no amount is negative, and even knows which cells of a hidden group are empty, unless
all of them are:

- a *small* cell's possible values span at least :attr:`Rule.min_clients`, and at least
  :data:`SPAN_SHARE` of its value, in every column;
- no other hidden cell has a single possible value;
- the riders behind one small group, who know its cells, cannot work out another's.

The complement is found cell by cell as the cheapest cycle (the fewest client-trips or
hits hidden), and the same for the same table. Does not: find the least complement
possible, hide who is small among the hidden, or guard one publication against another
of the same week: publish a week once (:mod:`homeroute_analytics.publication`).
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Generic, Literal, TypeVar

FEWEST_CLIENTS = 5
"""No rule publishes below this (DESIGN section 4)."""

SPAN_SHARE = 0.2
"""A small cell's possible values span at least this share of it; for cells worth hiding
the rule's own number is nearly always more."""

Why = Literal["small", "complement"]

Name = TypeVar("Name", bound=Hashable)

_NEVER = 1 << 62


@dataclass(frozen=True, slots=True)
class Rule:
    """When a cell may be shown: some one trip in it had ``min_clients`` distinct clients.

    Raises ValueError below :data:`FEWEST_CLIENTS`.
    """

    min_clients: int = 10

    def __post_init__(self) -> None:
        """Refuse a rule that protects nobody."""
        if self.min_clients < FEWEST_CLIENTS:
            raise ValueError(f"min_clients is {self.min_clients}; at least {FEWEST_CLIENTS}")

    def small(self, largest_trip: int) -> bool:
        """Whether a cell is hidden whose fullest trip had that many distinct clients."""
        return largest_trip < self.min_clients


@dataclass(frozen=True, slots=True)
class Cell(Generic[Name]):
    """A cell as an arc from sum to sum, with its amount in each column.

    ``small``: the rule hides it. ``hidden``: it is to be hidden for another reason.
    ``unwritten``: it has no row and nothing to hide, but a reader cannot know that.
    ``group`` knows its own small cells: a route's riders; None for a total. The first
    amount is the cell's weight.
    """

    name: Name
    tail: Hashable
    head: Hashable
    amounts: tuple[int, ...]
    small: bool
    group: str | None
    hidden: bool = False
    unwritten: bool = False


def suppress(cells: Sequence[Cell[Name]], rule: Rule) -> dict[Name, Why]:
    """The names of the cells to hide, and why each. Every node's sums must agree.

    Raises ValueError where what flows into a sum is not what flows out.
    """
    _require_sums(cells)
    network = _Network(cells)
    queue = [at for at, cell in enumerate(cells) if cell.small or cell.hidden]
    why: dict[int, Why] = {at: "small" if cells[at].small else "complement" for at in queue}
    network.hidden.update(queue)
    network.hidden.update(at for at, cell in enumerate(cells) if cell.unwritten)
    groups = sorted({g for at in queue if cells[at].small and (g := cells[at].group)})
    members = {
        group: frozenset(at for at in queue if cells[at].small and cells[at].group == group)
        for group in groups
    }
    # Hiding one more never narrows what is hidden already: each is looked at once.
    while queue:
        at = queue.pop(0)
        added = []
        for column, amount in enumerate(cells[at].amounts):
            span = max(rule.min_clients, ceil(SPAN_SHARE * amount)) if cells[at].small else 1
            added += network.widen(at, column, span, frozenset())
            if not cells[at].small or cells[at].group is None:
                continue
            for group in groups:
                if group != cells[at].group:
                    added += network.widen(at, column, 1, members[group])
        why.update(dict.fromkeys(added, "complement"))
        queue += added
    return {cells[at].name: reason for at, reason in why.items()}


class _Network:
    """Arcs by node, and which of them are hidden."""

    def __init__(self, cells: Sequence[Cell[Any]]) -> None:
        self._cells = cells
        self.hidden: set[int] = set()
        # (arc, the node it leads to, along the arc or against it)
        self._steps: dict[Hashable, list[tuple[int, Hashable, bool]]] = defaultdict(list)
        for at, cell in enumerate(cells):
            self._steps[cell.tail].append((at, cell.head, True))
            self._steps[cell.head].append((at, cell.tail, False))

    def widen(self, at: int, column: int, span: int, known: frozenset[int]) -> list[int]:
        """Hide until the arc's possible values span so much; returns what was hidden for it.

        ``known`` arcs are no longer unknown to whoever looks.
        """
        added: list[int] = []
        cell = self._cells[at]
        while True:
            missing = span - self._span(at, column, span, known)
            if missing <= 0:
                return added
            # One cycle that carries all of it, else whatever carries some.
            path = None
            for least in (max(1, min(missing, span - cell.amounts[column])), 1):
                path = self._cheapest(at, column, least, known)
                if path is not None:
                    break
            if path is None:
                raise ValueError(f"cell {cell.name} stands in no sum that could hide it")
            new = [step for step in path if step not in self.hidden]
            if not new:
                raise AssertionError("a cycle of hidden arcs was not counted")
            self.hidden.update(new)
            added += new

    def _span(self, at: int, column: int, enough: int, known: frozenset[int]) -> int:
        cell = self._cells[at]
        more = self._flow(cell.head, cell.tail, at, column, enough, known)
        if more >= enough:
            return more
        most = min(enough - more, cell.amounts[column])
        return more + self._flow(cell.tail, cell.head, at, column, most, known)

    def _flow(
        self,
        source: Hashable,
        sink: Hashable,
        at: int,
        column: int,
        most: int,
        known: frozenset[int],
    ) -> int:
        """How much can go from source to sink by hidden arcs, at most ``most``."""
        moved: dict[int, int] = defaultdict(int)
        total = 0
        while total < most:
            came: dict[Hashable, tuple[int, Hashable, bool]] = {source: (-1, source, True)}
            queue = [source]
            while queue and sink not in came:
                node = queue.pop(0)
                for arc, other, along in self._steps[node]:
                    if (
                        other in came
                        or arc == at
                        or arc not in self.hidden
                        or arc in known
                        or not (along or self._cells[arc].amounts[column] + moved[arc] > 0)
                    ):
                        continue
                    came[other] = (arc, node, along)
                    queue.append(other)
            if sink not in came:
                break
            path, amount, node = [], most - total, sink
            while node != source:
                arc, node, along = came[node]
                path.append((arc, along))
                if not along:
                    amount = min(amount, self._cells[arc].amounts[column] + moved[arc])
            for arc, along in path:
                moved[arc] += amount if along else -amount
            total += amount
        return total

    def _cheapest(
        self, at: int, column: int, least: int, known: frozenset[int]
    ) -> list[int] | None:
        """The arcs of the cheapest way around that raises the cell by ``least``, with a new one."""
        cell = self._cells[at]
        # A node is reached twice: by hidden arcs alone, and with at least one to be hidden.
        start, goal = (cell.head, False), (cell.tail, True)
        best: dict[tuple[Hashable, bool], int] = {start: 0}
        came: dict[tuple[Hashable, bool], tuple[int, tuple[Hashable, bool]]] = {}
        queue: list[tuple[int, int, tuple[Hashable, bool]]] = [(0, 0, start)]
        order = 0
        while queue:
            cost, _, place = heapq.heappop(queue)
            if place == goal:
                break
            if cost > best[place]:
                continue
            for arc, other, along in self._steps[place[0]]:
                held = self._cells[arc]
                if arc == at or arc in known or not (along or held.amounts[column] >= least):
                    continue
                new = arc not in self.hidden
                there = (other, place[1] or new)
                price = cost + (1 + held.amounts[0] if new else 0)
                if price < best.get(there, _NEVER):
                    best[there], came[there] = price, (arc, place)
                    order += 1
                    heapq.heappush(queue, (price, order, there))
        if goal not in came:
            return None
        path, place = [], goal
        while place != start:
            arc, place = came[place]
            path.append(arc)
        return path


def _require_sums(cells: Sequence[Cell[Any]]) -> None:
    columns = len(cells[0].amounts) if cells else 0
    balance: dict[Hashable, list[int]] = defaultdict(lambda: [0] * columns)
    for cell in cells:
        for column, amount in enumerate(cell.amounts):
            balance[cell.tail][column] -= amount
            balance[cell.head][column] += amount
    for node, sums in balance.items():
        if any(sums):
            raise ValueError(f"the cells of sum {node} do not add up: {sums} too much")
