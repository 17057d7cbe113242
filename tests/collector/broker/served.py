"""An embedded broker looked after in a thread of its own, as `homeroute up` does."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from homeroute_collector.broker import Credentials, EmbeddedBroker, Endpoint, Listen
from tests.collector.broker.clients import Client, NotLetIn

DISTRICT = "springfield"
ProgramName = Literal["mosquitto", "nats"]


def topic(device: str, leaf: str) -> str:
    """One device's topic."""
    return f"homeroute/1/{DISTRICT}/{device}/{leaf}"


def let_in_within(limit_s: float, connect: Callable[[], Client]) -> Client:
    """The connection, once the broker lets it in."""
    end = time.monotonic() + limit_s
    while True:
        try:
            return connect()
        except NotLetIn:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


def until(true: Callable[[], bool], limit_s: float) -> None:
    end = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.02)


class Served:
    """A running broker; `endpoint` and `broker` are there inside the `with` block."""

    endpoint: Endpoint

    def __init__(self, data: Path, program: ProgramName, listen: Listen | None = None) -> None:
        self.data = data
        self.broker = EmbeddedBroker(data, DISTRICT, port=0, listen=listen, prefer=program)
        self.credentials = Credentials(data)
        self._started = threading.Event()
        self._failure: BaseException | None = None
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="broker")

    def collector(self, **more: object) -> Client:
        """The collector's connection."""
        password = self.endpoint.password_file.read_text().strip()
        return Client(
            self.endpoint.username,
            password,
            self.endpoint.port,
            ca_file=self.endpoint.ca_file,
            **more,  # type: ignore[arg-type]
        )

    def device(self, name: str, password: str, **more: object) -> Client:
        """A device's connection, where the collector's is."""
        return Client(name, password, self.endpoint.port, ca_file=self.endpoint.ca_file, **more)  # type: ignore[arg-type]

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.wait(30)
        if self._failure is not None:
            self._thread.join()
            raise self._failure
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)

    def _run(self) -> None:
        with contextlib.closing(self._loop):
            self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        try:
            self.endpoint = await self.broker.start()
        except BaseException as error:  # noqa: BLE001
            self._failure = error
            self._started.set()
            return
        self._started.set()
        attending = asyncio.create_task(self.broker.run())
        await self._stop.wait()
        attending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await attending
        await self.broker.stop()
