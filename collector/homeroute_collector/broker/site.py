"""What a data directory remembers of its district: its name, its zone, where buses find it.

Kept in ``DATA/broker/site.json`` so that each need be told once.
"""

from __future__ import annotations

import ipaddress
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from homeroute_collector.broker.private_files import private_directory, write_private
from homeroute_wire.schema import ID_PATTERN

MQTT_TLS_PORT = 8883
"""The registered port of MQTT over TLS."""

DEFAULT_DISTRICT = "district"
"""The name of a district that nobody has named yet; may change until a device is enrolled."""

_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(\.(?!-)[A-Za-z0-9_-]{1,63})*")


class SiteError(ValueError):
    """A district or an address that cannot be one."""


@dataclass(frozen=True, slots=True)
class Site:
    """A district, the host and port its devices connect to, its IANA zone.

    None: not known yet.
    """

    district: str | None = None
    host: str | None = None
    port: int = MQTT_TLS_PORT
    timezone: str | None = None

    def __post_init__(self) -> None:
        if self.district is not None and not ID_PATTERN.fullmatch(self.district):
            raise SiteError(
                f"district {self.district!r}: want lower-case letters, digits, '_' and '-', "
                "at most 63, beginning with a letter or digit"
            )


def site_file(data: Path) -> Path:
    """Where the site is kept; its change is what a running broker watches."""
    return data / "broker" / "site.json"


def recall(data: Path) -> Site:
    """The remembered site; an empty one when nothing is remembered.

    Raises SiteError when the file is damaged.
    """
    path = site_file(data)
    try:
        document = json.loads(path.read_text())
        zone = document.get("timezone")  # folders of before it was kept have none
        return Site(document["district"], document["host"], document["port"], zone)
    except FileNotFoundError:
        return Site()
    except OSError as error:
        raise SiteError(
            f"read {path}: {error.strerror}; run this as the user it belongs to"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SiteError(f"read {path}: {error}; remove it to be asked again") from None


def remember(data: Path, site: Site) -> None:
    """Keep the site; writes only when it differs."""
    if recall(data) == site:
        return
    private_directory(data / "broker")
    write_private(site_file(data), json.dumps(asdict(site), indent=2) + "\n")


def parse_address(text: str) -> tuple[str, int]:
    """Read ``HOST``, ``HOST:PORT``, an IPv6 address, or ``[IPv6]:PORT``.

    Raises SiteError when it is none of these.
    """
    text = text.strip()
    bracketed = re.fullmatch(r"\[([^]]*)\](?::(.*))?", text)
    if bracketed:
        host, port = bracketed[1], bracketed[2]
    elif text.count(":") == 1:
        host, port = text.split(":")
    else:
        host, port = text, None
    if port is None:
        port = str(MQTT_TLS_PORT)
    if not (is_address(host) or _HOST_NAME.fullmatch(host)) or len(host) > 253:
        raise SiteError(f"address {text!r}: want a host name or an IP address, like 203.0.113.7")
    if not port.isascii() or not port.isdigit() or not 1 <= int(port) <= 65_535:
        raise SiteError(f"address {text!r}: {port!r} is no port; want 1 to 65535")
    return host, int(port)


def is_address(host: str) -> bool:
    """Whether this is an IP address rather than a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
