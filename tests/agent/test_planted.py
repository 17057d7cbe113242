"""Planted MACs, addresses, names, session ids and an IMEI, and where they must not be."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import zlib
from pathlib import Path

import pytest

from homeroute_agent.config import Config
from homeroute_agent.run import run_agent
from homeroute_simulators.modem import IMEI, Cell, ModemProgram
from homeroute_wire.dictionary import DICTIONARY_1
from tests.agent.bench import configure
from tests.gpsd import Fix, Gpsd
from tests.rigs.dnsmasq_rig import DnsmasqRig
from tests.rigs.hostapd_rig import HostapdRig
from tests.servers import find, pick_port

MAC, RIDER, HOST = "9e:1a:2b:3c:4d:5e", "127.0.0.77", "Planted-iPad"
BLOCKED, ASKED = "planted.blocked-adult.example", "planted-name.khanacademy.org"
PLANTED = (MAC, MAC.replace(":", ""), RIDER, HOST, "planted", "khanacademy", "blocked-adult")


def kept(config: Config) -> str:
    """Everything in the state folder: raw bytes, and what they inflate to."""
    texts = [path.read_bytes() for path in config.state_dir.rglob("*") if path.is_file()]
    with sqlite3.connect(config.state_dir / "spool.sqlite") as spool:
        tables = [
            row[0] for row in spool.execute("SELECT name FROM sqlite_master WHERE type='table'")
        ]
        cells = [
            cell for t in tables for row in spool.execute(f"SELECT * FROM {t}") for cell in row
        ]
    for cell in cells:
        texts.append(cell if isinstance(cell, bytes) else str(cell).encode())
        if isinstance(cell, bytes):
            texts += inflated(cell)
    return b"\n".join(texts).decode("utf-8", "replace").lower()


def inflated(blob: bytes) -> list[bytes]:
    """What a blob inflates to, as a batch's body or as samples that wait for a date."""
    found = []
    for inflater in (zlib.decompressobj(-15, DICTIONARY_1), zlib.decompressobj()):
        try:
            found.append(inflater.decompress(blob))
        except zlib.error:
            continue
    return found


@pytest.mark.slow
@pytest.mark.real("hostapd", "dnsmasq")
def test_nothing_planted_is_in_the_spool_or_the_log(
    tmp_path: Path, gpsd: Gpsd, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    gpsd.drive(Fix(36.154, -95.992, 10.0, 90.0))
    (tmp_path / "dns").mkdir()
    dnsmasq = DnsmasqRig(tmp_path / "dns")
    dnsmasq.lease(RIDER, MAC, HOST)
    dnsmasq.start()
    try:
        with HostapdRig(tmp_path) as rig:
            text = (
                f'[gpsd]\naddress = "{gpsd.address}"\n'
                f'[[dns_log]]\npath = "{dnsmasq.queries}"\n'
                f'[names]\nleases_file = "{dnsmasq.leases}"\n'
                f'[[hostapd]]\nsocket = "{rig.socket}"\nssid = "Bus-WiFi"\n'
            )
            config = configure(tmp_path, text, head="batch_s = 0.5\nboot_delay_s = 0.0")

            async def drive() -> None:
                stop = asyncio.Event()
                agent = asyncio.create_task(run_agent(config, stop=stop, quiesce_s=0.1))
                await asyncio.to_thread(rig.connect, MAC)
                for _ in range(4):
                    for name in (BLOCKED, ASKED):
                        await asyncio.to_thread(dnsmasq.ask, name, RIDER)
                    await asyncio.sleep(0.5)
                await asyncio.to_thread(rig.disconnect, MAC)
                stop.set()
                ledger = await agent
                assert ledger.sampled > 20

            asyncio.run(drive())
    finally:
        dnsmasq.stop()
    spooled, said = kept(config), caplog.text.lower()
    for measurement in ("wifi", "session", "filter", "position"):
        assert f'"{measurement}"' in spooled
    for planted in PLANTED:
        assert planted.lower() not in spooled
        assert planted.lower() not in said


@pytest.mark.slow
@pytest.mark.real("radclient")
def test_nothing_that_an_access_point_or_a_modem_tells_of_somebody_is_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    modem = ModemProgram(tmp_path / "modem", "mmcli", Cell(-92.0, -9.0, 19.2, "Carrier A"))
    (tmp_path / "secret").write_text("planted-secret\n")
    port = pick_port()
    config = configure(
        tmp_path,
        f'[radius]\nsecret_file = "secret"\nssid = "Bus-WiFi"\nlisten = "127.0.0.1:{port}"\n'
        '[uplink]\ntargets = ["127.0.0.1:9"]\n'
        f'[modem]\ntool = "mmcli"\nevery_s = 0.2\ncommand = "{modem.path}"\n',
        head="batch_s = 0.5\nboot_delay_s = 0.0",
    )

    def told(status: str, ssid: str, mac: str) -> bytes:
        return (
            f"Acct-Status-Type = {status}\nAcct-Session-Id = PLANTED-{mac[-2:]}\n"
            f'User-Name = "planted@school.example"\nNAS-Identifier = "planted-nas"\n'
            f'Calling-Station-Id = "{mac}"\nCalled-Station-Id = "5E-FD-89-D3-95-54:{ssid}"\n'
            "Framed-IP-Address = 10.77.66.55\nAcct-Output-Octets = 5000\n"
        ).encode()

    async def say(text: bytes, secret: str = "planted-secret") -> None:
        client = await asyncio.create_subprocess_exec(
            find("radclient") or "radclient", "-r", "2", "-t", "1",
            f"127.0.0.1:{port}", "acct", secret,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        await client.communicate(text)

    async def drive() -> None:
        stop = asyncio.Event()
        agent = asyncio.create_task(run_agent(config, stop=stop, quiesce_s=0.1))
        await asyncio.sleep(0.5)
        for status in ("Start", "Interim-Update"):
            await say(told(status, "Bus-WiFi", "9E-1A-2B-3C-4D-5E"))
            await say(told(status, "Planted-Driver", "9E-1A-2B-3C-4D-5F"))
        await say(told("Stop", "Bus-WiFi", "9E-1A-2B-3C-4D-5E"), "guessed")
        modem.hang(hanging=True)
        await asyncio.sleep(0.6)
        stop.set()
        await agent

    asyncio.run(drive())
    spooled, said = kept(config), caplog.text.lower()
    for expected in ('"session"', '"wifi"', "bus-wifi", "carrier a", "rsrp_dbm"):
        assert expected in spooled
    assert "wrongsecret" in said
    names = ("planted", "9e-1a", MAC, MAC.replace(":", ""), "10.77.66.55", "5e-fd", "5e:fd", IMEI)
    for planted in names:
        assert planted not in spooled
        assert planted not in said
