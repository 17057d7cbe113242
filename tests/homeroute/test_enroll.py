"""`homeroute enroll`: one command, one bundle, and the device is in."""

from __future__ import annotations

import stat
import tarfile
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from homeroute_agent import config as agent_config
from homeroute_agent.__main__ import DEFAULT_CONFIG
from homeroute_collector.broker import Credentials, Listen, Site, site
from homeroute_command import configured, enroll
from homeroute_command.__main__ import main
from tests.collector.broker.clients import Client, NotLetIn
from tests.collector.broker.served import Served, let_in_within, topic

SUFFIX = ".homeroute.tar.gz"


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def _enroll(data: Path, *words: str) -> int:
    return main(["enroll", "--data", str(data), *words])


def _unpack(bundle: Path, into: Path) -> Path:
    with tarfile.open(bundle) as archive:
        archive.extractall(into, filter="data")
    return into


@pytest.mark.parametrize("kind", ["bus", "hotspot"])
def test_the_bundle_is_a_complete_configuration_the_agent_accepts(
    data: Path, tmp_path: Path, kind: str
) -> None:
    words = ("bus-07", "--kind", kind, "--district", "springfield", "--address", "t.example.org")
    assert _enroll(data, *words) == 0
    bundle = Path(f"bus-07{SUFFIX}")
    assert stat.S_IMODE(bundle.stat().st_mode) == 0o600
    folder = _unpack(bundle, tmp_path / "device")
    assert stat.S_IMODE((folder / "password").stat().st_mode) & 0o027 == 0
    config = agent_config.load(folder / "agent.toml")
    assert (config.district, config.device, config.kind) == ("springfield", "bus-07", kind)
    assert (config.mqtt.host, config.mqtt.port) == ("t.example.org", 8883)
    assert config.mqtt.ca_file == folder / "ca.pem"
    assert config.mqtt.password_file == folder / "password"
    assert config.network is not None
    assert config.uplink is not None
    is_bus = kind == "bus"
    assert bool(config.hostapd) == bool(config.gpsd) == bool(config.dns_log) == is_bus


def test_what_is_commented_out_works_when_it_is_commented_in(data: Path, tmp_path: Path) -> None:
    _enroll(data, "bus-07", "--district", "springfield", "--address", "t.example.org")
    folder = _unpack(Path(f"bus-07{SUFFIX}"), tmp_path / "device")
    lines = (folder / "agent.toml").read_text().splitlines()
    settings = [
        line.removeprefix("# ")
        for line in lines
        if not line.startswith("# ") or line.startswith("# [") or " = " in line
    ]
    text = "\n".join(settings).replace("[spool]", "\n[spool]")
    tomllib.loads(text)
    (folder / "agent.toml").write_text(text)
    config = agent_config.load(folder / "agent.toml")
    assert len(config.hostapd) == len(config.dns_log) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "program", [pytest.param("mosquitto", marks=pytest.mark.real("mosquitto")), "nats"]
)
def test_a_device_enrolled_beside_a_running_broker_connects_with_its_bundle_alone(
    data: Path, tmp_path: Path, program: str, free_port: Callable[[], int]
) -> None:
    port = free_port()
    with Served(data, program, Listen(address="127.0.0.1", port=port)) as served:  # type: ignore[arg-type]
        assert _enroll(data, "bus-07", "--address", f"localhost:{port}") == 0
        folder = _unpack(Path(f"bus-07{SUFFIX}"), tmp_path / "device")
        config = agent_config.load(folder / "agent.toml")
        password = (folder / "password").read_text().strip()

        def connect() -> Client:
            where = config.mqtt
            return Client(
                config.device, password, where.port, host=where.host, ca_file=where.ca_file
            )

        with let_in_within(2.0, connect) as bus, served.collector() as collector:
            collector.subscribe("homeroute/1/springfield/+/batch")
            bus.publish(topic("bus-07", "batch"), b"points")
            assert collector.receive()[1] == b"points"
        assert _enroll(data, "--revoke", "bus-07") == 0
        with pytest.raises(NotLetIn):
            _connect_until_refused(connect)


def _connect_until_refused(connect: Callable[[], Client]) -> None:
    end = time.monotonic() + 2.0  # the broker reads a change within one
    while time.monotonic() < end:
        connect().close()
        time.sleep(0.02)


def test_the_next_device_needs_neither_district_nor_address(data: Path) -> None:
    _enroll(data, "bus-07", "--district", "springfield", "--address", "t.example.org:9883")
    assert _enroll(data, "bus-08") == 0
    assert site.recall(data) == Site("springfield", "t.example.org", 9883)


def test_it_says_what_to_type_next(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _enroll(data, "bus-07", "--district", "springfield", "--address", "t.example.org")
    said = capsys.readouterr().out
    assert said.count("\n  sudo ") == 3
    for needed in ("t.example.org port 8883", "tar -xzf bus-07", "homeroute-agent probe", "scp"):
        assert needed in said
    password = next(iter(Path().glob("*.gz")))
    with tarfile.open(password) as archive:
        secret = archive.extractfile("password")
        assert secret is not None
        assert secret.read().decode().strip() not in said


def test_a_guessed_or_private_address_is_said(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enroll, "own_address", lambda: "192.168.1.20")
    monkeypatch.setattr(enroll, "_listens", lambda address, port: port == 8883)
    _enroll(data, "bus-07", "--district", "springfield")
    assert "is a guess" in capsys.readouterr().out
    _enroll(data, "bus-08")
    assert "is a private address" in capsys.readouterr().out


def test_an_address_is_not_guessed_where_nothing_listens(
    data: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    free_port: Callable[[], int],
) -> None:
    monkeypatch.setattr(enroll, "own_address", lambda: "127.0.0.1")
    site.remember(data, Site("springfield", port=free_port()))
    assert _enroll(data, "bus-07") == 2
    assert "nothing listens there on port" in capsys.readouterr().err
    assert Credentials(data).list() == ()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "localhost"])
def test_a_loopback_address_is_said_to_be_of_no_use_to_a_bus(
    data: Path, capsys: pytest.CaptureFixture[str], address: str
) -> None:
    _enroll(data, "bus-07", "--district", "springfield", "--address", address)
    said = capsys.readouterr().out
    assert "no bus reaches this machine" in said
    assert "VPN" not in said


def test_the_name_of_an_unnamed_district_is_asked_for(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site.remember(data, Site(site.DEFAULT_DISTRICT))
    assert _enroll(data, "bus-07", "--address", "t.example.org") == 2
    assert "which district?" in capsys.readouterr().err
    with Served(data, "nats"):
        words = ("bus-07", "--district", "shelbyville", "--address", "t.example.org")
        assert _enroll(data, *words) == 2
        error = capsys.readouterr().err
        assert "runs on" in error
        assert "start it again with --district shelbyville" in error
    assert _enroll(data, *words) == 0
    assert site.recall(data).district == "shelbyville"


def test_a_file_of_another_s_is_said_to_be_unreadable(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / "broker" / "credentials.json").mkdir(parents=True)
    assert _enroll(data, "--list") == 2
    assert "read " in (error := capsys.readouterr().err)
    assert "write" not in error


def test_those_enrolled_are_listed_and_the_revoked_are_not(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _enroll(data, "--list")
    assert "nobody is enrolled" in capsys.readouterr().out
    _enroll(data, "bus-07", "--district", "springfield", "--address", "t.example.org")
    _enroll(data, "h-01", "--kind", "hotspot")
    _enroll(data, "bus-08")
    _enroll(data, "--revoke", "bus-08")
    capsys.readouterr()
    _enroll(data, "--list")
    rows = [line.split()[:2] for line in capsys.readouterr().out.splitlines()]
    assert rows == [["bus-07", "bus"], ["h-01", "hotspot"]]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "which device?"),
        (("Bus 7", "--district", "springfield"), "device id 'Bus 7'"),
        (("bus-07",), "which district?"),
        (("bus-07", "--district", "Spring"), "district 'Spring'"),
        (("bus-07", "--district", "springfield", "--address", "a b"), "address 'a b'"),
        (("bus-07", "--district", "springfield", "--out", "no/where.gz"), "no such folder no"),
        (("--revoke", "bus-07"), "bus-07 is not enrolled"),
    ],
)
def test_wrong_usage_is_one_line_exit_2_and_enrols_nobody(
    data: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    assert _enroll(data, *words) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert Credentials(data).list() == ()


def test_a_device_enrolled_before_is_replaced_only_on_purpose(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("bus-07", "--district", "springfield", "--address", "t.example.org")
    assert _enroll(data, *words) == 0
    first = Path(f"bus-07{SUFFIX}").read_bytes()
    assert _enroll(data, "bus-07") == 2
    assert "--replace" in capsys.readouterr().err
    assert Path(f"bus-07{SUFFIX}").read_bytes() == first
    assert _enroll(data, "bus-07", "--replace", "--out", "again.tar.gz") == 0
    assert Path("again.tar.gz").read_bytes() != first


def test_one_data_directory_is_one_district(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _enroll(data, "bus-07", "--district", "springfield", "--address", "t.example.org")
    assert _enroll(data, "bus-08", "--district", "shelbyville") == 2
    assert "'springfield', not 'shelbyville'" in capsys.readouterr().err


def test_the_agent_looks_where_the_bundle_is_unpacked() -> None:
    assert Path(enroll.AGENT_FOLDER, "agent.toml") == DEFAULT_CONFIG


def test_enroll_and_up_look_in_the_same_place() -> None:
    assert enroll.DEFAULT_DATA == configured.DEFAULT_DATA
