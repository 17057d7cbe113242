"""Who may do what, and from where, on the real programs."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from homeroute_collector.broker import Listen, Site, site
from homeroute_collector.broker.program import PACKET_BOUND
from homeroute_wire.batch import BATCH_BOUND
from tests.collector.broker.clients import WAIT_S, Client, NotLetIn
from tests.collector.broker.served import DISTRICT, ProgramName, Served, let_in_within, topic, until


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
        until(lambda: new in _certificate(port, ca_file), WAIT_S)
        assert not connected.lost.is_set()


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
