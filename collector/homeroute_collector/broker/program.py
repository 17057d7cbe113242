"""What an embedded broker is to run, and how a broker program is described.

A program is found on this machine, turned from a :class:`Plan` into files and a
command line, both purely; only :mod:`embedded` starts anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from homeroute_collector.broker.credentials import Account
from homeroute_wire.batch import BATCH_BOUND

PACKET_BOUND = BATCH_BOUND + 4096
"""Bytes of one MQTT packet: the largest batch, its topic and its header."""

IN_FLIGHT = 100
"""Messages sent to one client and not yet acknowledged by it (mosquitto)."""

QUEUED_BYTES = 64 * 1024 * 1024
"""What waits for one slow client; beyond it messages are lost, and sent again by the buses."""

KEEPALIVE_MAX_S = 600
"""A client must be heard from at least this often."""

LOOPBACK = "127.0.0.1"


class BrokerError(Exception):
    """The embedded broker cannot run; the message says what to do."""


@dataclass(frozen=True, slots=True)
class TlsListener:
    """MQTT over TLS at an address, with the PEM texts of a certificate and its key."""

    address: str
    port: int
    certificate: str
    key: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a broker's configuration says.

    ``port`` is plain MQTT on loopback. ``directory`` is where its files go.
    """

    district: str
    port: int
    tls: TlsListener | None
    directory: Path
    accounts: tuple[Account, ...]


@dataclass(frozen=True, slots=True)
class Program:
    """One broker program.

    ``find`` gives its path or None. ``files`` gives the text of each file by name
    in the plan's directory. ``command`` is what to run. ``plain_beside_tls`` says
    whether it still listens on plain loopback when it listens with TLS. ``store``
    names a folder in the plan's directory to be emptied before a start.
    ``unprivileged`` is the user it is run as when we are root, if there is one.
    """

    name: str
    find: Callable[[], Path | None]
    files: Callable[[Plan], Mapping[str, str]]
    command: Callable[[Path, Path], list[str]]
    plain_beside_tls: bool
    store: str | None
    unprivileged: str | None
