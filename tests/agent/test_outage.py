"""What is said of a broker that is away: every reason once, and two devices with one id."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from homeroute_agent.config import load
from homeroute_agent.outage import FLAPS, REASONS_BOUND, SOON_MS, Outage
from tests.agent.agents import LOG, configure, play, running, until
from tests.agent.test_sender_tls import configured
from tests.brokers import Mosquitto, SecureMosquitto

LOST = "broker b:8883: connection lost: unspecified error"


def flap(outage: Outage, times: int, *, stood_ms: int = 1_000, reason: str = LOST) -> list[str]:
    said = []
    for number in range(times):
        outage.connected(number * 100_000)
        said += outage.lost(reason, number * 100_000 + stood_ms)
    return [line for line in said if "another device" in line]


def test_each_reason_is_said_once_in_an_outage() -> None:
    outage = Outage("bus-07")
    outage.connected(0)
    reasons = [LOST, "refused", "refused", "timed out", "refused", "timed out"]
    said = [line for reason in reasons for line in outage.lost(reason, SOON_MS)]
    assert said == [
        f"{LOST}; keeping everything and trying again",
        "refused; still trying",
        "timed out; still trying",
    ]
    outage.connected(0)
    assert outage.lost("refused", SOON_MS) == ["refused; keeping everything and trying again"]


def test_reasons_without_end_are_not_all_said() -> None:
    outage = Outage("bus-07")
    assert sum(len(outage.lost(f"reason {number}", 0)) for number in range(99)) == REASONS_BOUND


def test_connections_ended_in_a_row_are_said_once_to_be_another_device() -> None:
    (said,) = flap(Outage("bus-07"), 3 * FLAPS)
    assert "use the id bus-07" in said


@pytest.mark.parametrize(
    ("stood_ms", "reason"),
    [(SOON_MS, LOST), (1_000, "broker b:8883: connection lost: keep alive timeout")],
)
def test_a_connection_that_stood_or_fell_silent_tells_of_no_other_device(
    stood_ms: int, reason: str
) -> None:
    assert flap(Outage("bus-07"), 3 * FLAPS, stood_ms=stood_ms, reason=reason) == []


def test_a_broker_that_cannot_be_reached_in_between_tells_of_no_other_device() -> None:
    outage = Outage("bus-07")
    for _ in range(FLAPS):
        assert flap(outage, FLAPS - 1) == []
        outage.lost("broker b:8883: connection refused", 0)


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == LOG.name]


@pytest.mark.slow
def test_a_device_put_out_of_the_district_says_so(
    mosquitto_tls: SecureMosquitto, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    mosquitto_tls.add("bus-07", "device-secret")
    config = load(configured(mosquitto_tls, tmp_path / "agent"))

    async def story() -> None:
        async with running(config, quiesce_s=0.1) as agent:
            await until(lambda: any("connected to" in line for line in said(caplog)), "the broker")
            mosquitto_tls.kill()
            mosquitto_tls.passwords.write_text("")
            mosquitto_tls.start()
            refused = "refused: not authorized; still trying"
            await until(lambda: any(refused in line for line in said(caplog)), "the refusal")
            await agent.stop()

    play(story)
    assert sum("not authorized" in line for line in said(caplog)) == 1


@pytest.mark.slow
def test_two_devices_with_one_id_are_told_of_each_other(
    mosquitto: Mosquitto,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("homeroute_agent.delivery.full_jitter_s", lambda _attempt: 0.3)

    async def story() -> None:
        one = configure(tmp_path / "one", mosquitto.port)
        two = configure(tmp_path / "two", mosquitto.port)
        async with running(one, quiesce_s=0.1), running(two, quiesce_s=0.1):
            found = "another device seems to use the id bus-07"
            await until(lambda: any(found in line for line in said(caplog)), "the suspicion")

    play(story)
