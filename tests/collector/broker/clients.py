"""An MQTT client that tells a test exactly what the broker let it do."""

from __future__ import annotations

import queue
import socket
import ssl
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

WAIT_S = 5.0
QUIET_S = 0.4
"""How long nothing must arrive for a test to believe that nothing will."""


class NotLetIn(Exception):
    """The broker refused the connection."""


class Client:
    """A device's or the collector's connection, used from the test's own thread."""

    def __init__(
        self,
        name: str,
        password: str,
        port: int,
        *,
        host: str = "127.0.0.1",
        ca_file: Path | None = None,
        client_id: str | None = None,
        will: tuple[str, bytes] | None = None,
    ) -> None:
        self.inbox: queue.Queue[tuple[str, bytes, bool]] = queue.Queue()
        self.lost = threading.Event()
        self._granted: queue.Queue[int] = queue.Queue()
        self._connected: queue.Queue[str] = queue.Queue()
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id or name, reconnect_on_failure=False
        )
        self._client.username_pw_set(name, password)
        if ca_file is not None:
            self._client.tls_set_context(ssl.create_default_context(cafile=str(ca_file)))
        if will is not None:
            self._client.will_set(*will, qos=1, retain=True)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message
        self._client.on_subscribe = self._on_subscribe
        try:
            self._client.connect(host, port, keepalive=30)
            self._client.loop_start()
            answer = self._connected.get(timeout=WAIT_S)
        except (OSError, queue.Empty) as error:
            self.close()
            raise NotLetIn(repr(error)) from None
        if answer != "Success":
            self.close()
            raise NotLetIn(answer)

    def subscribe(self, topic: str) -> bool:
        """Whether the broker says it granted the subscription."""
        self._client.subscribe(topic, qos=1)
        try:
            return self._granted.get(timeout=WAIT_S) < 128
        except queue.Empty:
            return False

    def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, within_s: float = QUIET_S * 2
    ) -> bool:
        """Whether the broker acknowledged it (which is not yet delivery)."""
        message = self._client.publish(topic, payload, qos=1, retain=retain)
        try:
            message.wait_for_publish(within_s)
        except (ValueError, RuntimeError):
            return False
        return message.is_published()

    def receive(self) -> tuple[str, bytes, bool]:
        """The next message: topic, payload, whether it was retained."""
        return self.inbox.get(timeout=WAIT_S)

    def hears_nothing(self) -> bool:
        """Whether nothing arrives."""
        try:
            self.inbox.get(timeout=QUIET_S)
        except queue.Empty:
            return True
        return False

    def vanish(self) -> None:
        """Drop the connection without a word, as a bus in a tunnel does."""
        connection: Any = self._client.socket()
        connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Leave politely."""
        self._client.disconnect()
        self._client.loop_stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _more: Any) -> None:
        self._connected.put(str(reason))

    def _on_disconnect(self, *_arguments: Any) -> None:
        self.lost.set()
        self._connected.put("closed")

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        self.inbox.put((message.topic, bytes(message.payload), bool(message.retain)))

    def _on_subscribe(self, _client: Any, _data: Any, _mid: int, codes: Any, _more: Any) -> None:
        self._granted.put(codes[0].value)
