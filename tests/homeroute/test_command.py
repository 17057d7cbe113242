"""`homeroute`, and the commands that ask a running `homeroute up`, as a user types them."""

from __future__ import annotations

import asyncio
import itertools
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest

from homeroute_collector import tail as collector_tail
from homeroute_collector.broker import Credentials
from homeroute_command import running
from homeroute_command.__main__ import main
from homeroute_wire.messages import Ack
from homeroute_wire.topics import topic
from tests.collector.batches import DISTRICT
from tests.collector.broker.clients import Client
from tests.collector.serving import batch, config, now, offer, serving, uplink, wifi
from tests.servers import pick_port, wait_until
from tests.stores import InfluxDB

PROGRAM = [sys.executable, "-m", "homeroute_command"]
WAIT_S = 30.0
SEQ = itertools.count(1)


def good() -> bytes:
    """The next batch: two points, of now."""
    return batch(next(SEQ), wifi(clients=4), uplink(state=1, rtt_ms=48.5))


def late() -> bytes:
    """The next batch, an hour old."""
    return batch(next(SEQ), wifi(), time_ms=now() - 3_600_000)


def half_good() -> bytes:
    """The next batch: the uplink is good, and the Wi-Fi has less than no clients."""
    return batch(next(SEQ), wifi(clients=-1), uplink())


@dataclass
class Running:
    """A `homeroute up` in a process of its own, with bus-07 connected to its broker."""

    data: Path
    port: int
    said: list[str] = field(default_factory=list)
    bus: Client | None = None

    @property
    def url(self) -> str:
        """Of its pages."""
        return f"http://127.0.0.1:{self.port}"

    def send(self, payload: bytes) -> None:
        """Publish as bus-07."""
        assert self.bus is not None
        assert self.bus.publish(topic(DISTRICT, "bus-07", "batch"), payload, within_s=WAIT_S)

    def ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command against it."""
        command = [*PROGRAM, *words, "--url", self.url]
        return subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S, check=False)

    def settle(self) -> None:
        """Wait until all that was sent is stored: a tail begun now is shown none of it.

        Batches are stored in the order sent, so the last one's acknowledgement says so.
        """
        assert self.bus is not None
        last = next(SEQ)
        self.send(batch(last, uplink()))
        acknowledged: set[int] = set()
        while last not in acknowledged:
            payload = self.bus.inbox.get(timeout=WAIT_S)[1]
            acknowledged |= {receipt.seq for receipt in Ack.decode(payload).receipts}

    def tail(self, *words: str, payload: Callable[[], bytes]) -> subprocess.CompletedProcess[str]:
        """What `tail` prints while batches are sent, once it has seen enough."""
        self.settle()
        command = [*PROGRAM, "tail", "--url", self.url, *words]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                for _ in range(100):
                    self.send(payload())
                    try:
                        out, err = process.communicate(timeout=0.2)
                    except subprocess.TimeoutExpired:
                        continue  # it does not listen yet, or has not seen enough
                    return subprocess.CompletedProcess(command, process.returncode, out, err)
            finally:
                process.kill()
        raise AssertionError("tail did not end")


@contextmanager
def running_up(folder: Path, *words: str) -> Iterator[Running]:
    """`homeroute up` while the block runs; interrupted at its end, which is clean."""
    up = Running(folder / "data", pick_port())
    password = Credentials(up.data).add("bus-07")
    broker_port = pick_port()
    ports = ["--port", str(up.port), "--broker-port", str(broker_port)]
    command = [*PROGRAM, "up", "--data", str(up.data), *ports, "--district", DISTRICT, *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        reading = threading.Thread(target=up.said.extend, args=[process.stderr])
        reading.start()
        try:
            wait_until(
                lambda: any("pages at" in line for line in up.said) or process.poll() is not None,
                "homeroute up",
                WAIT_S,
            )
            assert process.poll() is None, "".join(up.said)
            # A batch published before the collector has subscribed is heard by nobody.
            wait_until(lambda: running.get(up.url, "/api/1/fleet")["broker"]["connected"], "MQTT")
            with Client("bus-07", password, broker_port) as up.bus:
                assert up.bus.subscribe(topic(DISTRICT, "bus-07", "ack"))
                yield up
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(WAIT_S)
            reading.join(WAIT_S)
    assert process.returncode == 0, "".join(up.said)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_up(tmp_path_factory.mktemp("up")) as one:
        yield one


# -- tail


@pytest.mark.slow
def test_tail_shows_a_batch_for_people_without_positions(up: Running) -> None:
    done = up.tail("-n", "1", payload=good)
    assert (done.returncode, done.stderr) == (0, "")
    head, values = done.stdout.splitlines()
    assert "bus-07  #" in head
    # This machine's, as of a terminal beside it, and said to be.
    assert head.split()[1] == f"{datetime.now().astimezone():%Z}"
    assert "2 points, " in head
    assert values.split(" · ") == [
        "         wifi clients=4 randomized=2",
        "uplink connected rtt_ms=48.5 loss_ratio=0",
    ]


@pytest.mark.slow
def test_tail_says_what_is_late_and_what_is_refused(up: Running) -> None:
    assert "historical, 60 min late" in up.tail("-n", "1", payload=late).stdout
    lines = up.tail("-n", "1", payload=half_good).stdout.splitlines()
    assert lines[1].strip().startswith("refused 1 points of wifi: ")


@pytest.mark.slow
def test_tail_as_json_is_one_whole_batch_a_line_and_n_ends_it(up: Running) -> None:
    done = up.tail("bus-07", "--json", "-n", "2", payload=good)
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert done.returncode == 0
    assert second["seq"] == first["seq"] + 1
    assert first["device"] == "bus-07"
    assert first["measurements"]["wifi"]["clients"] == [4]


@pytest.mark.slow
def test_a_device_that_was_never_heard_is_said_at_once(up: Running) -> None:
    command = [*PROGRAM, "tail", "bus-99", "--url", up.url]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("bus-99 has never been heard")
        process.kill()
    assert up.ask("tail", "Bus 99").returncode == 1


@pytest.mark.slow
@pytest.mark.parametrize("words", [(), ("--json",)])
def test_a_reader_that_has_seen_enough_ends_it_well(up: Running, words: tuple[str, ...]) -> None:
    command = [*PROGRAM, "tail", "--url", up.url, *words]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        for _ in range(100):
            up.send(good())
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.2)
                break
        process.kill()  # ended already, if all is well
        assert process.wait(WAIT_S) == 0
        assert process.stderr.read() == ""


@pytest.mark.slow
def test_a_terminal_that_is_too_slow_is_told_how_much_it_missed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector_tail, "QUEUE_LINES", 1)

    async def run() -> int:
        async with serving(config(tmp_path, None)) as (collector, session):
            url = str(session._base_url).rstrip("/")
            tailing = asyncio.create_task(asyncio.to_thread(main, ["tail", "--url", url]))
            async with asyncio.timeout(WAIT_S):
                while not len(collector.tail):
                    await asyncio.sleep(0.01)
            for _ in range(4):
                assert collector.ingest.offer(DISTRICT, "bus-07", good())
            await collector.ingest.drain()
            await asyncio.sleep(0.1)
            await offer(collector, good())
        return await tailing

    assert asyncio.run(run()) == 0
    lines = capsys.readouterr().out.splitlines()
    (lost,) = [line for line in lines if "not shown" in line]
    shown = [line for line in lines if "bus-07  #" in line]
    assert lost.startswith(f"… {5 - len(shown)} batches not shown: this terminal is too slow")


# -- refused


@pytest.mark.slow
def test_what_is_refused_is_listed_with_its_reason_and_tried_again(tmp_path: Path) -> None:
    with running_up(tmp_path) as up:
        assert up.ask("refused").stdout == "nothing is refused\n"
        up.send(half_good())
        wait_until(lambda: "wifi" in up.ask("refused").stdout, "the refusal", WAIT_S)
        (row,) = json.loads(up.ask("refused", "--json").stdout)["refused"]
        assert (row["device"], row["measurement"], row["points"]) == ("bus-07", "wifi", 1)
        assert row["reason"].startswith("clients: ")
        assert "clients: " in up.ask("refused", "--device", "bus-07").stdout
        assert up.ask("refused", "--device", "bus-08").stdout == "nothing is refused\n"
        again = up.ask("refused", "replay")
        assert again.returncode == 0
        assert "0 " in again.stdout
        assert json.loads(up.ask("refused", "replay", "--json").stdout)
        listed = up.ask("refused")
        assert "wifi" in listed.stdout  # it is as wrong as before, and still kept
        assert "times are of " in listed.stderr
        assert "nobody has named the district's" in listed.stderr


# -- influx


@pytest.mark.slow
def test_an_emptied_influxdb_is_filled_again_from_the_archive(
    influxdb: InfluxDB, tmp_path: Path
) -> None:
    settings = tmp_path / "collector.toml"
    settings.write_text(
        f'district = "{DISTRICT}"\ndata_dir = "data"\n'
        f'[influx]\nurl = "{influxdb.url}"\nversion = 1\n'
    )
    with running_up(tmp_path, "--config", str(settings)) as up:
        up.send(good())
        wait_until(
            lambda: "telemetry" in str(influxdb.query("SHOW DATABASES")), "the database", WAIT_S
        )
        wait_until(lambda: influxdb.count("wifi") == 1, "the point", WAIT_S)
        influxdb.query("DROP MEASUREMENT wifi", database="telemetry")
        assert influxdb.count("wifi") == 0
        done = up.ask("influx", "rebuild")
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("InfluxDB has all ")
        assert influxdb.count("wifi") == 1
        begun = up.ask("influx", "rebuild", "--no-wait")
        assert begun.stdout.startswith("following again from the first of ")


@pytest.mark.slow
def test_without_influxdb_there_is_nothing_to_rebuild(up: Running) -> None:
    done = up.ask("influx", "rebuild")
    assert done.returncode == 1
    assert "no [influx] in the collector's configuration" in done.stderr


# -- up and demo, where they are mistaken for one another


@pytest.mark.slow
def test_a_cut_asked_of_an_up_is_told_that_it_is_no_demonstration(up: Running) -> None:
    command = [*PROGRAM, "demo", "cut", "bus-07", "--port", str(up.port)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert done.returncode == 2
    assert f"{up.url} is no demonstration" in done.stderr


@pytest.mark.slow
def test_an_unnamed_district_is_said_and_may_be_named_while_nobody_is_enrolled(
    tmp_path: Path,
) -> None:
    def started(*words: str) -> str:
        ports = ["--port", str(pick_port()), "--broker-port", "0"]
        command = [*PROGRAM, "up", "--data", str(tmp_path / "data"), *ports, *words]
        said = ""
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            for line in process.stderr:
                said += line
                if "pages at" in line:
                    process.send_signal(signal.SIGINT)
            assert process.wait(WAIT_S) == 0, said
        return said

    said = started()
    assert "nobody has named this district yet, so it is 'district'" in said
    assert "start again with --district ID" in said
    said = started("--district", "springfield")
    assert "district springfield" in said
    assert "nobody has named this district" not in said
    assert "district springfield" in started()


@pytest.mark.slow
def test_a_taken_port_is_explained_by_words_the_user_can_type(up: Running, tmp_path: Path) -> None:
    command = [*PROGRAM, "up", "--data", str(tmp_path), "--port", str(up.port)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert done.returncode == 2
    assert "is another homeroute running?" in done.stderr
    assert "or choose another port" in done.stderr
    assert "[http]" not in done.stderr
