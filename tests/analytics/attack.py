"""A reader who tries to work hidden cells out from what is published.

Written apart from the suppression: it knows only the rows, which cells there are, and how
they add up. Every cell of every column is an unknown; published rows are equations, sums
are equations. *Recovered* is an unknown with one value in every solution.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from scipy.optimize import linprog

from homeroute_analytics.aggregates import FilterWeek, LearningWeek
from homeroute_analytics.weeks import Tables

ALL = "all"
LEARNING = (
    "client_trips",
    "active_client_min",
    "learning_client_min",
    "learning_client_min_strict",
    "learning_client_min_loose",
    "lookups",
    "classified_lookups",
)

Unknown = tuple[str, ...]
"""(column, period, route, definition or category)."""


@dataclass(frozen=True)
class Equation:
    terms: dict[Unknown, int]
    total: int


def cells_of(tables: Tables) -> dict[Unknown, int]:
    """Every client-made number of the rows."""
    found: dict[Unknown, int] = {}
    for row in tables.learning:
        for column in LEARNING:
            found[column, row.period, row.route, row.definition] = getattr(row, column)
    for row_ in tables.filter:
        found["hits", row_.period, row_.route, row_.category] = row_.hits
    return found


def unwritten(everything: Tables, published: Tables) -> dict[Unknown, int]:
    """Of a route that is not shown and had no block at all, a reader cannot know that."""
    shown = {(row.period, row.route) for row in published.filter}
    found: dict[Unknown, int] = {}
    for total in everything.filter:
        period, route = total.period, total.route
        if total.category != ALL or total.hits or (period, route) in shown:
            continue
        categories = {r.category for r in everything.filter if r.period == period} - {ALL}
        for category in categories or {"?"}:
            found["hits", period, route, category] = 0
    return found


def sums(cells: Iterable[Unknown], filters: Iterable[FilterWeek]) -> list[Equation]:
    """How the cells add up, and what active minutes beside filter blocks say of them."""
    terms: dict[tuple[str, ...], dict[Unknown, int]] = defaultdict(dict)
    for cell in cells:
        column, period, route, other = cell
        sign = -1 if route == ALL else 1
        terms["routes", column, period, other][cell] = sign
        if column == "hits":
            terms["categories", column, period, route][cell] = -1 if other == ALL else 1
    found = [Equation(t, 0) for t in terms.values()]
    for row in filters:
        parts = {
            cell: 1
            for cell in cells
            if cell[0] == "active_client_min" and cell[1:3] == (row.period, row.route)
        }
        found.append(Equation(parts, row.active_client_min))
    return found


@dataclass(frozen=True)
class Attack:
    """What is unknown, and what is known of it."""

    unknown: list[Unknown]
    equations: list[Equation]
    rowless: frozenset[Unknown] = frozenset()

    @classmethod
    def on(cls, everything: Tables, published: Tables, known: Iterable[Unknown] = ()) -> Attack:
        """Attack ``published``; ``known`` cells an insider knows besides."""
        rowless = unwritten(everything, published)
        cells = cells_of(everything) | rowless
        given = {key: cells[key] for key in (*cells_of(published), *known)}
        assert cells_of(published).items() <= cells.items()
        equations = []
        for equation in sums(list(cells), published.filter):
            left = {key: n for key, n in equation.terms.items() if key not in given}
            total = equation.total - sum(
                n * given[key] for key, n in equation.terms.items() if key in given
            )
            if left:
                equations.append(Equation(left, total))
            else:
                assert total == 0, "the tables themselves do not add up"
        return cls([key for key in cells if key not in given], equations, frozenset(rowless))

    def components(self) -> list[Attack]:
        """Parts that have nothing to do with one another."""
        parent = {key: key for key in self.unknown}

        def root(key: Unknown) -> Unknown:
            while parent[key] != key:
                parent[key] = parent[parent[key]]
                key = parent[key]
            return key

        for equation in self.equations:
            first, *others = equation.terms
            for other in others:
                parent[root(other)] = root(first)
        parts: dict[Unknown, Attack] = defaultdict(lambda: Attack([], []))
        for key in self.unknown:
            parts[root(key)].unknown.append(key)
        for equation in self.equations:
            parts[root(next(iter(equation.terms)))].equations.append(equation)
        return list(parts.values())

    def recovered(self) -> dict[Unknown, Fraction]:
        """Hidden cells that the equations alone decide: exact elimination of each part."""
        found: dict[Unknown, Fraction] = {}
        for part in self.components():
            found |= _eliminate(part)
        return {key: value for key, value in found.items() if key not in self.rowless}

    def interval(self, key: Unknown) -> tuple[float, float]:
        """The least and the greatest value the unknown can have, none being negative."""
        part = next(p for p in self.components() if key in p.unknown)
        place = {k: i for i, k in enumerate(part.unknown)}
        matrix = np.zeros((len(part.equations), len(place)))
        for row, equation in enumerate(part.equations):
            for k, n in equation.terms.items():
                matrix[row, place[k]] = n
        goal = np.zeros(len(place))
        goal[place[key]] = 1
        total = [e.total for e in part.equations]
        given: dict[str, Any] = {"A_eq": matrix, "b_eq": total} if total else {}
        ends = []
        for sign in (1, -1):
            answer = linprog(sign * goal, bounds=(0, None), method="highs", **given)
            assert answer.status in (0, 3), answer.message
            ends.append(sign * answer.fun if answer.status == 0 else np.inf)
        return ends[0], ends[1]


def _eliminate(part: Attack) -> dict[Unknown, Fraction]:
    """Reduced rows with one unknown left are what the equations decide."""
    rows = [
        ({key: Fraction(n) for key, n in equation.terms.items()}, Fraction(equation.total))
        for equation in part.equations
    ]
    done: list[tuple[Unknown, dict[Unknown, Fraction], Fraction]] = []
    while rows:
        terms, total = rows.pop()
        if not terms:
            continue
        pivot = next(iter(terms))
        factor = terms[pivot]
        terms, total = {k: n / factor for k, n in terms.items()}, total / factor
        rows = [_without(pivot, t, s, terms, total) for t, s in rows]
        done = [(p, *_without(pivot, t, s, terms, total)) for p, t, s in done]
        done.append((pivot, terms, total))
    return {pivot: total for pivot, terms, total in done if len(terms) == 1}


def _without(
    pivot: Unknown,
    terms: dict[Unknown, Fraction],
    total: Fraction,
    by: dict[Unknown, Fraction],
    by_total: Fraction,
) -> tuple[dict[Unknown, Fraction], Fraction]:
    factor = terms.get(pivot)
    if not factor:
        return terms, total
    left = dict(terms)
    for key, n in by.items():
        left[key] = left.get(key, Fraction(0)) - factor * n
    return {k: n for k, n in left.items() if n}, total - factor * by_total


def small_cells(published: Tables) -> Sequence[Unknown]:
    """The unknowns of cells hidden by the rule itself."""
    return [
        key
        for (table, *names), why in published.hidden.items()
        if why == "small"
        for key in (
            [(column, *names) for column in LEARNING]
            if table == LearningWeek.NAME
            else [("hits", *names)]
        )
    ]
