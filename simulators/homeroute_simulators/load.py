"""Load: thousands of virtual devices that send right batches and wait for right answers.

A virtual device is thin: it has no samplers and no spool on disk, but it keeps each
batch until an acknowledgement names it, and sends it again when none does, as an
agent would. One MQTT connection carries many: the credential must be allowed to
write every device's topics, as the collector's is.

Guarantees: bounded in devices, batches and time; points are plausible and dated
within the last seconds; every batch that was due is counted in exactly one of acked,
unanswered and late; what is told a second is over the time that it
took. Does not: say anything of what an agent costs; that is the fleet.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import statistics
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import aiomqtt

from homeroute_simulators.load_batches import Virtual
from homeroute_wire.messages import Ack
from homeroute_wire.topics import district_filter, parse, topic

DEVICES_BOUND = 50_000
RATE_BOUND = 20_000.0
"""Batches a second, in all."""

IN_FLIGHT = 2_000
"""Batches unanswered at once; past it no new one is made, and that is counted as late."""

LATENCIES = 100_000
"""The newest so many are kept for the percentiles."""

TIMEOUT_S = 10.0
TICK_S = 0.05
GRACE_S = 1.0
"""How long after the end a batch that was due before it may still be made."""


@dataclass(frozen=True, slots=True)
class Door:
    """The broker, and as whom."""

    host: str
    port: int
    username: str | None
    password: str | None
    tls: ssl.SSLContext | None = None


@dataclass(slots=True)
class Loaded:
    """What came of it. Batches unless it says points; latencies in ms, sent to acknowledged.

    ``seconds``: from the start until the load ended, or until its last answer, if that
    came later.
    """

    devices: int
    seconds: float = 0.0
    sent: int = 0
    acked: int = 0
    resent: int = 0
    unanswered: int = 0
    unasked: int = 0
    """Acknowledgements of batches that were not waiting: repeated, or of others."""
    late: int = 0
    """Batches that were due and never made: too many were unanswered, or we too slow."""
    points: int = 0
    stored: int = 0
    refused: int = 0
    lost_connections: int = 0
    latencies_ms: deque[float] = field(default_factory=lambda: deque(maxlen=LATENCIES))

    @property
    def points_per_s(self) -> float:
        """Stored, over the time that sending and storing them took; 0 of no time."""
        return self.stored / self.seconds if self.seconds else 0.0

    @property
    def whole(self) -> bool:
        """Whether every batch that was due was made and acknowledged, and every point stored."""
        return bool(self.sent) and not (self.unanswered or self.late or self.refused)

    def percentiles_ms(self) -> tuple[float, float, float] | None:
        """Median, 95th and 99th of the latency; None when nothing was acknowledged."""
        if len(self.latencies_ms) < 2:
            return None
        cuts = statistics.quantiles(self.latencies_ms, n=100, method="inclusive")
        return round(cuts[49], 1), round(cuts[94], 1), round(cuts[98], 1)


@dataclass(slots=True)
class _Flight:
    device: str
    payload: bytes
    points: int
    first_s: float
    due_s: float


class Load:
    """``devices`` virtual devices, ``rate`` batches a second in all. :meth:`run` it once."""

    def __init__(
        self,
        door: Door,
        district: str,
        *,
        devices: int,
        rate: float,
        seed: int = 7,
        ack_timeout_s: float = 10.0,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        if not 1 <= devices <= DEVICES_BOUND:
            raise ValueError(f"{devices} devices: want 1 to {DEVICES_BOUND}")
        if not 0 < rate <= RATE_BOUND:
            raise ValueError(f"rate {rate:g}: want more than 0, at most {RATE_BOUND:g} a second")
        self._door, self._district, self._rate = door, district, rate
        self._ack_timeout_s = ack_timeout_s
        self._now_ms = now_ms
        self._rng = random.Random(f"{seed} load")
        # A load from the same seed is other streams each time: nothing is a duplicate.
        run = f"{random.SystemRandom().getrandbits(32):08x}"
        self._virtual = [Virtual(f"load-{n:05}", seed, f"{run}{n:08x}") for n in range(devices)]
        self._flights: dict[tuple[str, int], _Flight] = {}
        self._result = Loaded(devices)
        self._due = 0
        self._answered_s = 0.0

    async def run(self, seconds: float, *, settle_s: float = 15.0) -> Loaded:
        """Load for so long, then wait up to ``settle_s`` for the last answers.

        What was due and is not made :data:`GRACE_S` after the end is late. A lost connection
        is made again; OSError or aiomqtt.MqttError when the first one cannot be made.
        """
        result, began_s = self._result, time.monotonic()
        end_s, attempt = began_s + seconds, 0
        while time.monotonic() < end_s or (self._flights and time.monotonic() < end_s + settle_s):
            try:
                async with self._client() as client:
                    await client.subscribe(district_filter(self._district, "ack"), qos=1)
                    attempt = 0
                    await self._converse(client, began_s, end_s, settle_s)
            except aiomqtt.MqttError:
                attempt += 1
                if not result.sent or attempt > 20:
                    raise
                result.lost_connections += 1
                await asyncio.sleep(random.uniform(0, min(5.0, 1.5**attempt)))
        result.late += int(self._rate * seconds) - self._due
        result.seconds = max(end_s, self._answered_s) - began_s
        result.unanswered = len(self._flights)
        return result

    def _client(self) -> aiomqtt.Client:
        return aiomqtt.Client(
            self._door.host,
            self._door.port,
            username=self._door.username,
            password=self._door.password,
            tls_context=self._door.tls,
            identifier=f"load-{self._rng.getrandbits(48):012x}",
            timeout=TIMEOUT_S,
            max_queued_incoming_messages=65_536,
            max_inflight_messages=IN_FLIGHT,
        )

    async def _converse(
        self,
        client: aiomqtt.Client,
        began_s: float,
        end_s: float,
        settle_s: float,
    ) -> None:
        """Send and resend on one connection."""
        hearing = asyncio.create_task(self._hear(client), name="load hear")
        try:
            while (now_s := time.monotonic()) < end_s + settle_s:
                if now_s >= end_s and not self._flights:
                    break
                wanted = self._rate * (min(now_s, end_s) - began_s)
                while self._due + 1 <= wanted and time.monotonic() < end_s + GRACE_S:
                    self._due += 1
                    await self._send_new(client, self._due)
                await self._send_again(client, end_s + settle_s)
                if hearing.done():
                    hearing.result()
                await asyncio.sleep(TICK_S)
        finally:
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)

    async def _send_new(self, client: aiomqtt.Client, number: int) -> None:
        if len(self._flights) >= IN_FLIGHT:
            self._result.late += 1
            return
        virtual = self._virtual[number % len(self._virtual)]
        made = virtual.batch(self._now_ms())
        now_s = time.monotonic()
        flight = _Flight(virtual.device, made.payload, made.points, now_s, self._due_s(now_s))
        self._flights[virtual.stream, made.seq] = flight
        self._result.sent += 1
        self._result.points += made.points
        await self._publish(client, flight)

    async def _send_again(self, client: aiomqtt.Client, until_s: float) -> None:
        now_s = time.monotonic()
        for flight in [f for f in self._flights.values() if f.due_s <= now_s]:
            if time.monotonic() >= until_s:
                return
            flight.due_s = self._due_s(now_s)
            self._result.resent += 1
            await self._publish(client, flight)

    async def _publish(self, client: aiomqtt.Client, flight: _Flight) -> None:
        await client.publish(topic(self._district, flight.device, "batch"), flight.payload, qos=0)

    def _due_s(self, now_s: float) -> float:
        return now_s + self._ack_timeout_s * self._rng.uniform(1.0, 1.5)

    async def _hear(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            address = parse(str(message.topic))
            if address is None or not isinstance(message.payload, bytes | bytearray):
                continue
            try:
                ack = Ack.decode(bytes(message.payload))
            except ValueError:
                continue
            self._settle(ack)

    def _settle(self, ack: Ack) -> None:
        result, now_s = self._result, time.monotonic()
        for receipt in ack.receipts:
            flight = self._flights.get((receipt.stream, receipt.seq))
            if flight is None or receipt.stored + receipt.refused != flight.points:
                result.unasked += 1
                continue
            del self._flights[receipt.stream, receipt.seq]
            result.acked += 1
            self._answered_s = now_s
            result.stored += receipt.stored
            result.refused += receipt.refused
            result.latencies_ms.append((now_s - flight.first_s) * 1000)
