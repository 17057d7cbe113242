"""Virtual devices are right in every field, and each batch is answered once."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from homeroute_collector.validation import validate
from homeroute_simulators.fleet_collector import collecting
from homeroute_simulators.load import Door, Load, Loaded
from homeroute_simulators.load_batches import Virtual
from homeroute_simulators.sim_clock import SimClock

NOW_MS = 1_795_000_000_000


def test_every_point_of_a_virtual_device_is_stored_however_often_it_is_asked() -> None:
    virtual = Virtual("load-00001", 7, "00000000000000aa")
    for number in range(1, 6):
        now_ms = NOW_MS + number * 200
        made = virtual.batch(now_ms)
        commit = validate(virtual.device, made.payload, received_ms=now_ms, retention_days=90)
        assert (made.seq, commit.stored, commit.refused) == (number, made.points, 0)


def test_devices_of_one_seed_send_the_same_and_others_something_else() -> None:
    stream = "00000000000000aa"
    once, again, other = (
        Virtual(device, 7, stream).batch(NOW_MS).payload for device in ("a", "a", "b")
    )
    assert once == again
    assert once != other


@pytest.mark.parametrize(("devices", "rate"), [(0, 1.0), (50_001, 1.0), (1, 0.0), (1, 20_001.0)])
def test_a_load_without_bounds_is_refused(devices: int, rate: float) -> None:
    with pytest.raises(ValueError, match="want"):
        Load(Door("127.0.0.1", 1, None, None), "load", devices=devices, rate=rate)


@pytest.mark.slow
def test_a_load_is_acknowledged_whole_and_the_archive_has_every_point(tmp_path: Path) -> None:
    async def story() -> tuple[Loaded, list[tuple[int, int]]]:
        clock = SimClock(1.0, time.time_ns() // 1_000_000)
        async with collecting(tmp_path, "load", clock, [], prefer="nats") as its:
            assert its.broker.password_file is not None
            password = its.broker.password_file.read_text().strip()
            door = Door(its.broker.host, its.broker.port, its.broker.username, password)
            loaded = await Load(door, "load", devices=40, rate=60.0).run(2.0)
            rows = await its.archive.query(
                "SELECT count(DISTINCT device), sum(stored)::BIGINT FROM batches"
            )
            return loaded, [(int(a), int(b)) for a, b in rows]

    loaded, rows = asyncio.run(story())
    assert loaded.sent == loaded.acked > 80
    assert loaded.adds_up
    assert (loaded.unanswered, loaded.refused, loaded.late) == (0, 0, 0)
    assert loaded.points == loaded.stored
    assert rows == [(40, loaded.stored)]
    assert loaded.percentiles_ms() is not None
