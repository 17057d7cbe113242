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
def test_a_load_is_acknowledged_whole_and_the_archive_has_every_point(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
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
    assert loaded.whole
    assert (loaded.unanswered, loaded.refused, loaded.late) == (0, 0, 0)
    assert loaded.points == loaded.stored
    assert rows == [(40, loaded.stored)]
    assert loaded.percentiles_ms() is not None
    # The collector asks its broker for figures, which nats-server has none of, and no complaint.
    assert "Violation" not in caplog.text


@pytest.mark.slow
def test_a_load_that_cannot_keep_up_says_so_over_the_time_it_took(tmp_path: Path) -> None:
    async def story() -> tuple[Loaded, float]:
        clock = SimClock(1.0, time.time_ns() // 1_000_000)
        async with collecting(tmp_path, "load", clock, [], prefer="nats") as its:
            assert its.broker.password_file is not None
            password = its.broker.password_file.read_text().strip()
            door = Door(its.broker.host, its.broker.port, its.broker.username, password)
            began_s = time.monotonic()
            loaded = await Load(door, "load", devices=40, rate=20_000.0).run(0.5)
            return loaded, time.monotonic() - began_s

    loaded, took_s = asyncio.run(story())
    # More than this machine can make in that time: what was due is sent or late, never more.
    assert loaded.sent + loaded.late == 10_000
    assert loaded.late > 0
    assert not loaded.whole
    assert loaded.sent == loaded.acked + loaded.unanswered
    # Answers came after the half second, and the time they took is in the quotient.
    assert 0.5 < loaded.seconds <= took_s < 0.5 + 15.0 + 10.0
    assert loaded.points_per_s == loaded.stored / loaded.seconds


def test_no_point_is_stored_a_second_in_no_time() -> None:
    assert Loaded(1).points_per_s == 0.0
