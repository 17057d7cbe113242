"""The RADIUS sampler under real clients: radclient, hostapd, and the simulated access point."""

from __future__ import annotations

import asyncio
import random
import socket
import subprocess
import time
from pathlib import Path

import pytest

from homeroute_agent.config import ConfigError, load
from homeroute_agent.samplers import radius
from homeroute_simulators.radius import AccessPoint, Mischief
from homeroute_wire.measurements import Session, Wifi
from tests.agent.bench import Bench, configure, until
from tests.rigs.hostapd_rig import HostapdRig
from tests.servers import find, pick_port

SECRET = "testing123"
MAC, OTHER = "9e:1a:2b:3c:4d:5e", "00:1b:2b:3c:4d:5f"
PLANTED = (MAC, "9E-1A-2B-3C-4D-5E", "9e1a2b3c4d5e", "65F0A1B2-12", "rider@school.example")


def bench_for(folder: Path, port: int, more: str = "") -> Bench:
    (folder / "secret").write_text(f"{SECRET}\n")
    return Bench(
        configure(
            folder,
            f'[radius]\nsecret_file = "{folder}/secret"\nssid = "Bus-WiFi"\nband = "5"\n'
            f'listen = "127.0.0.1:{port}"\n{more}',
        )
    )


def tell(port: int, attributes: str, secret: str = SECRET) -> bool:
    """Send one request with radclient. Whether it was answered, and with proof."""
    done = subprocess.run(
        [find("radclient") or "radclient", "-r", "1", "-t", "1", f"127.0.0.1:{port}", "acct",
         secret],
        input=attributes, text=True, capture_output=True, timeout=20, check=False,
    )  # fmt: skip
    return done.returncode == 0


def attributes(status: str, *more: str) -> str:
    return "\n".join((
        f"Acct-Status-Type = {status}",
        'Acct-Session-Id = "65F0A1B2-12"',
        'User-Name = "rider@school.example"',
        "NAS-IP-Address = 10.142.0.1",
        'Called-Station-Id = "E4-95-6E-40-12-34:Bus-WiFi"',
        'Calling-Station-Id = "9E-1A-2B-3C-4D-5E"',
        *more,
    ))  # fmt: skip


@pytest.mark.slow
@pytest.mark.real("radclient")
def test_radclient_is_answered_and_its_session_is_told(tmp_path: Path) -> None:
    port = pick_port()
    bench = bench_for(tmp_path, port)

    async def script() -> None:
        async def heard(text: str) -> bool:
            return await asyncio.to_thread(tell, port, text)

        await asyncio.sleep(0.3)
        assert bench.of(Wifi) == [], "nobody was heard yet: unreported is not zero"
        assert await heard(attributes("Start"))
        await until(lambda: bench.of(Wifi) and bench.of(Wifi)[-1].clients == 1, "a client")
        octets = "Acct-Output-Octets = 705032704", "Acct-Input-Octets = 223456"
        counted = ("Acct-Session-Time = 0", *octets, "Acct-Output-Gigawords = 2")
        for _ in range(2):
            assert await heard(attributes("Interim-Update", *counted))
        assert await heard(attributes("Start")), "late, and answered"
        assert await heard(attributes("Stop", *counted))
        assert await heard(attributes("Stop", "Acct-Delay-Time = 1", *counted))
        assert await heard("Acct-Status-Type = Accounting-Off\nNAS-IP-Address = 10.142.0.1")
        await until(lambda: bench.of(Wifi)[-1].clients == 0, "no client")

    bench.run(radius.SAMPLER, script)
    points = bench.of(Wifi)
    assert (sum(p.associated for p in points), sum(p.disassociated for p in points)) == (1, 1)
    assert max(p.randomized for p in points) == 1
    (end,) = [record for record in bench.of(Session) if not record.open]
    assert (end.cause, end.client, end.ssid) == ("left", 1, "Bus-WiFi")
    assert (end.down_bytes, end.up_bytes) == (2 * 2**32 + 705_032_704, 223_456)
    said = repr(bench.samples) + repr(bench.failures) + repr(bench.clients)
    assert not [planted for planted in PLANTED if planted in said]


@pytest.mark.slow
@pytest.mark.real("radclient")
def test_another_secret_is_not_answered_and_said_once(tmp_path: Path) -> None:
    port = pick_port()
    bench = bench_for(tmp_path, port)

    async def script() -> None:
        await until(lambda: bench.worked, "the sampler")
        assert not await asyncio.to_thread(tell, port, attributes("Start"), "guessed")
        await until(lambda: bench.failures, "the complaint")
        assert await asyncio.to_thread(tell, port, attributes("Start"))

    bench.run(radius.SAMPLER, script)
    assert {type(error) for _, error in bench.failures} == {radius.WrongSecret}
    assert sum(point.associated for point in bench.of(Wifi)) <= 1


@pytest.mark.slow
def test_garbage_is_neither_answered_nor_feared(tmp_path: Path) -> None:
    port, dice = pick_port(), random.Random(5)
    bench = bench_for(tmp_path, port)

    async def script() -> None:
        await until(lambda: bench.worked, "the sampler")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.settimeout(0.2)
            stranger.connect(("127.0.0.1", port))
            for size in range(400):
                stranger.send(b"\x04\x01" + dice.randbytes(size))
                stranger.send(dice.randbytes(size))
            with pytest.raises(TimeoutError):
                await asyncio.to_thread(stranger.recv, 4096)
        assert bench.of(Wifi) == []

    bench.run(radius.SAMPLER, script)
    assert {type(error) for _, error in bench.failures} <= {radius.WrongSecret}


@pytest.mark.slow
@pytest.mark.real("hostapd")
def test_hostapds_own_accounting_tells_what_its_control_socket_tells(tmp_path: Path) -> None:
    port = pick_port()
    bench = bench_for(tmp_path, port)

    async def script() -> None:
        with HostapdRig(tmp_path, accounting=port) as rig:
            await until(lambda: bench.of(Wifi), "Accounting-On")
            await asyncio.to_thread(rig.connect, MAC)
            await asyncio.to_thread(rig.connect, OTHER)
            await until(lambda: bench.of(Wifi)[-1].clients == 2, "two clients")
            await asyncio.sleep(1.5)  # an interim of each
            await asyncio.to_thread(rig.disconnect, OTHER)
            await until(lambda: bench.of(Wifi)[-1].clients == 1, "one client")
            await asyncio.sleep(1.0)
            await asyncio.to_thread(rig.stop_hostapd)
            await until(lambda: bench.of(Wifi)[-1].clients == 0, "Accounting-Off")

    bench.run(radius.SAMPLER, script)
    points = bench.of(Wifi)
    assert sum(point.associated for point in points) == 2
    assert sum(point.disassociated for point in points) == 2
    assert max(point.clients_peak for point in points) == 2
    ends = {record.client: record for record in bench.of(Session) if not record.open}
    assert set(ends) == {1, 2}
    assert ends[2].cause == "left"
    assert ends[1].cause in {"left", "restart"}
    assert all(record.down_bytes is None for record in ends.values())
    assert not bench.failures


@pytest.mark.slow
@pytest.mark.parametrize("mischief", [Mischief(), Mischief(duplicated=0.5, reordered=0.4)])
def test_a_simulated_access_point_is_told_to_the_byte_whatever_the_network_does(
    tmp_path: Path, mischief: Mischief
) -> None:
    port = pick_port()
    bench = bench_for(tmp_path, port)
    macs = [f"02:00:00:00:00:{number:02x}" for number in range(12)]
    moved: dict[int, tuple[int, int]] = {}

    async def script() -> None:
        await until(lambda: bench.worked, "the sampler")
        point = AccessPoint(
            ("127.0.0.1", port), SECRET.encode(), random.Random(7), interim_s=0.1, mischief=mischief
        )
        await point.open()
        for round_, mac in enumerate(macs):
            client = point.associate(mac)
            for step in range(3):
                client.down_bytes += 2**31 + round_ + step
                client.up_bytes += 1000 * round_
                point.advance()
                await asyncio.sleep(0.04)
            if round_ % 2:
                point.disassociate(mac)
            moved[round_] = client.down_bytes, client.up_bytes
        point.close()
        await until(lambda: bench.of(Wifi)[-1].clients == 0, "everyone to leave")
        assert point.answered > 12

    bench.run(radius.SAMPLER, script)
    ends = [record for record in bench.of(Session) if not record.open]
    told = sorted((end.down_bytes or 0, end.up_bytes or 0) for end in ends)
    assert told == sorted(moved.values())
    points = bench.of(Wifi)
    assert sum(point.associated for point in points) == len(macs)
    assert sum(point.disassociated for point in points) == len(macs)


@pytest.mark.slow
def test_what_is_not_answered_is_sent_again_and_its_session_starts_when_it_did(
    tmp_path: Path,
) -> None:
    port = pick_port()
    bench = bench_for(tmp_path, port)
    seconds = [0.0]
    began = time.monotonic()

    async def story() -> None:
        point = AccessPoint(
            ("127.0.0.1", port),
            SECRET.encode(),
            random.Random(7),
            now_s=lambda: time.monotonic() + seconds[0],
        )
        await point.open()
        point.associate(MAC)
        seconds[0] = 30.0  # nobody listened for half a minute
        task = asyncio.ensure_future(radius.run(bench.context()))
        await until(lambda: bench.worked, "the sampler")
        point.advance()
        await until(lambda: point.answered == 2, "both answers")
        await until(lambda: bench.of(Wifi) and bench.of(Wifi)[-1].clients == 1, "a client")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        point.close(politely=False)

    asyncio.run(story())
    (end,) = [s for s in bench.samples if isinstance(s.record, Session) and not s.record.open]
    assert end.started_boot_ms is not None
    ago_s = (end.boot_ms - end.started_boot_ms) / 1000
    assert 29 <= ago_s <= 32 + time.monotonic() - began


def test_an_empty_secret_is_said(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("\n")
    with pytest.raises(ValueError, match="its first line is empty"):
        radius.read_secret(tmp_path / "secret")


def test_a_missing_secret_and_a_network_counted_twice_are_mistakes(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"radius\.secret_file: no such file"):
        configure(tmp_path, '[radius]\nsecret_file = "nowhere"\nssid = "Bus-WiFi"\n')
    (tmp_path / "secret").write_text(SECRET)
    twice = (
        '[radius]\nsecret_file = "secret"\nssid = "Bus-WiFi"\nband = "5"\n'
        '[[hostapd]]\nsocket = "wlan0"\nssid = "Bus-WiFi"\nband = "5"\n'
    )
    with pytest.raises(ConfigError, match=r"radius\.ssid: an SSID and band twice"):
        configure(tmp_path, twice)
    configure(tmp_path, twice.replace('band = "5"\n[[', 'band = "2.4"\n[['))
    assert load(tmp_path / "agent.toml").radius is not None


def test_a_hotspot_listens_to_no_access_point(tmp_path: Path) -> None:
    bench = bench_for(tmp_path, 1813)
    assert radius.wanted(bench.config)
    text = (tmp_path / "agent.toml").read_text()
    (tmp_path / "agent.toml").write_text('kind = "hotspot"\n' + text)
    assert not radius.wanted(load(tmp_path / "agent.toml"))
