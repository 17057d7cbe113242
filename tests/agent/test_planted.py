"""Planted MACs, addresses, host names and looked-up names, and where they must not be."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import zlib
from pathlib import Path

import pytest

from homeroute_agent.config import Config
from homeroute_agent.run import run_agent
from homeroute_wire.dictionary import DICTIONARY_1
from tests.agent.bench import configure
from tests.gpsd import Fix, Gpsd
from tests.rigs.dnsmasq_rig import DnsmasqRig
from tests.rigs.hostapd_rig import HostapdRig

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
