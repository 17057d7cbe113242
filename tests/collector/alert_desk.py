"""Alerts whose time a test turns, with one channel or two."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from homeroute_collector.alert_messages import Place
from homeroute_collector.alert_states import Condition
from homeroute_collector.alerts import Alerts
from homeroute_collector.config_alerts import AlertSettings
from tests.collector.receivers import Hook

START = 1_795_299_000_000
SECOND, MINUTE = 1_000, 60_000
SECRET = "correct horse battery staple"
PLACE = Place("springfield", ZoneInfo("America/Chicago"), "https://pages.example.org")


@dataclass
class Desk:
    """Alerts with one channel, whose time the test turns."""

    settings: AlertSettings
    folder: Path
    now: int = START

    def __post_init__(self) -> None:
        self.alerts = self.restarted()

    def restarted(self) -> Alerts:
        self.alerts = Alerts(self.settings, PLACE, folder=self.folder, now_ms=lambda: self.now)
        return self.alerts

    async def fires(self, *devices: str, rule: str = "two_devices_one_id") -> None:
        await self.alerts.look([Condition(rule, name, holds=True, detail="d") for name in devices])

    async def after(self, ms: int) -> None:
        self.now += ms
        for channel in self.alerts.channels:
            await self.alerts.deliver(channel)

    @property
    def waiting(self) -> int:
        return sum(len(channel.outbox) for channel in self.alerts.channels)

    @property
    def problem(self) -> str:
        """Of the first channel; empty when there is none."""
        return self.alerts.channels[0].problem or ""


def webhook(folder: Path, receiver: Hook, **settings: Any) -> Desk:
    secret = folder / "secret"
    secret.write_text(SECRET + "\n")
    address = folder / "address"
    address.write_text(f"{receiver.url}/T0K3N\n")
    document = {"url_file": str(address), "secret_file": str(secret)} | settings
    return Desk(AlertSettings.model_validate({"webhook": document}), folder)


def mails(folder: Path, port: int, **settings: Any) -> Desk:
    document = {
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "sender": "homeroute@example.org",
        "recipients": ["engineer@example.org", "director@example.org"],
    } | settings
    return Desk(AlertSettings.model_validate({"mail": document}), folder)


def told(receiver: Hook, number: int = -1) -> list[tuple[str, str | None]]:
    document = json.loads(receiver.bodies[number])
    return [(notice["event"], notice["subject"]) for notice in document["notices"]]
