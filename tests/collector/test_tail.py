"""Listeners that do not read lose lines, and nobody waits for them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from homeroute_collector.tail import LISTENERS_BOUND, QUEUE_LINES, Crowded, Listener, Tail
from homeroute_collector.validation import validate
from tests.collector.batches import NOW_MS, RETENTION_DAYS, batch


def offered(tail: Tail, seq: int) -> None:
    payload = batch(seq=seq)
    tail.committed(validate("bus-07", payload, received_ms=NOW_MS, retention_days=RETENTION_DAYS))


async def read(listener: Listener) -> Any:
    line = await listener.line()
    return None if line is None else json.loads(line)


def test_a_slow_listener_loses_lines_and_is_told_how_many_where_they_are_missing() -> None:
    async def run() -> None:
        tail = Tail()
        with tail.listen() as listener:
            for seq in range(1, QUEUE_LINES + 8):
                offered(tail, seq)
            assert tail.lost == 7
            assert [(await read(listener))["seq"] for _ in range(10)] == list(range(1, 11))
            offered(tail, 999)
            for _ in range(QUEUE_LINES - 10):
                assert "seq" in await read(listener)
            assert await read(listener) == {"lost": 7}
            assert (await read(listener))["seq"] == 999
            tail.close()
            assert await read(listener) is None

    asyncio.run(run())


def test_what_was_lost_is_told_even_when_nothing_follows() -> None:
    async def run() -> None:
        tail = Tail()
        with tail.listen() as listener:
            for seq in range(1, QUEUE_LINES + 3):
                offered(tail, seq)
            for _ in range(QUEUE_LINES):
                await listener.line()
            assert await read(listener) == {"lost": 2}

    asyncio.run(run())


def test_listeners_are_bounded_and_leave() -> None:
    tail = Tail()
    listening = [tail.listen() for _ in range(LISTENERS_BOUND)]
    for listener in listening:
        listener.__enter__()
    with pytest.raises(Crowded, match="listeners already"), tail.listen():
        pass
    listening[0].__exit__(None, None, None)
    with tail.listen("bus-07"):
        assert len(tail) == LISTENERS_BOUND
