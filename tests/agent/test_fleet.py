"""Two hundred agents in one program, as the simulators run them."""

from __future__ import annotations

import asyncio
import dataclasses
import resource
import threading
from pathlib import Path

import pytest

from homeroute_agent.run import run_agent
from tests.agent.acking import Acking
from tests.agent.agents import COUNTING, LOG, configure, play, until
from tests.brokers import Mosquitto

AGENTS = 200


@pytest.mark.slow
def test_two_hundred_agents_share_one_event_loop_without_a_thread_each(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))

    async def story() -> None:
        configs = [
            dataclasses.replace(
                configure(tmp_path, mosquitto.port, device=f"bus-{n:03}"), sample_s=1.0, batch_s=4.0
            )
            for n in range(AGENTS)
        ]
        stop = asyncio.Event()
        with Acking(mosquitto.port) as collector:
            agents = [
                asyncio.create_task(
                    run_agent(config, stop=stop, samplers=(COUNTING,), logger=LOG, quiesce_s=20)
                )
                for config in configs
            ]
            await until(lambda: len(collector.statuses) >= AGENTS, "every birth", 60)
            await until(lambda: len(set(collector.keys)) > 2 * AGENTS, "batches", 60)
            assert threading.active_count() < 60
            stop.set()
            ledgers = await asyncio.gather(*agents)
            assert collector.points == sum(ledger.stored for ledger in ledgers)
        for ledger in ledgers:
            assert ledger.sampled == ledger.stored + ledger.spooled
            assert ledger.dropped == ledger.refused == 0
        assert sum(ledger.spooled for ledger in ledgers) == 0

    try:
        play(story)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
