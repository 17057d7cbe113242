"""The way between one device and the broker: a TCP relay that can lose coverage.

Out of coverage nothing moves in either direction, as with a modem that has
lost its cell: connections stall, new ones too, and after ``patience_s`` they
are reset. Coverage that returns before then finds them alive.

Guarantees: bytes are relayed in order or not at all; buffers are bounded, a
slow side slows the other. Does not: shape bandwidth or add delay.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable

_CHUNK = 65_536
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of zero seconds: close sends RST."""


class Link:
    """One device's relay to ``host``:``port``. ``local_port`` once open.

    ``heard`` counts the bytes that came down. ``upward`` makes, for each new connection,
    what the device's bytes pass through.
    """

    def __init__(self, host: str, port: int, *, patience_s: float = 4.0) -> None:
        self.local_port = 0
        self.heard = 0
        self.upward: Callable[[], Callable[[bytes], bytes]] | None = None
        self._target = (host, port)
        self._patience_s = patience_s
        self._server: asyncio.Server | None = None
        self._covered = asyncio.Event()
        self._covered.set()
        self._calls: set[asyncio.Task[None]] = set()
        self._reset_timer: asyncio.TimerHandle | None = None

    @property
    def covered(self) -> bool:
        """Whether bytes move."""
        return self._covered.is_set()

    async def open(self) -> None:
        """Listen on a free loopback port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.local_port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Reset everything and stop listening."""
        if self._server is None:
            return
        self._server.close()
        self.restore()
        self._reset()
        await asyncio.gather(*self._calls, return_exceptions=True)

    def cut(self) -> None:
        """Lose coverage: stall now, reset after the patience, and again while it lasts."""
        if self.covered:
            self._covered.clear()
            self._expect_reset()

    def restore(self) -> None:
        """Find coverage again."""
        self._covered.set()
        if self._reset_timer is not None:
            self._reset_timer.cancel()
            self._reset_timer = None

    def hang_up(self) -> None:
        """Reset every connection now."""
        self._reset()

    def _expect_reset(self) -> None:
        loop = asyncio.get_running_loop()
        self._reset_timer = loop.call_later(self._patience_s, self._lose_patience)

    def _lose_patience(self) -> None:
        self._reset()
        self._expect_reset()

    def _reset(self) -> None:
        for call in self._calls:
            call.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        call = asyncio.current_task()
        assert call is not None
        self._calls.add(call)
        writers = [writer]
        try:
            await self._covered.wait()
            far_reader, far_writer = await asyncio.open_connection(*self._target)
            writers.append(far_writer)
            upward = self.upward() if self.upward is not None else None
            pumps = [
                asyncio.create_task(self._pump(reader, far_writer, upward), name="link up"),
                asyncio.create_task(self._pump(far_reader, writer, down=True), name="link down"),
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        except OSError:
            pass  # nobody answers at the broker's end: hang up
        except asyncio.CancelledError:
            for each in writers:
                _abort(each)
        finally:
            self._calls.discard(call)
            for each in writers:
                each.close()

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        through: Callable[[bytes], bytes] | None = None,
        *,
        down: bool = False,
    ) -> None:
        while chunk := await reader.read(_CHUNK):
            await self._covered.wait()
            self.heard += len(chunk) if down else 0
            writer.write(chunk if through is None else through(chunk))
            await writer.drain()


def _abort(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
