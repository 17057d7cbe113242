"""What hostapd says on its control socket, read. Pure.

Seen on hostapd 2.10: a station is a line with its MAC and then ``key=value``
lines; which keys there are depends on the driver. A deauthenticated station is
still listed for a while, with empty flags: only ``[AUTHORIZED]`` counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_EVENT = re.compile(r"<\d>(AP-STA-CONNECTED|AP-STA-DISCONNECTED) ([0-9a-fA-F:]{17})(?:\s|$)")
_MAC = re.compile(r"[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){5}")


@dataclass(frozen=True, slots=True)
class ClientEvent:
    """A client associated, or left. The MAC must not leave the sampler."""

    mac: str
    connected: bool

    def __repr__(self) -> str:
        return f"<client {'connected' if self.connected else 'disconnected'}>"


@dataclass(frozen=True, slots=True)
class Station:
    """One listed station. The MAC must not leave the sampler.

    Bytes are the access point's: ``rx_bytes`` is the client's upload.
    """

    mac: str
    authorized: bool
    connected_s: int | None = None
    rx_bytes: int | None = None
    tx_bytes: int | None = None

    def __repr__(self) -> str:
        return "<station>"


def parse_event(text: str) -> ClientEvent | None:
    """Read an unsolicited message; None when it is not of a client's coming or going."""
    match = _EVENT.match(text)
    if match is None:
        return None
    return ClientEvent(match[2].lower(), match[1] == "AP-STA-CONNECTED")


def parse_station(text: str) -> Station | None:
    """Read the answer to ``STA-FIRST`` or ``STA-NEXT``; None at the end, or on FAIL."""
    lines = text.splitlines()
    if not lines or not _MAC.fullmatch(lines[0].strip()):
        return None
    values = dict(line.split("=", 1) for line in lines[1:] if "=" in line)
    return Station(
        mac=lines[0].strip().lower(),
        authorized="[AUTHORIZED]" in values.get("flags", ""),
        connected_s=_count(values.get("connected_time")),
        rx_bytes=_count(values.get("rx_bytes")),
        tx_bytes=_count(values.get("tx_bytes")),
    )


def parse_status(text: str) -> dict[str, str]:
    """Read an answer of ``key=value`` lines, such as ``STATUS`` and ``GET_CONFIG``."""
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def band_of(freq: str) -> str:
    """Name the band of a frequency in MHz as ``STATUS`` gives it."""
    mhz = int(freq) if freq.isdigit() else 0
    if 2400 <= mhz < 2500:
        return "2.4"
    if 5150 <= mhz < 5925:
        return "5"
    return "6" if 5925 <= mhz < 7125 else "unknown"


def _count(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdigit() else None
