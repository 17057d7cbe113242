"""Fixtures for every test: real servers on loopback, and the rule for tests that need them.

``@pytest.mark.real("gpsd")`` says that a test needs a real program. A test that
uses one of the fixtures below is marked by that alone. Where the program is
absent the test is skipped with the package's name; where ``CI=true`` or
``HOMEROUTE_REQUIRE_SERVERS=1`` it fails, so that no server goes missing unseen.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import settings

from tests.brokers import Certificates, Mosquitto, SecureMosquitto, certify
from tests.gpsd import Gpsd
from tests.servers import SBIN, Server, absent, pick_port
from tests.stores import InfluxDB, VictoriaMetrics

ServerT = TypeVar("ServerT", bound=Server)

os.environ["PATH"] = os.pathsep.join((os.environ.get("PATH", os.defpath), *SBIN))

# A machine busy with other work says nothing about the code: time is for benchmarks/.
settings.register_profile("homeroute")
settings.load_profile("homeroute")

FIXTURES = {
    "mosquitto": "mosquitto",
    "mosquitto_tls": "mosquitto",
    "influxdb": "influxdb",
    "influxdb_auth": "influxdb",
    "victoria_metrics": "victoria-metrics",
    "gpsd": "gpsd",
}
"""The real program behind each fixture."""


def required() -> bool:
    """Whether a missing server is a failure."""
    return os.environ.get("CI") == "true" or os.environ.get("HOMEROUTE_REQUIRE_SERVERS") == "1"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses a server's fixture, before `-m` selects; the slowest files go first.

    A file is one worker's. Begun last, one of a minute would keep the others waiting.
    """
    slow: dict[Path, list[bool]] = defaultdict(list)
    for item in items:
        names = sorted({FIXTURES[f] for f in getattr(item, "fixturenames", ()) if f in FIXTURES})
        if names:
            item.add_marker(pytest.mark.real(*names))
        slow[item.path].append(item.get_closest_marker("slow") is not None)
    items.sort(key=lambda item: -sum(slow[item.path]) / len(slow[item.path]))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, or fail, a test whose program is absent."""
    for mark in item.iter_markers("real"):
        for name in mark.args:
            reason = absent(name)
            if reason is None:
                continue
            if required():
                pytest.fail(f"real server required: {reason}", pytrace=False)
            pytest.skip(reason)


@pytest.fixture
def free_port() -> Callable[[], int]:
    """A loopback TCP port that nobody listens on; another at each call."""
    return pick_port


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A private CA and a certificate for localhost and 127.0.0.1."""
    return certify(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """An open mosquitto on loopback; restarted, it has forgotten everything."""
    server = Mosquitto(_folder(tmp_path, "mosquitto"), "allow_anonymous true\n")
    yield from _running(server)


@pytest.fixture
def mosquitto_tls(tmp_path: Path, certificates: Certificates) -> Iterator[SecureMosquitto]:
    """A mosquitto with TLS, passwords and ACL; `add` lets users in."""
    yield from _running(SecureMosquitto(_folder(tmp_path, "mosquitto-tls"), certificates))


@pytest.fixture
def influxdb(tmp_path: Path) -> Iterator[InfluxDB]:
    """An empty InfluxDB 1.x without passwords."""
    yield from _running(InfluxDB(_folder(tmp_path, "influxdb")))


@pytest.fixture
def influxdb_auth(tmp_path: Path) -> Iterator[InfluxDB]:
    """An empty InfluxDB 1.x that asks for a password."""
    yield from _running(InfluxDB(_folder(tmp_path, "influxdb-auth"), auth=True))


@pytest.fixture
def victoria_metrics(tmp_path: Path) -> Iterator[VictoriaMetrics]:
    """An empty VictoriaMetrics: takes what InfluxDB 2.x takes on `/api/v2/write`."""
    yield from _running(VictoriaMetrics(_folder(tmp_path, "victoria")))


@pytest.fixture
def gpsd(tmp_path: Path) -> Iterator[Gpsd]:
    """A gpsd fed NMEA over loopback; `drive` puts it somewhere."""
    server = Gpsd(_folder(tmp_path, "gpsd"))
    try:
        yield from _running(server)
    finally:
        server.close()


def _folder(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    return folder


def _running(
    server: ServerT,
) -> Iterator[ServerT]:
    server.start()
    try:
        yield server
    finally:
        server.stop()
