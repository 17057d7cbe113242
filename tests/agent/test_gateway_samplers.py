"""Network, health, uplink and gpsd, on files and servers that behave like real ones."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from pathlib import Path
from typing import cast

import pytest

from homeroute_agent.clock import Clock
from homeroute_agent.samplers import gpsd, health, network, uplink
from homeroute_wire.measurements import Health, Position, Traffic, Uplink
from tests.agent.bench import Bench, configure, until
from tests.gpsd import Fix as Place
from tests.gpsd import Gpsd

HEADER = "Inter-|   Receive  |  Transmit\n face |bytes ...\n"


def proc_net_dev(**interfaces: tuple[int, int]) -> str:
    rows = (f"{name}: {rx} 0 0 0 0 0 0 0 {tx} 0\n" for name, (rx, tx) in interfaces.items())
    return HEADER + "".join(rows)


def test_traffic_is_told_from_the_riders_side(tmp_path: Path) -> None:
    counters = tmp_path / "dev"
    counters.write_text(proc_net_dev(wwan0=(1_000, 100), wlan0=(100, 1_000)))
    text = f'[network]\nwan = ["wwan0"]\nlan = ["wlan0"]\nproc_net_dev = "{counters}"'
    bench = Bench(configure(tmp_path, text))

    async def script() -> None:
        await until(lambda: len(bench.of(Traffic)) >= 2, "quiet points")
        counters.write_text(proc_net_dev(wwan0=(1_700, 130), wlan0=(130, 1_700)))
        await until(lambda: any(p.down_bytes for p in bench.of(Traffic)), "traffic")

    bench.run(network.SAMPLER, script)
    assert {p.down_bytes for p in bench.of(Traffic)} == {0, 700}
    assert {p.up_bytes for p in bench.of(Traffic)} == {0, 30}
    assert {(p.role, p.interface) for p in bench.of(Traffic)} == {
        ("wan", "wwan0"),
        ("lan", "wlan0"),
    }
    assert not bench.failures


def test_an_interface_that_is_not_there_stops_no_other(tmp_path: Path) -> None:
    counters = tmp_path / "dev"
    counters.write_text(proc_net_dev(wlan0=(0, 0)))
    text = f'[network]\nwan = ["wwan0"]\nlan = ["wlan0"]\nproc_net_dev = "{counters}"'
    bench = Bench(configure(tmp_path, text))

    async def script() -> None:
        await until(lambda: bench.of(Traffic), "a point")

    bench.run(network.SAMPLER, script)
    assert {p.interface for p in bench.of(Traffic)} == {"wlan0"}
    assert "wwan0" in str(bench.absences[0])


def test_the_counters_of_this_very_machine_are_read() -> None:
    assert "lo" in network.read_counters(Path("/proc/net/dev"))
    pytest.importorskip("psutil")
    assert "lo" in network.read_counters(Path("/nowhere/net/dev"))


def fake_root(folder: Path) -> Path:
    root = folder / "root"
    files = {
        "proc/stat": "cpu  100 0 0 900 0 0 0 0\n",
        "proc/meminfo": "MemTotal: 1000 kB\nMemAvailable: 400 kB\n",
        "proc/uptime": "123.45 1.0\n",
        "sys/class/thermal/thermal_zone0/temp": "48312\n",
        "sys/class/hwmon/hwmon0/temp1_input": "51000\n",
        "sys/class/hwmon/hwmon1/name": "rpi_volt\n",
        "sys/class/hwmon/hwmon1/in0_lcrit_alarm": "1\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_health_is_read_below_a_root_of_its_own(tmp_path: Path) -> None:
    root = fake_root(tmp_path)
    bench = Bench(configure(tmp_path, f'[health]\nroot = "{root}"'))
    bench.trust()
    bench.clock.hear_collector(time.time_ns() // 1_000_000 + 5_000)

    async def script() -> None:
        await until(lambda: bench.of(Health), "a point")
        (root / "proc/stat").write_text("cpu  150 0 0 950 0 0 0 0\n")
        await until(lambda: len(bench.of(Health)) >= 2, "another")

    bench.run(health.SAMPLER, script)
    first, second = bench.of(Health)[:2]
    assert (first.cpu_ratio, second.cpu_ratio) == (None, 0.5)
    assert (first.memory_ratio, first.uptime_s, first.temperature_c) == (0.6, 123, 51.0)
    assert (first.undervoltage, first.throttled) == (True, True)
    assert first.disk_ratio is not None
    assert first.clock_offset_ms == pytest.approx(5_000, abs=50)


def test_a_root_without_proc_is_no_data(tmp_path: Path) -> None:
    bench = Bench(configure(tmp_path, f'[health]\nroot = "{tmp_path}"'))

    async def script() -> None:
        await until(lambda: bench.failures, "a failure")

    bench.run(health.SAMPLER, script)
    assert bench.absences
    assert not bench.of(Health)


def test_the_pis_firmware_is_asked_when_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "vcgencmd"
    program.write_text("#!/bin/sh\necho throttled=0x50005\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    sample, _ = asyncio.run(health.measure(configure(tmp_path, "").health, None, None))
    assert (sample.undervoltage, sample.throttled) == (True, True)


def uplink_to(folder: Path, target: str, method: str = "tcp", extra: str = "") -> Bench:
    text = f'[uplink]\ninterface = "wwan0"\nmethod = "{method}"\ntargets = ["{target}"]\n'
    return Bench(configure(folder, f"{text}timeout_s = 0.2\n{extra}"))


def test_a_target_that_accepts_is_usable(tmp_path: Path) -> None:
    async def script() -> None:
        server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0)
        bench = uplink_to(tmp_path, f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
        assert bench.config.uplink is not None
        point = await uplink.measure(bench.config.uplink)
        server.close()
        assert (point.state, point.loss_ratio) == (2, 0.0)
        assert point.rtt_ms is not None
        assert 0 < point.rtt_ms < 300

    asyncio.run(script())


def test_a_target_that_refuses_is_no_service(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        bench = uplink_to(tmp_path, f"127.0.0.1:{closed.getsockname()[1]}")

        async def script() -> None:
            await until(lambda: bench.of(Uplink), "a point")

        bench.run(uplink.SAMPLER, script)
    point = bench.of(Uplink)[0]
    assert (point.state, point.rtt_ms, point.loss_ratio) == (0, None, 1.0)


class _Names(asyncio.DatagramProtocol):
    """A name server that answers every other question."""

    def __init__(self) -> None:
        self.count = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.count += 1
        if self.count % 2:
            self.transport.sendto(b"xx not the answer", addr)
            self.transport.sendto(data[:2] + b"\x81\x80", addr)


def test_a_name_server_that_loses_half_is_connected_but_not_usable(tmp_path: Path) -> None:
    async def script() -> None:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            _Names, local_addr=("127.0.0.1", 0)
        )
        port = transport.get_extra_info("sockname")[1]
        bench = uplink_to(tmp_path, f"127.0.0.1:{port}", "dns", "probes = 4")
        assert bench.config.uplink is not None
        point = await uplink.measure(bench.config.uplink)
        transport.close()
        assert (point.state, point.loss_ratio) == (1, 0.5)

    asyncio.run(script())


def test_the_median_and_the_thresholds_decide(tmp_path: Path) -> None:
    settings = uplink_to(tmp_path, "192.0.2.1:443").config.uplink
    assert settings is not None
    assert uplink.judge(settings, [100, 200, 900]).state == 2
    assert uplink.judge(settings, [100, 200, 900]).rtt_ms == 200
    assert uplink.judge(settings, [301, 301, 301]).state == 1
    assert uplink.judge(settings, [10, 10, 10, 10, None]).state == 1
    assert uplink.judge(settings, [None]).state == 0


def test_targets_are_read() -> None:
    assert uplink.split_target("1.1.1.1:443", 1) == ("1.1.1.1", 443)
    assert uplink.split_target("[2606::1]:53", 1) == ("2606::1", 53)
    assert uplink.split_target("dns.example", 53) == ("dns.example", 53)
    with pytest.raises(ValueError, match="want address:port"):
        uplink.split_target("1.1.1.1:none", 1)


# --- gpsd


@pytest.mark.slow
def test_a_real_gpsd_tells_place_and_time(gpsd: Gpsd, tmp_path: Path) -> None:
    from homeroute_agent.samplers import gpsd as sampler

    bench = Bench(configure(tmp_path, f'[gpsd]\naddress = "{gpsd.address}"'))

    async def script() -> None:
        await until(lambda: sampler.NAME in bench.worked, "gpsd to answer")
        assert not bench.of(Position)
        gpsd.drive(Place(36.154, -95.992, 12.5, 90.0))
        await until(lambda: bench.clock.trusted, "the time")
        await until(lambda: any(p.heading_deg for p in bench.of(Position)), "a course")

    bench.run(sampler.SAMPLER, script)
    point = bench.of(Position)[-1]
    assert point.lat == pytest.approx(36.154, abs=1e-4)
    assert point.lon == pytest.approx(-95.992, abs=1e-4)
    assert point.speed_mps == pytest.approx(12.5, abs=0.1)
    assert bench.clock.source == "gps"
    now_ms = bench.clock.now_ms()
    assert now_ms is not None
    assert abs(now_ms - time.time_ns() // 1_000_000) < 2_000


@pytest.mark.slow
def test_gpsd_gone_and_back_is_found_again(
    gpsd: Gpsd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from homeroute_agent.samplers import gpsd as sampler

    monkeypatch.setattr(sampler, "RETRY_S", 0.1)
    gpsd.drive(Place(36.154, -95.992))
    bench = Bench(configure(tmp_path, f'[gpsd]\naddress = "{gpsd.address}"'))

    async def script() -> None:
        await until(lambda: bench.of(Position), "a fix")
        await asyncio.to_thread(gpsd.stop)
        await until(lambda: bench.absences, "gpsd to be missed")
        told = len(bench.of(Position))
        await asyncio.to_thread(gpsd.start)
        await until(lambda: len(bench.of(Position)) > told + 1, "a fix again")

    bench.run(sampler.SAMPLER, script)


def test_a_stale_fix_is_no_position_and_a_rolled_over_date_no_time(tmp_path: Path) -> None:
    report = {"class": "TPV", "device": "x", "mode": 3, "lat": 1.5, "lon": 2.5}
    report["time"] = "2034-08-16T03:07:19.000Z"
    boot_ms = 0

    async def script() -> None:
        nonlocal boot_ms

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readline()
            writer.write(json.dumps(report).encode() + b"\n")
            await writer.drain()
            await reader.read()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        clock = Clock(monotonic_ms=lambda: boot_ms, boot_id="b")
        bench = Bench(configure(tmp_path, f'[gpsd]\naddress = "127.0.0.1:{port}"'), clock=clock)
        task = asyncio.ensure_future(gpsd.SAMPLER.run(bench.context()))
        await until(lambda: gpsd.NAME in bench.worked, "the report")
        for boot_ms in (100, 200, 5_000, 9_000):  # noqa: B007 -- the clock reads it
            await asyncio.sleep(0.25)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        server.close()
        assert all(sample.boot_ms < 5_000 for sample in bench.samples)
        assert bench.of(Position)
        assert not clock.trusted

    asyncio.run(script())


def test_a_hotspot_has_no_position(tmp_path: Path) -> None:
    config = configure(tmp_path, "[gpsd]", head='kind = "hotspot"')
    assert not gpsd.SAMPLER.wanted(config)


def test_an_outage_is_stamped_when_its_probes_began_and_not_when_they_gave_up(
    tmp_path: Path,
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        bench = uplink_to(tmp_path, f"127.0.0.1:{port}", "dns", "probes = 1")
        assert bench.config.uplink is not None
        seen_ms = []

        async def script() -> None:
            await until(lambda: bench.of(Uplink), "a sample")
            seen_ms.append(bench.clock.boot_ms())

        bench.run(uplink.SAMPLER, script)
    first = bench.samples[0]
    assert isinstance(first.record, Uplink)
    assert first.record.state == 0
    assert seen_ms[0] - first.boot_ms >= 1000 * bench.config.uplink.timeout_s - 1
