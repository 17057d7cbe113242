"""Eclipse Mosquitto, 2.0 or later, as an embedded broker.

Its configuration, password file and access list, as pure text. Patterns with
``%u`` serve all devices: a device's four topics follow from its user name, which
is also made its client id, so none can push another off by borrowing its id.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from homeroute_collector.broker.credentials import COLLECTOR
from homeroute_collector.broker.program import (
    IN_FLIGHT,
    KEEPALIVE_MAX_S,
    LOOPBACK,
    PACKET_BOUND,
    QUEUED_BYTES,
    Plan,
    Program,
)
from homeroute_wire.topics import ROOT

# Debian keeps daemons out of an ordinary user's PATH; Homebrew has its own places.
_BESIDE_PATH = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")


def find() -> Path | None:
    """The mosquitto on the PATH or where packages put it; None when there is none."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *_BESIDE_PATH))
    found = shutil.which("mosquitto", path=path)
    return Path(found) if found else None


def files(plan: Plan) -> Mapping[str, str]:
    """The text of every file it reads."""
    texts = {
        "mosquitto.conf": configuration(plan),
        "passwords": "".join(f"{a.name}:{a.pbkdf2}\n" for a in plan.accounts),
        "acl": access_list(plan.district),
    }
    if plan.tls is not None:
        texts |= {"server.pem": plan.tls.certificate, "server.key": plan.tls.key}
    return texts


def configuration(plan: Plan) -> str:
    """mosquitto.conf."""
    directory = plan.directory
    lines = [
        "per_listener_settings false",
        "allow_anonymous false",
        f"password_file {directory / 'passwords'}",
        f"acl_file {directory / 'acl'}",
        "allow_zero_length_clientid false",
        "persistence false",
        f"max_packet_size {PACKET_BOUND}",
        f"max_inflight_messages {IN_FLIGHT}",
        "max_queued_messages 10000",
        f"max_queued_bytes {QUEUED_BYTES}",
        f"max_keepalive {KEEPALIVE_MAX_S}",
        "set_tcp_nodelay true",
        "sys_interval 30",
        "log_dest stderr",
        "log_timestamp false",
        "log_type error",
        "log_type warning",
        "log_type notice",
        f"listener {plan.port} {LOOPBACK}",
        "use_username_as_clientid true",  # a listener's setting: it stands under each
    ]
    if plan.tls is not None:
        # Without an address mosquitto listens on IPv4 and IPv6 alike.
        everywhere = plan.tls.address == "::"
        lines += [
            f"listener {plan.tls.port}" + ("" if everywhere else f" {plan.tls.address}"),
            f"certfile {directory / 'server.pem'}",
            f"keyfile {directory / 'server.key'}",
            "tls_version tlsv1.2",  # the least; 1.3 is used where both can
            "use_username_as_clientid true",
        ]
    return "\n".join(lines) + "\n"


def access_list(district: str) -> str:
    """Who may touch which topic."""
    root = f"{ROOT}/{district}"
    return "\n".join(
        (
            f"user {COLLECTOR}",
            f"topic readwrite {root}/#",
            "topic read $SYS/broker/#",
            f"pattern write {root}/%u/batch",
            f"pattern write {root}/%u/status",
            f"pattern read {root}/%u/ack",
            f"pattern read {root}/%u/config",
            "",
        )
    )


def command(binary: Path, directory: Path) -> list[str]:
    """How to run it."""
    return [str(binary), "-c", str(directory / "mosquitto.conf")]


MOSQUITTO = Program(
    name="mosquitto",
    find=find,
    files=files,
    command=command,
    plain_beside_tls=True,
    store=None,
    unprivileged="mosquitto",
)
