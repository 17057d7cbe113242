"""Topic names. MQTT 3.1.1 only: no shared subscriptions, no user properties.

``homeroute/1/{district}/{device}/{leaf}``: a device publishes ``batch`` and
``status`` and reads ``ack`` and ``config``; the broker's ACL lets it touch no
other device's.
"""

from __future__ import annotations

from dataclasses import dataclass

from homeroute_wire.schema import ID_PATTERN

ROOT = "homeroute/1"
LEAVES = ("batch", "ack", "status", "config")


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed topic."""

    district: str
    device: str
    leaf: str


def topic(district: str, device: str, leaf: str) -> str:
    """Name one device's topic.

    Raises ValueError when an id is not an id or the leaf is not ours.
    """
    for name, value in (("district", district), ("device", device)):
        if not ID_PATTERN.fullmatch(value):
            raise ValueError(
                f"{name} id {value!r}: want lower-case letters, digits, '_' and '-', "
                "at most 63, beginning with a letter or digit"
            )
    if leaf not in LEAVES:
        raise ValueError(f"topic leaf {leaf!r}: want one of {', '.join(LEAVES)}")
    return f"{ROOT}/{district}/{device}/{leaf}"


def district_filter(district: str, leaf: str) -> str:
    """Subscription to one leaf of every device of a district."""
    return topic(district, "x", leaf).replace("/x/", "/+/")


def parse(name: str) -> Address | None:
    """Read a topic back; None when it is not one of ours."""
    parts = name.split("/")
    if len(parts) != 5 or "/".join(parts[:2]) != ROOT or parts[4] not in LEAVES:
        return None
    if not (ID_PATTERN.fullmatch(parts[2]) and ID_PATTERN.fullmatch(parts[3])):
        return None
    return Address(parts[2], parts[3], parts[4])
