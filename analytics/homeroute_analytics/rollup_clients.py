"""What the clients of one trip did, in counts. Pure.

Guarantees: minutes of one definition of learning only, for two cannot be added: that
of most of the trip. Does not: know who they were; an ordinal means nothing past its run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from homeroute_analytics.rollup_drives import Stretch
from homeroute_analytics.rollup_facts import Facts

NO_DEFINITION = "none"
"""The definition of a trip on which no activity was measured."""


@dataclass(frozen=True, slots=True)
class Clients:
    """Distinct clients with a session in the trip, and their client-minutes."""

    clients: int = 0
    definition: str = NO_DEFINITION
    active_min: int = 0
    learning_min: int = 0
    strict_min: int = 0
    loose_min: int = 0
    lookups: int = 0
    classified_lookups: int = 0
    filter_hits: int = 0


def clients_of(facts: Facts, stretches: Iterable[Stretch]) -> Clients:
    """The counts of one trip."""
    present: set[tuple[str, str, int]] = set()
    minutes: Counter[str] = Counter()
    counts: dict[str, list[int]] = {}
    hits = 0
    for part in stretches:
        if (sessions := facts.sessions.get(part.device)) is not None:
            aboard = (sessions.time_ms < part.end_ms) & (sessions.end_ms > part.start_ms)
            streams, ordinals = (column[aboard].tolist() for column in sessions.columns)
            present.update((part.device, *who) for who in zip(streams, ordinals, strict=True))
        if (activity := facts.activity.get(part.device)) is not None:
            rows = activity.within(part.start_ms, part.end_ms)
            definitions, *columns = (column[rows].tolist() for column in activity.columns)
            for definition, *values in zip(definitions, *columns, strict=True):
                minutes[definition] += 1
                held = counts.setdefault(definition, [0] * 6)
                counts[definition] = [a + b for a, b in zip(held, values, strict=True)]
        if (blocked := facts.filter.get(part.device)) is not None:
            hits += int(blocked.columns[0][blocked.within(part.start_ms, part.end_ms)].sum())
    if not minutes:
        return Clients(len(present), filter_hits=hits)
    definition = max(minutes, key=lambda name: (minutes[name], name))
    active, learning, strict, loose, lookups, classified = counts[definition]
    return Clients(
        len(present), definition, active, learning, strict, loose, lookups, classified, hits
    )
