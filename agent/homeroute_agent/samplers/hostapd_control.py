"""The control socket of hostapd: a conversation over unix datagrams.

Guarantees: every request has a timeout; events that come between request and
answer are kept apart, in order, bounded; the client's own socket lies in a
private folder that is removed on the way out. Does not: understand what is said,
or reconnect; after an error the conversation is over.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import tempfile
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path

REQUEST_TIMEOUT_S = 5.0
EVENTS_BOUND = 4_096
"""Events waiting; the oldest is dropped, and the next poll makes up for it."""

_DATAGRAM_BOUND = 16_384


class Control:
    """One open conversation; make it with :func:`open_control`."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._events: deque[str] = deque(maxlen=EVENTS_BOUND)
        self._arrived = asyncio.Event()
        self._answer: asyncio.Future[str] | None = None
        self._broken: OSError | None = None

    async def request(self, command: str) -> str:
        """Say one command and return the answer.

        Raises OSError when hostapd is gone, TimeoutError when it does not answer
        in time. One request at a time.
        """
        self._raise_if_broken()
        loop = asyncio.get_running_loop()
        self._answer = loop.create_future()
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                await loop.sock_sendall(self._socket, command.encode())
                return await self._answer
        finally:
            self._answer = None

    def farewell(self) -> None:
        """Stop listening, without waiting to hear that it was understood."""
        with contextlib.suppress(OSError):
            self._socket.send(b"DETACH")

    async def event(self, timeout_s: float) -> str | None:
        """Wait for the next event; None when none came in ``timeout_s``."""
        try:
            async with asyncio.timeout(timeout_s):
                while not self._events:
                    self._raise_if_broken()
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            return None
        return self._events.popleft()

    def read_ready(self) -> None:
        """Take in what has arrived; the event loop calls it."""
        while self._broken is None:
            try:
                text = self._socket.recv(_DATAGRAM_BOUND).decode(errors="replace")
            except BlockingIOError:
                return
            except OSError as error:
                self._fail(error)
                return
            if text.startswith("<"):
                self._events.append(text)
                self._arrived.set()
            elif self._answer is not None and not self._answer.done():
                self._answer.set_result(text)

    def _fail(self, error: OSError) -> None:
        self._broken = error
        self._arrived.set()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)

    def _raise_if_broken(self) -> None:
        if self._broken is not None:
            raise self._broken


@contextlib.asynccontextmanager
async def open_control(path: Path) -> AsyncIterator[Control]:
    """Connect to hostapd's socket at ``path``, and leave nothing behind.

    hostapd answers to a socket of ours, so both must see the same folder: a
    service with a private /tmp needs a RuntimeDirectory, which is used when
    there is one. Raises OSError when nobody listens at ``path``.
    """
    runtime = os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0] or None
    with (
        tempfile.TemporaryDirectory(prefix="homeroute-", dir=runtime) as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection,
    ):
        connection.setblocking(False)
        connection.bind(str(Path(folder) / "hostapd"))
        connection.connect(str(path))
        control = Control(connection)
        loop = asyncio.get_running_loop()
        loop.add_reader(connection.fileno(), control.read_ready)
        try:
            yield control
        finally:
            loop.remove_reader(connection.fileno())
