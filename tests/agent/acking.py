"""A collector for the agent's tests: decodes batches and answers as it is told to."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from homeroute_wire.batch import RawBatch, decode
from homeroute_wire.messages import Ack, Receipt, Status
from homeroute_wire.topics import district_filter, parse, topic
from tests.servers import wait_until

DISTRICT = "springfield"

Policy = Callable[["Acking", RawBatch], Ack | None]


def store(_collector: Acking, batch: RawBatch) -> Ack:
    """Store every point."""
    return Ack((receipt(batch),), clock_ms=time.time_ns() // 1_000_000)


def receipt(batch: RawBatch, refused: int = 0) -> Receipt:
    header = batch.header
    return Receipt(header.stream, header.seq, header.points - refused, refused)


def silent(_collector: Acking, _batch: RawBatch) -> None:
    """Answer nothing."""


class Acking:
    """Keeps every batch and status that arrives; ``policy`` makes the answers."""

    def __init__(
        self,
        port: int,
        *,
        policy: Policy = store,
        clock: Callable[[], int | None] = lambda: time.time_ns() // 1_000_000,
        ca_file: Path | None = None,
        password: str | None = None,
    ) -> None:
        self.policy, self.clock = policy, clock
        self.batches: list[RawBatch] = []
        self.payloads: list[bytes] = []
        self.statuses: list[Status] = []
        self._subscribed = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="collector")
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(1, 1)
        if password is not None:
            self._client.username_pw_set("collector", password)
        if ca_file is not None:
            self._client.tls_set_context(ssl.create_default_context(cafile=str(ca_file)))
        self._client.connect("localhost" if ca_file else "127.0.0.1", port)

    def __enter__(self) -> Self:
        self._client.loop_start()
        assert self._subscribed.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def send(self, device: str, ack: Ack, *, retain: bool = False) -> None:
        name = topic(DISTRICT, device, "ack")
        self._client.publish(name, ack.encode(), qos=1, retain=retain)

    def hello(self, device: str) -> None:
        self.send(device, Ack(clock_ms=self.clock()))

    @property
    def keys(self) -> list[tuple[str, int]]:
        """Every arrival in order, repeats included."""
        return [(batch.header.stream, batch.header.seq) for batch in self.batches]

    @property
    def points(self) -> int:
        """Points of all batches, repeats counted once."""
        unique = {(b.header.stream, b.header.seq): b.header.points for b in self.batches}
        return sum(unique.values())

    def wait(self, ready: Callable[[], bool], what: str, timeout_s: float = 15.0) -> None:
        wait_until(ready, what, timeout_s)

    def _on_connect(self, client: Client, *_: Any) -> None:
        client.subscribe([(district_filter(DISTRICT, leaf), 1) for leaf in ("batch", "status")])

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        address = parse(message.topic)
        assert address is not None
        payload = bytes(message.payload)
        if address.leaf == "status":
            status = Status.decode(payload)
            self.statuses.append(status)
            if status.state == "online":
                self.hello(address.device)
            return
        batch = decode(payload)
        self.batches.append(batch)
        self.payloads.append(payload)
        answer = self.policy(self, batch)
        if answer is not None:
            self.send(address.device, answer)
