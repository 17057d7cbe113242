"""One bus, on the real programs: hostapd, dnsmasq, gpsd, mosquitto with TLS and ACL, InfluxDB.

What riders do on one side is read back with InfluxQL on the other, and nothing
that could name a rider is found on the way.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from homeroute_wire import batch
from tests.brokers import SecureMosquitto
from tests.end_to_end.district import (
    AgentProcess,
    CollectorProcess,
    archived,
    archived_points,
    influx_points,
)
from tests.gpsd import Fix, Gpsd
from tests.rigs.dnsmasq_rig import DnsmasqRig
from tests.rigs.hostapd_rig import HostapdRig
from tests.servers import wait_until
from tests.stores import InfluxDB

BUS = "bus-07"
ADA, BEN = "9e:1a:2b:3c:4d:5e", "02:0a:f7:33:91:c4"
ADDRESSES = {ADA: "127.0.0.2", BEN: "127.0.0.3"}
PLANTED = (
    *(mac.replace(":", separator) for mac in (ADA, BEN) for separator in (":", "-", "")),
    *ADDRESSES.values(),
    "adas-ipad",
    "khanacademy",
    "blocked-adult",
    "allowed.example",
)
"""What could name a rider or what she read, as it might be written anywhere."""

AGENT = """
kind = "bus"
sample_s = 0.5
batch_s = 1.0
minute_s = 2.0
boot_delay_s = 0
[mqtt]
host = "localhost"
port = {broker.port}
ca_file = "{broker.ca_file}"
password_file = "password"
[[hostapd]]
socket = "{hostapd.socket}"
ssid = "Bus-WiFi"
band = "5"
[network]
wan = ["lo"]
lan = ["lo"]
[uplink]
interface = "wwan0"
targets = ["127.0.0.1:{broker.port}"]
[gpsd]
address = "{gpsd.address}"
[[dns_log]]
path = "{dnsmasq.queries}"
format = "dnsmasq"
[names]
leases_file = "{dnsmasq.leases}"
categories_dir = "categories"
"""


@pytest.mark.slow
@pytest.mark.real("hostapd", "dnsmasq")
@pytest.mark.timeout(300)
def test_what_riders_do_is_read_back_and_no_rider_can_be_named(
    tmp_path: Path, mosquitto_tls: SecureMosquitto, gpsd: Gpsd, influxdb: InfluxDB
) -> None:
    gpsd.drive(Fix(36.154, -95.9928, 12.5, 90.0))
    for user in (BUS, "collector"):
        mosquitto_tls.add(user, f"secret of {user}")
    folders = {name: tmp_path / name for name in ("dns", "hostapd", "bus", "collector")}
    for folder in folders.values():
        folder.mkdir()
    with (
        _listening(mosquitto_tls) as heard,
        HostapdRig(folders["hostapd"]) as hostapd,
        _dnsmasq(folders["dns"]) as dnsmasq,
    ):
        collector = _collector(folders["collector"], mosquitto_tls, influxdb)
        agent = _agent(
            folders["bus"],
            AGENT.format(broker=mosquitto_tls, hostapd=hostapd, gpsd=gpsd, dnsmasq=dnsmasq),
        )
        try:
            collector.start()
            agent.start()
            _ride(hostapd, dnsmasq)
            agent.stop(30)
            wait_until(lambda: influxdb.count("session") >= 2, "the sessions in InfluxDB", 30)
            time.sleep(2.0)  # the follower's last chunk
        finally:
            agent.stop()
            collector.stop()

    _adds_up(agent, collector, influxdb)
    _says_what_happened(influxdb)
    _names_nobody(agent, collector, influxdb, heard)


def _ride(hostapd: HostapdRig, dnsmasq: DnsmasqRig) -> None:
    """Two riders board; one whole clock minute passes in which Ada learns; Ben leaves."""
    for mac, address in ADDRESSES.items():
        dnsmasq.lease(address, mac, "adas-ipad")
        hostapd.connect(mac)
    time.sleep(60.5 - time.time() % 60.0)
    for name in ("www.khanacademy.org", "cdn.khanacademy.org", "api.khanacademy.org"):
        assert dnsmasq.ask(name, ADDRESSES[ADA])
    assert dnsmasq.ask("www.allowed.example", ADDRESSES[BEN])
    for address in ADDRESSES.values():
        assert dnsmasq.ask("www.blocked-adult.example", address)
    time.sleep(61.0 - time.time() % 60.0)
    hostapd.disconnect(BEN)
    time.sleep(3.0)


def _says_what_happened(influxdb: InfluxDB) -> None:
    def ask(text: str) -> dict[str, object]:
        (row,) = influxdb.query(text, database="telemetry")
        return row

    wifi = ask("SELECT max(clients) AS most, sum(associated) AS came, sum(disassociated) AS left, "
               "max(randomized) AS random FROM wifi")  # fmt: skip
    assert (wifi["most"], wifi["came"], wifi["left"], wifi["random"]) == (2, 2, 1, 2)

    sessions = influxdb.query(
        "SELECT session_s, client FROM session WHERE open = false GROUP BY cause, ssid",
        database="telemetry",
    )
    assert {(s["cause"], s["ssid"], s["client"]) for s in sessions} == {
        ("left", "Bus-WiFi", 2),
        ("shutdown", "Bus-WiFi", 1),
    }
    assert all(60 < float(s["session_s"]) < 180 for s in sessions)

    position = ask("SELECT mean(lat) AS lat, mean(lon) AS lon, mean(speed_mps) AS v FROM position")
    assert position["lat"] == pytest.approx(36.154, abs=1e-3)
    assert position["lon"] == pytest.approx(-95.9928, abs=1e-3)
    assert position["v"] == pytest.approx(12.5, abs=0.5)

    uplink = ask("SELECT min(state) AS worst, max(loss_ratio) AS loss FROM uplink")
    assert (uplink["worst"], uplink["loss"]) == (2, 0)

    hits = ask("SELECT sum(hits) AS hits FROM filter WHERE category = 'adult'")
    assert hits["hits"] == 2

    minutes = influxdb.query("SELECT * FROM activity", database="telemetry")
    learned = [m for m in minutes if m["learning_clients"]]
    assert len(learned) == 1
    assert (learned[0]["learning_clients"], learned[0]["active_clients"]) == (1, 2)
    assert learned[0]["lookups"] >= 4

    for name in ("traffic", "health", "agent"):
        assert influxdb.count(name) > 20, name


def _adds_up(agent: AgentProcess, collector: CollectorProcess, influxdb: InfluxDB) -> None:
    ledger, held = agent.ledger(), archived(collector.archive, BUS)
    assert ledger.sampled == ledger.stored == held.stored == held.rows
    assert (ledger.refused, ledger.dropped, ledger.spooled, held.refused) == (0, 0, 0, 0)
    for name in ("wifi", "session", "uplink", "position", "filter", "activity"):
        points = archived_points(collector.archive, name)
        assert points, name
        assert influx_points(influxdb, name) == points, name


def _names_nobody(
    agent: AgentProcess, collector: CollectorProcess, influxdb: InfluxDB, heard: list[bytes]
) -> None:
    series = influxdb.query("SHOW SERIES", database="telemetry")
    places = {
        "broker": b"".join(heard),
        "bodies": b"".join(_inflated(payload) for payload in heard),
        "agent's log": agent.log.read_bytes(),
        "collector's log": collector.log.read_bytes(),
        "archive": _texts(collector.archive),
        "InfluxDB": repr(series).encode(),
    }
    for file in agent.spool.parent.rglob("*"):
        if file.is_file():
            places[f"device's disk, {file.name}"] = file.read_bytes()
    assert len(places["bodies"]) > 10_000
    for place, content in places.items():
        for planted in PLANTED:
            assert planted.encode() not in content.lower(), f"{planted} in {place}"


def _inflated(payload: bytes) -> bytes:
    try:
        header = batch.read_header(payload)
    except batch.BatchError:
        return b""  # a status or an acknowledgement
    return batch.inflate(payload[payload.index(b"\n") + 1 :], header)


def _texts(archive: Path) -> bytes:
    """Every text in the archive: its file holds them compressed."""
    found: list[str] = []
    with duckdb.connect(str(archive), read_only=True) as db:
        columns = db.execute(
            "SELECT table_name, column_name FROM information_schema.columns "
            "WHERE data_type IN ('VARCHAR', 'BLOB')"
        ).fetchall()
        for table, column in columns:
            rows = db.execute(f'SELECT DISTINCT "{column}"::VARCHAR FROM "{table}"').fetchall()
            found += [str(row[0]) for row in rows]
    return "\n".join(found).encode()


@contextmanager
def _listening(broker: SecureMosquitto) -> Iterator[list[bytes]]:
    """Every payload that reaches the broker."""
    heard: list[bytes] = []
    client = paho.Client(CallbackAPIVersion.VERSION2, "listener")
    client.username_pw_set("collector", "secret of collector")
    client.tls_set(str(broker.ca_file))

    def subscribe(*_: object) -> None:
        client.subscribe("homeroute/#", 1)

    client.on_connect = subscribe
    client.on_message = lambda _client, _data, message: heard.append(bytes(message.payload))
    client.connect("localhost", broker.port)
    client.loop_start()
    try:
        yield heard
    finally:
        client.disconnect()
        client.loop_stop()


@contextmanager
def _dnsmasq(folder: Path) -> Iterator[DnsmasqRig]:
    rig = DnsmasqRig(folder)
    rig.start()
    try:
        yield rig
    finally:
        rig.stop()


def _agent(folder: Path, settings: str) -> AgentProcess:
    password = folder / "password"
    password.write_text(f"secret of {BUS}\n")
    password.chmod(0o600)
    adult = folder / "categories" / "adult"
    adult.mkdir(parents=True)
    (adult / "domains").write_text("blocked-adult.example\n")
    return AgentProcess(folder, BUS, settings)


def _collector(folder: Path, broker: SecureMosquitto, influxdb: InfluxDB) -> CollectorProcess:
    (folder / "password").write_text("secret of collector\n")
    return CollectorProcess(
        folder,
        f'[broker]\nhost = "localhost"\nport = {broker.port}\nusername = "collector"\n'
        f'password_file = "password"\nca_file = "{broker.ca_file}"\n'
        f'[influx]\nurl = "{influxdb.url}"\nversion = 1\n',
    )
