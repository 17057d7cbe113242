"""Alerts without Grafana: looks at every rule, remembers what it told, and tells it.

Guarantees: what fires is on disk before it is sent, so that a restart neither
forgets it nor tells it again; nothing is judged while the collector's own clock is
not trusted. One look costs no query. Does not: find conditions
(:mod:`homeroute_collector.alert_conditions`), or know how a message travels
(:mod:`homeroute_collector.alert_delivery`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from homeroute_collector import alert_journal
from homeroute_collector.alert_delivery import Channel, Pace, Sender
from homeroute_collector.alert_journal import Journal
from homeroute_collector.alert_mail import Mail, Server
from homeroute_collector.alert_messages import Place
from homeroute_collector.alert_notices import Notice, Outbox
from homeroute_collector.alert_rules import RULES, Rule
from homeroute_collector.alert_states import Alert, Condition, Event, advanced
from homeroute_collector.alert_webhook import Webhook
from homeroute_collector.config_alerts import AlertSettings, MailSettings, WebhookSettings

log = logging.getLogger(__name__)

BREATH = 1_000
"""Conditions judged before other work is let in: 10,000 buses have 70,000."""

TEST_TITLE = "This is a test"
TEST_TEXT = "Nothing: somebody asked for a test with `homeroute alerts test`."


def configured(settings: AlertSettings) -> dict[str, Rule]:
    """The rules in force, with the settings' numbers over the declared ones."""
    rules = {}
    for name, rule in RULES.items():
        changed = settings.rules.get(name)
        if changed is None:
            rules[name] = rule
        elif not changed.off:
            rules[name] = replace(
                rule,
                threshold=rule.threshold if changed.threshold is None else changed.threshold,
                for_s=rule.for_s if changed.for_s is None else changed.for_s,
            )
    return rules


class Alerts:
    """The alerts of one collector, their journal and their channels."""

    def __init__(
        self,
        settings: AlertSettings,
        place: Place,
        *,
        folder: Path,
        now_ms: Callable[[], int],
        senders: Mapping[str, tuple[Sender, Pace]] | None = None,
    ) -> None:
        self.rules = configured(settings)
        self._path = folder / alert_journal.FILE_NAME
        self._now_ms = now_ms
        self._lock = asyncio.Lock()
        self._saved: bytes | None = None
        self._held: list[Notice] = []
        self.problem: str | None = None
        journal = alert_journal.load(self._path)
        self._alerts = {
            (alert.rule, alert.subject): alert
            for alert in journal.alerts
            if alert.rule in self.rules
        }
        found = _senders(settings, place) if senders is None else senders
        self.channels = tuple(
            Channel(name, sender, journal.outboxes.get(name, Outbox()), pace, save=self.save)
            for name, (sender, pace) in found.items()
        )

    @property
    def active(self) -> list[Alert]:
        """What is pending or firing; firing and critical first, then the oldest."""

        def order(alert: Alert) -> tuple[bool, bool, int, str]:
            critical = self.rules[alert.rule].severity == "critical"
            return not alert.firing, not critical, alert.since_ms, alert.subject

        return sorted(self._alerts.values(), key=order)

    async def look(self, conditions: Iterable[Condition]) -> list[tuple[Event, Alert]]:
        """Judge every condition, put what is to be told on disk, then queue it.

        Not to be called twice at once.
        """
        now_ms = self._now_ms()
        told: list[tuple[Event, Alert]] = []
        found: dict[tuple[str, str], Alert | None] = {}
        for number, condition in enumerate(conditions, 1):
            if number % BREATH == 0:
                await asyncio.sleep(0)
            key = (condition.rule, condition.subject)
            before = found[key] if key in found else self._alerts.get(key)
            after, event = advanced(before, self.rules[condition.rule], condition, now_ms)
            found[key] = after
            subject = after or before
            if event is not None and subject is not None:
                told.append((event, subject))
        for event, alert in told:
            log.info("alert %s: %s %s %s", event, alert.rule, alert.subject, alert.detail)
        # All at once: whoever saves meanwhile saves alerts and what is told of them together.
        self._alerts |= {key: alert for key, alert in found.items() if alert is not None}
        for key in [key for key, alert in found.items() if alert is None]:
            self._alerts.pop(key, None)
        self._held = [self._notice(event, alert, now_ms) for event, alert in told]
        try:
            await self.save()
        finally:
            for channel in self.channels:
                channel.outbox.put(self._held)
            self._held = []
        return told

    async def deliver(self, channel: Channel) -> None:
        """Send what is due on one channel."""
        await channel.step(self._now_ms())

    async def test(self) -> dict[str, str | None]:
        """Send a test to every channel now; what went wrong by channel, None: taken."""
        now_ms = self._now_ms()
        notice = Notice(
            "test", "test", TEST_TITLE, "warning", "", now_ms, now_ms, "no alert", TEST_TEXT
        )
        answers = await asyncio.gather(*(c.tell(notice, now_ms) for c in self.channels))
        return dict(zip((c.name for c in self.channels), answers, strict=True))

    async def save(self) -> None:
        """Put alerts and queues on disk, if they changed. A failing disk is said once."""
        async with self._lock:
            alerts = tuple(self._alerts.values())
            outboxes = {c.name: c.outbox.joined(self._held) for c in self.channels}
            # A detail's number moves with every look; a small card should not wear for it.
            plain = tuple(replace(alert, detail="") for alert in alerts)
            mark = alert_journal.encode(Journal(plain, outboxes))
            if mark == self._saved:
                return
            content = alert_journal.encode(Journal(alerts, outboxes))
            try:
                await asyncio.to_thread(alert_journal.save, self._path, content)
            except OSError as error:
                # Told all the same: after a restart it may be told twice.
                if self.problem is None:
                    log.warning("write %s: %s; alerts are sent all the same", self._path, error)
                self.problem = f"{self._path.name} cannot be written: {error.strerror or error}"
            else:
                self._saved = mark
                self.problem = None

    def _notice(self, event: Event, alert: Alert, now_ms: int) -> Notice:
        rule = self.rules[alert.rule]
        return Notice(
            event=event,
            rule=rule.name,
            title=rule.title,
            severity=rule.severity,
            subject=alert.subject,
            since_ms=alert.since_ms,
            at_ms=now_ms,
            detail=alert.detail,
            todo=rule.todo,
        )


def _senders(settings: AlertSettings, place: Place) -> dict[str, tuple[Sender, Pace]]:
    found: dict[str, tuple[Sender, Pace]] = {}
    if settings.webhook is not None:
        found["webhook"] = (
            _webhook(settings.webhook, place),
            Pace(settings.webhook.group_s, settings.webhook.interval_s),
        )
    if settings.mail is not None:
        found["mail"] = (
            _mail(settings.mail, place),
            Pace(settings.mail.group_s, settings.mail.interval_s),
        )
    return found


def _webhook(settings: WebhookSettings, place: Place) -> Webhook:
    url_file, secret_file = settings.url_file, settings.secret_file
    return Webhook(
        place,
        url=lambda: _read(url_file),
        secret=(lambda: _read(secret_file).encode()) if secret_file else None,
        timeout_s=settings.timeout_s,
    )


def _mail(settings: MailSettings, place: Place) -> Mail:
    password_file = settings.password_file
    server = Server(
        settings.host,
        settings.port,
        settings.security,
        settings.timeout_s,
        username=settings.username,
        password=(lambda: _read(password_file)) if password_file else None,
        ca_file=settings.ca_file,
    )
    recipients: Sequence[str] = settings.recipients
    return Mail(place, server, sender=settings.sender, recipients=recipients)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip()
