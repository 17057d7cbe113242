"""The fakes speak as the real programs do: the real clients understand them."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from homeroute_simulators.dnsmasq import Lease, Lookup, QueryLog, lease_lines, log_lines
from homeroute_simulators.gpsd import Fix, Receiver, epoch
from homeroute_simulators.hostapd import AccessPoint
from homeroute_simulators.proc import Interface, Root, Vitals, net_dev
from homeroute_simulators.resolver import Air, Resolver, reply
from tests.servers import find

MACS = ("9e:1a:2b:3c:4d:5e", "ba:5e:12:34:56:78", "02:11:22:33:44:55")
FIX = Fix(datetime(2026, 11, 21, 22, 11, 23, tzinfo=UTC), 38.5, -98.8, 12.5, 90.0)
QUESTION = b"\xab\xcd\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x00\x00\x01\x00\x01"


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder on a path short enough for a unix socket."""
    with tempfile.TemporaryDirectory(prefix="hr-") as folder:
        yield Path(folder)


async def output(*command: str) -> str:
    program = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(10):
            said, _ = await program.communicate()
    finally:
        with suppress(ProcessLookupError):
            program.kill()
    return said.decode()


class Client:
    """A control interface's client, as wpa_ctrl is."""

    def __init__(self, folder: Path, server: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(str(folder / f"client-{random.randrange(10**6)}"))
        self._socket.connect(str(server))

    async def ask(self, command: str) -> str:
        self._socket.send(command.encode())
        return await self.heard()

    async def heard(self) -> str:
        async with asyncio.timeout(5):
            return (await asyncio.get_running_loop().sock_recv(self._socket, 4096)).decode()

    def close(self) -> None:
        self._socket.close()


# -- hostapd


@pytest.mark.real("hostapd")
def test_hostapd_cli_lists_all_stations_and_asks_for_the_status(short: Path) -> None:
    async def story() -> tuple[str, str, str]:
        point = AccessPoint(short / "wlan0", "Bus-WiFi")
        point.open()
        for mac in MACS:
            point.associate(mac)
        where = (str(find("hostapd_cli")), "-p", str(short), "-i", "wlan0")
        try:
            return (
                await output(*where, "all_sta"),
                await output(*where, "status"),
                (await output(*where, "ping")),
            )
        finally:
            point.close()

    stations, status, ping = asyncio.run(story())
    assert [line for line in stations.splitlines() if line.count(":") == 5] == list(MACS)
    assert stations.count("[AUTHORIZED]") == 3
    assert "ssid[0]=Bus-WiFi" in status
    assert "num_sta[0]=3" in status
    assert "PONG" in ping


def test_stations_are_walked_one_by_one_to_an_empty_reply(short: Path) -> None:
    point = AccessPoint(short / "wlan0", "Bus-WiFi")
    assert point.answer("STA-FIRST") == ""
    for mac in MACS:
        point.associate(mac)
    text, seen = point.answer("STA-FIRST"), []
    while text:
        seen.append(text.splitlines()[0])
        text = point.answer(f"STA-NEXT {seen[-1]}")
    assert seen == list(MACS)
    assert point.answer("STA-NEXT 00:00:00:00:00:00") == "FAIL\n"
    assert point.answer("STA " + MACS[1].upper()).startswith(MACS[1])
    assert point.answer("RELOAD") == "UNKNOWN COMMAND\n"


def test_a_station_tells_flags_bytes_and_how_long_it_has_been_there(short: Path) -> None:
    now_s = [100.0]
    point = AccessPoint(short / "wlan0", "Bus-WiFi", now_s=lambda: now_s[0])
    station = point.associate(MACS[0], signal_dbm=-61)
    station.rx_bytes, station.tx_bytes = 1000, 25_000
    now_s[0] += 90.5
    block = dict(line.partition("=")[::2] for line in point.answer("STA-FIRST").splitlines()[1:])
    assert block["connected_time"] == "90"
    assert (block["rx_bytes"], block["tx_bytes"], block["signal"]) == ("1000", "25000", "-61")
    station.authorized = False
    assert "\nflags=\n" in point.answer("STA-FIRST")


def test_the_attached_hear_events_until_they_detach_and_of_the_end(short: Path) -> None:
    async def story() -> list[str]:
        point = AccessPoint(short / "wlan0", "Bus-WiFi")
        point.open()
        client = Client(short, point.path)
        heard = [await client.ask("ATTACH")]
        point.associate(MACS[0])
        point.disassociate(MACS[0])
        heard += [await client.heard(), await client.heard(), await client.ask("DETACH")]
        point.associate(MACS[1])
        heard += [await client.ask("PING"), await client.ask("DETACH"), await client.ask("ATTACH")]
        point.close()
        heard.append(await client.heard())
        client.close()
        return heard

    assert asyncio.run(story()) == [
        "OK\n",
        f"<3>AP-STA-CONNECTED {MACS[0]}",
        f"<3>AP-STA-DISCONNECTED {MACS[0]}",
        "OK\n",
        "PONG\n",
        "FAIL\n",
        "OK\n",
        "<3>CTRL-EVENT-TERMINATING",
    ]


def test_a_listener_that_has_gone_is_forgotten(short: Path) -> None:
    async def story() -> None:
        point = AccessPoint(short / "wlan0", "Bus-WiFi")
        point.open()
        client = Client(short, point.path)
        await client.ask("ATTACH")
        client.close()
        point.associate(MACS[0])
        assert not point._attached
        point.close()
        assert not point.path.exists()

    asyncio.run(story())


# -- gpsd


@pytest.mark.real("gpsd")
def test_gpspipe_reads_the_fake_receiver() -> None:
    gpspipe = find("gpspipe")
    assert gpspipe is not None  # The mark asks for both programs.

    async def story() -> str:
        receiver = Receiver()
        await receiver.open()

        async def report() -> None:
            while True:
                receiver.report(FIX)
                await asyncio.sleep(0.02)

        reporting = asyncio.create_task(report())
        try:
            return await output(gpspipe, "-w", "-n", "12", f"127.0.0.1:{receiver.port}")
        finally:
            reporting.cancel()
            await receiver.close()

    reports = [json.loads(line) for line in asyncio.run(story()).splitlines()]
    assert [report["class"] for report in reports[:3]] == ["VERSION", "DEVICES", "WATCH"]
    assert reports[-1]["class"] == "TPV"
    assert any(report.get("track") == 90.0 for report in reports)


def test_an_epoch_is_two_reports_the_first_without_a_course() -> None:
    first, second = (json.loads(line) for line in epoch(FIX))
    assert first["time"] == second["time"] == "2026-11-21T22:11:23.000Z"
    assert "track" not in first
    assert (second["track"], second["speed"], second["mode"]) == (90.0, 12.5, 3)


def test_no_fix_is_mode_1_and_nothing_else_and_nothing_is_ever_null() -> None:
    (report,) = (json.loads(line) for line in epoch(None))
    assert report == {"class": "TPV", "device": "/dev/ttyACM0", "mode": 1}
    untimed = [json.loads(line) for line in epoch(FIX, timed=False)]
    assert ["time" in tpv for tpv in untimed] == [False]
    assert None not in untimed[0].values()


def test_a_receiver_starts_cold_answers_polls_and_obeys_a_split_command() -> None:
    async def story() -> list[dict[str, object]]:
        receiver = Receiver()
        await receiver.open()
        reader, writer = await asyncio.open_connection("127.0.0.1", receiver.port)
        writer.write(b'?WATCH={"enable":true,')
        await writer.drain()
        heard = [json.loads(await reader.readline())]
        writer.write(b'"json":true}\n')
        heard += [json.loads(await reader.readline()) for _ in range(3)]
        for _ in range(3):
            receiver.report(FIX)
        heard += [json.loads(await reader.readline()) for _ in range(4)]
        writer.write(b'?POLL;\n?WATCH={"enable": false};\n?NONSENSE;')
        heard += [json.loads(await reader.readline()) for _ in range(4)]
        writer.close()
        await receiver.close()
        return heard

    async def bounded() -> list[dict[str, object]]:
        async with asyncio.timeout(10):
            return await story()

    heard = asyncio.run(bounded())
    assert [report["class"] for report in heard] == (
        ["VERSION", "DEVICES", "WATCH"] + ["TPV"] * 5 + ["POLL", "DEVICES", "WATCH", "ERROR"]
    )
    assert [report["mode"] for report in heard[3:8]] == [1, 1, 3, 3, 3]
    assert ["time" in report for report in heard[3:8]] == [False, False, False, True, True]
    assert heard[10]["enable"] is False


# -- dnsmasq


def test_the_query_log_is_written_as_dnsmasq_writes_it(tmp_path: Path) -> None:
    now = datetime(2026, 11, 3, 7, 4, 5)  # noqa: DTZ001 - the log has local time without a zone
    log = QueryLog(tmp_path / "dnsmasq.log")
    log.append(
        [
            Lookup("10.77.0.10", "www.classroom.example", blocked=False),
            Lookup("10.77.0.11", "www.tinyarena.example", blocked=True),
        ],
        now,
    )
    lines = log.path.read_text().splitlines()
    assert {line.partition("]: ")[0] for line in lines} == {"Nov  3 07:04:05 dnsmasq[1204"}
    assert [line.partition("]: ")[2] for line in lines] == [
        "1 10.77.0.10/40001 query[A] www.classroom.example from 10.77.0.10",
        "1 10.77.0.10/40001 forwarded www.classroom.example to 192.0.2.53",
        "1 10.77.0.10/40001 reply www.classroom.example is 198.51.100.2",
        "2 10.77.0.11/40002 query[A] www.tinyarena.example from 10.77.0.11",
        "2 10.77.0.11/40002 config www.tinyarena.example is 0.0.0.0",
    ]
    assert "config" in log_lines(Lookup("10.77.0.1", "x.example", blocked=True), 9, now)


def test_leases_are_written_as_dnsmasq_writes_them() -> None:
    now = datetime.fromtimestamp(1_795_256_306, UTC)
    assert (
        lease_lines([Lease(MACS[0], "10.77.0.116", "Alders-tablet")], now)
        == f"1795299506 {MACS[0]} 10.77.0.116 Alders-tablet 01:{MACS[0]}\n"
    )


# -- proc and sys


def test_counters_stand_in_the_columns_of_proc_net_dev() -> None:
    lines = net_dev({"wwan0": Interface(900_000, 90_000), "wlan0": Interface(1, 2)}).splitlines()
    assert len(lines) == 4
    name, _, numbers = lines[2].partition(":")
    assert name.strip() == "wwan0"
    columns = [int(number) for number in numbers.split()]
    assert len(columns) == 16
    assert (columns[0], columns[8]) == (900_000, 90_000)


def test_vitals_are_read_back_from_the_fake_root(tmp_path: Path) -> None:
    Root(tmp_path).write_vitals(Vitals(123.5, 10.0, 90.0, 1_000_000, 600_000, 48.25))
    assert (tmp_path / "proc/uptime").read_text() == "123.50 90.00\n"
    assert (tmp_path / "proc/stat").read_text().startswith("cpu  1000 0 0 9000 ")
    assert "MemAvailable:     600000 kB" in (tmp_path / "proc/meminfo").read_text()
    assert (tmp_path / "sys/class/thermal/thermal_zone0/temp").read_text() == "48250\n"


# -- the resolver


def test_a_question_is_answered_with_its_own_id_and_one_address() -> None:
    answer = reply(QUESTION)
    assert answer is not None
    assert answer[:2] == QUESTION[:2]
    assert answer[2] & 0x80
    assert answer[12 : len(QUESTION)] == QUESTION[12:]
    assert answer[-4:] == bytes((198, 51, 100, 7))


@pytest.mark.parametrize("rubbish", [b"", b"x" * 5, QUESTION[:14], reply(QUESTION), b"\0" * 12])
def test_what_is_no_question_is_not_answered(rubbish: bytes) -> None:
    assert reply(rubbish) is None


def test_an_answer_takes_the_round_trip_and_is_lost_when_the_air_says_so() -> None:
    async def story() -> tuple[float, bool]:
        resolver = Resolver(Air(rtt_ms=40.0), random.Random(1))
        await resolver.open()
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.setblocking(False)
            client.connect(("127.0.0.1", resolver.port))
            began_s = loop.time()
            client.send(QUESTION)
            async with asyncio.timeout(5):
                await loop.sock_recv(client, 512)
            took_s = loop.time() - began_s
            resolver.air.loss = 1.0
            client.send(QUESTION)
            lost = False
            try:
                async with asyncio.timeout(0.2):
                    await loop.sock_recv(client, 512)
            except TimeoutError:
                lost = True
        resolver.close()
        return took_s, lost

    took_s, lost = asyncio.run(story())
    assert 0.03 < took_s < 1.0
    assert lost
