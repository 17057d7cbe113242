"""The collector's connection, on a real mosquitto."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiomqtt
import psutil
import pytest

from homeroute_collector.archive import Archive
from homeroute_collector.archive_writer import Limits
from homeroute_collector.config import Broker
from homeroute_collector.ingest import Ingest
from homeroute_collector.mqtt import Mqtt
from homeroute_collector.own_clock import OwnClock
from homeroute_wire.messages import Ack, Receipt, Status
from homeroute_wire.topics import topic
from tests.brokers import Mosquitto, SecureMosquitto
from tests.collector.batches import DISTRICT, NOW_MS, RETENTION_DAYS, STREAM, batch, minute

MINUTE = len(minute())
BIRTH = Status(state="online", stream=STREAM, kind="bus", version="0.1.0", wire="1.0")
DEATH = Status(state="offline", stream=STREAM)


@dataclass
class Bench:
    """A collector's connection at work."""

    archive: Archive
    ingest: Ingest
    mqtt: Mqtt
    statuses: list[tuple[str, Status, bool]] = field(default_factory=list)
    transitions: list[bool] = field(default_factory=list)


@asynccontextmanager
async def bench(folder: Path, broker: Broker) -> AsyncIterator[Bench]:
    clock = OwnClock(wall=lambda: NOW_MS / 1000)
    path = folder / "archive.duckdb"
    archive = await asyncio.to_thread(
        Archive.open, path, district=DISTRICT, limits=Limits(window_s=0.01), now_ms=clock.now_ms
    )
    ingest = Ingest(archive, clock, district=DISTRICT, retention_days=RETENTION_DAYS)
    statuses: list[tuple[str, Status, bool]] = []
    transitions: list[bool] = []
    mqtt = Mqtt(
        broker,
        DISTRICT,
        ingest,
        clock,
        on_status=lambda *status: statuses.append(status),
        on_connection=transitions.append,
    )
    tasks = [asyncio.create_task(ingest.run()), asyncio.create_task(mqtt.run())]
    try:
        yield Bench(archive, ingest, mqtt, statuses, transitions)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(archive.close)
        assert all(isinstance(result, asyncio.CancelledError) for result in results), results


async def until(ready: Callable[[], bool], what: str) -> None:
    for _ in range(2_000):
        if ready():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"waited for {what}")


def plain(broker: Mosquitto) -> Broker:
    return Broker(host="127.0.0.1", port=broker.port)


def device(broker: Mosquitto) -> aiomqtt.Client:
    return aiomqtt.Client("127.0.0.1", broker.port)


async def next_ack(client: aiomqtt.Client) -> Ack:
    async with asyncio.timeout(15):
        message = await anext(aiter(client.messages))
    assert isinstance(message.payload, bytes)
    return Ack.decode(message.payload)


def test_a_batch_comes_in_and_its_acknowledgement_goes_out(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    async def use() -> None:
        async with bench(tmp_path, plain(mosquitto)) as made, device(mosquitto) as bus:
            await until(lambda: made.mqtt.connected, "the connection")
            await bus.subscribe(topic(DISTRICT, "bus-07", "ack"), 1)
            await bus.publish(topic(DISTRICT, "bus-07", "batch"), batch(), 1)
            assert await next_ack(bus) == Ack((Receipt(STREAM, 1, MINUTE, 0),), (), NOW_MS)
            assert made.mqtt.problem is None
            rows = await made.archive.query("SELECT DISTINCT device FROM wifi")
            assert rows == [("bus-07",)]

    asyncio.run(use())


def test_a_birth_is_answered_with_a_hello_and_a_death_is_not(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    async def use() -> None:
        async with bench(tmp_path, plain(mosquitto)) as made, device(mosquitto) as bus:
            await until(lambda: made.mqtt.connected, "the connection")
            await bus.subscribe(topic(DISTRICT, "bus-07", "ack"), 1)
            name = topic(DISTRICT, "bus-07", "status")
            await bus.publish(name, DEATH.encode(), 1, retain=True)
            await bus.publish(name, b"nonsense", 1)
            await bus.publish(name, BIRTH.encode(), 1, retain=True)
            assert await next_ack(bus) == Ack(clock_ms=NOW_MS)
            assert made.statuses == [("bus-07", DEATH, False), ("bus-07", BIRTH, False)]
            assert made.mqtt.counts.unreadable == 1

    asyncio.run(use())


def test_retained_births_are_told_at_once_and_cleared_ones_are_nothing(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    async def use() -> None:
        async with device(mosquitto) as bus:
            await bus.publish(topic(DISTRICT, "bus-07", "status"), BIRTH.encode(), 1, retain=True)
            async with bench(tmp_path, plain(mosquitto)) as made:
                await until(lambda: made.statuses != [], "the birth")
                assert made.statuses == [("bus-07", BIRTH, True)]
                await bus.publish(topic(DISTRICT, "bus-07", "status"), b"", 1, retain=True)
                await bus.publish(topic(DISTRICT, "bus-08", "status"), BIRTH.encode(), 1)
                await until(lambda: len(made.statuses) == 2, "the other birth")
                assert made.mqtt.counts.unreadable == 0

    asyncio.run(use())


def test_a_retained_batch_is_ignored(tmp_path: Path, mosquitto: Mosquitto) -> None:
    async def use() -> None:
        async with device(mosquitto) as bus:
            await bus.publish(topic(DISTRICT, "bus-07", "batch"), batch(), 1, retain=True)
            async with bench(tmp_path, plain(mosquitto)) as made:
                await until(lambda: made.mqtt.counts.retained == 1, "the retained batch")
                assert made.ingest.queued == 0

    asyncio.run(use())


def test_a_lost_broker_is_said_once_shown_and_found_again(
    tmp_path: Path, mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    async def use() -> None:
        async with bench(tmp_path, plain(mosquitto)) as made:
            await until(lambda: made.mqtt.connected, "the connection")
            await asyncio.to_thread(mosquitto.kill)
            await until(lambda: not made.mqtt.connected, "the loss")
            made.mqtt.acknowledge("bus-07", Ack())
            assert made.mqtt.counts.acks_dropped == 1
            await until(lambda: "refused" in str(made.mqtt.problem).lower(), "another attempt")
            assert str(mosquitto.port) in str(made.mqtt.problem)
            await asyncio.to_thread(mosquitto.start)
            await until(lambda: made.mqtt.connected, "the connection again")
            async with device(mosquitto) as bus:
                await bus.publish(topic(DISTRICT, "bus-07", "batch"), batch(), 1)
                await until(lambda: made.ingest.counts.stored == MINUTE, "the batch")
            assert made.transitions == [True, False, True]

    with caplog.at_level(logging.WARNING, "homeroute_collector.mqtt"):
        asyncio.run(use())
    assert len([r for r in caplog.records if r.name == "homeroute_collector.mqtt"]) == 1


def test_a_broker_absent_at_the_start_is_awaited(tmp_path: Path, mosquitto: Mosquitto) -> None:
    mosquitto.stop()

    async def use() -> None:
        async with bench(tmp_path, plain(mosquitto)) as made:
            await until(lambda: "refused" in str(made.mqtt.problem).lower(), "the first failure")
            await asyncio.to_thread(mosquitto.start)
            await until(lambda: made.mqtt.connected, "the connection")

    asyncio.run(use())


def secure(broker: SecureMosquitto, folder: Path, password: str) -> Broker:
    secret = folder / "password"
    secret.write_text(password + "\n")
    return Broker(
        host="localhost",
        port=broker.port,
        username="collector",
        password_file=secret,
        ca_file=broker.ca_file,
    )


def test_tls_and_password_are_used_and_a_corrected_password_is_read_anew(
    tmp_path: Path, mosquitto_tls: SecureMosquitto
) -> None:
    mosquitto_tls.add("collector", "right")

    async def use() -> None:
        settings = secure(mosquitto_tls, tmp_path, "wrong")
        async with bench(tmp_path, settings) as made:
            await until(lambda: "not authorized" in str(made.mqtt.problem).lower(), "the refusal")
            secure(mosquitto_tls, tmp_path, "right")
            await until(lambda: made.mqtt.connected, "the connection")

    asyncio.run(use())


def test_a_missing_secret_is_named(tmp_path: Path, mosquitto_tls: SecureMosquitto) -> None:
    async def use() -> None:
        settings = secure(mosquitto_tls, tmp_path, "right")
        (tmp_path / "password").unlink()
        async with bench(tmp_path, settings) as made:
            await until(lambda: "password_file" in str(made.mqtt.problem), "the reason")

    asyncio.run(use())


def unused(broker: Broker, folder: Path) -> Mqtt:
    """A connection nobody uses; its archive is never asked."""
    clock = OwnClock(wall=lambda: NOW_MS / 1000)
    archive = Archive.open(folder / "archive.duckdb", district=DISTRICT)
    ingest = Ingest(archive, clock, district=DISTRICT, retention_days=RETENTION_DAYS)
    archive.close()
    return Mqtt(broker, DISTRICT, ingest, clock, on_status=lambda *_: None)


def open_to(port: int) -> int:
    """Connections of this process to that port of the loopback."""
    found = psutil.Process().net_connections("tcp")
    return sum(c.status == "ESTABLISHED" and c.raddr[1:] == (port,) for c in found)


@pytest.mark.slow
@pytest.mark.real("mosquitto")
def test_ended_at_any_moment_of_its_start_it_leaves_no_connection_and_no_complaint(
    tmp_path: Path, mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    complaints: list[dict[str, Any]] = []
    reached: set[bool] = set()

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, told: complaints.append(told))
        mqtt = unused(plain(mosquitto), tmp_path)
        last = 40
        for step in range(last + 1):
            task = asyncio.create_task(mqtt.run())
            # Turns of the loop at first, then moments: a connection is a thread's work.
            for _ in range(step):
                await asyncio.sleep(0 if step < 15 else 0.0005)
            # However slow the machine is, once it has come all the way.
            async with asyncio.timeout(20):
                while step == last and not mqtt.connected:
                    await asyncio.sleep(0.005)
            reached.add(mqtt.connected)
            task.cancel()
            assert isinstance(
                (await asyncio.gather(task, return_exceptions=True))[0], asyncio.CancelledError
            )
            assert open_to(mosquitto.port) == 0, step
        await asyncio.to_thread(mosquitto.stop)
        gc.collect()
        await asyncio.sleep(0.05)

    asyncio.run(run())
    assert reached == {False, True}
    assert complaints == []
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR] == []


def test_a_broker_that_goes_while_we_subscribe_is_a_lost_one_and_no_complaint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    complaints: list[dict[str, Any]] = []
    asked = asyncio.Event()

    async def broker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(2)
        writer.write(b"\x20\x02\x00\x00")  # CONNACK, accepted
        await reader.readuntil(b"batch")  # of a SUBSCRIBE
        asked.set()
        writer.close()

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, told: complaints.append(told))
        server = await asyncio.start_server(broker, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        mqtt = unused(Broker(host="127.0.0.1", port=port), tmp_path)
        task = asyncio.create_task(mqtt.run())
        await asyncio.wait_for(asked.wait(), 5)
        await until(lambda: str(mqtt.problem).startswith("broker "), "the loss")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        server.close()
        gc.collect()
        await asyncio.sleep(0.05)

    asyncio.run(run())
    assert complaints == []
