"""What fires is on disk before it can be sent."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from homeroute_collector import alert_journal
from homeroute_collector.alert_delivery import Pace
from homeroute_collector.alert_notices import Notice
from homeroute_collector.alert_states import Condition
from homeroute_collector.alerts import Alerts
from homeroute_collector.config_alerts import AlertSettings
from tests.collector.alert_desk import PLACE, START

FIRES = Condition("two_devices_one_id", "bus-1", holds=True, detail="d")


class Receiver:
    """Takes everything, and notes what the disk knew of it."""

    where = "here"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.on_disk: list[bool] = []

    async def send(self, notices: Sequence[Notice], now_ms: int) -> None:
        assert now_ms == START
        saved = alert_journal.load(self.path).outboxes["here"].waiting
        self.on_disk += [notice in saved for notice in notices]


def test_no_channel_sends_what_is_not_on_disk_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing, may_write = threading.Event(), threading.Event()
    save = alert_journal.save

    def slow_disk(path: Path, content: bytes) -> None:
        writing.set()
        assert may_write.wait(10)
        save(path, content)

    async def run() -> None:
        receiver = Receiver(tmp_path / alert_journal.FILE_NAME)
        alerts = Alerts(
            AlertSettings(),
            PLACE,
            folder=tmp_path,
            now_ms=lambda: START,
            senders={"here": (receiver, Pace(0.0, 0.0))},
        )
        looking = asyncio.create_task(alerts.look([FIRES]))
        await asyncio.to_thread(writing.wait, 10)
        await alerts.deliver(alerts.channels[0])
        assert receiver.on_disk == []
        may_write.set()
        await looking
        await alerts.deliver(alerts.channels[0])
        assert receiver.on_disk == [True]

    monkeypatch.setattr(alert_journal, "save", slow_disk)
    asyncio.run(run())
