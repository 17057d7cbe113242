"""A fake hostapd control socket: what an agent, or ``hostapd_cli``, talks to.

A unix datagram socket that answers PING, ATTACH, DETACH, STATUS, STA-FIRST,
STA-NEXT and STA as hostapd 2.10 does, and sends the attached their events.
Stations carry flags, byte counters and ``connected_time``.

Guarantees: a client that has gone is forgotten at the first send that fails,
as hostapd forgets it. Does not: fake the hundred other commands; they answer
``UNKNOWN COMMAND``.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

AUTHORIZED = "[AUTH][ASSOC][AUTHORIZED][SHORT_PREAMBLE][WMM][HT][VHT]"
_DATAGRAM_BOUND = 4096


@dataclass(slots=True)
class Station:
    """A client on the access point.

    Counters are the access point's own: ``rx_bytes`` came from the client,
    ``tx_bytes`` went to it. A station without ``authorized`` is still listed,
    as after a deauthentication.
    """

    mac: str
    connected_s: float
    authorized: bool = True
    rx_bytes: int = 0
    tx_bytes: int = 0
    signal_dbm: int = -50

    def block(self, aid: int, now_s: float) -> str:
        """As STA-FIRST and STA-NEXT print it."""
        return (
            f"{self.mac}\n"
            f"flags={AUTHORIZED if self.authorized else ''}\n"
            f"aid={aid}\ncapability=0x431\nlisten_interval=10\n"
            "supported_rates=8c 12 98 24 b0 48 60 6c\ntimeout_next=NULLFUNC POLL\n"
            f"rx_packets={self.rx_bytes // 900}\ntx_packets={self.tx_bytes // 900}\n"
            f"rx_bytes={self.rx_bytes}\ntx_bytes={self.tx_bytes}\n"
            f"inactive_msec=120\nsignal={self.signal_dbm}\n"
            f"connected_time={int(now_s - self.connected_s)}\n"
        )


class AccessPoint:
    """One interface's control socket, and the stations on it.

    ``path`` must fit a unix socket's name (some 100 bytes). ``now_s`` is a
    monotonic clock, the one stations' ``connected_s`` is on. ``told`` is called with
    the MAC of every station whose counters were printed.
    """

    def __init__(
        self,
        path: Path,
        ssid: str,
        *,
        now_s: Callable[[], float] = time.monotonic,
        told: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.path = path
        self.ssid = ssid
        self.stations: dict[str, Station] = {}
        self._now_s = now_s
        self._told = told
        self._attached: set[str | bytes] = set()
        self._socket: socket.socket | None = None

    def open(self) -> None:
        """Bind the socket and answer on the running loop."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(str(self.path))
        asyncio.get_running_loop().add_reader(self._socket, self._receive)

    def close(self) -> None:
        """Say goodbye to the attached, and unbind."""
        if self._socket is None:
            return
        self._event("CTRL-EVENT-TERMINATING")
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        self._socket = None
        self._attached.clear()
        self.path.unlink(missing_ok=True)

    def associate(self, mac: str, signal_dbm: int = -50) -> Station:
        """A client joins; the attached hear of it."""
        station = Station(mac, self._now_s(), signal_dbm=signal_dbm)
        self.stations[mac] = station
        self._event(f"AP-STA-CONNECTED {mac}")
        return station

    def disassociate(self, mac: str) -> None:
        """A client leaves; the attached hear of it."""
        if self.stations.pop(mac, None) is not None:
            self._event(f"AP-STA-DISCONNECTED {mac}")

    def chatter(self) -> None:
        """Tell the attached one of the many things that are no news to them."""
        if self._socket is not None and self.stations:
            self._event(f"AP-STA-POLL-OK {next(iter(self.stations))}")

    def answer(self, command: str) -> str:
        """The reply to one command; empty at the end of the list."""
        word, _, rest = command.partition(" ")
        match word:
            case "PING":
                return "PONG\n"
            case "STATUS":
                return self._status()
            case "STA-FIRST":
                return self._block(0)
            case "STA-NEXT" | "STA":
                macs = list(self.stations)
                if rest.lower() not in macs:
                    return "FAIL\n"
                return self._block(macs.index(rest.lower()) + (word == "STA-NEXT"))
            case "LEVEL":
                return "OK\n"
            case _:
                return "UNKNOWN COMMAND\n"

    def _status(self) -> str:
        return (
            f"state=ENABLED\nphy=phy0\nfreq=5180\nchannel=36\nbss[0]={self.path.name}\n"
            f"bssid[0]=02:00:5e:00:53:01\nssid[0]={self.ssid}\nnum_sta[0]={len(self.stations)}\n"
        )

    def _block(self, index: int) -> str:
        stations = list(self.stations.values())
        if index >= len(stations):
            return ""
        self._told(stations[index].mac)
        return stations[index].block(index + 1, self._now_s())

    def _receive(self) -> None:
        assert self._socket is not None
        while True:
            try:
                datagram, sender = self._socket.recvfrom(_DATAGRAM_BOUND)
            except OSError:
                return  # BlockingIOError: that was the last for now
            command = datagram.decode(errors="replace").strip()
            if not sender:
                continue  # a client that bound no address can be told nothing
            if command == "ATTACH":
                self._attached.add(sender)
                self._send("OK\n", sender)
            elif command == "DETACH":
                self._send("OK\n" if sender in self._attached else "FAIL\n", sender)
                self._attached.discard(sender)
            else:
                self._send(self.answer(command), sender)

    def _event(self, text: str) -> None:
        if self._socket is None:
            return  # down: nobody listens
        for listener in tuple(self._attached):
            self._send(f"<3>{text}", listener)

    def _send(self, text: str, receiver: str | bytes) -> None:
        assert self._socket is not None
        try:
            self._socket.sendto(text.encode(), receiver)
        except OSError:
            self._attached.discard(receiver)
