"""RADIUS accounting packets (RFC 2866, RFC 2869): read, proved, answered. Pure.

    code 4 | identifier | length, 2 bytes | authenticator, 16 bytes | attributes
    attribute: type | length, itself included | value

Guarantees: no datagram raises; what is not a whole Accounting-Request is None; a
request is authentic only if its sender knew the secret. Does not: know sessions
or clocks, or look at attributes that are not named here (User-Name among them,
unless it is all that names the client).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal

Status = Literal["start", "interim", "stop", "on", "off"]

PACKET_BOUND = 4_096
"""RFC 2866: the longest packet there is."""

_REQUEST, _RESPONSE = 4, 5
_HEAD = 20
_STATUS: dict[int, Status] = {1: "start", 2: "stop", 3: "interim", 7: "on", 8: "off"}

_USER_NAME, _NAS_IP, _CALLED, _CALLING = 1, 4, 30, 31
_NAS_IDENTIFIER, _PROXY_STATE, _NAS_IPV6 = 32, 33, 95
_STATUS_TYPE, _DELAY, _INPUT, _OUTPUT = 40, 41, 42, 43
_SESSION_ID, _SESSION_TIME, _INPUT_GIGA, _OUTPUT_GIGA = 44, 46, 52, 53

_HEX = re.compile(r"[0-9a-f]{12}")
_CALLED_STATION = re.compile(r"((?:[0-9a-fA-F]{2}[-:.]?){5}[0-9a-fA-F]{2})(?::(.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Request:
    """A well-formed Accounting-Request, not yet proved. Shows nothing of its content."""

    identifier: int
    authenticator: bytes
    attributes: tuple[tuple[int, bytes], ...]
    raw: bytes

    def __repr__(self) -> str:
        return "<accounting request>"


@dataclass(frozen=True, slots=True)
class Accounting:
    """What a request says. The MAC and the names must not leave the sampler.

    ``nas`` and ``session`` together name the session; ``access_point`` and ``ssid``
    come from Called-Station-Id, empty where it does not tell. Bytes are from the
    rider's side. ``delay_s`` is how long ago it happened.
    """

    status: Status
    nas: str
    session: str
    mac: str | None = None
    access_point: str = ""
    ssid: str = ""
    delay_s: int = 0
    session_s: int | None = None
    down_bytes: int | None = None
    up_bytes: int | None = None

    def __repr__(self) -> str:
        return f"<accounting {self.status}>"


def parse_request(datagram: bytes) -> Request | None:
    """Take a datagram apart; None when it is no whole Accounting-Request.

    Bytes past the stated length are padding, which the RFC says to ignore.
    """
    if len(datagram) < _HEAD or datagram[0] != _REQUEST:
        return None
    length = int.from_bytes(datagram[2:4], "big")
    if not _HEAD <= length <= min(len(datagram), PACKET_BOUND):
        return None
    raw = datagram[:length]
    attributes = []
    at = _HEAD
    while at < length:
        end = at + raw[at + 1] if at + 1 < length else 0
        if end < at + 2 or end > length:
            return None
        attributes.append((raw[at], raw[at + 2 : end]))
        at = end
    return Request(raw[1], raw[4:_HEAD], tuple(attributes), raw)


def is_authentic(request: Request, secret: bytes) -> bool:
    """Whether the sender knew the secret."""
    blank = request.raw[:4] + bytes(16) + request.raw[_HEAD:] + secret
    wanted = hashlib.md5(blank, usedforsecurity=False).digest()
    return hmac.compare_digest(wanted, request.authenticator)


def response(request: Request, secret: bytes) -> bytes:
    """The Accounting-Response: proxies' own state goes back as it came."""
    attributes = b"".join(
        bytes((kind, len(value) + 2)) + value
        for kind, value in request.attributes
        if kind == _PROXY_STATE
    )
    length = (_HEAD + len(attributes)).to_bytes(2, "big")
    head = bytes((_RESPONSE, request.identifier)) + length
    proof = head + request.authenticator + attributes + secret
    return head + hashlib.md5(proof, usedforsecurity=False).digest() + attributes


def accounting(request: Request, source: str) -> Accounting | None:
    """Read what it says; None when it says nothing of sessions.

    ``source`` is the sender's address, for a NAS that does not name itself.
    """
    values = dict(reversed(request.attributes))  # of two alike the first counts
    status = _STATUS.get(_whole(values.get(_STATUS_TYPE)) or 0)
    session = values.get(_SESSION_ID, b"").hex()
    if status is None or (not session and status not in {"on", "off"}):
        return None
    access_point, ssid = _called(_text(values.get(_CALLED)))
    return Accounting(
        status=status,
        nas=_nas(values) or source,
        session=session,
        mac=_mac(_text(values.get(_CALLING))) or _mac(_text(values.get(_USER_NAME))),
        access_point=access_point,
        ssid=ssid,
        delay_s=_whole(values.get(_DELAY)) or 0,
        session_s=_whole(values.get(_SESSION_TIME)),
        down_bytes=_octets(values.get(_OUTPUT), values.get(_OUTPUT_GIGA)),
        up_bytes=_octets(values.get(_INPUT), values.get(_INPUT_GIGA)),
    )


def _nas(values: dict[int, bytes]) -> str:
    """Name the NAS: by its address first, which interims carry even where a name is left out."""
    for kind, size in ((_NAS_IP, 4), (_NAS_IPV6, 16)):
        value = values.get(kind, b"")
        if len(value) == size:
            return str(ip_address(value))
    return _text(values.get(_NAS_IDENTIFIER))


def _called(text: str) -> tuple[str, str]:
    """Split ``AA-BB-CC-DD-EE-FF:SSID`` into access point and SSID; either may be missing."""
    match = _CALLED_STATION.fullmatch(text)
    return (_mac(match[1]) or "", match[2] or "") if match else ("", "")


def _mac(text: str) -> str | None:
    """A MAC in any of the field's spellings as ``aa:bb:cc:dd:ee:ff``; None when it is none."""
    digits = text.lower().translate({ord(mark): None for mark in "-:."})
    if not _HEX.fullmatch(digits):
        return None
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2))


def _octets(low: bytes | None, high: bytes | None) -> int | None:
    octets = _whole(low)
    return None if octets is None else ((_whole(high) or 0) << 32) + octets


def _whole(value: bytes | None) -> int | None:
    return int.from_bytes(value, "big") if value is not None and len(value) == 4 else None


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace").rstrip("\0")
