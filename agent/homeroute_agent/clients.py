"""Who is who, for this agent run only: MAC to ordinal, address to MAC, and stays.

This is the one place where identities meet, and it is memory alone. Guarantees:
an ordinal (1, 2, 3 ...) says nothing of the client and is never used for two;
nothing here is written, logged or shown, not even by ``repr``. Does not: read
anything; samplers bring what they read, and take ordinals away.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass

CLIENTS_BOUND = 10_000
"""Clients remembered; beyond it the one not seen for longest is forgotten."""

STAYS_KEPT = 64
"""Stays remembered of one client: minutes are judged a few minutes late, not days."""

_MOVES_BOUND = 20_000

_RANDOM_DIGITS = frozenset("26ae")


def is_randomised(mac: str) -> bool:
    """Whether a MAC is locally administered, as phones' private addresses are."""
    return mac[1:2].lower() in _RANDOM_DIGITS


@dataclass(frozen=True, slots=True)
class Stay:
    """When a client was here, on the boot clock in ms; ``end_ms`` is None while it is."""

    start_ms: int
    end_ms: int | None = None

    def overlaps(self, start_ms: float, end_ms: float) -> bool:
        """Whether any of ``start_ms`` up to ``end_ms`` lies in the stay."""
        return self.start_ms < end_ms and (self.end_ms is None or self.end_ms > start_ms)

    def covers(self, start_ms: int, end_ms: int) -> bool:
        """Whether all of ``start_ms`` up to ``end_ms`` lies in the stay."""
        return self.start_ms <= start_ms and (self.end_ms is None or self.end_ms >= end_ms)


@dataclass(frozen=True, slots=True)
class Move:
    """Bytes one client moved, both ways together, from ``since_ms`` to ``at_ms``."""

    client: int
    since_ms: int
    at_ms: int
    moved_bytes: int


class Clients:
    """Joins MACs and addresses to ordinals, in memory only.

    Share one among the samplers of a run. MACs may come in either case.
    """

    __slots__ = ("_addresses", "_moves", "_next", "_ordinals", "_stays")

    def __init__(self) -> None:
        self._next = 1
        self._ordinals: OrderedDict[str, int] = OrderedDict()
        self._addresses: dict[str, str] = {}
        self._stays: dict[int, OrderedDict[int, Stay]] = {}
        self._moves: deque[Move] = deque(maxlen=_MOVES_BOUND)

    def __repr__(self) -> str:
        return f"<{len(self._ordinals)} clients>"

    def ordinal(self, mac: str) -> int:
        """Number a client: the same for the same MAC, a new one for a new MAC."""
        mac = mac.lower()
        number = self._ordinals.get(mac)
        if number is None:
            number, self._next = self._next, self._next + 1
            self._ordinals[mac] = number
            if len(self._ordinals) > CLIENTS_BOUND:
                _, forgotten = self._ordinals.popitem(last=False)
                self._stays.pop(forgotten, None)
        self._ordinals.move_to_end(mac)
        return number

    def learn_addresses(self, macs: Mapping[str, str]) -> None:
        """Replace what is known of addresses by ``macs``: address to MAC."""
        self._addresses = dict(macs)

    def at_address(self, address: str) -> int | None:
        """The client that has an IP address now, if a lease or neighbour tells."""
        mac = self._addresses.get(address)
        return None if mac is None else self.ordinal(mac)

    def note_stay(self, client: int, stay: Stay) -> None:
        """Remember that ``client`` is or was here; an older word on that time is replaced."""
        stays = self._stays.setdefault(client, OrderedDict())
        until_ms = math.inf if stay.end_ms is None else max(stay.end_ms, stay.start_ms + 1)
        for start_ms in [s for s, old in stays.items() if old.overlaps(stay.start_ms, until_ms)]:
            del stays[start_ms]
        stays[stay.start_ms] = stay
        while len(stays) > STAYS_KEPT:
            stays.popitem(last=False)

    def stays(self, client: int) -> tuple[Stay, ...]:
        """The recent stays of ``client``; empty when it was on no configured SSID."""
        return tuple(self._stays.get(client, {}).values())

    def note_bytes(self, client: int, since_ms: int, at_ms: int, moved_bytes: int) -> None:
        """Remember bytes moved by ``client`` until :meth:`take_moves`; the oldest go first."""
        self._moves.append(Move(client, since_ms, at_ms, moved_bytes))

    def take_moves(self) -> list[Move]:
        """Take what :meth:`note_bytes` brought since the last call."""
        moves = list(self._moves)
        self._moves.clear()
        return moves


def parse_leases(text: str) -> dict[str, str]:
    """Read dnsmasq's leases: address to MAC.

    Host names are not even looked at; lines that are no lease (``duid``, IPv6
    leases, which carry no MAC) are passed over.
    """
    macs = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 4 and words[0].isdigit() and _is_mac(words[1]):
            macs[words[2]] = words[1].lower()
    return macs


def parse_neighbours(text: str) -> dict[str, str]:
    """Read ``ip neigh`` or ``/proc/net/arp``: address to MAC, unresolved ones left out."""
    macs = {}
    for line in text.splitlines():
        words = line.split()
        mac = next((word for word in words[1:] if _is_mac(word)), None)
        if mac is not None and mac != "00:00:00:00:00:00" and "FAILED" not in words:
            macs[words[0]] = mac.lower()
    return macs


def _is_mac(word: str) -> bool:
    return len(word) == 17 and word.count(":") == 5
