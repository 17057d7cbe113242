"""The tests' own ground: do the real servers behave as the fixtures promise?"""

from __future__ import annotations

import json
import socket
import ssl
import threading
import urllib.request
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests import conftest, servers
from tests.brokers import Mosquitto, SecureMosquitto
from tests.gpsd import Fix, Gpsd
from tests.servers import absent, answers, wait_until
from tests.stores import InfluxDB, VictoriaMetrics


def _subscribed(broker: SecureMosquitto, user: str, topic: str) -> tuple[mqtt.Client, list[str]]:
    got: list[str] = []
    granted = threading.Event()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=user)
    client.username_pw_set(user, f"{user}-secret")
    client.tls_set(str(broker.ca_file), tls_version=ssl.PROTOCOL_TLS_CLIENT)
    client.on_connect = lambda c, *_: c.subscribe(topic, 1)
    client.on_subscribe = lambda *_: granted.set()
    client.on_message = lambda _c, _u, message: got.append(message.topic)
    client.connect("localhost", broker.port)
    client.loop_start()
    assert granted.wait(10)
    return client, got


def test_a_device_reaches_its_own_topics_and_no_other_s(mosquitto_tls: SecureMosquitto) -> None:
    for user in ("collector", "bus-07"):
        mosquitto_tls.add(user, f"{user}-secret")
    collector, got = _subscribed(mosquitto_tls, "collector", "homeroute/1/d/+/batch")
    device, _ = _subscribed(mosquitto_tls, "bus-07", "homeroute/1/d/bus-07/ack")
    try:
        for name in ("bus-08", "bus-07"):
            device.publish(f"homeroute/1/d/{name}/batch", b"x", 1).wait_for_publish(10)
        wait_until(lambda: got != [], "the batch")
        assert got == ["homeroute/1/d/bus-07/batch"]
    finally:
        for client in (collector, device):
            client.disconnect()
            client.loop_stop()


def test_a_killed_server_comes_back_on_its_port(mosquitto: Mosquitto) -> None:
    port = mosquitto.port
    mosquitto.kill()
    assert not answers(port)
    mosquitto.start()
    assert answers(port)


def test_influxdb_keeps_its_points_over_a_restart(influxdb: InfluxDB) -> None:
    influxdb.query("CREATE DATABASE telemetry")
    url = f"{influxdb.url}/write?db=telemetry&precision=ms"
    urllib.request.urlopen(url, data=b"wifi,device=a clients=3i 1000", timeout=5).close()
    influxdb.restart()
    assert influxdb.count("wifi") == 1
    assert influxdb.query('SELECT * FROM "wifi"', database="telemetry") == [
        {"_name": "wifi", "time": 1000, "clients": 3, "device": "a"}
    ]


def test_influxdb_with_passwords_refuses_a_stranger(influxdb_auth: InfluxDB) -> None:
    assert influxdb_auth.query("SHOW DATABASES") is not None
    influxdb_auth.password = "wrong"
    with pytest.raises(AssertionError, match="401"):
        influxdb_auth.query("SHOW DATABASES")


def test_victoria_metrics_takes_the_write_path_of_influxdb_2(
    victoria_metrics: VictoriaMetrics,
) -> None:
    url = f"{victoria_metrics.url}/api/v2/write?bucket=telemetry&org=&precision=ms"
    line = b"wifi,device=a clients=3i 1795299000000"
    urllib.request.urlopen(url, data=line, timeout=5).close()
    series = victoria_metrics.export('{__name__="wifi_clients"}')
    assert [s["values"] for s in series] == [[3]]


def test_gpsd_says_where_the_receiver_is(gpsd: Gpsd) -> None:
    gpsd.drive(Fix(36.154, -95.99266, speed_mps=12.5, heading_deg=90.0))
    with socket.create_connection(("127.0.0.1", gpsd.port), timeout=10) as connection:
        connection.sendall(b'?WATCH={"enable":true,"json":true}\n')
        reports = (json.loads(line) for line in connection.makefile("rb"))
        report = next(r for r in reports if r["class"] == "TPV" and "speed" in r)
    assert report["lat"] == pytest.approx(36.154, abs=1e-5)
    assert report["lon"] == pytest.approx(-95.99266, abs=1e-5)
    assert report["speed"] == pytest.approx(12.5, abs=0.05)


def test_free_ports_are_free(free_port: Callable[[], int]) -> None:
    assert not answers(free_port())


def test_an_unknown_program_is_a_mistake_in_the_mark() -> None:
    with pytest.raises(ValueError, match="mosquito"):
        absent("mosquito")


class NeedsMosquitto:
    """As much of a collected test as the rule looks at."""

    def iter_markers(self, name: str) -> list[pytest.Mark]:
        return [pytest.mark.real("mosquitto").mark] if name == "real" else []


@pytest.mark.parametrize("variable", [("CI", "true"), ("HOMEROUTE_REQUIRE_SERVERS", "1")])
def test_a_missing_program_is_skipped_with_a_hint_but_a_failure_where_all_are_required(
    variable: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    item: Any = NeedsMosquitto()
    monkeypatch.setattr(servers, "find", lambda _: None)
    for name in ("CI", "HOMEROUTE_REQUIRE_SERVERS"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(pytest.skip.Exception, match="apt-get install mosquitto"):
        conftest.pytest_runtest_setup(item)
    monkeypatch.setenv(*variable)
    with pytest.raises(pytest.fail.Exception, match="required: no mosquitto"):
        conftest.pytest_runtest_setup(item)
