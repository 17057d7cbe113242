"""How many clients were active, and learning, in each clock minute. Pure.

Definition (DESIGN section 7): a client is learning-active in a minute with at
least 2 lookups of learning names (strictly 4, loosely 1); gaps of up to 2 minutes
between such minutes are bridged, never past the end of a session. It is active
with at least 1 lookup that is not of update, advertising or background names, or
10 KB moved. Bytes moved to learning names in particular are not counted yet: no
sampler knows them.

Guarantees: strict <= default <= loose <= active, in every minute; only whole
minutes are told, each once, in order. Does not: know a name; whoever calls has
already turned it into a :data:`Kind`. Times are wall clock, ms.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import astuple, dataclass, field
from typing import Literal

from homeroute_agent.clients import Stay

Kind = Literal["learning", "excluded", "other"]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What makes a client-minute. Lookups and bytes are per client and minute."""

    loose: int = 1
    default: int = 2
    strict: int = 4
    active: int = 1
    active_bytes: int = 10_000
    bridged_min: int = 2

    def __str__(self) -> str:
        return " ".join(str(number) for number in astuple(self))


@dataclass(frozen=True, slots=True)
class Minute:
    """One clock minute, all clients together."""

    start_ms: int
    active_clients: int
    learning_clients: int
    learning_clients_strict: int
    learning_clients_loose: int
    lookups: int
    classified_lookups: int


Presence = Callable[[Hashable], Sequence[Stay] | None]
"""Tells the stays of a client on the wall clock; None when nobody can know them."""


@dataclass(slots=True)
class _Tally:
    """One client in one minute."""

    learning: int = 0
    other: int = 0
    moved_bytes: int = 0
    lookups: int = 0
    classified: int = 0


@dataclass(slots=True)
class Activity:
    """Gathers lookups and bytes; gives minutes when they can be judged.

    ``since_ms`` is when listening began: the first minute told is the first that
    was heard whole. A minute is judged three minutes after it began.
    """

    since_ms: int
    minute_ms: int = 60_000
    thresholds: Thresholds = field(default_factory=Thresholds)
    _next: int = field(init=False)
    _minutes: dict[int, dict[Hashable, _Tally]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._next = -(-self.since_ms // self.minute_ms)

    def lookup(self, client: Hashable, at_ms: int, kind: Kind, *, classified: bool) -> None:
        """A client asked for a name of this kind; ``classified`` if it is on any list."""
        tally = self._tally(client, at_ms)
        tally.lookups += 1
        tally.classified += classified
        if kind == "learning":
            tally.learning += 1
        elif kind == "other":
            tally.other += 1

    def moved(
        self, client: Hashable, at_ms: int, moved_bytes: int, *, since_ms: int | None = None
    ) -> None:
        """A client moved bytes, both ways together, evenly from ``since_ms`` to ``at_ms``.

        What counts them is asked now and then: each minute has its part of the time.
        """
        start_ms = at_ms if since_ms is None else min(since_ms, at_ms)
        whole_ms = at_ms - start_ms
        while start_ms < at_ms:
            end_ms = min(at_ms, (start_ms // self.minute_ms + 1) * self.minute_ms)
            part = moved_bytes * (end_ms - start_ms) // whole_ms
            self._tally(client, start_ms).moved_bytes += part
            start_ms, whole_ms, moved_bytes = end_ms, at_ms - end_ms, moved_bytes - part
        if moved_bytes:
            self._tally(client, at_ms).moved_bytes += moved_bytes

    def due(self, now_ms: int, stays: Presence) -> list[Minute]:
        """Take the minutes whose bridging is decided: those that began three minutes ago."""
        ready = now_ms // self.minute_ms - self.thresholds.bridged_min - 1
        return self._take(ready, stays)

    def rest(self, now_ms: int, stays: Presence) -> list[Minute]:
        """Take every minute that is over, though the future might have bridged more."""
        return self._take(now_ms // self.minute_ms - 1, stays)

    def _take(self, last: int, stays: Presence) -> list[Minute]:
        minutes = []
        while self._next <= last:
            minutes.append(self._judge(self._next, stays))
            self._next += 1
        for old in [m for m in self._minutes if m < self._next - self.thresholds.bridged_min]:
            del self._minutes[old]
        return minutes

    def _tally(self, client: Hashable, at_ms: int) -> _Tally:
        minute = at_ms // self.minute_ms
        if minute < self._next - self.thresholds.bridged_min:
            return _Tally()  # told, and forgotten
        return self._minutes.setdefault(minute, {}).setdefault(client, _Tally())

    def _judge(self, minute: int, stays: Presence) -> Minute:
        limits = self.thresholds
        near = range(minute - limits.bridged_min, minute + limits.bridged_min + 1)
        clients = {client for m in near for client in self._minutes.get(m, ())}
        counts = {"active": 0, "loose": 0, "default": 0, "strict": 0}
        lookups = classified = 0
        for client in clients:
            here = stays(client)
            start_ms, end_ms = minute * self.minute_ms, (minute + 1) * self.minute_ms
            if here is not None and not any(s.overlaps(start_ms, end_ms) for s in here):
                continue
            tally = self._minutes.get(minute, {}).get(client, _Tally())
            lookups += tally.lookups
            classified += tally.classified
            loose = self._learning(client, minute, limits.loose, here)
            counts["loose"] += loose
            counts["default"] += self._learning(client, minute, limits.default, here)
            counts["strict"] += self._learning(client, minute, limits.strict, here)
            counts["active"] += loose or (
                tally.learning + tally.other >= limits.active
                or tally.moved_bytes >= limits.active_bytes
            )
        return Minute(
            start_ms=minute * self.minute_ms,
            active_clients=counts["active"],
            learning_clients=counts["default"],
            learning_clients_strict=counts["strict"],
            learning_clients_loose=counts["loose"],
            lookups=lookups,
            classified_lookups=classified,
        )

    def _learning(
        self, client: Hashable, minute: int, least: int, stays: Sequence[Stay] | None
    ) -> bool:
        if self._reaches(client, minute, least):
            return True
        bridged = self.thresholds.bridged_min
        for before in range(minute - bridged, minute):
            for after in range(minute + 1, before + bridged + 2):
                if (
                    self._reaches(client, before, least)
                    and self._reaches(client, after, least)
                    and self._one_stay(before, after, stays)
                ):
                    return True
        return False

    def _reaches(self, client: Hashable, minute: int, least: int) -> bool:
        tally = self._minutes.get(minute, {}).get(client)
        return tally is not None and tally.learning >= least

    def _one_stay(self, before: int, after: int, stays: Sequence[Stay] | None) -> bool:
        """Whether one session spans the gap between two minutes."""
        gap_ms = (before + 1) * self.minute_ms, after * self.minute_ms
        return stays is None or any(stay.covers(*gap_ms) for stay in stays)
