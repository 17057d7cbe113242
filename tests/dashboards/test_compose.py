"""docker-compose.yml, checked without Docker: what it mounts, asks for, and opens."""

from __future__ import annotations

import os
import re
import ssl
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib import util
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
import yaml
from paho.mqtt.enums import CallbackAPIVersion

from homeroute_collector.broker import Credentials
from homeroute_collector.broker.program import Plan
from homeroute_collector.config import load
from homeroute_simulators.world import found
from tests.servers import wait_until

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "collector/compose"
TEXT = (ROOT / "docker-compose.yml").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SETTINGS = dict(
    line.split("=", 1)
    for line in (ROOT / ".env.example").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
)


def script(name: str) -> Any:
    spec = util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def filled(text: str) -> str:
    return re.sub(r"\$\{(\w+)\}", lambda match: SETTINGS[match[1]], text)


def test_every_variable_is_in_the_example_and_every_one_there_is_used() -> None:
    assert set(re.findall(r"\$\{(\w+)\}", TEXT)) == set(SETTINGS)
    assert "$" not in filled(TEXT), "no other way to name a variable"


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_pinned_watched_and_restarted(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"[a-z/-]+:\d+\.\d+\.\d+", service["image"])
    assert service["healthcheck"]["test"]
    assert service["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", SERVICES)
def test_everything_mounted_exists(name: str) -> None:
    for mount in SERVICES[name].get("volumes", ()):
        source = filled(mount).split(":")[0]
        if source.startswith("."):
            assert (ROOT / source).exists(), source
        else:
            assert source in COMPOSE["volumes"], source


def test_only_mqtt_over_tls_is_open_beyond_this_machine() -> None:
    published = [filled(p) for s in SERVICES.values() for p in s.get("ports", ())]
    assert [p for p in published if not p.startswith("127.0.0.1:")] == ["8883:8883"]


def test_secrets_are_files_that_the_script_makes_and_git_and_the_image_never_see(
    tmp_path: Path,
) -> None:
    secrets = script("make_secrets")
    made = secrets.make(tmp_path / "secrets")
    assert {f"./secrets/{p.name}" for p in made} == {s["file"] for s in COMPOSE["secrets"].values()}
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    assert all(len(p.read_text()) >= 43 for p in made)
    assert secrets.make(tmp_path / "secrets") == [], "what is there stays"
    for name in (s for service in SERVICES.values() for s in service.get("secrets", ())):
        assert name in COMPOSE["secrets"]
    for ignore in (".gitignore", ".dockerignore"):
        assert {"secrets", ".env"} <= {
            line.strip("/") for line in (ROOT / ignore).read_text().splitlines()
        }


def test_a_service_is_waited_for_only_by_its_health() -> None:
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            assert other in SERVICES, name
            assert how == {"condition": "service_healthy"}


@pytest.mark.parametrize("name", ["collector.toml", "collector-demo.toml"])
def test_the_collectors_settings_are_valid_and_name_the_services_beside_it(name: str) -> None:
    config = load(FOLDER / name)
    assert config.broker is not None and config.influx is not None
    assert config.broker.host in SERVICES
    assert config.influx.url == "http://influxdb:8086" and "influxdb" in SERVICES
    environment = SERVICES["influxdb"]["environment"]
    assert config.influx.database == environment["DOCKER_INFLUXDB_INIT_BUCKET"]
    assert config.influx.org == environment["DOCKER_INFLUXDB_INIT_ORG"]
    assert str(config.influx.token_file).removeprefix("/run/secrets/") in COMPOSE["secrets"]
    assert config.simulated is (name == "collector-demo.toml")
    hours = int(environment["DOCKER_INFLUXDB_INIT_RETENTION"].removesuffix("h"))
    assert hours == config.retention_days * 24


def test_the_image_copies_what_exists_and_runs_the_scripts_it_holds() -> None:
    dockerfile = (ROOT / "collector/Dockerfile").read_text()
    for line in re.findall(r"^COPY (.*) \S+$", dockerfile, re.MULTILINE):
        assert all((ROOT / source).exists() for source in line.split()), line
    for service in SERVICES.values():
        for word in service.get("entrypoint", ()):
            if word.startswith("/opt/homeroute/"):
                assert (ROOT / word.removeprefix("/opt/homeroute/")).exists(), word


def test_simulated_buses_refuse_a_collector_that_hides_it() -> None:
    objection = script("simulated_buses").objection
    ours = found(7).name
    assert "COLLECTOR_SETTINGS" in objection({"simulated": False, "district": ours}, ours)
    assert "DISTRICT" in objection({"simulated": True, "district": "other"}, ours)
    assert objection({"simulated": True, "district": ours}, ours) is None


def as_root(files: Callable[[Plan], Mapping[str, str]]) -> Callable[[Plan], Mapping[str, str]]:
    def staying(plan: Plan) -> Mapping[str, str]:
        texts = files(plan)
        return {**texts, "mosquitto.conf": texts["mosquitto.conf"] + "user root\n"}

    return staying


@contextmanager
def running(*argv: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([str(a) for a in argv]) as child:
        try:
            yield child
        finally:
            child.terminate()
            child.wait(10)


def may_connect(port: int, ca_file: Path, user: str, password: str) -> bool:
    """Whether the broker lets this user in, over TLS checked against the district's CA."""
    answered = threading.Event()
    codes: list[bool] = []
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=user)
    client.username_pw_set(user, password)
    client.tls_set_context(ssl.create_default_context(cafile=str(ca_file)))

    def connected(_c: Any, _u: Any, _f: Any, reason: Any, _p: Any) -> None:
        codes.append(not reason.is_failure)
        answered.set()

    client.on_connect = connected
    try:
        client.connect("127.0.0.1", port)
    except OSError:
        return False
    client.loop_start()
    answered.wait(5)
    client.disconnect()
    client.loop_stop()
    return codes[:1] == [True]


@pytest.mark.real("mosquitto")
@pytest.mark.slow
def test_a_device_enrolled_while_the_broker_runs_is_let_in_by_its_password_alone(
    tmp_path: Path, free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker's two containers, as processes: files kept by one, reloaded by the other."""
    port = free_port()
    data, folder = tmp_path / "data", tmp_path / "broker"
    keeper = script("broker_files")
    monkeypatch.setattr(keeper, "PLAIN_PORT", free_port())
    if os.geteuid() == 0:
        # In its container mosquitto runs as the files' owner; here the owner is root, whom it
        # leaves unless told to stay.
        staying = replace(keeper.MOSQUITTO, files=as_root(keeper.MOSQUITTO.files))
        monkeypatch.setattr(keeper, "MOSQUITTO", staying)
    watching = threading.Event()
    keep = threading.Thread(
        target=lambda: _keep(keeper, data, folder, port, watching), name="broker files"
    )
    keep.start()
    try:
        with running("/bin/sh", FOLDER / "mosquitto.sh", folder):
            ca_file = data / "ca/ca.pem"
            wait_until(ca_file.exists, "the authority")
            own = data / "broker/collector.password"
            wait_until(
                lambda: may_connect(port, ca_file, "collector", own.read_text().strip()),
                "the collector is let in",
            )
            assert not may_connect(port, ca_file, "bus-01", "guessed")
            password = Credentials(data).add("bus-01")
            wait_until(lambda: may_connect(port, ca_file, "bus-01", password), "the bus is let in")
            Credentials(data).remove("bus-01")
            wait_until(
                lambda: not may_connect(port, ca_file, "bus-01", password), "and then no more"
            )
    finally:
        watching.set()
        keep.join()


def _keep(keeper: Any, data: Path, folder: Path, port: int, until: threading.Event) -> None:
    folder.mkdir()
    seen: object = None
    while not until.wait(0.1):
        now = keeper.stamp(data)
        if now != seen:
            keeper.render(data, "springfield", folder, port)
            seen = keeper.stamp(data)


def test_broker_files_once_writes_what_mosquitto_needs_for_its_owner_only(tmp_path: Path) -> None:
    argv = [sys.executable, str(FOLDER / "broker_files.py"), str(tmp_path / "data"), "springfield"]
    done = subprocess.run(
        [*argv, str(tmp_path / "broker"), "--once"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    files = {
        path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "broker").iterdir()
    }
    assert set(files) >= {
        "mosquitto.conf",
        "passwords",
        "acl",
        "server.pem",
        "server.key",
        "version",
    }
    assert set(files.values()) == {0o600}
    conf = (tmp_path / "broker/mosquitto.conf").read_text()
    assert "listener 8883 0.0.0.0" in conf and "allow_anonymous false" in conf
