"""docker-compose.yml, checked without Docker: what it mounts, asks for, and opens."""

from __future__ import annotations

import argparse
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
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
import pytest
import yaml
from compose_spec import PyCompose
from paho.mqtt.enums import CallbackAPIVersion

from homeroute_collector.broker import Credentials
from homeroute_collector.broker.program import Plan
from homeroute_collector.config import load
from homeroute_command import dashboards
from tests.servers import wait_until

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "collector/compose"
TEXT = (ROOT / "docker-compose.yml").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
INIT = FOLDER / "influxdb-init.sh"
PROVISIONED = "dashboards/grafana/provisioning"
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


def test_it_is_what_the_compose_specification_allows() -> None:
    judged(TEXT)
    for wrong in (
        TEXT.replace("restart: unless-stopped", "restart: sometimes"),
        TEXT.replace("healthcheck:", "heathcheck:"),
        TEXT.replace("interval: 5s", "interval: soon"),
        TEXT.replace("secrets: [grafana_password]", "secrets: [other]"),
        TEXT.replace("condition: service_healthy", "condition: service_happy"),
    ):
        assert wrong != TEXT
        with pytest.raises(ValueError, match=r"."):
            judged(wrong)


def judged(text: str) -> None:
    """Read strictly, with merges and variables resolved as Compose does first."""
    PyCompose.from_yaml(yaml.safe_dump(yaml.safe_load(filled(text)))).validate()


ONCE = {"grafana-setup", "simulated-history"}
"""Services that do one thing and end."""


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_pinned_watched_restarted_and_bounded(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"[a-z/-]+:\d+\.\d+\.\d+", service["image"])
    if name in ONCE:
        assert service["restart"] in ("on-failure", "no")
    else:
        assert service["healthcheck"]["test"]
        assert service["restart"] == "unless-stopped"
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert re.fullmatch(r"\d+[mg]", filled(service["mem_limit"]))
    assert service["pids_limit"] <= 512
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}
    assert not service["image"].startswith("homeroute") or "user" not in service, "the image says"


def test_who_reads_a_token_is_in_the_group_that_it_is_written_for() -> None:
    """InfluxDB writes them; its folder belongs to group 10001 (Dockerfile), and so do readers."""
    assert SERVICES["influxdb"]["user"].split(":")[1] == "10001"
    assert SERVICES["grafana"]["user"].split(":")[1] == "10001"
    mounts = {
        name: next(m for m in service["volumes"] if m.startswith("tokens:"))
        for name, service in SERVICES.items()
        if any(m.startswith("tokens:") for m in service["volumes"])
    }
    assert {name for name, mount in mounts.items() if not mount.endswith(":ro")} == {
        "influxdb",
        "broker-files",  # the first: the volume takes over the image's owner
    }
    first = SERVICES["influxdb"]["depends_on"]
    assert "broker-files" in first


def test_memory_of_all_but_the_demo_fits_a_small_machine() -> None:
    sizes = {"m": 1, "g": 1024}
    mebibytes = [
        int(filled(s["mem_limit"])[:-1]) * sizes[filled(s["mem_limit"])[-1]]
        for name, s in SERVICES.items()
        if "profiles" not in s and name not in ONCE
    ]
    assert sum(mebibytes) <= 3_072, "a Raspberry Pi 5 with 4 GB"


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


def test_a_service_is_waited_for_by_its_health_or_its_end_and_the_demo_by_nobody_else() -> None:
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            assert other in SERVICES, name
            wanted = "service_completed_successfully" if other in ONCE else "service_healthy"
            assert how["condition"] == wanted
            demo = "profiles" in SERVICES[other] and "profiles" not in service
            assert how.get("required", True) is not demo, "without its profile it is not there"


@pytest.mark.parametrize("name", ["collector.toml", "collector-demo.toml"])
def test_the_collectors_settings_are_valid_and_name_the_services_beside_it(name: str) -> None:
    config = load(FOLDER / name)
    assert config.broker is not None and config.influx is not None
    assert config.broker.host in SERVICES
    assert config.influx.url == "http://influxdb:8086" and "influxdb" in SERVICES
    environment = SERVICES["influxdb"]["environment"]
    assert config.influx.database == environment["DOCKER_INFLUXDB_INIT_BUCKET"]
    assert config.influx.org == environment["DOCKER_INFLUXDB_INIT_ORG"]
    assert str(config.influx.token_file) == "/var/lib/homeroute-tokens/collector"
    assert "token collector" in INIT.read_text("utf-8")
    assert config.simulated is (name == "collector-demo.toml")
    hours = int(environment["DOCKER_INFLUXDB_INIT_RETENTION"].removesuffix("h"))
    assert hours == config.retention_days * 24


def test_the_image_copies_what_exists_and_runs_the_scripts_it_holds() -> None:
    dockerfile = (ROOT / "collector/Dockerfile").read_text()
    for line in re.findall(r"^COPY (?!--from)(.*) \S+$", dockerfile, re.MULTILINE):
        assert all((ROOT / source).exists() for source in line.split()), line
    for service in SERVICES.values():
        for word in service.get("entrypoint", ()):
            if word.startswith("/opt/homeroute/"):
                assert (ROOT / word.removeprefix("/opt/homeroute/")).exists(), word


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


def healthy(folder: Path, port: int) -> bool:
    """The health check of docker-compose.yml, with this machine's folder and port."""
    shell, at, script_, *given = SERVICES["mosquitto"]["healthcheck"]["test"]
    assert (shell, at, given) == ("CMD", "/bin/sh", ["/var/lib/homeroute-broker", "8883"])
    # The image's shell is BusyBox's.
    argv = ["busybox", "sh", str(FOLDER / Path(script_).name), str(folder), str(port)]
    return subprocess.run(argv, capture_output=True, check=False, timeout=20).returncode == 0


@pytest.mark.real("mosquitto")
@pytest.mark.real("mosquitto_sub")
@pytest.mark.real("busybox")
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
        with running("busybox", "sh", FOLDER / "mosquitto.sh", folder):
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
            assert healthy(folder, port), "strangers are refused, over TLS"
        assert not healthy(folder, port), "and nobody is there to refuse them"
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
        "ca.pem",
        "version",
    }
    assert set(files.values()) == {0o600}
    conf = (tmp_path / "broker/mosquitto.conf").read_text()
    assert "listener 8883 0.0.0.0" in conf and "allow_anonymous false" in conf


def test_grafana_s_datasources_read_the_token_that_is_mounted_and_the_buckets_that_are_made() -> (
    None
):
    held = yaml.safe_load((ROOT / PROVISIONED / "datasources/homeroute.yml").read_text("utf-8"))
    for source in held["datasources"]:
        secret = source["secureJsonData"]["httpHeaderValue1"]
        assert secret == "Token $__file{/var/lib/homeroute-tokens/grafana}"
        assert source["jsonData"]["dbName"] in ("telemetry", "reporting")
        assert source["uid"] == f"homeroute-{source['jsonData']['dbName']}"
        # An organisation that is not there yet keeps Grafana from starting.
        assert source.get("orgId", 1) == 1


def test_what_grafana_is_told_of_its_environment_is_what_its_files_ask() -> None:
    environment = SERVICES["grafana"]["environment"]
    asked: set[str] = set()
    for path in (ROOT / PROVISIONED).rglob("*.yml"):
        if path.name != "rules.yml":  # whose dollars are InfluxQL's
            asked |= set(re.findall(r"\$(HOMEROUTE_\w+)", path.read_text("utf-8")))
    assert asked == {name for name in environment if name.startswith("HOMEROUTE_")}


def test_the_evaluators_setup_is_a_command_that_there_is_and_reads_what_is_mounted() -> None:
    service = SERVICES["grafana-setup"]
    parser = argparse.ArgumentParser()
    dashboards.add_parser(parser.add_subparsers())
    given = parser.parse_args(service["command"])
    assert given.reporting_token_file == Path("/var/lib/homeroute-tokens/evaluators")
    assert given.password_file.name in service["secrets"]
    assert urlsplit(given.url).hostname in SERVICES
    assert urlsplit(given.influx_url).hostname in SERVICES
