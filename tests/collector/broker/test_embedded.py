"""How the broker lives and dies, on the real programs, and what a mistake costs."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from homeroute_collector.broker import BrokerError, Credentials, EmbeddedBroker, Site, running, site
from homeroute_collector.broker.ports import cannot_listen, require_free
from tests.collector.broker.clients import WAIT_S, NotLetIn
from tests.collector.broker.served import DISTRICT, ProgramName, Served, let_in_within, until


@pytest.mark.slow
def test_a_broker_that_ends_by_itself_is_started_again(
    served: Served, passwords: dict[str, str]
) -> None:
    first = served.broker.pid
    assert first is not None
    psutil.Process(first).kill()
    let_in_within(WAIT_S * 2, lambda: served.device("bus-a", passwords["bus-a"])).close()
    assert served.broker.pid not in (None, first)


def test_a_busy_port_is_one_clear_error(tmp_path: Path, program: ProgramName) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        broker = EmbeddedBroker(tmp_path, DISTRICT, port=port, prefer=program)
        with pytest.raises(BrokerError, match=f"127.0.0.1 port {port}: Address already in use"):
            asyncio.run(broker.start())


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        (errno.EADDRINUSE, "is another homeroute running? stop what uses it"),
        (errno.EADDRNOTAVAIL, "it is no address of this machine; give --listen one that is"),
        (errno.EACCES, "ports below 1024 are for root"),
    ],
)
def test_why_nobody_can_listen_is_said_by_its_cause(code: int, hint: str) -> None:
    said = cannot_listen(OSError(code, os.strerror(code)), 883, "--listen")
    assert said.startswith(f"{os.strerror(code)}; {hint}")


def test_an_address_of_another_machine_is_said_to_be_one() -> None:
    with pytest.raises(BrokerError, match="no address of this machine"):
        require_free("203.0.113.9", 8883)


@pytest.mark.slow
def test_a_broker_that_was_killed_is_not_explained_by_old_lines(
    served: Served,
    passwords: dict[str, str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = served.broker.pid
    assert first is not None
    served.device("bus-a", passwords["bus-a"]).close()
    monkeypatch.setattr(running, "_FRESH_S", 0.0)
    psutil.Process(first).kill()
    until(lambda: served.broker.pid not in (None, first), WAIT_S * 2)
    (said,) = [r.getMessage() for r in caplog.records if " ended (" in r.getMessage()]
    assert said.endswith("ended (-9): it did not say why")


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
    until(lambda: "WARNING" in caplog.text, WAIT_S)
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
    until(lambda: not broker.is_running() or broker.status() == psutil.STATUS_ZOMBIE, WAIT_S)
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
    until(lambda: not left.is_running() or left.status() == psutil.STATUS_ZOMBIE, WAIT_S)


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
