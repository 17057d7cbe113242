"""Find out whether a broker serves: one MQTT 3.1.1 CONNECT, answered and closed.

Twelve lines of protocol instead of a client: nothing is subscribed or sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from pathlib import Path

_WAIT_S = 5.0
_REFUSALS = {1: "protocol", 2: "client id", 3: "unavailable", 4: "bad password", 5: "not allowed"}


class Refused(Exception):
    """The broker answered, and would not have us."""


async def greet(host: str, port: int, username: str, password: str, ca_file: Path | None) -> None:
    """Connect and leave. Raises OSError while nobody serves, Refused when not let in."""
    context = None if ca_file is None else ssl.create_default_context(cafile=str(ca_file))
    try:
        async with asyncio.timeout(_WAIT_S):
            reader, writer = await asyncio.open_connection(host, port, ssl=context)
            try:
                writer.write(connect_packet(username, username, password))
                await writer.drain()
                answer = await reader.readexactly(4)
                writer.write(b"\xe0\x00")  # DISCONNECT: no Will, no log line
                await writer.drain()
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (EOFError, TimeoutError) as error:
        raise ConnectionError(f"{host}:{port} did not answer: {error!r}") from None
    if answer[0] != 0x20:
        raise Refused("no MQTT")
    if answer[3] != 0:
        raise Refused(_REFUSALS.get(answer[3], str(answer[3])))


def connect_packet(client: str, username: str, password: str) -> bytes:
    """A CONNECT with a clean session and a keepalive of 30 s."""
    fields = b"".join(
        len(text.encode()).to_bytes(2, "big") + text.encode()
        for text in (client, username, password)
    )
    body = b"\x00\x04MQTT\x04\xc2\x00\x1e" + fields
    length = len(body)
    size = bytearray()
    while True:
        length, low = divmod(length, 128)
        size.append(low | (0x80 if length else 0))
        if not length:
            return b"\x10" + bytes(size) + body
