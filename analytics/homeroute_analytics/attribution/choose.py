"""Which drive was which trip, over all devices of a day: each trip is taken once.

An auction: every drive bids for the trip that is worth most to it at its price, and
outbids whom it must; it ends with an assignment whose worth is within
:data:`STEP` of the best for each drive (Bertsekas, "The auction algorithm", 1988).

Guarantees: no trip has two drives, no drive two trips, and the order in which devices
come decides nothing but ties. Does not: know what a worth is made of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

STEP = 0.02
"""Nats by which a bid outbids, at least."""


def choose(worths: Sequence[Mapping[str, float]]) -> list[str | None]:
    """For each drive the trip it takes, or None. ``worths``: of each trip to each drive.

    A worth of 0 or less is none: such a trip is never taken.
    """
    prices: dict[str, float] = {}
    owner: dict[str, int] = {}
    taken: list[str | None] = [None] * len(worths)
    waiting = list(range(len(worths)))[::-1]
    while waiting:
        drive = waiting.pop()
        gains = sorted(
            ((worth - prices.get(trip, 0.0), trip) for trip, worth in worths[drive].items()),
            key=lambda pair: (-pair[0], pair[1]),
        )
        if not gains or gains[0][0] <= 0:
            continue
        gain, trip = gains[0]
        second = max(gains[1][0], 0.0) if len(gains) > 1 else 0.0
        prices[trip] = prices.get(trip, 0.0) + gain - second + STEP
        if trip in owner:
            taken[owner[trip]] = None
            waiting.append(owner[trip])
        owner[trip] = drive
        taken[drive] = trip
    return taken
