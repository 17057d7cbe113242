"""What tells a bus's agent of its Wi-Fi clients: two kinds of access point, one way to use them.

:class:`Socket` is hostapd on the gateway itself, asked over its control socket: a
station's counters go with the station, so that what it moved after it was last asked
about is known to nobody. :class:`Accounting` is an access point that sends RADIUS
accounting to the agent, which tells to the byte what each client moved once it leaves.

Guarantees: a bus wears one of them, so that a stay is one session. Does not: know who
rides.
"""

from __future__ import annotations

import random
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Literal

from homeroute_simulators import hostapd, radius

Kind = Literal["hostapd", "radius"]

SSID = "Bus-WiFi"
DISORDER = radius.Mischief(duplicated=0.15, reordered=0.15)
"""What a network between access point and gateway does to packets on a bad day."""


class Wifi(ABC):
    """An access point. Bytes are from the rider's side; times are the gateway's."""

    @property
    @abstractmethod
    def here(self) -> Collection[str]:
        """The MACs of the clients that are associated."""

    @property
    @abstractmethod
    def forgets(self) -> bool:
        """Whether a client's last bytes are gone with it, unless they were asked for."""

    @abstractmethod
    async def open(self) -> None:
        """Come up, with nobody associated."""

    @abstractmethod
    def close(self, *, politely: bool = True) -> None:
        """Go down, and say so; or not, as in a power cut. Nobody is associated then."""

    @abstractmethod
    def join(self, mac: str, signal_dbm: int) -> None:
        """A client associates."""

    @abstractmethod
    def leave(self, mac: str) -> None:
        """A client leaves."""

    @abstractmethod
    def move(self, mac: str, down_bytes: int, up_bytes: int) -> None:
        """A client that is here moves bytes."""

    @abstractmethod
    def advance(self) -> None:
        """A second or so has gone by."""


class Socket(Wifi):
    """hostapd's control socket. ``told`` is called with a MAC whose counters were asked for."""

    def __init__(self, path: Path, now_s: Callable[[], float], told: Callable[[str], None]) -> None:
        self.access_point = hostapd.AccessPoint(path, SSID, now_s=now_s, told=told)

    @property
    def here(self) -> Collection[str]:
        """The stations."""
        return self.access_point.stations

    @property
    def forgets(self) -> bool:
        """Yes."""
        return True

    async def open(self) -> None:
        """Bind the socket."""
        self.access_point.open()

    def close(self, *, politely: bool = True) -> None:  # noqa: ARG002 -- the kernel closes it
        """Go down."""
        self.access_point.close()
        self.access_point.stations.clear()

    def join(self, mac: str, signal_dbm: int) -> None:
        """A client associates."""
        self.access_point.associate(mac, signal_dbm)

    def leave(self, mac: str) -> None:
        """A client leaves."""
        self.access_point.disassociate(mac)

    def move(self, mac: str, down_bytes: int, up_bytes: int) -> None:
        """Count a client's bytes."""
        station = self.access_point.stations[mac]
        station.tx_bytes += down_bytes
        station.rx_bytes += up_bytes

    def advance(self) -> None:
        """Chatter."""
        self.access_point.chatter()


class Accounting(Wifi):
    """RADIUS accounting, sent to ``port`` of this machine, where the agent is to listen."""

    def __init__(self, folder: Path, rng: random.Random, now_s: Callable[[], float]) -> None:
        self.port = _free_port()
        self.secret_file = folder / "radius-secret"
        secret = f"{rng.getrandbits(128):032x}"
        self.secret_file.touch(mode=0o600)
        self.secret_file.write_text(secret + "\n", encoding="ascii")
        self.access_point = radius.AccessPoint(
            ("127.0.0.1", self.port), secret.encode(), rng, ssid=SSID, now_s=now_s
        )

    @property
    def here(self) -> Collection[str]:
        """Those with an open account."""
        return self.access_point.clients

    @property
    def forgets(self) -> bool:
        """No: its Stop tells them."""
        return False

    async def open(self) -> None:
        """Power on: Accounting-On."""
        await self.access_point.open()

    def close(self, *, politely: bool = True) -> None:
        """Stops for everyone and Accounting-Off, if politely."""
        self.access_point.close(politely=politely)

    def join(self, mac: str, signal_dbm: int) -> None:  # noqa: ARG002 -- accounting tells none
        """A Start."""
        self.access_point.associate(mac)

    def leave(self, mac: str) -> None:
        """A Stop."""
        self.access_point.disassociate(mac)

    def move(self, mac: str, down_bytes: int, up_bytes: int) -> None:
        """Count a client's bytes."""
        client = self.access_point.clients[mac]
        client.down_bytes += down_bytes
        client.up_bytes += up_bytes

    def advance(self) -> None:
        """Interims that are due, and again what nobody answered."""
        self.access_point.advance()

    def disorder(self, *, on: bool) -> None:
        """Have packets sent twice and overtaken, or no more."""
        self.access_point.mischief = DISORDER if on else radius.Mischief()


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
