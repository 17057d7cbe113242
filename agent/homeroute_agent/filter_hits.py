"""Content-filter hits per clock minute and category, and the rule of once. Pure.

Guarantees: a client that asks for one name again and again within 10 s counts
once; nothing is lost at a minute's edge. Times are wall clock, ms.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Literal

from homeroute_agent.activity import Presence
from homeroute_agent.names import UNCATEGORIZED

Action = Literal["blocked", "allowed", "redirected"]

ONCE_MS = 10_000
CATEGORIES_BOUND = 64
"""Categories told in one minute; further ones are told as uncategorized."""

_REMEMBERED_BOUND = 50_000


class Once:
    """Says whether something is new within the last 10 s. Times must not go back."""

    def __init__(self, window_ms: int = ONCE_MS) -> None:
        self._window_ms = window_ms
        self._seen: OrderedDict[Hashable, int] = OrderedDict()

    def __repr__(self) -> str:
        return f"<{len(self._seen)} remembered>"

    def first(self, key: Hashable, at_ms: int) -> bool:
        """Whether ``key`` was not counted in the window before ``at_ms``; if so, count it."""
        while self._seen:
            oldest = next(iter(self._seen))
            if self._seen[oldest] + self._window_ms > at_ms and (
                len(self._seen) < _REMEMBERED_BOUND
            ):
                break
            del self._seen[oldest]
        if key in self._seen:
            return False
        self._seen[key] = at_ms
        return True


@dataclass(frozen=True, slots=True)
class Hits:
    """One category and action in one clock minute, from ``start_ms`` on."""

    start_ms: int
    category: str
    action: Action
    hits: int
    clients: int


@dataclass(slots=True)
class FilterHits:
    """Gathers hits; gives minutes when they are over.

    ``since_ms`` is when listening began: the first minute starts there, so that
    two agent runs within one minute tell two different stretches of it.
    """

    since_ms: int
    minute_ms: int = 60_000
    _told: int = field(init=False, default=0)
    _minutes: dict[int, dict[tuple[str, Action], dict[Hashable, int]]] = field(
        init=False, default_factory=dict
    )

    def hit(self, client: Hashable, at_ms: int, category: str, action: Action) -> None:
        """A filter acted on a client's lookup: once per client, name and 10 s (see Once).

        One that comes after its minute was told counts in the first that was not.
        """
        kinds = self._minutes.setdefault(max(at_ms // self.minute_ms, self._told), {})
        if (category, action) not in kinds and len(kinds) >= CATEGORIES_BOUND:
            category = UNCATEGORIZED
        clients = kinds.setdefault((category, action), {})
        clients[client] = clients.get(client, 0) + 1

    def due(self, now_ms: int, stays: Presence) -> list[Hits]:
        """Take the minutes that are over."""
        return self._take(now_ms // self.minute_ms, stays)

    def rest(self, now_ms: int, stays: Presence) -> list[Hits]:
        """Take everything, the minute that is not over included."""
        return self._take(now_ms // self.minute_ms + 1, stays)

    def _take(self, end: int, stays: Presence) -> list[Hits]:
        hits = []
        self._told = max(self._told, end)
        for minute in sorted(m for m in self._minutes if m < end):
            start_ms, end_ms = minute * self.minute_ms, (minute + 1) * self.minute_ms
            for (category, action), clients in self._minutes.pop(minute).items():
                counted = {
                    client: count
                    for client, count in clients.items()
                    if (here := stays(client)) is None
                    or any(stay.overlaps(start_ms, end_ms) for stay in here)
                }
                if counted:
                    start = max(start_ms, self.since_ms)
                    hits.append(Hits(start, category, action, sum(counted.values()), len(counted)))
        return hits
