"""The collector's settings: one TOML file, checked whole before anything starts.

Guarantees: an unknown key, a wrong type, a missing or unreadable file is a
:class:`ConfigError` of one line that names file and key, and the nearest known
key. Relative paths are relative to the file. Every setting is documented in
docs/collector-configuration.md; a test fails on one that is not.
"""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    ValidationError,
    model_validator,
)

from homeroute_collector.config_alerts import AlertSettings
from homeroute_collector.config_types import LOOPBACK, Port, SettingPath, Settings, Text
from homeroute_wire.schema import ID_PATTERN
from homeroute_wire.signal import Bars


class ConfigError(Exception):
    """A setting that cannot be used. One line: file, key, reason, nearest known key."""

    def __init__(self, file: str, key: str, reason: str, nearest: str | None = None) -> None:
        hint = f"; did you mean {nearest!r}?" if nearest else ""
        where = f"{key}: " if key else ""
        super().__init__(f"{file}: {where}{reason}{hint}")
        self.file = file
        self.key = key
        self.reason = reason
        self.nearest = nearest


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone known here") from None
    return name


class Broker(Settings):
    """The MQTT broker batches come from."""

    host: Text = "127.0.0.1"
    port: Port = 1883
    username: Text | None = None
    password_file: SettingPath | None = None
    ca_file: SettingPath | None = None
    keepalive_s: Annotated[int, Field(strict=True, ge=5, le=3_600)] = 30

    @model_validator(mode="after")
    def _plain_only_at_home(self) -> Self:
        if self.ca_file is None and self.host not in LOOPBACK:
            raise ValueError(f"ca_file is needed: {self.host} is not this machine, so TLS it is")
        if (self.username is None) != (self.password_file is None):
            raise ValueError("username and password_file go together")
        return self


class Http(Settings):
    """Pages and JSON API."""

    host: Text = "127.0.0.1"
    port: Annotated[int, Field(strict=True, ge=0, le=65_535)] = 8080
    allowed_hosts: tuple[Text, ...] = ()


class Influx(Settings):
    """The InfluxDB that follows the archive."""

    url: Annotated[str, Field(strict=True, pattern=r"^https?://[^\s]+$")]
    version: Literal[1, 2] = 2
    database: Text = "telemetry"
    reporting: Text = "reporting"
    org: Annotated[str, Field(strict=True, max_length=255)] = ""
    token_file: SettingPath | None = None
    username: Text | None = None
    password_file: SettingPath | None = None

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.reporting == self.database:
            raise ValueError(
                "reporting and database are to differ: who may read what is published "
                "need not read the rest"
            )
        return self


class ArchiveSettings(Settings):
    """How much of this machine the archive may use."""

    memory_limit: Annotated[str, Field(strict=True, pattern=r"^[1-9][0-9]*(MB|GB|MiB|GiB)$")] = (
        "512MB"
    )
    threads: Annotated[int, Field(strict=True, ge=1, le=64)] = 2


class RefusedSettings(Settings):
    """How much refused data is kept for replay."""

    bound_bytes_per_device: Annotated[int, Field(strict=True, ge=262_144)] = 16_777_216


class PresenceSettings(Settings):
    """When silence counts, where the timetable does not say."""

    hotspot_silent_h: Annotated[float, Field(strict=True, gt=0, le=8_784)] = 96.0


class Publish(Settings):
    """What stands before a number leaves for evaluators (docs/privacy.md)."""

    min_clients: Annotated[int, Field(strict=True, ge=5, le=1_000)] = 10
    settle_days: Annotated[int, Field(strict=True, ge=1, le=60)] = 7


class HotspotSettings(Settings):
    """The program's ladder for lent hotspots that nobody uses: presets, not law."""

    unused_days: Annotated[int, Field(strict=True, ge=1, le=3_650)] = 60
    notice_days: Annotated[int, Field(strict=True, ge=1, le=3_650)] = 30
    silent_days: Annotated[int, Field(strict=True, ge=1, le=3_650)] = 7
    used_bytes: Annotated[int, Field(strict=True, ge=1)] = 1_000_000


class VerdictSettings(Settings):
    """When a segment is dead or good (docs/coverage.md)."""

    fewest_passes: Annotated[int, Field(strict=True, ge=1, le=1_000)] = 5
    fewest_days: Annotated[int, Field(strict=True, ge=1, le=366)] = 3
    bar: Annotated[float, Field(strict=True, gt=0.0, lt=1.0)] = 0.8


Limit = Annotated[float, Field(strict=True, ge=-200.0, le=100.0)]
FourLimits = tuple[Limit, Limit, Limit, Limit]


class SignalSettings(Settings):
    """From which power and quality on a signal has one, two, three and four bars."""

    rsrp_bars_dbm: FourLimits = (-115.0, -105.0, -95.0, -85.0)
    sinr_bars_db: FourLimits = (-3.0, 1.0, 4.5, 13.0)

    @model_validator(mode="after")
    def _rising(self) -> Self:
        for name in ("rsrp_bars_dbm", "sinr_bars_db"):
            limits = getattr(self, name)
            if list(limits) != sorted(set(limits)):
                raise ValueError(f"{name}: want four rising limits, from one bar to four")
        return self

    @property
    def bars(self) -> Bars:
        """As the wire's own arithmetic takes them."""
        return Bars(self.rsrp_bars_dbm, self.sinr_bars_db)


class CollectorConfig(Settings):
    """Everything the collector is told. ``broker`` None: an embedded one is used."""

    district: Annotated[str, Field(strict=True, pattern=rf"^{ID_PATTERN.pattern}$")]
    data_dir: SettingPath
    simulated: Annotated[bool, Field(strict=True)] = False
    retention_days: Annotated[int, Field(strict=True, ge=1, le=3_660)] = 90
    timezone: Annotated[Text, AfterValidator(_known_zone)] | None = None
    clock: Literal["sane", "synchronised"] = "sane"
    broker: Broker | None = None
    http: Http = Http()
    influx: Influx | None = None
    archive: ArchiveSettings = ArchiveSettings()
    refused: RefusedSettings = RefusedSettings()
    presence: PresenceSettings = PresenceSettings()
    hotspots: HotspotSettings = HotspotSettings()
    verdicts: VerdictSettings = VerdictSettings()
    signal: SignalSettings = SignalSettings()
    alerts: AlertSettings = AlertSettings()
    publish: Publish = Publish()


def load(path: Path) -> CollectorConfig:
    """Read and check the file. Raises :class:`ConfigError`."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(str(path), "", f"cannot be read: {reason}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(str(path), "", f"is no TOML: {error}") from None
    return parse(document, file=str(path), folder=path.parent)


def parse(document: dict[str, Any], *, file: str, folder: Path) -> CollectorConfig:
    """Check a document read from ``file``. Raises :class:`ConfigError`."""
    try:
        return CollectorConfig.model_validate(document, context={"folder": folder})
    except ValidationError as errors:
        found = errors.errors(include_url=False, include_input=False)
        # A misspelt key is often why another is missing, and says what to do.
        error = next((e for e in found if e["type"] == "extra_forbidden"), found[0])
    keys = [str(part) for part in error["loc"]]
    if error["type"] == "extra_forbidden":
        raise ConfigError(file, ".".join(keys), "is no setting", _nearest(keys)) from None
    reason = "is missing" if error["type"] == "missing" else _plain(error["msg"])
    raise ConfigError(file, ".".join(keys), reason) from None


def settings(model: type[BaseModel] = CollectorConfig, prefix: str = "") -> dict[str, Any]:
    """Every setting by its full key, with its default (``...`` when there is none)."""
    found: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        section = _section(field.annotation)
        if section is not None:
            found |= settings(section, f"{prefix}{name}.")
        else:
            found[prefix + name] = ... if field.is_required() else field.default
    return found


def _section(annotation: Any) -> type[BaseModel] | None:
    for candidate in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _nearest(keys: list[str]) -> str | None:
    known = settings()
    sections = {key.rpartition(".")[0] for key in known} - {""}
    full = ".".join(keys)
    near = difflib.get_close_matches(full, [*known, *sections], n=1, cutoff=0.6)
    if near:
        return near[0]
    leaves = {key.rpartition(".")[2]: key for key in known}
    leaf = difflib.get_close_matches(keys[-1], leaves, n=1, cutoff=0.6)
    return leaves[leaf[0]] if leaf else None


def _plain(message: str) -> str:
    message = message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]
