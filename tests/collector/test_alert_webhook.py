"""Alerts on their way to a real web server; the clock is turned by hand."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
from pathlib import Path

import pytest

from homeroute_collector import alert_journal
from homeroute_collector.alert_delivery import ASKED_BOUND_S, LAST_RETRY_S
from homeroute_collector.alert_states import Condition
from homeroute_collector.config_alerts import AlertSettings
from tests.collector.alert_desk import MINUTE, SECOND, SECRET, Desk, told, webhook
from tests.collector.receivers import hook


def test_a_webhook_gets_what_fired_as_signed_json_that_says_what_to_do(tmp_path: Path) -> None:
    async def run() -> None:
        async with hook() as receiver:
            desk = webhook(tmp_path, receiver)
            await desk.fires("bus-07")
            await desk.after(0)
            assert receiver.bodies == []
            await desk.after(10 * SECOND)
            [body] = receiver.bodies
            document = json.loads(body)
            assert document["district"] == "springfield"
            assert document["text"] == "[springfield] Two devices with one id: bus-07"
            [notice] = document["notices"]
            assert notice["event"] == "fired"
            assert "enrol it" in notice["todo"]
            assert notice["link"] == "https://pages.example.org/device/bus-07"
            signed = receiver.headers[0]["X-Homeroute-Signature"]
            seconds = desk.now // 1000
            expected = hmac.new(SECRET.encode(), f"{seconds}.".encode() + body, hashlib.sha256)
            assert signed == f"t={seconds},v1={expected.hexdigest()}"
            assert desk.waiting == 0
            await desk.after(MINUTE)
            assert len(receiver.bodies) == 1

    asyncio.run(run())


def test_a_failing_webhook_is_tried_again_until_it_takes_it_and_nothing_is_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        async with hook() as receiver:
            receiver.answers = [500, 503, 401, 404, 302, 204]
            desk = webhook(tmp_path, receiver)
            await desk.fires("bus-07")
            await desk.after(0)
            await desk.after(10 * SECOND)
            assert desk.problem == "it answered 500"
            for _ in range(5):
                await desk.after(int(LAST_RETRY_S * SECOND))
            assert desk.problem == ""
            assert desk.waiting == 0
            assert len(receiver.bodies) == 6
            ids = {json.loads(body)["notices"][0]["id"] for body in receiver.bodies}
            assert len(ids) == 1

    with caplog.at_level(logging.INFO):
        asyncio.run(run())
    lines = [record.getMessage() for record in caplog.records if "by webhook" in record.message]
    assert len(lines) == 2, "failing and working again are each said once"
    assert "T0K3N" not in caplog.text
    assert SECRET not in caplog.text


def test_a_receiver_that_asks_for_time_gets_it_within_reason(tmp_path: Path) -> None:
    async def run() -> None:
        async with hook() as receiver:
            receiver.answers, receiver.retry_after = [429, 429], "600"
            desk = webhook(tmp_path, receiver)
            await desk.fires("bus-07")
            await desk.after(0)
            await desk.after(10 * SECOND)
            await desk.after(599 * SECOND)
            assert len(receiver.bodies) == 1
            receiver.retry_after = "99999999"
            await desk.after(SECOND)
            assert len(receiver.bodies) == 2
            await desk.after(int(ASKED_BOUND_S * SECOND))
            assert len(receiver.bodies) == 3

    asyncio.run(run())


def test_a_message_refused_for_good_is_counted_and_does_not_hold_up_the_next(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        async with hook() as receiver:
            receiver.answers = [400]
            desk = webhook(tmp_path, receiver)
            await desk.fires("bus-07")
            await desk.after(0)
            await desk.after(10 * SECOND)
            assert desk.alerts.channels[0].outbox.dropped == 1
            await desk.fires("bus-08")
            await desk.after(0)
            await desk.after(10 * SECOND)
            assert told(receiver) == [("fired", "bus-08")]

    asyncio.run(run())
    assert "refuses a message for good (it answered 400): bus-07" in caplog.text


def test_a_silent_webhook_costs_its_time_limit_and_a_closed_one_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        async with hook() as receiver:
            receiver.stall_s = 30
            desk = webhook(tmp_path, receiver, timeout_s=0.2)
            await desk.fires("bus-07")
            await desk.after(0)
            await desk.after(10 * SECOND)
            assert desk.problem == "no answer within 0.2 s"
        await desk.after(int(LAST_RETRY_S * SECOND))
        assert desk.problem.startswith("no connection")
        assert desk.waiting == 1

    asyncio.run(run())


def test_a_restart_neither_tells_twice_nor_forgets(tmp_path: Path) -> None:
    async def run() -> None:
        async with hook() as receiver:
            desk = webhook(tmp_path, receiver)
            await desk.fires("bus-07")
            await desk.after(0)
            await desk.after(10 * SECOND)
            await desk.fires("bus-07", "bus-08")  # 07 fires already; 08 is told after the restart
            desk.restarted()
            assert {alert.subject for alert in desk.alerts.active} == {"bus-07", "bus-08"}
            await desk.fires("bus-07", "bus-08")
            await desk.after(0)
            await desk.after(10 * SECOND)
            assert told(receiver) == [("fired", "bus-08")]
            desk.restarted()
            await desk.after(MINUTE)
            assert len(receiver.bodies) == 2
            over = Condition("two_devices_one_id", "bus-07", holds=False)
            await desk.alerts.look([over])
            desk.now += 1_800 * SECOND
            desk.restarted()
            await desk.alerts.look([over])
            await desk.after(0)
            await desk.after(10 * SECOND)
            assert told(receiver) == [("resolved", "bus-07")]

    asyncio.run(run())


def test_a_damaged_journal_is_moved_aside_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / alert_journal.FILE_NAME
    path.write_text("{half")
    assert alert_journal.load(path) == alert_journal.Journal()
    assert path.with_name("alerts.json.damaged").read_text() == "{half"
    assert "told once more" in caplog.text


def test_the_journal_can_be_read_by_its_owner_alone(tmp_path: Path) -> None:
    async def run() -> None:
        desk = Desk(AlertSettings(), tmp_path)
        await desk.fires("bus-07")

    asyncio.run(run())
    assert (tmp_path / alert_journal.FILE_NAME).stat().st_mode & 0o777 == 0o600


def test_a_queue_at_its_bound_drops_its_oldest_and_counts_them(tmp_path: Path) -> None:
    async def run() -> None:
        async with hook() as receiver:
            desk = webhook(tmp_path, receiver)
            await desk.fires(*(f"bus-{n:04}" for n in range(1_300)))
            desk.restarted()
            outbox = desk.alerts.channels[0].outbox
            assert (len(outbox), outbox.dropped) == (1_000, 300)
            await desk.after(0)
            for _ in range(6):
                await desk.after(10 * SECOND)
            assert [len(told(receiver, n)) for n in range(5)] == [200] * 5
            assert told(receiver, 0)[0] == ("fired", "bus-0300")

    asyncio.run(run())


def test_a_disk_that_cannot_be_written_does_not_keep_an_alert_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        async with hook() as receiver:
            desk = webhook(tmp_path, receiver)
            (tmp_path / "gone").mkdir()
            desk.folder = tmp_path / "gone"
            desk.restarted()
            (tmp_path / "gone").rmdir()
            await desk.fires("bus-07")
            assert desk.alerts.problem is not None
            await desk.after(0)
            await desk.after(10 * SECOND)
            assert told(receiver) == [("fired", "bus-07")]

    asyncio.run(run())
    assert caplog.text.count("cannot be written") <= 1
    assert "alerts are sent all the same" in caplog.text


def test_a_detail_that_moves_costs_no_write_and_what_happens_does(tmp_path: Path) -> None:
    async def run() -> None:
        desk = Desk(AlertSettings(), tmp_path)
        path = tmp_path / alert_journal.FILE_NAME

        async def seen(detail: str, *, holds: bool = True) -> int:
            await desk.alerts.look([Condition("influx_lag", "", holds, detail)])
            return path.stat().st_ino

        first = await seen("301 s behind")
        assert await seen("306 s behind") == first
        assert desk.alerts.active[0].detail == "306 s behind"
        assert await seen("", holds=False) != first
        assert alert_journal.load(path).alerts == ()

    asyncio.run(run())
