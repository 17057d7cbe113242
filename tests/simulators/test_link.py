"""The way to the broker: what passes, what stalls, what is reset."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from homeroute_simulators.link import Link

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while chunk := await reader.read(4096):
            writer.write(chunk)
            await writer.drain()
    except ConnectionError:
        pass
    writer.close()


def through(story: Callable[[Link, Streams], Awaitable[None]], *, patience_s: float = 30.0) -> None:
    async def run() -> None:
        server = await asyncio.start_server(_echo, "127.0.0.1", 0)
        link = Link(*server.sockets[0].getsockname()[:2], patience_s=patience_s)
        await link.open()
        reader, writer = await asyncio.open_connection("127.0.0.1", link.local_port)
        try:
            async with asyncio.timeout(10):
                await story(link, (reader, writer))
        finally:
            writer.close()
            await link.close()
            server.close()

    asyncio.run(run())


async def silent(reader: asyncio.StreamReader) -> bool:
    try:
        async with asyncio.timeout(0.1):
            await reader.read(1)
    except TimeoutError:
        return True
    return False


def test_in_coverage_bytes_come_back_whole_and_in_order() -> None:
    async def story(_: Link, streams: Streams) -> None:
        reader, writer = streams
        sent = bytes(range(256)) * 4000
        writer.write(sent)
        assert await reader.readexactly(len(sent)) == sent

    through(story)


def test_out_of_coverage_everything_stalls_and_goes_on_when_it_returns_soon() -> None:
    async def story(link: Link, streams: Streams) -> None:
        reader, writer = streams
        link.cut()
        assert not link.covered
        writer.write(b"kept")
        assert await silent(reader)
        link.restore()
        assert await reader.readexactly(4) == b"kept"

    through(story)


def test_past_its_patience_a_stalled_connection_is_reset() -> None:
    async def story(link: Link, streams: Streams) -> None:
        reader, writer = streams
        writer.write(b"x")
        await reader.readexactly(1)
        link.cut()
        with pytest.raises(ConnectionResetError):
            await reader.read(1)

    through(story, patience_s=0.05)


def test_a_new_connection_out_of_coverage_stalls_too_and_is_reset_later() -> None:
    async def story(link: Link, streams: Streams) -> None:
        reader, writer = streams
        writer.write(b"x")
        await reader.readexactly(1)
        link.cut()
        with pytest.raises(ConnectionResetError):
            await reader.read(1)
        late_reader, late_writer = await asyncio.open_connection("127.0.0.1", link.local_port)
        late_writer.write(b"hello")
        with pytest.raises(ConnectionResetError):
            await late_reader.read(1)
        link.restore()
        again_reader, again_writer = await asyncio.open_connection("127.0.0.1", link.local_port)
        again_writer.write(b"back")
        assert await again_reader.readexactly(4) == b"back"
        again_writer.close()

    through(story, patience_s=0.05)


def test_cut_twice_and_restored_twice_is_cut_once_and_restored_once() -> None:
    async def story(link: Link, streams: Streams) -> None:
        reader, writer = streams
        link.cut()
        link.cut()
        link.restore()
        link.restore()
        assert link.covered
        writer.write(b"on")
        assert await reader.readexactly(2) == b"on"

    through(story)


def test_a_broker_that_is_away_ends_the_call() -> None:
    async def run() -> None:
        server = await asyncio.start_server(_echo, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        link = Link("127.0.0.1", port)
        await link.open()
        reader, writer = await asyncio.open_connection("127.0.0.1", link.local_port)
        async with asyncio.timeout(5):
            assert await reader.read(1) == b""
        writer.close()
        await link.close()

    asyncio.run(run())
