"""Each trip is driven once: what other drives say of one that fits several trips alike.

Of a drive's candidates those are likelier that nobody else is likely to be on. The share
of a candidate is that of all ways in which every drive takes a trip of its own, or none,
weighed by how well they fit together:

    share(trip) = fit(trip) * free(trip) / (1 + the sum of the same over all candidates)

where ``free`` is how likely no other drive has the trip, reckoned without the drive that
is asked. (An identity of weighted matchings: take the drive out, and put it back.) The
others are taken one after another, and sets of taken trips are kept with their weights;
a trip that no later drive could take is forgotten, so there are few.

Guarantees: exact but for what is cut off: candidates :data:`NEAR_NATS` behind a drive's
best, drives more than :data:`HOPS` shared trips away, sets of less than :data:`LEAST` of
the likeliest. Nothing says that a trip is driven at all: its bus may tell nothing. Does
not: give trips to drives (:mod:`.choose`).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

SURE = 0.7
"""The share a route and direction must have, or nothing is said: see docs/attribution.md
for what other shares would give."""

NEAR_NATS = 8.0
"""A candidate so far behind a drive's best is none."""

HOPS = 3
"""Who competes with whom who competes with whom."""

LEAST, MOST_SETS = 1e-40, 2000
"""Sets of taken trips less likely than this share of the likeliest are dropped, and the
least likely beyond so many. Less than the odds of three of the surest drives: else
a trip that two buses fit would seem free to neither."""

MOST_NATS = 30.0
"""No drive is surer than this of being on some trip."""

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
        others = self._competitors(owner, own)
        bits = {trip: 1 << n for n, trip in enumerate({t for odds in (own, *others) for t in odds})}
        wanted = sum(bits[trip] for trip in own)
        sets = {0: 1.0}
        for odds, needed in _in_turn(others, bits):
            sets = _taken(sets, [(bits[t], times) for t, times in odds.items()], needed | wanted)
        total = sum(sets.values())
        weights = {
            trip: times * sum(w for taken, w in sets.items() if not taken & bits[trip]) / total
            for trip, times in own.items()
        }
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

    def _competitors(self, owner: str, own: Mapping[str, float]) -> list[Mapping[str, float]]:
        """The drives that matter to this one, nearest first.

        Not the owner's own: who loses a road for a while drives one trip in two pieces.
        """
        known: set[Key] = set()
        front, asked = set(own), set[str]()
        found: list[Mapping[str, float]] = []
        for _ in range(HOPS):
            nearest = {key for t in front for key in self._takers[t] if key[0] != owner} - known
            known |= nearest
            asked |= front
            odds = [self._odds[name][n] for name, n in sorted(nearest)]
            found += odds
            front = {trip for each in odds for trip in each} - asked
        return found


def shares_of(drives: Sequence[tuple[str, Fitting]]) -> list[dict[str, float]]:
    """Of each drive, told with its owner, the shares of its trips."""
    theirs: dict[str, list[Fitting]] = defaultdict(list)
    asked: list[Key] = []
    for owner, fitting in drives:
        asked.append((owner, len(theirs[owner])))
        theirs[owner].append(fitting)
    claims = Claims()
    for owner, fittings in theirs.items():
        claims.put(owner, fittings)
    return [claims.shares(*key) for key in asked]


def _odds(fitting: Fitting) -> dict[str, float]:
    if not fitting:
        return {}
    least = max(fitting.values()) - NEAR_NATS
    return {t: math.exp(min(nats, MOST_NATS)) for t, nats in fitting.items() if nats >= least}


def _in_turn(
    drives: Sequence[Mapping[str, float]], bits: Mapping[str, int]
) -> Iterator[tuple[Mapping[str, float], int]]:
    """The drives so that few trips are open at a time, each with the trips of those to come.

    Next is always the one that opens fewest trips: buses on one line come one after another.
    """
    left = [(sum(bits[trip] for trip in odds), odds) for odds in drives]
    opened = 0
    while left:
        n = min(range(len(left)), key=lambda n: (left[n][0] & ~opened).bit_count())
        trips, odds = left.pop(n)
        opened |= trips
        needed = 0
        for later, _ in left:
            needed |= later
        yield odds, needed


def _taken(
    sets: Mapping[int, float], odds: Sequence[tuple[int, float]], needed: int
) -> dict[int, float]:
    """The sets when one more drive has taken a trip, or none; of trips that are needed yet."""
    found: dict[int, float] = defaultdict(float)
    for taken, weight in sets.items():
        found[taken & needed] += weight
        for trip, times in odds:
            if not taken & trip:
                found[(taken | trip) & needed] += weight * times
    likeliest = max(found.values())
    kept = {taken: w / likeliest for taken, w in found.items() if w >= likeliest * LEAST}
    if len(kept) <= MOST_SETS:
        return kept
    return dict(sorted(kept.items(), key=lambda pair: -pair[1])[:MOST_SETS])
