"""The agent's program killed again and again under traffic, the broker forgetting in between."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from homeroute_agent.spool import Spool
from tests.agent.acking import Acking
from tests.agent.agents import configure
from tests.brokers import Mosquitto

LIVES = 15


@pytest.mark.slow
def test_after_many_kills_the_ledger_and_the_collector_agree_to_the_point(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    config = configure(tmp_path, mosquitto.port, more="", device="bus-07")
    file = tmp_path / "bus-07.toml"
    file.write_text(file.read_text() + '[network]\nlan = ["lo"]\n')
    command = [sys.executable, "-m", "homeroute_agent", "run", "--config", str(file)]
    chance = random.Random(11)
    with Acking(mosquitto.port) as collector:
        for life in range(LIVES):
            before = len(collector.keys)
            with subprocess.Popen(command, stderr=subprocess.DEVNULL) as agent:
                collector.wait(lambda b=before: len(collector.keys) > b, "a batch")  # type: ignore[misc]
                time.sleep(chance.uniform(0, 0.6))
                if life % 5 == 4:
                    mosquitto.kill()
                agent.kill()
            if life % 5 == 4:
                mosquitto.start()
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as agent:
            before = len(collector.keys)
            collector.wait(lambda: len(collector.keys) > before + 3, "the last life's batches")
            agent.terminate()
            assert agent.wait(20) == 0
        ledger = Spool.open(config.state_dir / "spool.sqlite").ledger()
        assert ledger.spooled == ledger.dropped == ledger.refused == 0
        assert ledger.sampled == ledger.stored == collector.points
        streams = {stream for stream, _ in collector.keys}
        assert len(streams) > LIVES / 2
        for stream in streams:  # no hole in any run's numbers
            seqs = {seq for name, seq in collector.keys if name == stream}
            assert seqs == set(range(1, max(seqs) + 1))
