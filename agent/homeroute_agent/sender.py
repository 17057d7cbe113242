"""MQTT: one connection to the broker, driven by the event loop.

Guarantees: nothing here blocks the loop (name lookup, TCP connect and TLS
handshake run in a thread of their own, everything later on the loop's
selector, so that hundreds of agents fit into one program); every wait has a
limit; paho's own queue is never used across connections, because what must
survive is in the spool. Messages nobody takes in time are let go: the collector
repeats what matters.

Does not: reconnect, or know what a batch is; that is
:mod:`homeroute_agent.delivery`.
"""

from __future__ import annotations

import asyncio
import collections
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from paho.mqtt.client import Client, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

CONNECT_S = 10.0
"""For the TCP connect and for each step of the TLS handshake."""

ANSWER_S = 10.0
"""For the broker's answer to a connect, a subscription, a last message."""

INBOX_BOUND = 256
"""Messages waiting to be read; the oldest go first."""


class Unreachable(Exception):
    """No connection: says which broker and why, without secrets."""


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker publishes, retained, when this connection breaks."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Broker:
    """Where to connect and as whom. ``tls`` is None on loopback only."""

    host: str
    port: int
    user: str
    password: str | None
    tls: ssl.SSLContext | None
    keepalive_s: int


class Connection:
    """One connection, subscribed to one topic. Make one with :func:`connect`."""

    def __init__(self, broker: Broker, will: Will, heard: Callable[[], None]) -> None:
        self._broker, self._heard = broker, heard
        self._loop = asyncio.get_running_loop()
        self._inbox: collections.deque[bytes] = collections.deque(maxlen=INBOX_BOUND)
        self._answered: asyncio.Future[None] = self._loop.create_future()
        self._subscribed: asyncio.Future[None] = self._loop.create_future()
        self._published: dict[int, asyncio.Future[None]] = {}
        self._lost: asyncio.Future[str] = self._loop.create_future()
        self._closed = False
        self._misc: asyncio.Task[None] | None = None
        client = Client(CallbackAPIVersion.VERSION2, client_id=broker.user)
        client.connect_timeout = CONNECT_S
        client.max_inflight_messages_set(0)  # no limit: the window is ours
        client.will_set(will.topic, will.payload, qos=1, retain=True)
        if broker.password is not None:
            client.username_pw_set(broker.user, broker.password)
        if broker.tls is not None:
            client.tls_set_context(broker.tls)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_disconnect = self._on_disconnect
        client.on_socket_open = self._on_socket_open
        client.on_socket_close = self._on_socket_close
        client.on_socket_register_write = self._on_register_write
        client.on_socket_unregister_write = self._on_unregister_write
        self._client = client

    # -- for the delivery

    @property
    def lost(self) -> str | None:
        """Why the connection is gone; None while it stands."""
        return self._lost.result() if self._lost.done() else None

    def messages(self) -> list[bytes]:
        """What has arrived since the last call."""
        taken = list(self._inbox)
        self._inbox.clear()
        return taken

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> int:
        """Hand one message to the broker at QoS 1; returns its id. Never raises, never waits."""
        return self._client.publish(topic, payload, qos=1, retain=retain).mid

    async def publish_and_wait(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Publish and wait for the broker's word. False when it does not come."""
        done: asyncio.Future[None] = self._loop.create_future()
        self._published[self.publish(topic, payload, retain=retain)] = done
        return await self._answer(done, ANSWER_S)

    async def open(self, subscribe: str) -> None:
        """Connect and subscribe. Raises :class:`Unreachable`."""
        broker = self._broker
        try:
            await _in_own_thread(
                lambda: self._client.connect(broker.host, broker.port, broker.keepalive_s)
            )
        except (OSError, ValueError) as error:
            raise self._unreachable(_reason(error)) from None
        self._misc = asyncio.create_task(self._keep_alive(), name="keep-alive")
        if not await self._answer(self._answered, ANSWER_S):
            raise self._unreachable(self.lost or "no answer")
        self._client.subscribe(subscribe, qos=1)
        if not await self._answer(self._subscribed, ANSWER_S):
            raise self._unreachable(self.lost or "no answer to the subscription")

    async def close(self, *, clean: bool) -> None:
        """Close; with ``clean`` the broker is told, and keeps the Will to itself."""
        if clean and self.lost is None:
            self._client.disconnect()
            with suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await asyncio.shield(self._lost)
        self._closed = True
        if self._misc is not None:
            self._misc.cancel()
        self._close_socket()

    # -- inside

    async def _answer(self, answer: asyncio.Future[None], limit_s: float) -> bool:
        done, _ = await asyncio.wait(
            (answer, self._lost), timeout=limit_s, return_when=asyncio.FIRST_COMPLETED
        )
        return answer in done

    def _unreachable(self, reason: str) -> Unreachable:
        return Unreachable(f"broker {self._broker.host}:{self._broker.port}: {reason}")

    async def _keep_alive(self) -> None:
        """Ping the broker when it is time, and notice when it no longer answers."""
        step_s = max(0.25, self._broker.keepalive_s / 4)
        while self.lost is None:
            self._client.loop_misc()
            await asyncio.sleep(step_s)

    def _close_socket(self) -> None:
        sock = self._client.socket()
        if sock is not None:
            self._forget(sock)
            with suppress(OSError):
                sock.close()

    def _forget(self, sock: Any) -> None:
        # Its descriptor, or the loop, may be gone already.
        with suppress(ValueError, OSError, RuntimeError):
            self._loop.remove_reader(sock)
            self._loop.remove_writer(sock)

    def _set(self, future: asyncio.Future[None]) -> None:
        if not future.done():
            future.set_result(None)

    def _readable(self, sock: Any) -> None:
        self._client.loop_read()
        # TLS may have decrypted more than was read; the selector does not see that.
        while isinstance(sock, ssl.SSLSocket) and self._client.is_connected() and sock.pending():
            self._client.loop_read()

    # -- paho's callbacks. Until the handshake is over they come from the connecting thread.

    def _on_loop(self, call: Callable[..., object], *arguments: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(call, *arguments)

    def _on_socket_open(self, _client: Client, _data: Any, sock: Any) -> None:
        self._on_loop(self._opened, sock)

    def _opened(self, sock: Any) -> None:
        if self._closed:
            self._close_socket()
        elif sock.fileno() >= 0:
            self._loop.add_reader(sock, self._readable, sock)

    def _on_socket_close(self, _client: Client, _data: Any, sock: Any) -> None:
        self._forget(sock)

    def _on_register_write(self, _client: Client, _data: Any, sock: Any) -> None:
        self._on_loop(self._write_wanted, sock)

    def _write_wanted(self, sock: Any) -> None:
        if not self._closed and self._client.want_write() and sock.fileno() >= 0:
            self._loop.add_writer(sock, self._client.loop_write)

    def _on_unregister_write(self, _client: Client, _data: Any, sock: Any) -> None:
        with suppress(ValueError, OSError, RuntimeError):
            self._loop.remove_writer(sock)

    def _on_connect(
        self, _client: Client, _data: Any, _flags: Any, code: ReasonCode, _properties: Any
    ) -> None:
        if not code.is_failure:
            self._set(self._answered)
        elif not self._lost.done():
            self._lost.set_result(f"refused: {code}".lower())

    def _on_subscribe(
        self, _client: Client, _data: Any, _mid: int, codes: list[ReasonCode], _properties: Any
    ) -> None:
        if not any(code.is_failure for code in codes):
            self._set(self._subscribed)
        elif not self._lost.done():
            self._lost.set_result("subscription refused")

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        # A retained acknowledgement would carry a clock of long ago; ours never are.
        if not message.retain:
            self._inbox.append(bytes(message.payload))
            self._heard()

    def _on_publish(
        self, _client: Client, _data: Any, mid: int, _code: ReasonCode, _properties: Properties
    ) -> None:
        future = self._published.pop(mid, None)
        if future is not None:
            self._set(future)

    def _on_disconnect(
        self,
        _client: Client,
        _data: Any,
        _flags: DisconnectFlags,
        code: ReasonCode,
        _properties: Any,
    ) -> None:
        if not self._lost.done():
            self._lost.set_result(f"connection lost: {code}".lower())
        self._heard()


async def connect(
    broker: Broker, will: Will, *, subscribe: str, heard: Callable[[], None]
) -> Connection:
    """Connect and subscribe. Raises :class:`Unreachable`.

    ``heard`` is called in the event loop when a message has arrived or the
    connection is lost.
    """
    connection = Connection(broker, will, heard)
    try:
        await connection.open(subscribe)
    except BaseException:
        await connection.close(clean=False)
        raise
    return connection


async def _in_own_thread(work: Callable[[], object]) -> None:
    # Not the loop's pool: a name server that hangs would hold up every spool in it.
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def settle(error: Exception | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def run() -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 -- carried to the one who waits
            outcome: Exception | None = error
        else:
            outcome = None
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, outcome)

    threading.Thread(target=run, name="connect", daemon=True).start()
    await done


def _reason(error: Exception) -> str:
    match error:
        case ssl.SSLError():
            # OpenSSL's own words about a certificate; ours; or a reason like WRONG_VERSION_NUMBER.
            words = getattr(error, "verify_message", "") or getattr(error, "reason", "")
            return f"TLS: {(words or str(error)).lower()}"
        case socket.gaierror():
            return "name not found"
        case TimeoutError():
            return "timed out"
        case OSError():
            return (error.strerror or type(error).__name__).lower()
        case _:
            return type(error).__name__
