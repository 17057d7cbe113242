"""The bundle of one device: all it needs to join, in one file of mode 0600.

A gzipped tar of ``agent.toml`` (complete: edit the SSID and the interfaces),
``ca.pem`` (the authority it trusts, and no other) and ``password``.
"""

from __future__ import annotations

import io
import json
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path

from homeroute_collector.broker.private_files import write_private

SUFFIX = ".homeroute.tar.gz"
AGENT_GROUP = "homeroute-agent"
"""Whom the files belong to when root unpacks them where this group exists; else to root."""


@dataclass(frozen=True, slots=True)
class Membership:
    """A device's place in its district, and where it connects to."""

    district: str
    device: str
    kind: str
    host: str
    port: int


def write_bundle(path: Path, membership: Membership, password: str, ca_pem: bytes) -> None:
    """Write the bundle whole, or not at all."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        _add(archive, "agent.toml", agent_toml(membership).encode(), 0o644)
        _add(archive, "ca.pem", ca_pem, 0o644)
        _add(archive, "password", password.encode() + b"\n", 0o640)
    write_private(path, buffer.getvalue())


def agent_toml(membership: Membership) -> str:
    """A complete agent configuration for Raspberry Pi OS, to be edited on the device."""
    sections = _BUS if membership.kind == "bus" else _HOTSPOT
    return f"""\
# {membership.device} of {membership.district}, made by `homeroute enroll`.
# Every setting is explained in docs/agent-configuration.md. A path that does not
# begin with / starts beside this file. `homeroute-agent probe` says what works.

district = {_text(membership.district)}
device = {_text(membership.device)}
kind = {_text(membership.kind)}
state_dir = "/var/lib/homeroute-agent"  # the spool: on storage that outlives a reboot
{sections.head}
[mqtt]
host = {_text(membership.host)}
port = {membership.port}
password_file = "password"
ca_file = "ca.pem"
{sections.body}"""


@dataclass(frozen=True, slots=True)
class _Sections:
    head: str
    body: str


_COMMON = """
[network]
wan = ["wwan0"]  # towards the internet: wwan0 (modem), usb0 (tethered phone) or eth0
lan = ["wlan0"]  # towards the clients

[uplink]
interface = "wwan0"  # the same as wan above
technology = "unknown"  # "lte" or "5g" once you know
carrier = "unknown"  # your carrier's name
# Addresses probed by TCP connect, in turn; yours may be better.
# targets = ["1.1.1.1:443", "8.8.8.8:443"]

[health]
disk = "/"  # OpenWrt: "/overlay"

# [spool]
# max_bytes = 67108864  # 64 MiB; past it the oldest unsent batch goes, and is counted
"""

_BUS = _Sections(
    head="",
    body=f"""
# Student Wi-Fi: one section for every SSID that students use, and for no other.
[[hostapd]]
socket = "/var/run/hostapd/wlan0"
ssid = "Bus-WiFi"
band = "5"  # "2.4", "5" or "6"

# A second radio:
# [[hostapd]]
# socket = "/var/run/hostapd/wlan1"
# ssid = "Bus-WiFi"
# band = "2.4"
{_COMMON}
[gpsd]
address = "127.0.0.1:2947"

# Lookups become counts per minute in memory; no name leaves the device.
[[dns_log]]
path = "/run/dnsmasq-log/dnsmasq.log"  # in memory: names are not to reach the disk
format = "dnsmasq"

# If unbound filters with RPZ zones:
# [[dns_log]]
# path = "/run/unbound-log/unbound.log"
# format = "unbound"

[names]
leases_file = "/var/lib/misc/dnsmasq.leases"
# Category lists in the UT1 layout (<category>/domains), fetched by you:
# categories_dir = "/var/lib/homeroute-agent/categories"
""",
)

_HOTSPOT = _Sections(
    head="# timezone = \"America/Chicago\"  # a hotspot's day; by default the system's\n",
    body=f"""
# A take-home hotspot is a household: it reports daily totals, its uplink and its
# own condition. Position, sessions and lookups have no section here on purpose.
{_COMMON}""",
)


def _add(archive: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    member.mode = mode
    member.mtime = int(time.time())
    member.uname, member.gname = "root", AGENT_GROUP
    archive.addfile(member, io.BytesIO(content))


def _text(value: str) -> str:
    # A JSON string of ids and host names is a TOML string.
    return json.dumps(value)
