"""The hostapd sampler against a real hostapd and real riders on veth pairs."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import pytest

from homeroute_agent.samplers import hostapd
from homeroute_wire.measurements import Session, Wifi
from tests.agent.bench import Bench, configure, until
from tests.rigs.hostapd_rig import HostapdRig

RIDER, PRIVATE = "00:1b:2b:3c:4d:5f", "9e:1a:2b:3c:4d:5e"

pytestmark = [pytest.mark.real("hostapd"), pytest.mark.slow]


def bench_for(rig: HostapdRig, folder: Path) -> Bench:
    text = f'[[hostapd]]\nsocket = "{rig.socket}"\nssid = "Bus-WiFi"\nband = "5"'
    return Bench(configure(folder, text))


def test_clients_come_and_go_and_their_sessions_are_told(tmp_path: Path) -> None:
    with HostapdRig(tmp_path) as rig:
        bench = bench_for(rig, tmp_path)

        async def script() -> None:
            await until(lambda: bench.of(Wifi), "a first point")
            await asyncio.to_thread(rig.connect, RIDER)
            await asyncio.to_thread(rig.connect, PRIVATE)
            await until(lambda: bench.of(Wifi)[-1].clients == 2, "two clients")
            await until(lambda: len(bench.of(Session)) >= 2, "interims")
            await asyncio.to_thread(rig.disconnect, RIDER)
            await until(lambda: bench.of(Wifi)[-1].clients == 1, "one client")

        bench.run(hostapd.SAMPLER, script)
    points = bench.of(Wifi)
    assert points[0].clients == 0
    assert sum(point.associated for point in points) == 2
    assert sum(point.disassociated for point in points) == 1
    assert max(point.clients_peak for point in points) == 2
    assert points[-1].randomized == 1
    ends = [record for record in bench.of(Session) if not record.open]
    assert {(record.client, record.cause) for record in ends} == {(1, "left"), (2, "shutdown")}
    assert all(record.ssid == "Bus-WiFi" for record in ends)
    assert not bench.failures


def test_who_was_there_before_the_agent_did_not_associate_now(tmp_path: Path) -> None:
    with HostapdRig(tmp_path) as rig:
        rig.connect(RIDER)
        bench = bench_for(rig, tmp_path)

        async def script() -> None:
            await until(lambda: bench.of(Wifi), "a point")

        bench.run(hostapd.SAMPLER, script)
    assert bench.of(Wifi)[0].clients == 1
    assert bench.of(Wifi)[0].associated == 0


def test_when_hostapd_restarts_its_sessions_end_and_watching_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hostapd, "RETRY_S", 0.05)
    with HostapdRig(tmp_path) as rig:
        bench = bench_for(rig, tmp_path)

        async def script() -> None:
            await until(lambda: bench.of(Wifi), "a first point")
            await asyncio.to_thread(rig.connect, RIDER)
            await until(lambda: bench.of(Wifi)[-1].clients == 1, "one client")
            await asyncio.to_thread(rig.stop_hostapd)
            await until(lambda: bench.failures, "hostapd to be missed")
            unreported = len(bench.of(Wifi))
            await asyncio.sleep(0.3)
            assert len(bench.of(Wifi)) == unreported
            await asyncio.to_thread(rig.start_hostapd)
            await until(lambda: [s for s in bench.of(Session) if not s.open], "the end")
            await asyncio.to_thread(rig.connect, RIDER)
            await until(lambda: bench.of(Wifi)[-1].clients == 1, "the client again")

        bench.run(hostapd.SAMPLER, script)
    ends = [record.cause for record in bench.of(Session) if not record.open]
    assert ends == ["restart", "shutdown"]


def test_our_socket_is_gone_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(prefix="run-") as runtime, HostapdRig(tmp_path) as rig:
        monkeypatch.setenv("RUNTIME_DIRECTORY", runtime)
        bench = bench_for(rig, tmp_path)

        async def script() -> None:
            await until(lambda: bench.of(Wifi), "a point")
            assert list(Path(runtime).glob("homeroute-*/hostapd"))

        bench.run(hostapd.SAMPLER, script)
        assert not list(Path(runtime).iterdir())


def test_no_mac_stays_in_anything_the_sampler_says(tmp_path: Path) -> None:
    with HostapdRig(tmp_path) as rig:
        rig.connect(PRIVATE)
        bench = bench_for(rig, tmp_path)

        async def script() -> None:
            await until(lambda: len(bench.of(Session)) >= 1, "an interim")

        bench.run(hostapd.SAMPLER, script)
    said = repr(bench.samples) + repr(bench.failures) + repr(bench.clients)
    assert PRIVATE not in said
    assert PRIVATE.replace(":", "") not in said
