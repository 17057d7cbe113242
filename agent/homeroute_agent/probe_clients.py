"""Trying what is known of clients: Wi-Fi and name lookups. Read-only; only counts are shown."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from homeroute_agent.clients import is_randomised, parse_leases
from homeroute_agent.config import Config, DnsLog, Hostapd, Names
from homeroute_agent.names import load as load_names
from homeroute_agent.probe_finding import Finding, lacking, read, toml
from homeroute_agent.samplers.dns_text import Lookup, parser_of
from homeroute_agent.samplers.hostapd_control import Control, open_control
from homeroute_agent.samplers.hostapd_text import (
    Station,
    band_of,
    parse_station,
    parse_status,
)
from homeroute_wire import measurements
from homeroute_wire.schema import TAG_PATTERN

HOSTAPD_DIRS = (Path("/var/run/hostapd"), Path("/run/hostapd"))
DNS_LOGS = (
    DnsLog(Path("/run/dnsmasq-log/dnsmasq.log"), "dnsmasq"),
    DnsLog(Path("/tmp/dnsmasq.log"), "dnsmasq"),  # noqa: S108 -- where OpenWrt is told to log
    DnsLog(Path("/var/log/dnsmasq.log"), "dnsmasq"),
    DnsLog(Path("/var/log/pihole/pihole.log"), "dnsmasq"),
    DnsLog(Path("/var/log/unbound.log"), "unbound"),
    DnsLog(Path("/var/log/unbound/unbound.log"), "unbound"),
)
ON_DISK = Path("/var/log")
"""A log under it outlives a power-off; where it is in memory it resolves to elsewhere."""

_LOG_TAIL = 262_144
_AS_ROOT = "Run as root, or set ctrl_interface_group in hostapd.conf and join that group."


async def probe_hostapd(settings: Config | None) -> list[Finding]:
    """Wi-Fi clients: every control socket that answers."""
    if settings is not None and settings.kind == "hotspot":
        return [lacking("hostapd", "not sampled on a hotspot: it is a household.")]
    if settings is not None and settings.hostapd:
        radios = list(settings.hostapd)
    else:
        try:
            found = {path.resolve() for d in HOSTAPD_DIRS if d.is_dir() for path in d.iterdir()}
        except PermissionError as error:
            return [lacking("hostapd", f"may not look into {error.filename}.", _AS_ROOT)]
        radios = [Hostapd(path, "", "unknown") for path in sorted(found) if path.is_socket()]
    if not radios:
        return [
            lacking(
                "hostapd",
                "no control socket under /var/run/hostapd.",
                "Install hostapd and set ctrl_interface=/var/run/hostapd in hostapd.conf.",
            )
        ]
    return [await _try_radio(radio) for radio in radios]


async def _try_radio(radio: Hostapd) -> Finding:
    name = f"hostapd {radio.socket}"
    try:
        async with open_control(radio.socket) as control:
            stations = await _stations(control)
            config = parse_status(await control.request("GET_CONFIG"))
            freq = parse_status(await control.request("STATUS")).get("freq", "")
    except PermissionError:
        return lacking(name, "permission denied.", _AS_ROOT)
    except (OSError, TimeoutError):
        return lacking(name, "nobody answers on the socket.", "Is hostapd running?")
    found = config.get("ssid", "")
    ssid = radio.ssid or (found if TAG_PATTERN.fullmatch(found) else "Bus-WiFi")
    band = radio.band if radio.band != "unknown" else band_of(freq)
    here = [station for station in stations if station.authorized]
    sample = measurements.Wifi(
        ssid=ssid,
        band=band,
        clients=len(here),
        clients_peak=len(here),
        associated=0,
        disassociated=0,
        randomized=sum(is_randomised(station.mac) for station in here),
    )
    note = ""
    if here and here[0].tx_bytes is None:
        note = "This driver counts no bytes of single clients: sessions will have none."
    section = "# Only the SSIDs that students use: remove what is not theirs.\n" + toml(
        "[[hostapd]]", {"socket": str(radio.socket), "ssid": ssid, "band": band}
    )
    return Finding(name, works=True, sample=sample, note=note, section=section)


async def _stations(control: Control) -> list[Station]:
    stations: list[Station] = []
    station = parse_station(await control.request("STA-FIRST"))
    while station is not None and len(stations) < 2_048:
        stations.append(station)
        station = parse_station(await control.request(f"STA-NEXT {station.mac}"))
    return stations


async def probe_dns_log(settings: Config | None) -> list[Finding]:
    """Logs of name lookups: found, readable, understood."""
    if settings is not None and settings.kind == "hotspot":
        return [lacking("dns_log", "not sampled on a hotspot: it is a household.")]
    logs = list(settings.dns_log) if settings is not None and settings.dns_log else None
    names = settings.names if settings is not None else Names()
    found = logs or [log for log in DNS_LOGS if log.path.exists()]
    if not found:
        return [
            lacking(
                "dns_log",
                "no log of name lookups in the usual places.",
                "dnsmasq: set log-queries=extra and log-facility=/run/dnsmasq-log/dnsmasq.log, in "
                "memory, so that names never reach the disk (docs/first-bus.md, step 3). OpenWrt: "
                "uci set dhcp.@dnsmasq[0].logqueries=1 and logfacility=/tmp/dnsmasq.log.",
            )
        ]
    return [await asyncio.to_thread(_try_log, log, names) for log in found]


def _try_log(log: DnsLog, settings: Names) -> Finding:
    name = f"dns_log {log.path}"
    try:
        lines = _tail(log.path)
        names = load_names(settings.categories_dir, settings.learning_file)
    except PermissionError as error:
        return lacking(
            name,
            f"may not read {error.filename}.",
            "Run as root, or join the group that owns it.",
        )
    except OSError as error:
        return lacking(name, f"{error.filename}: {(error.strerror or '').lower()}.")
    parse = parser_of(log.format)
    events = [event for line in lines if (event := parse(line)) is not None]
    lookups = [event for event in events if isinstance(event, Lookup)]
    classified = sum(names.category(event.name) is not None for event in lookups)
    clients = len({event.address for event in events})
    sample = measurements.Activity(
        definition=names.definition(""),
        active_clients=clients,
        learning_clients=0,
        learning_clients_strict=0,
        learning_clients_loose=0,
        lookups=len(lookups),
        classified_lookups=classified,
    )
    leases = len(parse_leases(read(settings.leases_file)))
    note = f"{len(events)} of the last {len(lines)} lines understood; {leases} leases known."
    if not leases:
        note += f" Without {settings.leases_file} lookups cannot be joined to Wi-Fi clients."
    if log.path.resolve().is_relative_to(ON_DISK):
        note += " It is on disk, where looked-up names stay: better a folder in memory, under /run."
    if lines and not events:
        return lacking(name, "no line of it tells a lookup.", "Set log-queries=extra in dnsmasq.")
    section = toml("[[dns_log]]", {"path": str(log.path), "format": log.format})
    return Finding(name, works=True, sample=sample, note=note, section=section)


def _tail(path: Path) -> list[str]:
    """The last lines of a file; none of a FIFO, which would lose what is read here."""
    if not path.is_file():
        if not os.access(path, os.R_OK):
            path.open("rb").close()
        return []
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - _LOG_TAIL))
        return file.read().decode("utf-8", "replace").splitlines()
