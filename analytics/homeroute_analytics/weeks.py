"""What is published of a week's learning and filter blocks, from its trips. Pure.

Only trips *observed* (80% of their samples are there) on which learning was measured
count, in both tables alike; how many of the scheduled trips and seconds those are
stands beside every number. AM, MID and PM are never added up, nor are definitions.

Guarantees: what :func:`tables` returns holds no cell that its rule hides, nor one whose
publication would give such a cell away (:mod:`homeroute_analytics.suppression`), in both
tables together: a route hidden in the learning of a week and period is wholly hidden in
its filter blocks, so that active client-minutes, which stand in both, say nothing new.
Does not: read the archive, or decide when a week is published.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field

from homeroute_analytics.aggregates import ALL, FilterWeek, LearningWeek
from homeroute_analytics.rollup_clients import NO_DEFINITION
from homeroute_analytics.suppression import Cell, Rule, Why, suppress


@dataclass(frozen=True, slots=True)
class WeekTrip:
    """One scheduled trip of one day.

    ``clients`` are its client-trips; ``distinct`` those that one run of one agent told
    apart, for an agent that restarts numbers its clients anew, and few pass for many:
    only these decide whether a cell may be shown. ``hits`` are filter blocks by category,
    without those that nobody asked for.
    """

    route: str
    period: str
    definition: str
    observed: bool
    scheduled_s: float
    reported_s: float
    clients: int
    distinct: int
    active_min: int
    learning_min: int
    strict_min: int
    loose_min: int
    lookups: int
    classified_lookups: int
    hits: tuple[tuple[str, int], ...] = ()

    @property
    def counts(self) -> bool:
        """Whether its learning and its blocks are part of the week's."""
        return self.observed and self.definition != NO_DEFINITION

    @property
    def amounts(self) -> tuple[int, ...]:
        """The columns that clients made, in the order of :class:`LearningWeek`."""
        return (
            self.clients,
            self.active_min,
            self.learning_min,
            self.strict_min,
            self.loose_min,
            self.lookups,
            self.classified_lookups,
        )


@dataclass(frozen=True, slots=True)
class Tables:
    """A week as it may be published, and what is not in it.

    ``hidden`` has a key for every row left out, (table, period, then the row's own
    names), and why.
    """

    learning: tuple[LearningWeek, ...]
    filter: tuple[FilterWeek, ...]
    hidden: dict[tuple[str, ...], Why] = field(default_factory=dict)


@dataclass(slots=True)
class _Sum:
    amounts: Counter[int] = field(default_factory=Counter)
    trips: int = 0
    reported_s: float = 0.0
    largest_trip: int = 0

    def add(self, trip: WeekTrip) -> None:
        self.amounts.update(dict(enumerate(trip.amounts)))
        self.trips += 1
        self.reported_s += trip.reported_s
        self.largest_trip = max(self.largest_trip, trip.distinct)


def tables(trips: Iterable[WeekTrip], week: str, rule: Rule) -> Tables:
    """What may be published of a week's trips, scheduled ones included."""
    by_period: dict[str, list[WeekTrip]] = defaultdict(list)
    for trip in trips:
        by_period[trip.period].append(trip)
    learning: list[LearningWeek] = []
    blocks: list[FilterWeek] = []
    hidden: dict[tuple[str, ...], Why] = {}
    for period in sorted(by_period):
        mine = by_period[period]
        shown, gone = _learning(mine, week, period, rule)
        learning += shown
        hidden |= {("learning_week", period, *key): why for key, why in gone.items()}
        unseen = {route for route, _ in gone}
        shown_blocks, gone = _filter(mine, week, period, rule, unseen)
        blocks += shown_blocks
        hidden |= {("filter_week", period, *key): why for key, why in gone.items()}
    return Tables(tuple(learning), tuple(blocks), hidden)


def _learning(
    trips: Sequence[WeekTrip], week: str, period: str, rule: Rule
) -> tuple[list[LearningWeek], dict[tuple[str, str], Why]]:
    scheduled: dict[str, list[float]] = defaultdict(list)
    sums: dict[tuple[str, str], _Sum] = defaultdict(_Sum)
    for trip in trips:
        for route in (named(trip.route), ALL):
            scheduled[route].append(trip.scheduled_s)
            if trip.counts:
                sums[route, trip.definition].add(trip)
    hidden: dict[tuple[str, str], Why] = {}
    for definition in sorted({definition for _, definition in sums}):
        cells = [
            Cell(
                name=(route, definition),
                # A total flows out of where its parts flow in.
                tail="parts" if route == ALL else "total",
                head="total" if route == ALL else "parts",
                amounts=tuple(cell.amounts[column] for column in range(len(_COLUMNS))),
                small=rule.small(cell.largest_trip),
                group=None if route == ALL else route,
            )
            for (route, of), cell in sorted(sums.items())
            if of == definition
        ]
        hidden |= suppress(cells, rule)
    shown = [
        LearningWeek(
            route=route,
            period=period,
            week=week,
            definition=definition,
            trips=cell.trips,
            trips_scheduled=len(scheduled[route]),
            reported_s=cell.reported_s,
            scheduled_s=sum(scheduled[route]),
            **{name: cell.amounts[column] for column, name in enumerate(_COLUMNS)},
        )
        for (route, definition), cell in sorted(sums.items())
        if (route, definition) not in hidden
    ]
    return shown, hidden


def _filter(
    trips: Sequence[WeekTrip], week: str, period: str, rule: Rule, unseen: set[str]
) -> tuple[list[FilterWeek], dict[tuple[str, str], Why]]:
    hits: Counter[tuple[str, str]] = Counter()
    largest: Counter[tuple[str, str]] = Counter()
    active: Counter[str] = Counter()
    fullest: Counter[str] = Counter()
    for trip in trips:
        if not trip.counts:
            continue
        found = [(named(category), n) for category, n in trip.hits if n]
        for route in (named(trip.route), ALL):
            active[route] += trip.active_min
            fullest[route] = max(fullest[route], trip.distinct)
            hits[route, ALL] += 0
            # A trip without a block is part of no sum of blocks, but of there being none.
            for category, n in found:
                for key in ((route, category), (route, ALL)):
                    hits[key] += n
                    largest[key] = max(largest[key], trip.distinct)
    categories = sorted({category for _, category in hits} - {ALL})
    if not categories and unseen:
        # A total of none would say of the hidden routes that they had none.
        return [], dict.fromkeys(((route, ALL) for route in sorted(active)), "complement")
    cells = [
        Cell(
            (route, category),
            *_ends(route, category),
            amounts=(count,),
            small=rule.small(largest[route, category] if count else fullest[route]),
            group=None if route == ALL else route,
            hidden=route in unseen,
        )
        for (route, category), count in sorted(hits.items())
    ]
    cells += [
        Cell((route, category), *_ends(route, category), (0,), False, None, unwritten=True)
        for route in sorted(unseen - {ALL})
        if not hits[route, ALL]
        for category in categories
    ]
    hidden = suppress(cells, rule)
    shown = [
        FilterWeek(
            route=route,
            period=period,
            week=week,
            category=category,
            hits=count,
            active_client_min=active[route],
        )
        for (route, category), count in sorted(hits.items())
        if (route, category) not in hidden
    ]
    return shown, hidden


def named(label: str) -> str:
    """A route's or category's label, kept apart from the total's."""
    return f"{label} " if label.strip() == ALL else label


def _ends(route: str, category: str) -> tuple[Hashable, Hashable]:
    """From all to a route, from a route to a category, and from a category back to all."""
    row: Hashable = "all" if category == ALL else ("category", category)
    if route == ALL:
        return ("sum", "all") if category == ALL else (row, "sum")
    return ("all", ("route", route)) if category == ALL else (("route", route), row)


_COLUMNS = (
    "client_trips",
    "active_client_min",
    "learning_client_min",
    "learning_client_min_strict",
    "learning_client_min_loose",
    "lookups",
    "classified_lookups",
)
