"""What the broker tells of itself becomes a point, while it tells it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiomqtt
import pytest

from homeroute_collector.broker_figures import SILENT_MS, TOPICS, BrokerFigures
from homeroute_wire.measurements import BrokerState
from tests.brokers import Mosquitto

UPTIME, CONNECTED = list(TOPICS)[:2]


def test_figures_are_told_as_they_came_and_what_never_came_is_left_out() -> None:
    figures = BrokerFigures()
    assert figures.record(now_ms=0) is None
    figures.heard(CONNECTED, b"7", now_ms=0)
    assert figures.record(now_ms=0) is None, "a broker without uptime may be long gone"
    figures.heard(UPTIME, b"61 seconds", now_ms=0)
    assert figures.record(now_ms=1) == BrokerState(uptime_s=61, connected=7)


@pytest.mark.parametrize("payload", [b"", b"-1", b"many", b"1e9", b"\xff", b"9" * 40])
def test_what_cannot_be_read_changes_nothing(payload: bytes) -> None:
    figures = BrokerFigures()
    figures.heard(UPTIME, payload, now_ms=0)
    figures.heard("$SYS/broker/version", b"1", now_ms=0)
    assert figures.record(now_ms=0) is None


def test_a_broker_that_fell_silent_or_was_lost_is_not_told_of_any_more() -> None:
    figures = BrokerFigures()
    figures.heard(UPTIME, b"61 seconds", now_ms=0)
    assert figures.record(now_ms=SILENT_MS) is not None
    assert figures.record(now_ms=SILENT_MS + 1) is None
    figures.forget()
    assert figures.record(now_ms=0) is None


@pytest.mark.slow
def test_a_real_mosquitto_tells_every_figure(mosquitto: Mosquitto, tmp_path: Path) -> None:
    async def listen() -> BrokerState:
        figures = BrokerFigures()
        async with aiomqtt.Client("127.0.0.1", mosquitto.port) as client:
            await client.subscribe([(name, 0) for name in TOPICS])
            async with asyncio.timeout(60):
                heard: set[str] = set()
                async for message in client.messages:
                    assert isinstance(message.payload, bytes)
                    figures.heard(str(message.topic), message.payload, now_ms=0)
                    heard.add(str(message.topic))
                    state = figures.record(now_ms=0)
                    # What is retained from its start says that nobody is connected.
                    if heard == set(TOPICS) and state and state.connected:
                        return state
        raise AssertionError(heard)

    state = asyncio.run(listen())
    assert state.uptime_s >= 0
    assert None not in (state.received, state.dropped, state.kept)
