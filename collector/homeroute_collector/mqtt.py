"""The collector's one connection to the broker: batches in, acknowledgements out.

Guarantees: reconnects for ever with full jitter; a lost connection is said once
and shown in ``problem``; every queue is bounded and counts what it drops. A
device is who its topic says (the broker's ACL lets it use no other). Retained
batches are ignored: batches are not retained, so it is not a device's doing.

Does not: rely on MQTT's own acknowledgement, or on the broker remembering
anything. Acknowledgements go at QoS 0: a lost one costs one resending.
"""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiomqtt

from homeroute_collector.broker_figures import ROOT as BROKER_ROOT
from homeroute_collector.broker_figures import TOPICS as BROKER_TOPICS
from homeroute_collector.broker_figures import BrokerFigures
from homeroute_collector.config import Broker
from homeroute_collector.ingest import Ingest
from homeroute_collector.own_clock import OwnClock
from homeroute_collector.whole import whole
from homeroute_wire.messages import Ack, Status
from homeroute_wire.topics import district_filter, parse, topic

logger = logging.getLogger(__name__)

INBOX_MESSAGES = 4_096
OUTBOX_MESSAGES = 16_384
TIMEOUT_S = 10.0

REFUSED = 0x80
"""A subscription's return code from here on is a refusal (MQTT 3.1.1, 3.9.3)."""

OnStatus = Callable[[str, Status, bool], None]
"""Called with device, birth or death, and whether it was retained."""


@dataclass(slots=True)
class MessageCounts:
    """Messages dropped since the start, and why."""

    overflowed: int = 0
    retained: int = 0
    unreadable: int = 0
    acks_dropped: int = 0


class Mqtt:
    """Carries messages between one broker and an :class:`Ingest`. :meth:`run` does the work.

    ``connected``, ``since_ms`` (of the last change) and ``problem`` (one line, or
    None) are for pages.
    """

    def __init__(
        self,
        broker: Broker,
        district: str,
        ingest: Ingest,
        clock: OwnClock,
        *,
        on_status: OnStatus,
        on_connection: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self.connected = False
        self.since_ms = int(time.time() * 1000)
        self.problem: str | None = "not connected yet"
        self.counts = MessageCounts()
        self.broker_figures = BrokerFigures()
        self._broker = broker
        self._district = district
        self._ingest = ingest
        self._clock = clock
        self._on_status = on_status
        self._on_connection = on_connection
        self._outbox: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(OUTBOX_MESSAGES)
        self._said_lost = False
        ingest.acknowledge = self.acknowledge

    def acknowledge(self, device: str, ack: Ack) -> None:
        """Send an acknowledgement, or drop it while there is no connection."""
        if not self.connected or self._outbox.full():
            self.counts.acks_dropped += 1
            return
        self._outbox.put_nowait((topic(self._district, device, "ack"), ack.encode()))

    async def run(self) -> None:
        """Connect, and reconnect, until cancelled."""
        attempt = 0
        while True:
            try:
                await self._connection()
            except* (aiomqtt.MqttError, OSError, TimeoutError) as errors:
                # Once connected, the next failure begins a new row of attempts.
                attempt = 0 if self.connected else attempt + 1
                self._lost(_first(errors))
            finally:
                self._change(connected=False, problem=self.problem or "stopped")
            await asyncio.sleep(random.uniform(0, 1.5 ** min(10, attempt)))

    async def _connection(self) -> None:
        counts = self.counts

        class Inbox(asyncio.Queue[aiomqtt.Message]):
            """Counts what it cannot take, where aiomqtt's own logs every one."""

            def put_nowait(self, item: aiomqtt.Message) -> None:
                if self.full():
                    counts.overflowed += 1
                else:
                    super().put_nowait(item)

        broker = self._broker
        password, tls = await asyncio.to_thread(_secrets, broker)
        identity = f"{broker.username or 'collector'}-{self._district}"
        client = aiomqtt.Client(
            broker.host,
            broker.port,
            username=broker.username,
            password=password,
            identifier=identity,
            tls_context=tls,
            keepalive=broker.keepalive_s,
            timeout=TIMEOUT_S,
            clean_session=True,
            queue_type=Inbox,
            max_queued_incoming_messages=INBOX_MESSAGES,
        )
        async with _entered(client) as lost:
            await whole(_unless(lost, self._subscribe(client)))
            self._found()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._receive(client), name="mqtt-receive")
                group.create_task(self._send(client), name="mqtt-send")

    async def _subscribe(self, client: aiomqtt.Client) -> None:
        for leaf in ("batch", "status"):
            name = district_filter(self._district, leaf)
            codes = await client.subscribe(name, qos=1)
            if any((code if isinstance(code, int) else code.value) >= REFUSED for code in codes):
                raise aiomqtt.MqttError(f"the broker's ACL does not let us read {name}")
        # Whoever forbids these, or has none, loses a panel and nothing else.
        await client.subscribe([(name, 0) for name in BROKER_TOPICS])

    async def _receive(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            self._take(str(message.topic), message.payload, retained=bool(message.retain))

    async def _send(self, client: aiomqtt.Client) -> None:
        task = asyncio.current_task()
        assert task is not None
        # Not `while True`: publish goes through asyncio.wait_for, which in Python 3.11
        # can swallow a cancellation that comes as the message goes out.
        while not task.cancelling():
            name, payload = await self._outbox.get()
            await client.publish(name, payload, qos=0)

    def _take(self, name: str, payload: object, *, retained: bool) -> None:
        if name.startswith(BROKER_ROOT):
            if isinstance(payload, bytes | bytearray):
                now_ms = self._clock.now_ms()
                self.broker_figures.heard(name, bytes(payload), now_ms=now_ms)
            return
        address = parse(name)
        if address is None or not isinstance(payload, bytes | bytearray):
            self.counts.unreadable += 1
        elif address.leaf == "batch":
            if retained:
                self.counts.retained += 1
            else:
                self._ingest.offer(address.district, address.device, bytes(payload))
        elif payload:  # an empty retained message only clears the one before
            self._take_status(address.device, bytes(payload), retained=retained)

    def _take_status(self, device: str, payload: bytes, *, retained: bool) -> None:
        try:
            status = Status.decode(payload)
        except ValueError:
            self.counts.unreadable += 1
            return
        self._on_status(device, status, retained)
        if status.state == "online":
            clock_ms = self._clock.now_ms() if self._clock.trusted else None
            self.acknowledge(device, Ack(clock_ms=clock_ms))

    def _found(self) -> None:
        where = f"{self._broker.host}:{self._broker.port}"
        logger.info("connected to broker %s", where)
        self._said_lost = False
        self._change(connected=True, problem=None)

    def _lost(self, reason: str) -> None:
        where = f"{self._broker.host}:{self._broker.port}"
        text = f"broker {where}: {reason}"
        if not self._said_lost:
            self._said_lost = True
            logger.warning("%s; trying again until it answers", text)
        while not self._outbox.empty():
            self._outbox.get_nowait()
            self.counts.acks_dropped += 1
        self._change(connected=False, problem=text)

    def _change(self, *, connected: bool, problem: str | None) -> None:
        self.problem = problem
        if connected != self.connected:
            self.connected = connected
            self.broker_figures.forget()
            self.since_ms = int(time.time() * 1000)
            self._on_connection(connected)


@asynccontextmanager
async def _entered(client: aiomqtt.Client) -> AsyncIterator[asyncio.Future[None]]:
    """The client's connection: gives what is done once it is lost.

    It is closed also where we are cancelled while it opens: aiomqtt would leave it to
    itself, and complain when the broker ends it.
    """
    opened = False

    async def enter() -> None:
        nonlocal opened
        await client.__aenter__()
        opened = True

    try:
        await whole(enter())
        # aiomqtt tells only who iterates over messages, and asyncio complains if nobody does.
        lost = client._disconnected  # noqa: SLF001
        lost.add_done_callback(lambda done: done.cancelled() or done.exception())
        yield lost
    finally:
        if opened:
            await client.__aexit__(None, None, None)


async def _unless(lost: asyncio.Future[None], work: Coroutine[Any, Any, None]) -> None:
    """Do it, but wait for no answer on a connection that is lost. Raises MqttError."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task, lost}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise aiomqtt.MqttError("the broker ended the connection")
        task.result()
    finally:
        task.cancel()


def _secrets(broker: Broker) -> tuple[str | None, ssl.SSLContext | None]:
    """Password and TLS, read anew for each connection: both may have been renewed."""
    password = _read(broker.password_file) if broker.password_file else None
    tls = None
    if broker.ca_file is not None:
        try:
            tls = ssl.create_default_context(cafile=str(broker.ca_file))
        except OSError as error:
            raise OSError(f"ca_file {broker.ca_file} cannot be used: {error}") from error
    return password, tls


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise OSError(f"password_file {path} cannot be read: {error}") from error


def _first(errors: BaseExceptionGroup[BaseException]) -> str:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    text = str(error) or str(error.__cause__ or "") or type(error).__name__
    return " ".join(text.split())
