"""A fake access point that sends RADIUS accounting: what routers of every maker do.

Packets are those hostapd 2.10 sends: Accounting-On at power-on, a Start, interims and a
Stop for each client, Accounting-Off. What is not answered is sent again every 3 s, with
its Acct-Delay-Time grown and a new identifier, for as long as it takes.

Guarantees: same seed and same calls, same packets. ``mischief`` duplicates and reorders
them, as a network between access point and bus may. Does not: lose any: an unanswered
one is repeated.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address

ON, OFF, START, STOP, INTERIM = 7, 8, 1, 2, 3
RETRY_S = 3.0
WAITING_BOUND = 1_024
"""Unanswered requests kept; the oldest goes first."""

_USER_REQUEST, _LOST_CARRIER, _IDLE_TIMEOUT = 1, 2, 4
_WIRELESS_80211 = 19
_REQUEST, _RESPONSE = 4, 5


@dataclass(frozen=True, slots=True)
class Mischief:
    """What a network does to packets: shares of them sent twice, and after their successor."""

    duplicated: float = 0.0
    reordered: float = 0.0


@dataclass(slots=True)
class Client:
    """A client's account. Bytes are from the rider's side and may be moved at any time."""

    mac: str
    session_id: str
    since_s: float
    down_bytes: int = 0
    up_bytes: int = 0


@dataclass(slots=True)
class _Waiting:
    """A request not answered yet; ``made_s`` is when what it tells happened."""

    attributes: list[bytes]
    made_s: float
    sent_s: float
    proofs: dict[int, bytes] = field(default_factory=dict)


class AccessPoint(asyncio.DatagramProtocol):
    """One access point, NAS of the accounting server at ``server``.

    ``now_s`` is a monotonic clock, the only one there is. Call :meth:`advance` every
    second or so of it.
    """

    def __init__(
        self,
        server: tuple[str, int],
        secret: bytes,
        rng: random.Random,
        *,
        ssid: str = "Bus-WiFi",
        address: str = "10.77.0.2",
        bssid: str = "5e:fd:89:d3:95:54",
        identifier: str = "bus-ap",
        interim_s: float = 60.0,
        mischief: Mischief | None = None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.server = server
        self.clients: dict[str, Client] = {}
        self.mischief = mischief or Mischief()
        self.sent = 0
        self.answered = 0
        self._secret = secret
        self._rng = rng
        self._interim_s = interim_s
        self._now_s = now_s
        self._told_s: dict[str, float] = {}
        self._identity = (_text(32, identifier), _attribute(4, IPv4Address(address).packed))
        self._called = _text(30, f"{bssid.upper().replace(':', '-')}:{ssid}")
        self._boot_id = f"{rng.getrandbits(64):016X}"
        self._waiting: list[_Waiting] = []
        self._held: list[bytes] = []
        self._next_identifier = 0
        self._transport: asyncio.DatagramTransport | None = None

    async def open(self) -> None:
        """Power on: everything that was open is forgotten, and Accounting-On is sent."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: self, remote_addr=self.server
        )
        self.clients.clear()
        self._waiting.clear()
        self._boot_id = f"{self._rng.getrandbits(64):016X}"
        self._tell(ON, [_text(44, self._boot_id)])

    def close(self, *, politely: bool = True) -> None:
        """Go down: with a Stop for everyone and Accounting-Off, or as in a power cut."""
        if self._transport is None:
            return
        if politely:
            for mac in list(self.clients):
                self.disassociate(mac)
            self._tell(OFF, [_text(44, self._boot_id)])
            self._release()
        self.clients.clear()
        self._waiting.clear()
        self._transport.close()
        self._transport = None

    def associate(self, mac: str) -> Client:
        """A client joins."""
        client = Client(mac, f"{self._rng.getrandbits(64):016X}", self._now_s())
        self.clients[mac] = client
        self._told_s[mac] = client.since_s
        self._account(START, client)
        return client

    def disassociate(self, mac: str, cause: int = _USER_REQUEST) -> None:
        """A client leaves."""
        client = self.clients.pop(mac, None)
        if client is not None:
            self._told_s.pop(mac, None)
            self._account(STOP, client, _number(49, cause))

    def advance(self) -> None:
        """Send the interims that are due, what was held back, and again what nobody answered."""
        now_s = self._now_s()
        self._release()
        for mac, client in self.clients.items():
            if now_s - self._told_s[mac] >= self._interim_s:
                self._told_s[mac] = now_s
                self._account(INTERIM, client)
        for waiting in list(self._waiting):
            if now_s - waiting.sent_s >= RETRY_S:
                self._send(waiting)

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002 -- asyncio's
        """An answer: prove it, and repeat its request no more."""
        if len(data) < 20 or data[0] != _RESPONSE:
            return
        for waiting in self._waiting:
            proof = waiting.proofs.get(data[1])
            if proof is None:
                continue
            wanted = _md5(data[:4] + proof + data[20:] + self._secret)
            if wanted == data[4:20]:
                self._waiting.remove(waiting)
                self.answered += 1
                return

    def error_received(self, exc: Exception) -> None:
        """Nobody listens there now: the next try will tell."""

    def _account(self, status: int, client: Client, *more: bytes) -> None:
        attributes = [
            _text(31, client.mac.upper().replace(":", "-")),
            _text(44, client.session_id),
            *more,
        ]
        if status != START:
            attributes += [
                _number(46, int(self._now_s() - client.since_s)),
                *_octets(42, 52, client.up_bytes),
                *_octets(43, 53, client.down_bytes),
            ]
        self._tell(status, attributes)

    def _tell(self, status: int, attributes: list[bytes]) -> None:
        head = [_number(40, status), *self._identity, self._called, _number(61, _WIRELESS_80211)]
        now_s = self._now_s()
        waiting = _Waiting([*head, *attributes], now_s, now_s)
        self._waiting.append(waiting)
        del self._waiting[:-WAITING_BOUND]
        self._send(waiting)

    def _send(self, waiting: _Waiting) -> None:
        now_s = self._now_s()
        waiting.sent_s = now_s
        identifier = self._next_identifier = (self._next_identifier + 1) % 256
        delay = _number(41, int(now_s - waiting.made_s))
        packet = request(identifier, b"".join((*waiting.attributes, delay)), self._secret)
        waiting.proofs[identifier] = packet[4:20]
        copies = 2 if self._rng.random() < self.mischief.duplicated else 1
        if self._rng.random() < self.mischief.reordered:
            self._held += [packet] * copies
            return
        for _ in range(copies):
            self._put(packet)
        self._release()

    def _release(self) -> None:
        held, self._held = self._held, []
        for packet in reversed(held):
            self._put(packet)

    def _put(self, packet: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(packet)
            self.sent += 1


def request(identifier: int, attributes: bytes, secret: bytes) -> bytes:
    """An Accounting-Request of encoded attributes, with its authenticator."""
    head = bytes((_REQUEST, identifier)) + struct.pack("!H", 20 + len(attributes))
    return head + _md5(head + bytes(16) + attributes + secret) + attributes


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def _attribute(kind: int, value: bytes) -> bytes:
    return bytes((kind, len(value) + 2)) + value


def _number(kind: int, value: int) -> bytes:
    return _attribute(kind, struct.pack("!I", value & 0xFFFFFFFF))


def _text(kind: int, value: str) -> bytes:
    return _attribute(kind, value.encode()[:253])


def _octets(low: int, high: int, value: int) -> list[bytes]:
    """A byte count: Gigawords only once there are any, as access points send it."""
    words = [_number(low, value)]
    return [*words, _number(high, value >> 32)] if value >> 32 else words
