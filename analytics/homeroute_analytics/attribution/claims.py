"""Each trip is driven once: what other drives say of one that fits several trips alike.

Of a drive's candidates those are likelier that nobody else is likely to be on. The share
of a candidate is that of all ways in which every drive takes a trip of its own, or none,
weighed by how well they fit together:

    share(trip) = fit(trip) * free(trip) / (1 + the sum of the same over all candidates)

where ``free`` is how likely no other drive has the trip, reckoned without the drive that
is asked. (An identity of weighted matchings: take the drive out, and put it back.) The
others are taken one after another, nearest last, and sets of taken trips are kept with
their weights; a trip that no later drive could take is forgotten, so there are few.

Guarantees: exact but for what is cut off: candidates :data:`NEAR_NATS` behind a drive's
best, drives more than :data:`HOPS` shared trips away, sets of less than :data:`LEAST` of
the likeliest. Nothing says that a trip is driven at all: its bus may tell nothing. Does
not: give trips to drives (:mod:`.choose`).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

SURE = 0.7
"""The share a route and direction must have, or nothing is said: see docs/attribution.md
for what other shares would give."""

NEAR_NATS = 8.0
"""A candidate so far behind a drive's best is none."""

HOPS = 3
"""Who competes with whom who competes with whom."""

LEAST, MOST_SETS = 1e-5, 3000
"""Sets of taken trips less likely than this share of the likeliest are dropped, and the
least likely beyond so many. In a city's evening peak there were 211."""

MOST_NATS = 40.0
"""Certain: beyond it a float would only lose what is added to it."""

Fitting = Mapping[str, float]
"""For each trip a drive may be, how much likelier than "on none", in nats."""


Key = tuple[str, int]
"""Whose drive, and which of theirs."""


class Claims:
    """Which drives may be on which trips: told owner by owner, asked of one drive."""

    def __init__(self) -> None:
        self._odds: dict[str, list[dict[str, float]]] = {}
        self._takers: dict[str, set[Key]] = defaultdict(set)

    def put(self, owner: str, drives: Sequence[Fitting]) -> None:
        """What that owner's drives may be, in place of what was told of them before."""
        for n, odds in enumerate(self._odds.get(owner, ())):
            for trip in odds:
                self._takers[trip].discard((owner, n))
        self._odds[owner] = [_odds(fitting) for fitting in drives]
        for n, odds in enumerate(self._odds[owner]):
            for trip in odds:
                self._takers[trip].add((owner, n))

    def shares(self, owner: str, drive: int) -> dict[str, float]:
        """Of each trip that this drive may be; with "on none" they add up to 1."""
        own = self._odds[owner][drive]
        others = [self._odds[name][n] for name, n in self._competitors((owner, drive))]
        last_use = {trip: n for n, odds in enumerate(others) for trip in odds}
        sets = {frozenset[str](): 1.0}
        for n, odds in enumerate(others):
            done = {trip for trip in odds if last_use[trip] == n and trip not in own}
            sets = _taken(sets, odds, done)
        total = sum(sets.values())
        free = {t: sum(w for taken, w in sets.items() if t not in taken) / total for t in own}
        weights = {trip: times * free[trip] for trip, times in own.items()}
        whole = 1.0 + sum(weights.values())
        return {trip: weight / whole for trip, weight in weights.items()}

    def likeliest(self, trip: str, *, besides: str) -> tuple[str, float]:
        """Who but that owner is likeliest to be on a trip, and how likely; "" for nobody."""
        held = (
            (self.shares(name, n)[trip], name)
            for name, n in sorted(self._takers[trip])
            if name != besides
        )
        share, name = max(held, default=(0.0, ""))
        return name, share

    def _competitors(self, drive: Key) -> list[Key]:
        """The drives that matter to this one, the farthest first."""
        known = {drive}
        found: list[Key] = []
        front, asked = set(self._odds[drive[0]][drive[1]]), set[str]()
        for _ in range(HOPS):
            nearest = sorted({key for trip in front for key in self._takers[trip]} - known)
            found += nearest
            known.update(nearest)
            asked |= front
            front = {trip for name, n in nearest for trip in self._odds[name][n]} - asked
        return found[::-1]


def _odds(fitting: Fitting) -> dict[str, float]:
    if not fitting:
        return {}
    least = max(fitting.values()) - NEAR_NATS
    return {t: math.exp(min(nats, MOST_NATS)) for t, nats in fitting.items() if nats >= least}


_Sets = dict[frozenset[str], float]


def _taken(sets: _Sets, odds: Mapping[str, float], done: set[str]) -> _Sets:
    """The sets when one more drive has taken a trip, or none; without what is done with."""
    found: dict[frozenset[str], float] = defaultdict(float)
    for taken, weight in sets.items():
        found[taken - done] += weight
        for trip, times in odds.items():
            if trip not in taken:
                found[(taken | {trip}) - done] += weight * times
    likeliest = max(found.values())
    kept = {taken: w / likeliest for taken, w in found.items() if w >= likeliest * LEAST}
    if len(kept) <= MOST_SETS:
        return kept
    return dict(sorted(kept.items(), key=lambda pair: -pair[1])[:MOST_SETS])
