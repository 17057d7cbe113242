"""The agent's configuration: one TOML file, read into frozen dataclasses.

Guarantees: what :func:`load` returns is complete, typed and within bounds; a bad
file is one :class:`ConfigError` with one line. Every setting is declared here
once, with its meaning, bounds and default; ``docs/agent-configuration.md`` is
generated from the declarations. An absent section means its sampler is not
wanted. Does not: open sockets, read secrets, or change while running.
"""

# ruff: noqa: RUF009 -- setting(), table() and tables() only wrap dataclasses.field()

from __future__ import annotations

import ipaddress
import tomllib
import zoneinfo
from dataclasses import dataclass
from pathlib import Path

from homeroute_agent.settings import (
    ConfigError,
    Reader,
    build,
    choice,
    number,
    path,
    setting,
    several,
    table,
    tables,
    text,
    whole,
)
from homeroute_wire.schema import ID_PATTERN, KINDS, TAG_PATTERN

__all__ = ["Config", "ConfigError", "load"]

_DAY_S = 86_400.0
_ID = text(ID_PATTERN.pattern, "lower-case letters, digits, '_' and '-', at most 63")
_TAG = text(TAG_PATTERN.pattern, "1 to 64 printable characters without quote or backslash")
_HOST = text(r"[0-9A-Za-z._:-]{1,253}", "a host name or address")
_ENDPOINT = text(
    r"(?:[0-9A-Za-z._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):[0-9]{1,5}", 'text like "192.0.2.1:443"'
)


def _zone(value: object, _folder: Path) -> str:
    try:
        return zoneinfo.ZoneInfo(str(value)).key
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        raise ValueError(
            f"{value!r}: no such time zone here; want a name like America/Chicago, "
            "and the system's zone data (tzdata)"
        ) from None


_ZONE: Reader = _zone


@dataclass(frozen=True, slots=True)
class Mqtt:
    """The way to the district's broker."""

    host: str = setting("broker's host name or address", _HOST)
    port: int = setting("broker's port", whole(1, 65_535), 8883)
    password_file: Path | None = setting(
        "file whose first line is this device's password; the user name is the device id",
        path,
        None,
    )
    ca_file: Path | None = setting(
        "the district's certificate authority (PEM): turns TLS on, and only certificates it "
        "signed are accepted. Without it the host must be this machine (loopback)",
        path,
        None,
    )
    keepalive_s: int = setting("MQTT keep-alive, s", whole(1, 3600), 30)
    window: int = setting("batches sent and not yet acknowledged, at most", whole(1, 64), 8)
    ack_timeout_s: float = setting(
        "a batch not acknowledged for so long is sent again, s", number(0.1, 3600), 30.0
    )


@dataclass(frozen=True, slots=True)
class Spool:
    """What waits on the device while there is no coverage."""

    max_bytes: int = setting(
        "bytes of batches kept; past it the oldest unsent batch goes, and is counted",
        whole(65_536, 2**40),
        67_108_864,
    )


@dataclass(frozen=True, slots=True)
class Hostapd:
    """One student SSID served by hostapd."""

    socket: Path = setting("hostapd's control socket of the interface", path)
    ssid: str = setting("the student SSID it serves: the name on every point", _TAG)
    band: str = setting("radio band, GHz", choice("2.4", "5", "6", "unknown"), "unknown")


@dataclass(frozen=True, slots=True)
class Radius:
    """Accounting from access points that are not this machine's own (RFC 2866)."""

    secret_file: Path = setting("file whose first line is the secret shared with them", path)
    ssid: str = setting(
        "the student SSID: the name on every point, and of clients whose network is not named",
        _TAG,
    )
    more_ssids: tuple[str, ...] = setting(
        "further student SSIDs; clients of any other named network are not counted",
        several(_TAG),
        (),
    )
    band: str = setting("radio band, GHz", choice("2.4", "5", "6", "unknown"), "unknown")
    listen: str = setting(
        "address and UDP port to listen on; an access point elsewhere needs the address of the "
        "network it stands in, and a firewall that lets in nobody else",
        _ENDPOINT,
        "127.0.0.1:1813",
    )


@dataclass(frozen=True, slots=True)
class Network:
    """Byte counters of the gateway's interfaces."""

    wan: tuple[str, ...] = setting("interfaces towards the internet", several(_TAG), ())
    lan: tuple[str, ...] = setting("interfaces towards clients", several(_TAG), ())
    link_mbit_s: float = setting(
        "fastest link, Mbit/s: tells a wrapped counter from a reset one",
        number(0.1, 1_000_000),
        1000.0,
    )
    proc_net_dev: Path = setting("where the counters are read", path, Path("/proc/net/dev"))


@dataclass(frozen=True, slots=True)
class Uplink:
    """Probes of the way to the internet."""

    interface: str = setting("WAN interface name on every point", _TAG, "wan")
    technology: str = setting("radio technology on every point", _TAG, "unknown")
    carrier: str = setting("carrier on every point", _TAG, "unknown")
    method: str = setting("probe by TCP connect or DNS query", choice("tcp", "dns"), "tcp")
    targets: tuple[str, ...] = setting(
        "addresses probed in turn, host:port (DNS: port 53)",
        several(_ENDPOINT),
        ("1.1.1.1:443", "8.8.8.8:443"),
    )
    probes: int = setting("probes a sample", whole(1, 100), 5)
    timeout_s: float = setting("a probe unanswered for so long is lost, s", number(0.05, 30), 2.0)
    usable_rtt_ms: float = setting(
        "slowest median round trip that is still usable, ms", number(1, 60_000), 300.0
    )
    usable_loss_ratio: float = setting("highest loss that is still usable", number(0, 1), 0.05)


@dataclass(frozen=True, slots=True)
class Modem:
    """Signal, technology and carrier on every uplink point, from the modem itself.

    ModemManager measures the signal only when told to: the agent tells it. Where its
    user may not, have root run ``mmcli -m any --signal-setup=10`` at each boot.
    """

    tool: str = setting(
        "what asks the modem: mmcli (ModemManager) or uqmi (OpenWrt)", choice("mmcli", "uqmi")
    )
    device: str | None = setting(
        'which modem: its index for mmcli (without: "any"), its QMI device for uqmi '
        '(without: "/dev/cdc-wdm0")',
        text(r"[0-9A-Za-z_./:-]{1,128}", "a modem's index or path"),
        None,
    )
    every_s: float = setting("between questions to the modem, s", number(0.1, 3600), 10.0)
    timeout_s: float = setting(
        "a tool that has not answered after so long is ended, s: uqmi can hang",
        number(0.1, 60),
        5.0,
    )
    command: Path | None = setting(
        "program run in place of the tool, with the same arguments (default: found on the PATH)",
        path,
        None,
    )


@dataclass(frozen=True, slots=True)
class Gpsd:
    """Where the bus is; never sampled on a hotspot."""

    address: str = setting("gpsd's address, host:port", _ENDPOINT, "127.0.0.1:2947")


@dataclass(frozen=True, slots=True)
class DnsLog:
    """One log of name lookups; names are counted by category and then forgotten."""

    path: Path = setting("log file or FIFO", path)
    format: str = setting(
        "who writes it: dnsmasq with log-queries=extra, or unbound with rpz-log",
        choice("dnsmasq", "unbound"),
        "dnsmasq",
    )


@dataclass(frozen=True, slots=True)
class Names:
    """Lists that turn a looked-up name into a category."""

    categories_dir: Path | None = setting(
        "folder of category lists in the UT1 layout, <category>/domains", path, None
    )
    learning_file: Path | None = setting(
        "learning-site domains, one a line, in place of the list we ship", path, None
    )
    leases_file: Path = setting(
        "dnsmasq's leases: joins an address to a client, in memory only",
        path,
        Path("/var/lib/misc/dnsmasq.leases"),
    )


@dataclass(frozen=True, slots=True)
class Health:
    """The gateway's own condition."""

    root: Path = setting("where /proc and /sys are found: / on a real device", path, Path("/"))
    disk: Path = setting(
        "writable storage to measure (OpenWrt: /overlay, as / is always full)", path, Path("/")
    )


@dataclass(frozen=True, slots=True)
class Config:
    """A device's whole configuration, attributes named as in the file."""

    district: str = setting("district id", _ID)
    device: str = setting("device id; also MQTT user name and client id", _ID)
    mqtt: Mqtt = table("The way to the broker", Mqtt, required=True)
    kind: str = setting("a bus gateway, or a take-home hotspot", choice(*KINDS), "bus")
    state_dir: Path = setting(
        "folder of the spool; must outlive a reboot", path, Path("/var/lib/homeroute-agent")
    )
    sample_s: float = setting(
        "between samples of Wi-Fi, traffic, uplink and position, s", number(0.1, 3600), 10.0
    )
    batch_s: float = setting(
        "between batches, s: a power cut costs at most this", number(0.1, 900), 60.0
    )
    minute_s: float = setting(
        "between samples of health and of the agent's own ledger, s", number(0.1, 3600), 60.0
    )
    session_interim_s: float = setting(
        "between records of a session that goes on, s", number(0.1, _DAY_S), 600.0
    )
    boot_delay_s: float = setting(
        "the first connection waits a random time up to this, s: a whole depot powers up at once",
        number(0, 3600),
        30.0,
    )
    timezone: str | None = setting(
        "time zone of a hotspot's day (default: the system's)", _ZONE, None
    )
    spool: Spool = table("What waits on the device", Spool, absent=Spool())
    hostapd: tuple[Hostapd, ...] = tables("One per student SSID", Hostapd)
    radius: Radius | None = table("RADIUS accounting", Radius)
    network: Network | None = table("Byte counters", Network)
    uplink: Uplink | None = table("Uplink probes", Uplink)
    modem: Modem | None = table("The modem's signal", Modem)
    gpsd: Gpsd | None = table("Position", Gpsd)
    dns_log: tuple[DnsLog, ...] = tables("One per log of name lookups", DnsLog)
    names: Names = table("Name lists", Names, absent=Names())
    health: Health = table("The gateway's own condition", Health, absent=Health())


def load(file: Path | str) -> Config:
    """Read the configuration. Raises :class:`ConfigError`; paths start at the file's folder."""
    file = Path(file)
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(file, "", f"cannot read: {(error.strerror or '').lower()}") from None
    except ValueError as error:
        raise ConfigError(file, "", f"not TOML: {error}") from None
    config = build(Config, document, file)
    _check_together(config, file)
    return config


def _check_together(config: Config, file: Path) -> None:
    if config.mqtt.ca_file is None and not _loopback(config.mqtt.host):
        raise ConfigError(
            file,
            "mqtt.ca_file",
            f"missing; without TLS the broker must be on this machine, not {config.mqtt.host}",
        )
    for key, secret in (
        ("mqtt.ca_file", config.mqtt.ca_file),
        ("mqtt.password_file", config.mqtt.password_file),
        ("radius.secret_file", config.radius.secret_file if config.radius else None),
    ):
        if secret is not None and not secret.is_file():
            raise ConfigError(file, key, f"no such file: {secret}")
    ssids = [(h.ssid, h.band) for h in config.hostapd]
    if len(set(ssids)) < len(ssids):
        raise ConfigError(file, "hostapd.ssid", "the same SSID and band twice; give each a band")
    if config.radius is not None:
        of_radius = (config.radius.ssid, *config.radius.more_ssids)
        if len({*ssids, *((ssid, config.radius.band) for ssid in of_radius)}) < len(ssids) + len(
            of_radius
        ):
            raise ConfigError(
                file, "radius.ssid", "an SSID and band twice: its clients would count twice"
            )
    if config.modem is not None and config.uplink is None:
        raise ConfigError(file, "modem", "wants an [uplink] section: its points carry the signal")


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
