"""Delivery: from the spool to the collector, until it says that it has it.

Guarantees: nothing is sent that is not durably in the spool and marked; a batch
is deleted only by an acknowledgement naming it, and everything unanswered is
sent again, for ever; live batches go before the backlog. A collector that is
away is said once, and once when it is back; for brokers see
:mod:`homeroute_agent.outage`.

Does not: date samples or cut batches, or know MQTT beyond topic names.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass

from homeroute_agent import tls
from homeroute_agent.clock import Clock
from homeroute_agent.config import Config
from homeroute_agent.outage import Outage
from homeroute_agent.sender import Broker, Connection, Unreachable, Will, connect
from homeroute_agent.spool import Batch, Key, Spool, SpoolError
from homeroute_agent.spool_file import Log
from homeroute_agent.window import Window, full_jitter_s
from homeroute_wire.batch import Header, frame
from homeroute_wire.messages import Ack, Receipt, Status
from homeroute_wire.topics import topic

STEADY_S = 30.0
"""A connection that stood so long was a good one: the back-off begins anew."""

SPOOL_RETRY_S = 5.0
"""After the disk refused."""

IDLE_S = 60.0
"""The longest wait for something to do."""

COVERED_S = 2.0
"""With service again, the next connection waits a random time up to this, no back-off."""


@dataclass(frozen=True, slots=True)
class Names:
    """The device's topics."""

    batch: str
    ack: str
    status: str

    @classmethod
    def of(cls, district: str, device: str) -> Names:
        """Name them."""
        return cls(*(topic(district, device, leaf) for leaf in ("batch", "ack", "status")))


class Delivery:
    """Sends one spool's batches. :meth:`run` until cancelled or drained."""

    def __init__(
        self, config: Config, spool: Spool, clock: Clock, *, birth: Status, log: Log
    ) -> None:
        self._config, self._spool, self._clock, self._log = config, spool, clock, log
        self._birth, self._death = birth, Status("offline", birth.stream)
        self._topics = Names.of(config.district, config.device)
        self._window = Window(config.mqtt.window, round(config.mqtt.ack_timeout_s * 1000))
        self._wake = asyncio.Event()
        self._draining = asyncio.Event()
        self._roused = asyncio.Event()
        self._deadline_ms = 0
        self._outage = Outage(config.device)
        self._said_silent = False
        self._said_spool = False

    def wake(self) -> None:
        """There is something new in the spool."""
        self._wake.set()

    def drain(self, seconds: float) -> None:
        """Send what can be sent within ``seconds``, say goodbye, and let :meth:`run` return."""
        self._deadline_ms = _now_ms() + round(seconds * 1000)
        self._draining.set()
        self._roused.set()
        self._wake.set()

    def covered(self) -> None:
        """There is service after there was none: try at once what is in back-off."""
        self._roused.set()

    async def run(self) -> None:
        """Connect, converse, and connect again, with full jitter in between.

        Told to drain while there is no connection, it tries once more.
        """
        sent = await asyncio.to_thread(self._spool.sent)
        newest = max((batch.id for batch in sent), default=0)
        self._window.restore([batch.key for batch in sent], newest=newest)
        await self._pause(random.uniform(0, self._config.boot_delay_s))
        attempt, drained = 0, False
        while not drained:
            last, began_ms = self._draining.is_set(), _now_ms()
            try:
                await self._once()
                drained = self._draining.is_set()
            except Unreachable as error:
                for line in self._outage.lost(str(error), _now_ms()):
                    self._log.warning("%s", line)
            if last or drained:
                return
            attempt = 1 if _now_ms() - began_ms > STEADY_S * 1000 else attempt + 1
            if await self._pause(full_jitter_s(attempt)):
                attempt = 0
                await self._pause(random.uniform(0, COVERED_S))

    async def _once(self) -> None:
        """One connection, from birth to loss or to the end of the drain."""
        will = Will(self._topics.status, self._death.encode())
        broker = await asyncio.to_thread(self._broker)
        connection = await connect(broker, will, subscribe=self._topics.ack, heard=self._wake.set)
        try:
            self._log.info("connected to broker %s:%d", broker.host, broker.port)
            self._outage.connected(_now_ms())
            connection.publish(self._topics.status, self._birth.encode(), retain=True)
            self._window.connected(_now_ms())
            await self._converse(connection)
            lost = connection.lost
            if lost is None:
                await connection.publish_and_wait(
                    self._topics.status, self._death.encode(), retain=True
                )
                await connection.close(clean=True)
        finally:
            await connection.close(clean=False)
        if lost is not None:
            raise Unreachable(f"broker {broker.host}:{broker.port}: {lost}")

    def _broker(self) -> Broker:
        mqtt = self._config.mqtt
        try:
            password = None
            if mqtt.password_file is not None:
                lines = mqtt.password_file.read_text(encoding="utf-8").splitlines()
                password = lines[0].strip() if lines else ""
            context = None
            if mqtt.ca_file is not None:
                context = tls.context(
                    mqtt.ca_file,
                    now_ms=self._clock.now_ms(),
                    saved_ms=self._spool.clock().saved_ms,
                )
        except (OSError, SpoolError) as error:
            raise Unreachable(f"cannot prepare the connection: {error}") from None
        return Broker(
            mqtt.host, mqtt.port, self._config.device, password, context, mqtt.keepalive_s
        )

    # -- one conversation

    async def _converse(self, connection: Connection) -> None:
        while connection.lost is None:
            self._wake.clear()
            wait_s = SPOOL_RETRY_S
            try:
                await self._hear(connection)
                sent = await self._send(connection)
            except SpoolError as error:
                self._say_spool(str(error))
            else:
                self._say_spool("")
                if self._draining.is_set() and not sent and self._window.idle():
                    return
                wait_s = 0.0 if sent else self._wait_s()
            if self._draining.is_set():
                left_s = (self._deadline_ms - _now_ms()) / 1000
                if left_s <= 0:
                    return
                wait_s = min(wait_s, left_s)
            if wait_s:
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._wake.wait()

    def _wait_s(self) -> float:
        next_ms = self._window.next_ms(_now_ms())
        return IDLE_S if next_ms is None else min(IDLE_S, (next_ms - _now_ms() + 1) / 1000)

    async def _hear(self, connection: Connection) -> None:
        """Act on every acknowledgement that has arrived, in one transaction."""
        receipts: list[Receipt] = []
        for payload in connection.messages():
            try:
                ack = Ack.decode(payload)
            except ValueError as error:
                self._log.warning("unreadable acknowledgement ignored: %s", error)
                continue
            if ack.clock_ms is not None:
                self._clock.hear_collector(ack.clock_ms)
            self._say_answered()
            if not ack.receipts and not ack.held:
                self._window.hello(_now_ms())
            receipts += ack.receipts
            free = [key for key in ack.held if self._window.hold(key, _now_ms())]
            if free:
                await self._release(free)
        if receipts:
            settlement = await asyncio.to_thread(self._spool.settle, receipts)
            self._window.settle(settlement.settled)
            for wrong in settlement.wrong:
                self._log.warning(
                    "acknowledgement of batch %s/%d ignored: %d stored + %d refused points are "
                    "not what was sent",
                    wrong.stream,
                    wrong.seq,
                    wrong.stored,
                    wrong.refused,
                )

    async def _release(self, keys: list[Key]) -> None:
        try:
            await asyncio.to_thread(self._spool.release, keys)
        except SpoolError:
            self._window.restore(keys)  # still marked as sent: to be asked for again
            raise

    async def _send(self, connection: Connection) -> bool:
        """Send one new batch, or what is due again. False when there is nothing to do now."""
        now_ms = _now_ms()
        window = self._window
        if not self._said_silent and window.silent(now_ms):
            self._log.warning("collector does not answer; everything is kept")
            self._said_silent = True
        due = window.due(now_ms)
        if due:
            found = await asyncio.to_thread(self._spool.sent, due)
            window.settle(set(due) - {again.key for again in found})
            for again in found:
                self._publish(connection, again)
        batch: Batch | None = None
        if window.places() > 0:
            batch = await asyncio.to_thread(self._spool.take, newer_than=window.newest)
        if batch is None and window.may_send_backlog(now_ms, paced=not self._draining.is_set()):
            skip = set(window.skip(now_ms))
            batch = await asyncio.to_thread(self._spool.take, skip=skip)
        if batch is not None:
            self._publish(connection, batch)
        return batch is not None

    def _publish(self, connection: Connection, batch: Batch) -> None:
        # 0: not known. A time that is not trusted is never sent.
        sent_ms = self._clock.now_ms() or 0
        header = Header(batch.stream, batch.seq, sent_ms, batch.points)
        connection.publish(self._topics.batch, frame(header, batch.body))
        self._window.sent(batch, _now_ms())

    # -- words

    def _say_answered(self) -> None:
        self._window.answered()
        if self._said_silent:
            self._log.info("collector answers again")
        self._said_silent = False

    def _say_spool(self, reason: str) -> None:
        if reason and not self._said_spool:
            self._log.error("%s; trying again", reason)
        self._said_spool = bool(reason)

    async def _pause(self, seconds: float) -> bool:
        """Wait, unless draining; True when :meth:`covered` cut it short."""
        if not self._draining.is_set():
            self._roused.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._roused.wait()
        return self._roused.is_set() and not self._draining.is_set()


def _now_ms() -> int:
    """The event loop's clock, ms."""
    return int(asyncio.get_running_loop().time() * 1000)
