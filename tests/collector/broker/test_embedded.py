"""The embedded broker against the real programs: who may do what, and what a change disturbs."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from homeroute_collector.broker import BrokerError, Credentials, EmbeddedBroker, Listen, Site, site
from homeroute_collector.broker.program import PACKET_BOUND
from homeroute_wire.batch import BATCH_BOUND
from tests.collector.broker.clients import WAIT_S, Client, NotLetIn
from tests.collector.broker.served import DISTRICT, ProgramName, Served, let_in_within, topic

BOTH = [pytest.param("mosquitto", marks=pytest.mark.real("mosquitto")), "nats"]


@pytest.fixture(params=BOTH)
def program(request: pytest.FixtureRequest) -> ProgramName:
    name: ProgramName = request.param
    return name


@pytest.fixture
def passwords(tmp_path: Path) -> dict[str, str]:
    return Credentials(tmp_path).add_all(["bus-a", "bus-b"])


@pytest.fixture
def served(tmp_path: Path, program: ProgramName, passwords: dict[str, str]) -> Iterator[Served]:
    with Served(tmp_path, program) as running:
        yield running


def test_a_batch_goes_up_and_an_acknowledgement_comes_down(
    served: Served, passwords: dict[str, str]
) -> None:
    with served.collector() as collector, served.device("bus-a", passwords["bus-a"]) as bus:
        assert collector.subscribe(f"homeroute/1/{DISTRICT}/+/batch")
        assert bus.subscribe(topic("bus-a", "ack"))
        assert bus.subscribe(topic("bus-a", "config"))
        assert bus.publish(topic("bus-a", "batch"), b"points")
        assert collector.receive() == (topic("bus-a", "batch"), b"points", False)
        assert collector.publish(topic("bus-a", "ack"), b"stored")
        assert bus.receive() == (topic("bus-a", "ack"), b"stored", False)


def test_a_wrong_password_an_unknown_name_and_no_name_are_not_let_in(
    served: Served, passwords: dict[str, str]
) -> None:
    for name, password in (("bus-a", passwords["bus-b"]), ("bus-z", "x"), ("", "")):
        with pytest.raises(NotLetIn):
            served.device(name, password, client_id="bus-a")


NOT_FOR_A = (
    topic("bus-b", "ack"),
    topic("bus-b", "batch"),
    topic("+", "ack"),
    f"homeroute/1/{DISTRICT}/#",
    "+/+/+/+/+",
    "#",
    "$SYS/#",
    "$MQTT/#",  # where nats-server keeps messages
    "$JS/#",
    topic("*", "ack"),  # a wildcard of NATS
    f"homeroute/1/{DISTRICT}/>",
)


def test_a_device_hears_nothing_meant_for_another(
    served: Served, passwords: dict[str, str]
) -> None:
    with (
        served.collector() as collector,
        served.device("bus-a", passwords["bus-a"]) as spy,
        served.device("bus-b", passwords["bus-b"]) as other,
    ):
        for asked in NOT_FOR_A:
            spy.subscribe(asked)  # mosquitto grants it, and delivers nothing
        collector.publish(topic("bus-b", "ack"), b"for b")
        other.publish(topic("bus-b", "batch"), b"from b")
        other.publish(topic("bus-b", "status"), b"of b", retain=True)
        assert spy.hears_nothing()


@pytest.mark.slow
def test_a_device_speaks_for_itself_only(served: Served, passwords: dict[str, str]) -> None:
    forged = (
        topic("bus-b", "batch"),
        topic("bus-b", "status"),
        topic("bus-b", "ack"),
        topic("bus-a", "ack"),
        topic("*", "batch"),
        f"$MQTT/msgs/{topic('bus-b', 'batch')}",
        f"$MQTT/rmsgs/{topic('bus-b', 'status')}",
    )
    with (
        served.collector() as collector,
        served.device("bus-b", passwords["bus-b"]) as other,
    ):
        collector.subscribe(f"homeroute/1/{DISTRICT}/#")
        other.subscribe(topic("bus-b", "ack"))
        for name in forged:
            with served.device("bus-a", passwords["bus-a"]) as liar:  # may be put out for it
                liar.publish(name, b"forged")
        assert collector.hears_nothing()
        assert other.hears_nothing()
    with served.collector() as late:
        late.subscribe(f"homeroute/1/{DISTRICT}/#")
        assert late.hears_nothing()


@pytest.mark.slow
def test_a_device_that_borrows_an_id_hears_nothing_and_says_nothing_in_its_name(
    served: Served, passwords: dict[str, str], program: ProgramName
) -> None:
    with (
        served.collector() as collector,
        served.device("bus-b", passwords["bus-b"]) as robbed,
    ):
        robbed.subscribe(topic("bus-b", "ack"))
        collector.subscribe(f"homeroute/1/{DISTRICT}/+/batch")
        with served.device("bus-a", passwords["bus-a"], client_id="bus-b") as thief:
            collector.publish(topic("bus-b", "ack"), b"for b")
            thief.publish(topic("bus-b", "batch"), b"forged")
            assert thief.hears_nothing()
            assert collector.hears_nothing()
        if program == "mosquitto":  # nats-server lets the thief push it off, and no more
            assert robbed.receive()[1] == b"for b"


@pytest.mark.slow
def test_a_death_is_published_when_a_bus_vanishes_and_is_kept_for_who_comes_later(
    served: Served, passwords: dict[str, str]
) -> None:
    status = topic("bus-a", "status")
    bus = served.device("bus-a", passwords["bus-a"], will=(status, b"death"))
    assert bus.publish(status, b"birth", retain=True)
    with served.collector() as early:
        early.subscribe(f"homeroute/1/{DISTRICT}/+/status")
        assert early.receive() == (status, b"birth", True)
        bus.vanish()
        assert early.receive()[:2] == (status, b"death")
    with served.collector() as late:
        late.subscribe(f"homeroute/1/{DISTRICT}/+/status")
        assert late.receive() == (status, b"death", True)
    bus.close()


@pytest.mark.slow
def test_a_will_on_anothers_topic_is_not_published(
    served: Served, passwords: dict[str, str]
) -> None:
    with served.collector() as collector:
        collector.subscribe(f"homeroute/1/{DISTRICT}/+/status")
        try:
            liar = served.device(
                "bus-a", passwords["bus-a"], will=(topic("bus-b", "status"), b"death")
            )
        except NotLetIn:
            return  # nats-server looks at the Will first
        liar.vanish()
        assert collector.hears_nothing()
        liar.close()


def test_the_largest_batch_passes_and_a_larger_packet_ends_the_connection(
    served: Served, passwords: dict[str, str]
) -> None:
    with served.collector() as collector:
        collector.subscribe(f"homeroute/1/{DISTRICT}/+/batch")
        with served.device("bus-a", passwords["bus-a"]) as bus:
            bus.publish(topic("bus-a", "batch"), bytes(BATCH_BOUND))
            assert len(collector.receive()[1]) == BATCH_BOUND
            bus.publish(topic("bus-a", "batch"), bytes(PACKET_BOUND + 1))
            assert bus.lost.wait(WAIT_S)


@pytest.mark.slow
def test_an_enrolment_lets_a_device_in_within_a_second_and_disconnects_nobody(
    served: Served, passwords: dict[str, str]
) -> None:
    with served.device("bus-a", passwords["bus-a"]) as connected, served.collector() as collector:
        connected.subscribe(topic("bus-a", "ack"))
        password = served.credentials.add("bus-new")
        with let_in_within(1.0, lambda: served.device("bus-new", password)):
            assert collector.publish(topic("bus-a", "ack"), b"still here")
            assert connected.receive()[1] == b"still here"
            assert not connected.lost.is_set()


@pytest.mark.slow
def test_a_revoked_device_is_put_out_and_stays_out(
    served: Served, passwords: dict[str, str]
) -> None:
    with (
        served.device("bus-b", passwords["bus-b"]) as stays,
        served.device("bus-a", passwords["bus-a"]) as goes,
    ):
        served.credentials.remove("bus-a")
        assert goes.lost.wait(WAIT_S)
        with pytest.raises(NotLetIn):
            served.device("bus-a", passwords["bus-a"])
        assert not stays.lost.is_set()


@pytest.mark.slow
def test_a_replaced_password_works_and_the_old_one_does_not(
    served: Served, passwords: dict[str, str]
) -> None:
    new = served.credentials.add("bus-a", replace=True)
    let_in_within(1.5, lambda: served.device("bus-a", new)).close()
    with pytest.raises(NotLetIn):
        served.device("bus-a", passwords["bus-a"])


@pytest.mark.slow
def test_a_broker_that_ends_by_itself_is_started_again(
    served: Served, passwords: dict[str, str]
) -> None:
    first = served.broker.pid
    assert first is not None
    psutil.Process(first).kill()
    let_in_within(WAIT_S * 2, lambda: served.device("bus-a", passwords["bus-a"])).close()
    assert served.broker.pid not in (None, first)


def test_nothing_listens_beyond_loopback_unless_asked(served: Served) -> None:
    assert served.broker.pid is not None
    listening = _listening(served.broker.pid)
    assert listening
    assert all(address == "127.0.0.1" for address, _ in listening)


@pytest.mark.slow
def test_asked_to_listen_it_serves_tls_signed_by_the_districts_own_authority(
    tmp_path: Path, program: ProgramName, passwords: dict[str, str], free_port: Callable[[], int]
) -> None:
    port = free_port()
    listen = Listen(address="127.0.0.1", port=port, names=("localhost",))
    with Served(tmp_path, program, listen) as served:
        ca_file = tmp_path / "ca" / "ca.pem"
        password = passwords["bus-a"]
        with (
            Client("bus-a", password, port, host="localhost", ca_file=ca_file) as bus,
            served.collector() as collector,
        ):
            collector.subscribe(f"homeroute/1/{DISTRICT}/+/batch")
            assert bus.publish(topic("bus-a", "batch"), b"points")
            assert collector.receive()[1] == b"points"
        with pytest.raises(NotLetIn):  # plain, at the door that asks for TLS
            Client("bus-a", password, port)
        with pytest.raises(NotLetIn):  # a wrong password is wrong here too
            Client("bus-a", "wrong", port, host="localhost", ca_file=ca_file)
        assert served.broker.pid is not None
        assert port in {number for _, number in _listening(served.broker.pid)}


@pytest.mark.slow
def test_an_address_remembered_while_it_runs_is_on_the_certificate_within_seconds(
    tmp_path: Path, program: ProgramName, passwords: dict[str, str], free_port: Callable[[], int]
) -> None:
    port = free_port()
    ca_file = tmp_path / "ca" / "ca.pem"
    new = ("IP Address", "203.0.113.7")
    with (
        Served(tmp_path, program, Listen(address="127.0.0.1", port=port)) as served,
        served.device("bus-b", passwords["bus-b"]) as connected,
    ):
        assert new not in _certificate(port, ca_file)
        site.remember(tmp_path, Site(DISTRICT, "203.0.113.7", port))
        _until(lambda: new in _certificate(port, ca_file), WAIT_S)
        assert not connected.lost.is_set()


def test_a_busy_port_is_one_clear_error(tmp_path: Path, program: ProgramName) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        broker = EmbeddedBroker(tmp_path, DISTRICT, port=port, prefer=program)
        with pytest.raises(BrokerError, match=f"127.0.0.1 port {port}: Address already in use"):
            asyncio.run(broker.start())


def test_a_data_directory_in_use_is_one_clear_error(served: Served, program: ProgramName) -> None:
    second = EmbeddedBroker(served.data, DISTRICT, port=0, prefer=program)
    with pytest.raises(BrokerError, match="another homeroute runs on"):
        asyncio.run(second.start())
    assert served.broker.pid is not None


def test_one_data_directory_serves_one_district(tmp_path: Path, program: ProgramName) -> None:
    site.remember(tmp_path, Site(DISTRICT))
    Credentials(tmp_path).add("bus-01")
    another = EmbeddedBroker(tmp_path, "shelbyville", port=0, prefer=program)
    with pytest.raises(BrokerError, match="has devices of district 'springfield'"):
        asyncio.run(another.start())


def test_everything_written_is_for_its_owner_only_and_holds_no_password(
    served: Served, passwords: dict[str, str]
) -> None:
    secret = served.endpoint.password_file.read_bytes().strip()
    workplace = served.broker._workplace
    assert workplace is not None
    folders = {served.data / "broker", served.data / "ca", workplace.path}
    files = [f for folder in folders if folder.exists() for f in folder.rglob("*") if f.is_file()]
    ours = [f for f in files if "jetstream" not in f.parts]
    assert len(ours) >= 5
    for file in ours:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
        content = file.read_bytes()
        assert not any(password.encode() in content for password in passwords.values()), file
        assert file == served.endpoint.password_file or secret not in content, file


def test_the_log_holds_no_password(
    tmp_path: Path,
    program: ProgramName,
    passwords: dict[str, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    with Served(tmp_path, program) as served:
        served.device("bus-a", passwords["bus-a"]).close()
        with pytest.raises(NotLetIn):
            served.device("bus-a", "planted-wrong-password")
        secret = served.endpoint.password_file.read_text().strip()
    assert caplog.records
    for planted in (*passwords.values(), secret, "planted-wrong-password"):
        assert planted not in caplog.text


_PARENT = """
import asyncio, sys
from pathlib import Path
from homeroute_collector.broker import EmbeddedBroker
async def main():
    broker = EmbeddedBroker(Path(sys.argv[1]), "springfield", port=0, prefer=sys.argv[2])
    await broker.start()
    print(broker.pid, flush=True)
    await broker.run()
asyncio.run(main())
"""


@pytest.mark.slow
def test_a_device_refused_again_and_again_is_said_once(
    served: Served, passwords: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(5):
        with pytest.raises(NotLetIn):
            served.device("bus-a", passwords["bus-b"])
    _until(lambda: "WARNING" in caplog.text, WAIT_S)
    warnings = [record for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) <= 2  # nats-server says it in two ways


@pytest.mark.slow
def test_a_killed_parent_leaves_no_broker_behind(tmp_path: Path, program: ProgramName) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT, str(tmp_path), program], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    broker = psutil.Process(int(parent.stdout.readline()))
    assert program in broker.name()
    parent.kill()
    parent.wait()
    _until(lambda: not broker.is_running() or broker.status() == psutil.STATUS_ZOMBIE, WAIT_S)
    with Served(tmp_path, program) as served:  # and the data directory is free again
        assert served.broker.pid


@pytest.mark.slow
def test_a_left_over_broker_is_ended_at_the_next_start(
    tmp_path: Path, program: ProgramName, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = []
    with Served(tmp_path, program) as served:
        workplace = served.broker._workplace
        assert workplace is not None
        folders.append(workplace.path)
        note = (tmp_path / "broker" / "running.json").read_text()
        left = psutil.Process(served.broker.pid)
        # As if we had died and the kernel had not told it: the note stays, the lock is gone.
        monkeypatch.setattr(served.broker, "stop", _nothing)
        served.broker._held.close()
        (tmp_path / "broker" / "running.json").write_text(note)
        second = EmbeddedBroker(tmp_path, DISTRICT, port=0, prefer=program)

        async def start_and_stop() -> None:
            await second.start()
            assert second.pid != left.pid
            await second.stop()

        asyncio.run(start_and_stop())
    _until(lambda: not left.is_running() or left.status() == psutil.STATUS_ZOMBIE, WAIT_S)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.real("mosquitto")
def test_started_by_root_mosquitto_is_somebody_else_and_cleans_up(tmp_path: Path) -> None:
    with Served(tmp_path, "mosquitto") as served:
        assert psutil.Process(served.broker.pid).username() in {"mosquitto", "nobody"}
        workplace = served.broker._workplace
        assert workplace is not None
        assert stat.S_IMODE(workplace.path.stat().st_mode) == 0o700
    assert not workplace.path.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.slow
def test_an_ordinary_user_needs_nothing_of_root(program: ProgramName) -> None:
    python = _python_for_nobody()
    if python is None:
        pytest.skip("no Python here that an ordinary user may run")
    script = _PARENT.replace("await broker.run()", "await broker.stop()")
    with tempfile.TemporaryDirectory() as data:  # pytest's own folder is closed to others
        Path(data).chmod(0o777)
        done = _as_nobody([python, "-c", script, f"{data}/data", program])
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0


def _python_for_nobody() -> str | None:
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            done = _as_nobody([python, "-c", "import homeroute_collector.broker"])
        except OSError:
            continue
        if done.returncode == 0:
            return python
    return None


def _as_nobody(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        user=65534,
        group=65534,
        extra_groups=[],
        env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PATH": os.defpath},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def _nothing() -> None:
    pass


def _until(true: Callable[[], bool], limit_s: float) -> None:
    end = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.02)


def _listening(pid: int) -> list[tuple[str, int]]:
    found = psutil.Process(pid).net_connections(kind="tcp")
    return [(c.laddr.ip, c.laddr.port) for c in found if c.status == psutil.CONN_LISTEN]


def _certificate(port: int, ca_file: Path) -> tuple[tuple[str, str], ...]:
    """The names on the certificate a new connection is shown."""
    context = ssl.create_default_context(cafile=str(ca_file))
    with (
        socket.create_connection(("127.0.0.1", port), WAIT_S) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
    ):
        certificate = secured.getpeercert() or {}
        return certificate.get("subjectAltName", ())  # type: ignore[return-value]
