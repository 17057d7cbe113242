"""Messages a second through each embedded broker at QoS 1, device to collector.

One device publishes batches of a realistic size with a window of unacknowledged
ones, the collector acknowledges each: both as raw sockets with packets built
beforehand, so that the broker is measured and not a Python client.

    python benchmarks/broker.py [--messages 50000] [--bytes 300] [--window 100] [--tls]
"""

from __future__ import annotations

import argparse
import asyncio
import ssl
import sys
import tempfile
import threading
import time
from pathlib import Path

from homeroute_collector.broker import BrokerError, Credentials, EmbeddedBroker, Endpoint, Listen
from homeroute_collector.broker.greeting import connect_packet

TOPIC = b"homeroute/1/springfield/bus-01/batch"
LIMIT_S = 60.0


class Wire:
    """MQTT packets over one socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(
        cls, host: str, port: int, name: str, password: str, ca_file: Path | None
    ) -> Wire:
        """Connect and be let in."""
        context = ssl.create_default_context(cafile=str(ca_file)) if ca_file else None
        wire = cls(*await asyncio.open_connection(host, port, ssl=context))
        wire.writer.write(connect_packet(name, name, password))
        first, body = await wire.packet()
        assert (first, body[1]) == (0x20, 0), "not let in"
        return wire

    async def packet(self) -> tuple[int, bytes]:
        """The next packet's first byte and body."""
        first = (await self.reader.readexactly(1))[0]
        length = shift = 0
        while True:
            byte = (await self.reader.readexactly(1))[0]
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return first, await self.reader.readexactly(length)


def publish_packet(number: int, payload: bytes) -> bytes:
    """A PUBLISH at QoS 1."""
    body = len(TOPIC).to_bytes(2, "big") + TOPIC + number.to_bytes(2, "big") + payload
    length, size = len(body), bytearray()
    while True:
        length, low = divmod(length, 128)
        size.append(low | (0x80 if length else 0))
        if not length:
            return b"\x32" + bytes(size) + body


async def publish(wire: Wire, messages: int, payload: bytes, window: int) -> None:
    """Send all, at most ``window`` unacknowledged."""
    packets = [publish_packet(number, payload) for number in range(1, 60_001)]
    room = asyncio.Semaphore(window)

    async def acknowledged() -> None:
        for _ in range(messages):
            first, _ = await wire.packet()
            assert first == 0x40, "no PUBACK"
            room.release()

    reading = asyncio.create_task(acknowledged())
    for number in range(messages):
        await room.acquire()
        wire.writer.write(packets[number % len(packets)])
    await reading


async def collect(wire: Wire, messages: int) -> None:
    """Take and acknowledge all."""
    for _ in range(messages):
        first, body = await wire.packet()
        assert first & 0xF0 == 0x30, "no PUBLISH"
        at = 2 + int.from_bytes(body[:2], "big")
        wire.writer.write(b"\x40\x02" + body[at : at + 2])


async def measure(arguments: argparse.Namespace, program: str, data: Path) -> float:
    """Messages a second, from the first sent to the last collected."""
    password = Credentials(data).add("bus-01")
    listen = Listen("127.0.0.1", 28_883) if arguments.tls else None
    broker = EmbeddedBroker(data, "springfield", port=0, listen=listen, prefer=program)  # type: ignore[arg-type]
    endpoint = await broker.start()
    try:
        collector = await Wire.open(
            endpoint.host,
            endpoint.port,
            endpoint.username,
            endpoint.password_file.read_text().strip(),
            endpoint.ca_file,
        )
        topics = b"homeroute/1/springfield/+/batch"
        body = b"\x00\x01" + len(topics).to_bytes(2, "big") + topics + b"\x01"
        collector.writer.write(b"\x82" + bytes([len(body)]) + body)
        first, _ = await collector.packet()
        assert first == 0x90, "not subscribed"
        sending = threading.Thread(
            target=asyncio.run, args=(_device(arguments, endpoint, data, password),)
        )
        begin = time.perf_counter()
        sending.start()
        await asyncio.wait_for(collect(collector, arguments.messages), LIMIT_S)
        took_s = time.perf_counter() - begin
        await asyncio.to_thread(sending.join)
        return float(arguments.messages / took_s)
    finally:
        await broker.stop()


async def _device(
    arguments: argparse.Namespace, endpoint: Endpoint, data: Path, password: str
) -> None:
    port = 28_883 if arguments.tls else endpoint.port
    ca_file = data / "ca" / "ca.pem" if arguments.tls else None
    wire = await Wire.open("127.0.0.1", port, "bus-01", password, ca_file)
    work = publish(wire, arguments.messages, bytes(arguments.bytes), arguments.window)
    await asyncio.wait_for(work, LIMIT_S)


def main() -> int:
    """Measure both."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--messages", type=int, default=50_000)
    parser.add_argument("--bytes", type=int, default=300)
    parser.add_argument("--window", type=int, default=100)
    parser.add_argument("--tls", action="store_true")
    arguments = parser.parse_args()
    for program in ("mosquitto", "nats"):
        with tempfile.TemporaryDirectory() as data:
            try:
                rate = asyncio.run(measure(arguments, program, Path(data)))
            except BrokerError as error:
                print(f"{program:<10} {error}", file=sys.stderr)
                continue
            print(
                f"{program:<10} {rate:>8,.0f} messages/s  ({arguments.messages:,} of "
                f"{arguments.bytes} bytes, QoS 1, window {arguments.window}"
                f"{', TLS' if arguments.tls else ''})"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
