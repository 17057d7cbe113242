"""TLS to a real broker: whom the agent trusts, also before it knows the date."""

from __future__ import annotations

import datetime
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from homeroute_agent import tls
from homeroute_agent.clock import EARLIEST_MS, Clock
from homeroute_agent.spool import Spool
from tests.agent.acking import Acking
from tests.agent.agents import LOG, configure, play, running, until
from tests.brokers import SecureMosquitto, certify
from tests.servers import find

DAY_MS = 86_400_000
NOW_MS = 1_795_299_000_000


def certificate(begins_ms: int, ends_ms: int) -> dict[str, str]:
    def text(ms: int) -> str:
        when = datetime.datetime.fromtimestamp(ms / 1000, datetime.UTC)
        return when.strftime("%b %d %H:%M:%S %Y GMT")

    return {"notBefore": text(begins_ms), "notAfter": text(ends_ms)}


@pytest.mark.parametrize(
    ("begins", "ends", "now_ms", "floor_ms", "problem"),
    [
        (-1, 1, NOW_MS, EARLIEST_MS, ""),
        (-2, -1, NOW_MS, EARLIEST_MS, "broker's certificate has expired"),
        (1, 2, NOW_MS, EARLIEST_MS, "broker's certificate is not valid yet"),
        (-1, 1, None, NOW_MS, ""),
        (1, 2, None, EARLIEST_MS, ""),  # it may well be tomorrow
        (-2, -1, None, EARLIEST_MS, ""),  # it may well be last week
        (-2, -1, None, NOW_MS, "broker's certificate has expired"),
    ],
)
def test_dates_are_checked_as_far_as_the_date_is_known(
    begins: int, ends: int, now_ms: int | None, floor_ms: int, problem: str
) -> None:
    dates = certificate(NOW_MS + begins * DAY_MS, NOW_MS + ends * DAY_MS)
    assert tls.date_problem(dates, now_ms=now_ms, floor_ms=floor_ms) == problem


def test_a_certificate_without_dates_is_refused() -> None:
    assert tls.date_problem({}, now_ms=None, floor_ms=0) == "broker's certificate has no dates"


def test_openssl_checks_dates_itself_once_the_systems_clock_is_right(tmp_path: Path) -> None:
    ca_file = certify(tmp_path).ca_file
    full = tls.context(ca_file, now_ms=NOW_MS, saved_ms=None, system_ms=lambda: NOW_MS + 1_000)
    assert not full.verify_flags & tls.NO_CHECK_TIME
    for now_ms in (None, NOW_MS):
        bare = tls.context(ca_file, now_ms=now_ms, saved_ms=None, system_ms=lambda: 1_000)
        assert bare.verify_flags & tls.NO_CHECK_TIME
        assert bare.check_hostname


def secure(broker: SecureMosquitto, folder: Path, password: str = "device-secret") -> str:
    folder.mkdir(exist_ok=True)
    (folder / "password").write_text(f"{password}\n")
    return f'host = "localhost"\npassword_file = "password"\nca_file = "{broker.ca_file}"\n'


def configured(broker: SecureMosquitto, folder: Path, password: str = "device-secret") -> Path:
    """The agent's file, with TLS in place of the plain host."""
    mqtt = secure(broker, folder, password)
    configure(folder, broker.port)
    file = folder / "bus-07.toml"
    file.write_text(file.read_text().replace('host = "127.0.0.1"\n', mqtt))
    return file


@pytest.mark.slow
def test_points_arrive_over_tls_with_a_password_and_an_acl(
    mosquitto_tls: SecureMosquitto, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from homeroute_agent.config import load

    caplog.set_level(logging.DEBUG)
    mosquitto_tls.add("collector", "c")
    mosquitto_tls.add("bus-07", "device-secret")

    async def story() -> None:
        config = load(configured(mosquitto_tls, tmp_path / "agent"))
        with Acking(mosquitto_tls.port, ca_file=mosquitto_tls.ca_file, password="c") as collector:
            async with running(config) as agent:
                await until(lambda: collector.points > 5, "points")
                ledger = await agent.stop()
            assert ledger.stored == ledger.sampled == collector.points

    play(story)
    assert "device-secret" not in caplog.text


@pytest.mark.slow
@pytest.mark.parametrize("case", ["password", "authority", "host"])
def test_the_wrong_password_authority_or_host_is_said_once_without_secrets(
    case: str,
    mosquitto_tls: SecureMosquitto,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    from homeroute_agent.config import load

    caplog.set_level(logging.DEBUG)
    mosquitto_tls.add("bus-07", "device-secret")
    file = configured(
        mosquitto_tls, tmp_path / "agent", "guess" if case == "password" else "device-secret"
    )
    if case == "authority":
        (tmp_path / "other").mkdir()
        other = certify(tmp_path / "other").ca_file
        file.write_text(file.read_text().replace(str(mosquitto_tls.ca_file), str(other)))
    if case == "host":
        file.write_text(file.read_text().replace('"localhost"', '"127.1"'))
    expected = {
        "password": "refused: not authorized",
        "authority": "TLS: unable to get local issuer certificate",
        "host": "TLS: hostname mismatch",
    }[case]

    async def story() -> None:
        async with running(load(file), quiesce_s=0.1) as agent:
            await until(lambda: "keeping everything" in caplog.text, "the refusal")
            await agent.stop()

    play(story)
    said = [r.getMessage() for r in caplog.records if r.name == LOG.name and "broker" in r.message]
    assert len(said) == 1 and expected in said[0]
    assert "guess" not in caplog.text and "device-secret" not in caplog.text


@pytest.mark.slow
@pytest.mark.real("faketime")
@pytest.mark.parametrize("saved", ["never", "valid", "expired"])
def test_a_device_that_boots_in_1970_gets_the_date_over_tls_unless_the_certificate_is_old(
    saved: str, mosquitto_tls: SecureMosquitto, tmp_path: Path
) -> None:
    mosquitto_tls.add("collector", "c")
    mosquitto_tls.add("bus-07", "device-secret")
    file = configured(mosquitto_tls, tmp_path / "agent")
    file.write_text(file.read_text() + '[network]\nlan = ["lo"]\n')
    now_ms = time.time_ns() // 1_000_000
    if saved != "never":
        spool = Spool.open(tmp_path / "agent" / "state-bus-07" / "spool.sqlite")
        ahead = 10 * DAY_MS if saved == "valid" else 400 * DAY_MS
        spool.remember_clock("an earlier boot", 0, now_ms + ahead)
        spool.close()
    command = [find("faketime") or "faketime", "--exclude-monotonic", "1970-01-01 00:10:00"]
    program = [sys.executable, "-m", "homeroute_agent", "run", "--config", str(file)]
    # A kernel that vouches for its clock is not believed in 1970 either.
    with (
        Acking(mosquitto_tls.port, ca_file=mosquitto_tls.ca_file, password="c") as collector,
        subprocess.Popen(
            [*command, *program],
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env=os.environ | {"TZ": "UTC"},
        ) as agent,
    ):
        try:
            if saved == "expired":
                time.sleep(3)
            else:
                collector.wait(lambda: collector.points > 5, "points")
        finally:
            os.killpg(agent.pid, 15)
        assert agent.stderr is not None
        log = agent.stderr.read()
    if saved == "expired":
        assert not collector.keys
        assert log.count("TLS: broker's certificate has expired") == 1
        return
    times = [
        ms for b in collector.batches for raw in b.measurements.values() for ms in raw.times_ms
    ]
    assert min(times) > now_ms - 60_000


@pytest.mark.slow
def test_an_expired_certificate_is_refused_once_the_time_is_trusted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    now = datetime.datetime.now(datetime.UTC)
    (tmp_path / "broker").mkdir()
    (tmp_path / "ca").mkdir()
    certificates = certify(
        tmp_path / "ca",
        not_before=now - datetime.timedelta(days=30),
        not_after=now - datetime.timedelta(days=3),
    )
    broker = SecureMosquitto(tmp_path / "broker", certificates)
    broker.add("bus-07", "device-secret")
    broker.start()
    try:
        from homeroute_agent.config import load

        config = load(configured(broker, tmp_path / "agent"))

        async def story() -> None:
            trusted = Clock(boot_id="boot")
            trusted.offer("kernel", time.time_ns() // 1_000_000)
            async with running(config, clock=trusted, quiesce_s=0.1) as agent:
                await until(lambda: "certificate has expired" in caplog.text, "the refusal")
                await agent.stop()

        play(story)
    finally:
        broker.stop()
