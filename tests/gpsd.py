"""A real gpsd, fed NMEA sentences over loopback: a receiver that is wherever a test says."""

from __future__ import annotations

import datetime
import socket
import threading
from dataclasses import dataclass
from pathlib import Path

from tests.servers import Server, answers, pick_port

_PERIOD_S = 0.2
_KNOTS_PER_MPS = 3600 / 1852


@dataclass(frozen=True, slots=True)
class Fix:
    """Where a receiver says it is. ``speed_mps`` over ground, ``heading_deg`` from north."""

    lat: float
    lon: float
    speed_mps: float = 0.0
    heading_deg: float = 0.0


class Gpsd(Server):
    """gpsd reading a receiver of ours that speaks five times a second, dated now.

    Before the first :meth:`drive`, and after :meth:`lose`, it has no fix.
    """

    def __init__(self, folder: Path) -> None:
        self.address = ""
        self._fix: Fix | None = None
        self._over = threading.Event()
        self._feed = socket.create_server(("127.0.0.1", 0))
        self._feed.settimeout(0.2)
        feed_port = self._feed.getsockname()[1]
        port = pick_port()
        self.address = f"127.0.0.1:{port}"
        # -N stay in front, -n read the receiver at once, -S our port; without -G, loopback only.
        argv = ["gpsd", "-N", "-n", "-S", str(port), f"tcp://127.0.0.1:{feed_port}"]
        super().__init__(argv, folder, lambda: answers(port), port=port)
        self._thread = threading.Thread(target=self._speak, name="nmea", daemon=True)

    def start(self) -> None:
        """As a server; the receiver speaks from the first start on."""
        if not self._thread.is_alive():
            self._thread.start()
        super().start()

    def drive(self, fix: Fix) -> None:
        """Be here from now on."""
        self._fix = fix

    def lose(self) -> None:
        """Drive into a tunnel."""
        self._fix = None

    def close(self) -> None:
        """Stop gpsd and the receiver."""
        self.stop()
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(5)
        self._feed.close()

    def _speak(self) -> None:
        while not self._over.is_set():
            try:
                reader, _ = self._feed.accept()
            except TimeoutError:
                continue
            with reader:
                while not self._over.wait(_PERIOD_S):
                    try:
                        reader.sendall(sentences(self._fix, datetime.datetime.now(datetime.UTC)))
                    except OSError:
                        break


def sentences(fix: Fix | None, now: datetime.datetime) -> bytes:
    """One epoch of NMEA 0183: RMC and GGA, with correct checksums."""
    clock, day = now.strftime("%H%M%S.") + f"{now.microsecond // 10000:02d}", now.strftime("%d%m%y")
    if fix is None:
        lines = [f"GPRMC,{clock},V,,,,,,,{day},,,N", f"GPGGA,{clock},,,,,0,00,99.9,,,,,,"]
    else:
        here = f"{_angle(fix.lat, 'N', 'S', 2)},{_angle(fix.lon, 'E', 'W', 3)}"
        knots = fix.speed_mps * _KNOTS_PER_MPS
        lines = [
            f"GPRMC,{clock},A,{here},{knots:.2f},{fix.heading_deg:.2f},{day},,,A",
            f"GPGGA,{clock},{here},1,09,0.9,200.0,M,-27.0,M,,",
            "GPGSA,A,3,01,02,03,04,05,06,07,08,09,,,,1.5,0.9,1.2",
        ]
    return "".join(f"${line}*{_checksum(line):02X}\r\n" for line in lines).encode("ascii")


def _angle(degrees: float, positive: str, negative: str, width: int) -> str:
    whole = int(abs(degrees))
    minutes = (abs(degrees) - whole) * 60
    return f"{whole:0{width}d}{minutes:08.5f},{positive if degrees >= 0 else negative}"


def _checksum(line: str) -> int:
    total = 0
    for byte in line.encode("ascii"):
        total ^= byte
    return total
