"""Kill, cut and stall the road, then count: every point is somewhere, and nowhere twice."""

from __future__ import annotations

import json
import random
import time
import urllib.request
from pathlib import Path

import pytest

from homeroute_wire.measurements import FROM_DEVICES
from tests.brokers import Mosquitto
from tests.end_to_end.district import (
    AgentProcess,
    CollectorProcess,
    archived,
    archived_points,
    influx_points,
)
from tests.servers import wait_until
from tests.stores import InfluxDB

KILLS = 50
SEED = 20261121
DEVICES = ("bus-01", "bus-02", "hotspot-01")

AGENT = """
kind = "{kind}"
sample_s = 0.1
batch_s = 0.3
minute_s = 0.1
boot_delay_s = 0
[mqtt]
host = "127.0.0.1"
port = {port}
ack_timeout_s = 1.0
[network]
lan = ["lo"]
[uplink]
targets = ["127.0.0.1:{port}"]
probes = 1
"""


@pytest.mark.slow
@pytest.mark.timeout(540)
def test_fifty_kills_a_forgetful_broker_and_an_absent_database_lose_and_double_nothing(
    tmp_path: Path, mosquitto: Mosquitto, influxdb: InfluxDB
) -> None:
    moments = random.Random(SEED)
    folder = tmp_path / "collector"
    folder.mkdir()
    collector = CollectorProcess(
        folder,
        f'[broker]\nport = {mosquitto.port}\n[influx]\nurl = "{influxdb.url}"\nversion = 1\n',
    )
    agents = [_agent(tmp_path, device, mosquitto.port) for device in DEVICES]
    try:
        for agent in agents:
            agent.start()
        for kill in range(KILLS):
            # One in five dies while it starts, the others under traffic.
            collector.impatient = kill % 5 == 4
            collector.start()
            time.sleep(moments.uniform(0.0, 1.2))
            collector.kill()
            if kill == 15:
                mosquitto.kill()
                mosquitto.start()
            if kill == 20:
                influxdb.stop()
            if kill == 30:
                influxdb.start()
            if kill == 40:
                agents[0].kill()
                agents[0].start()
        collector.impatient = False
        collector.start()
        for agent in agents:
            wait_until(lambda: _spooled(collector, agent.device) < 300, "the backlog", 90)  # noqa: B023
            agent.stop(30)
        wait_until(lambda: _followed(collector), "InfluxDB to catch up", 60)
    finally:
        for agent in agents:
            agent.stop()
        collector.stop()

    for agent in agents:
        ledger, held = agent.ledger(), archived(collector.archive, agent.device)
        # A batch may be committed while its acknowledgement was lost: the archive has it.
        waiting = sum(
            points
            for stream, seq, points in agent.waiting()
            if (stream, seq) not in held.batch_keys
        )
        assert ledger.sampled == ledger.stored + ledger.refused + ledger.dropped + ledger.spooled
        assert ledger.sampled == held.stored + held.refused + ledger.dropped + waiting
        print(f"{agent.device}: {ledger}; {held.batches} batches")
        assert held.rows == held.stored > 1000
        assert (held.refused, ledger.dropped) == (0, 0)
    for name in FROM_DEVICES:
        points = archived_points(collector.archive, name)
        assert max(points.values(), default=1) == 1, f"{name} twice in the archive"
        assert influx_points(influxdb, name) == points, f"{name} differs in InfluxDB"


def _agent(parent: Path, device: str, port: int) -> AgentProcess:
    folder = parent / device
    folder.mkdir()
    kind = device.partition("-")[0]
    return AgentProcess(folder, device, AGENT.format(kind=kind, port=port))


def _fleet(collector: CollectorProcess) -> dict[str, object]:
    with urllib.request.urlopen(f"{collector.url}/api/1/fleet", timeout=10) as answer:
        document: dict[str, object] = json.load(answer)
    return document


def _spooled(collector: CollectorProcess, device: str) -> float:
    devices = _fleet(collector)["devices"]
    assert isinstance(devices, list)
    found = [d["spooled"] for d in devices if d["device"] == device and d["spooled"] is not None]
    return float(found[0]) if found else float("inf")


def _followed(collector: CollectorProcess) -> bool:
    influx = _fleet(collector)["influx"]
    assert isinstance(influx, dict)
    return bool(influx["commit_id"] == influx["newest_commit_id"])
