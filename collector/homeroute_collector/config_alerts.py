"""Settings of the alerts: which rules, and where they are told.

Guarantees: a secret stands in a file of its own, never here; a mail server that is
not this machine is spoken to encrypted.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from homeroute_collector.alert_rules import RULES
from homeroute_collector.config_types import LOOPBACK, Port, SettingPath, Settings, Text

Seconds = Annotated[float, Field(strict=True, ge=0, le=86_400)]
Timeout = Annotated[float, Field(strict=True, gt=0, le=120)]
Address = Annotated[str, Field(strict=True, pattern=r"^[^@\s,<>]+@[^@\s,<>]+$", max_length=254)]
Url = Annotated[str, Field(strict=True, pattern=r"^https?://[^\s]+$", max_length=2_000)]


class RuleSettings(Settings):
    """One rule, changed."""

    off: Annotated[bool, Field(strict=True)] = False
    threshold: Annotated[float, Field(strict=True, gt=0)] | None = None
    for_s: Seconds | None = None


class WebhookSettings(Settings):
    """Where alerts are posted as JSON. Many services put their secret into the address."""

    url_file: SettingPath
    secret_file: SettingPath | None = None
    timeout_s: Timeout = 10.0
    group_s: Seconds = 10.0
    interval_s: Seconds = 10.0


class MailSettings(Settings):
    """Whom alerts are mailed to, and through which server."""

    host: Text
    port: Port = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: Text | None = None
    password_file: SettingPath | None = None
    ca_file: SettingPath | None = None
    sender: Address
    recipients: Annotated[tuple[Address, ...], Field(min_length=1, max_length=50)]
    timeout_s: Timeout = 20.0
    group_s: Seconds = 60.0
    interval_s: Seconds = 600.0

    @model_validator(mode="after")
    def _plain_only_at_home(self) -> Self:
        if self.security == "none" and self.host not in LOOPBACK:
            raise ValueError(f"security none is for this machine only, and {self.host} is not it")
        if (self.username is None) != (self.password_file is None):
            raise ValueError("username and password_file go together")
        return self


class AlertSettings(Settings):
    """Alerts. Without webhook and mail they are shown on the pages only."""

    pages: Url | None = None
    rules: dict[str, RuleSettings] = Field(default_factory=dict)
    webhook: WebhookSettings | None = None
    mail: MailSettings | None = None

    @field_validator("rules")
    @classmethod
    def _known(cls, rules: dict[str, RuleSettings]) -> dict[str, RuleSettings]:
        for name, changed in rules.items():
            if name not in RULES:
                raise ValueError(f"{name!r} is no rule; there are {', '.join(RULES)}")
            if changed.threshold is not None and RULES[name].threshold is None:
                raise ValueError(f"{name} has no threshold to set")
        return rules
