"""The simulated access point and modem: same seed, same bytes; mischief as asked for."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
from pathlib import Path

import pytest

from homeroute_agent.samplers.radius_packet import accounting, is_authentic, parse_request
from homeroute_simulators.modem import Cell, ModemProgram
from homeroute_simulators.radius import RETRY_S, AccessPoint, Mischief

SECRET = b"testing123"
MACS = ("9e:1a:2b:3c:4d:5e", "00:1b:2b:3c:4d:5f")


class Ear(asyncio.DatagramProtocol):
    """An accounting server that hears everything and answers nothing."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.heard.append(data)


def ride(seed: int, mischief: Mischief | None = None) -> list[bytes]:
    """What goes out during one short ride; nobody answers."""

    async def story() -> list[bytes]:
        clock = [100.0]
        loop = asyncio.get_running_loop()
        transport, ear = await loop.create_datagram_endpoint(Ear, local_addr=("127.0.0.1", 0))
        point = AccessPoint(
            transport.get_extra_info("sockname"),
            SECRET,
            random.Random(seed),
            interim_s=2.0,
            mischief=mischief,
            now_s=lambda: clock[0],
        )
        await point.open()
        for mac in MACS:
            point.associate(mac).down_bytes = 2**32 + 5
        for _ in range(4):
            clock[0] += 1.0
            point.advance()
        point.disassociate(MACS[0])
        point.close()
        while len(ear.heard) < point.sent:
            await asyncio.sleep(0.01)
        transport.close()
        return ear.heard

    return asyncio.run(story())


def told(heard: list[bytes]) -> list[tuple[str, int | None, int]]:
    lines: list[tuple[str, int | None, int]] = []
    for datagram in heard:
        request = parse_request(datagram)
        assert request is not None and is_authentic(request, SECRET)
        said = accounting(request, "")
        assert said is not None
        lines.append((said.status, said.down_bytes, said.delay_s))
    return lines


def test_the_same_seed_sends_the_same_bytes() -> None:
    assert ride(1) == ride(1)
    assert ride(1) != ride(2)
    mischief = Mischief(duplicated=0.5, reordered=0.5)
    assert ride(3, mischief) == ride(3, mischief)


def test_what_is_not_answered_comes_again_with_its_delay() -> None:
    lines = told(ride(1))
    assert lines[:3] == [("on", None, 0), ("start", None, 0), ("start", None, 0)]
    assert ("on", None, int(RETRY_S)) in lines
    assert lines.count(("interim", 2**32 + 5, 0)) == 4
    assert lines[-3:] == [("stop", 2**32 + 5, 0), ("stop", 2**32 + 5, 0), ("off", None, 0)]


def test_mischief_sends_twice_and_late_and_loses_nothing() -> None:
    plain, worse = told(ride(1)), told(ride(1, Mischief(duplicated=1.0)))
    assert len(worse) == 2 * len(plain)
    shuffled = told(ride(1, Mischief(reordered=0.5)))
    assert sorted(map(str, shuffled)) == sorted(map(str, plain))
    assert shuffled != plain


@pytest.mark.parametrize("tool", ["mmcli", "uqmi"])
def test_the_modem_program_is_a_program_wherever_it_lies(tool: str, tmp_path: Path) -> None:
    program = ModemProgram(tmp_path / "it's here", tool, Cell(-101.0, -14.0, -3.0))
    asked = "--signal-get" if tool == "mmcli" else "--get-signal-info"
    done = subprocess.run(
        [program.path, asked], capture_output=True, text=True, timeout=10, check=True
    )
    assert "-101" in done.stdout
    assert os.access(program.path, os.X_OK)
    program.hang(hanging=True)
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run([program.path, asked], capture_output=True, timeout=0.3, check=False)


def test_another_tool_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="want mmcli or uqmi"):
        ModemProgram(tmp_path, "qmicli")
