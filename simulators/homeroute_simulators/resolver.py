"""A DNS resolver at the far end of a simulated uplink.

Answers every well-formed query on loopback UDP with one documentation address,
after a round trip and with a loss that the caller sets: what the uplink probe's
method ``dns`` measures.
"""

from __future__ import annotations

import asyncio
import math
import random
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

LEAST_S = 0.0005
"""An answer that is not due yet is looked at again no sooner."""

_HEADER = struct.Struct("!6H")
_ANSWER = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + bytes((198, 51, 100, 7))
_RESPONSE = 0x8180
"""Response, recursion desired and available, no error."""


@dataclass(slots=True)
class Air:
    """The radio at this moment: typical round trip in ms, share of packets lost.

    No round trip is longer than ``most_ms`` or shorter than ``least_ms``.
    """

    rtt_ms: float = 50.0
    loss: float = 0.0
    least_ms: float = 0.0
    most_ms: float = math.inf


def reply(query: bytes) -> bytes | None:
    """The answer to a query of one question; None when it is none."""
    if len(query) < _HEADER.size + 5:
        return None
    name, flags, questions, *_ = _HEADER.unpack_from(query)
    if flags & 0x8000 or questions != 1:
        return None
    end = query.find(b"\0", _HEADER.size) + 5
    if not _HEADER.size + 5 <= end <= len(query):
        return None
    head = _HEADER.pack(name, _RESPONSE, 1, 1, 0, 0)
    return head + query[_HEADER.size : end] + _ANSWER


class Resolver(asyncio.DatagramProtocol):
    """The server. ``air`` may change at any time; ``port`` once open.

    ``stopwatch_s`` is what round trips are timed by: that of who asks.
    """

    def __init__(self, air: Air, rng: random.Random) -> None:
        self.air = air
        self.port = 0
        self.asked = 0
        self.stopwatch_s: Callable[[], float] = time.monotonic
        self._rng = rng
        self._transport: asyncio.DatagramTransport | None = None

    async def open(self) -> None:
        """Listen on a free loopback port."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=("127.0.0.1", 0)
        )
        self.port = self._transport.get_extra_info("sockname")[1]

    def close(self) -> None:
        """Stop answering."""
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer after the round trip, or not at all."""
        self.asked += 1
        answer = reply(data)
        if answer is None or self._rng.random() < self.air.loss:
            return
        # Round trips have a long right tail.
        delay_ms = self.air.rtt_ms * (0.85 + self._rng.expovariate(6.0))
        delay_s = min(max(delay_ms, self.air.least_ms), self.air.most_ms) / 1000.0
        self._send(answer, addr, self.stopwatch_s() + delay_s)

    def _send(self, answer: bytes, addr: tuple[str, int], due_s: float) -> None:
        if (left_s := due_s - self.stopwatch_s()) > 0:
            loop = asyncio.get_running_loop()
            loop.call_later(max(LEAST_S, left_s), self._send, answer, addr, due_s)
        elif self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(answer, addr)
