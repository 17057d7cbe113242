"""A simulated device: its gateway, and the agent that runs on it."""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path

import pytest

from homeroute_simulators.fleet_device import Device
from homeroute_simulators.gateway_hotspot import HotspotGateway
from homeroute_simulators.link import Link
from homeroute_simulators.sim_clock import SimClock
from tests.agent.bench import configure

START_MS = 1_794_830_400_000


@pytest.mark.slow
def test_a_device_whose_power_is_cut_never_looks_as_if_its_agent_had_failed(
    tmp_path: Path,
) -> None:
    async def story() -> list[bool]:
        link, rng = Link("127.0.0.1", 1), random.Random(1)
        gateway = HotspotGateway("hotspot-01", tmp_path, link, rng, daily_bytes=1, at_ms=START_MS)
        config, clock = configure(tmp_path, ""), SimClock(1.0, START_MS)
        device = Device(gateway, tmp_path / "agent.toml", config, clock)
        await device.start(quiesce_s=0.1)
        await asyncio.sleep(1.0)
        looked = []

        async def look() -> None:
            while True:
                looked.append(device.failed)
                await asyncio.sleep(0)

        looking = asyncio.create_task(look())
        assert await device.cut_power() is not None
        looking.cancel()
        return looked

    looked = asyncio.run(story())
    assert len(looked) > 5
    assert not any(looked)


@pytest.mark.slow
def test_ctrl_c_at_the_terminal_is_not_for_an_agent_in_a_process_of_its_own(
    tmp_path: Path,
) -> None:
    async def story() -> tuple[int, int]:
        link, rng = Link("127.0.0.1", 1), random.Random(1)
        gateway = HotspotGateway("hotspot-01", tmp_path, link, rng, daily_bytes=1, at_ms=START_MS)
        config, clock = configure(tmp_path, ""), SimClock(1.0, START_MS)
        shared = tmp_path / "clock"
        clock.share(shared)
        file = tmp_path / "agent.toml"
        device = Device(gateway, file, config, clock, own_process=shared)
        await device.start(quiesce_s=0.1)
        try:
            return os.getpgid(device.pid), device.pid
        finally:
            await device.stop()

    group, pid = asyncio.run(story())
    # What the terminal interrupts is its foreground group, which is ours.
    assert group == pid != os.getpgid(0)
