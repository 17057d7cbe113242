"""The assembled collector with its own broker, and a device before it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiomqtt
import pytest

from homeroute_collector.broker import Credentials
from homeroute_collector.presence import State
from homeroute_collector.service import CannotStart
from homeroute_wire.messages import Ack, Receipt, Status
from homeroute_wire.topics import topic
from tests.collector.batches import DISTRICT, STREAM
from tests.collector.serving import batch, config, ledger, serving, until, uplink, wifi
from tests.stores import InfluxDB

BATCH_S = 0.4


@pytest.mark.slow
def test_a_device_is_heard_answered_followed_and_missed(influxdb: InfluxDB, tmp_path: Path) -> None:
    """Birth, batch, ack, InfluxDB; then a death, and after one interval it is offline."""
    settings = config(tmp_path / "data", None, influx={"url": influxdb.url, "version": 1})

    async def run() -> None:
        async with serving(settings) as (collector, _):
            password = Credentials(settings.data_dir).add("bus-07")

            def state() -> State | None:
                known = collector.presence.devices.get("bus-07")
                return known.state if known else None

            async with await joined(collector.mqtt._broker.port, password) as bus:
                await bus.subscribe(topic(DISTRICT, "bus-07", "ack"), qos=1)
                birth = Status("online", STREAM, kind="bus", version="1.0", batch_s=BATCH_S)
                await bus.publish(topic(DISTRICT, "bus-07", "status"), birth.encode(), qos=1)
                hello = Ack.decode(await payload(bus))
                assert hello.receipts == ()
                assert hello.clock_ms is not None
                sent = batch(1, wifi(), uplink(), ledger())
                for _ in range(2):  # the second is a duplicate: answered alike, kept once
                    await bus.publish(topic(DISTRICT, "bus-07", "batch"), sent, qos=1)
                    answer = Ack.decode(await payload(bus))
                    assert answer.receipts == (Receipt(STREAM, 1, 3, 0),)
                await until(lambda: state() == "online")
                assert collector.archive.totals == (3, 0)
                death = Status("offline", STREAM)
                await bus.publish(topic(DISTRICT, "bus-07", "status"), death.encode(), qos=1)
                await until(lambda: state() == "offline")
            follower = collector.follower
            assert follower is not None
            assert follower.following().rejected == 0
            await until(lambda: influxdb_has(influxdb, "offline"))

    asyncio.run(run())
    assert influxdb.count("wifi") == 1
    states = influxdb.query("SELECT age_s, state FROM device_status", database="telemetry")
    assert {row["state"] for row in states} >= {"online", "offline"}
    pipeline = influxdb.query("SELECT last(stored) AS n FROM pipeline", database="telemetry")
    assert pipeline[0]["n"] == 3


def influxdb_has(store: InfluxDB, state: str) -> bool:
    rows = store.query("SELECT level, state FROM device_status", database="telemetry")
    return any(row["state"] == state for row in rows)


async def joined(port: int, password: str) -> aiomqtt.Client:
    """A client for the newly enrolled device, once the broker lets it in."""

    def client() -> aiomqtt.Client:
        return aiomqtt.Client(
            "127.0.0.1", port, username="bus-07", password=password, identifier="bus-07"
        )

    async with asyncio.timeout(10):
        while True:
            try:
                async with client():
                    return client()
            except aiomqtt.MqttError:
                await asyncio.sleep(0.1)


async def payload(client: aiomqtt.Client) -> bytes:
    async with asyncio.timeout(10):
        message = await anext(client.messages)
    assert isinstance(message.payload, bytes)
    return message.payload


@pytest.mark.parametrize(
    ("broker", "said"),
    [
        ({"username": "c", "password_file": "none"}, "broker.password_file: {folder}/none cannot"),
        ({"ca_file": "none.pem"}, "broker.ca_file: {folder}/none.pem cannot be read: No such file"),
        ({"ca_file": "empty.pem"}, "broker.ca_file: {folder}/empty.pem holds no certificate"),
    ],
)
def test_a_missing_secret_of_the_broker_is_said_before_anything_starts(
    tmp_path: Path, broker: dict[str, str], said: str
) -> None:
    (tmp_path / "empty.pem").write_text("")

    async def run() -> None:
        async with serving(config(tmp_path, None, broker=broker)):
            raise AssertionError("it started")

    with pytest.raises(CannotStart) as raised:
        asyncio.run(run())
    assert str(raised.value).startswith(said.format(folder=tmp_path))
