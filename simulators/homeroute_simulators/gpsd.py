"""A fake gpsd: TCP, JSON, and the ways of gpsd 3.22.

VERSION at once; after ``?WATCH`` the devices, the watch, and two TPVs an
epoch, the first without ``track``. Fields are omitted, never null. A receiver
that has just started reports mode 1, then a first fix that has no time.

Guarantees: ``gpspipe -w`` reads it. Does not: fake SKY, ATT or other devices.
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime

DEVICE_PATH = "/dev/ttyACM0"
RELEASE: dict[str, object] = {
    "class": "VERSION",
    "release": "3.22",
    "rev": "3.22",
    "proto_major": 3,
    "proto_minor": 14,
}
DEVICES: dict[str, object] = {
    "class": "DEVICES",
    "devices": [{"class": "DEVICE", "path": DEVICE_PATH, "driver": "u-blox", "flags": 1}],
}
WATCH: dict[str, object] = {"class": "WATCH", "nmea": False, "raw": 0, "scaled": False}
_COMMAND = re.compile(rb"\?(\w+)(?:=(\{[^}]*\}))?[;\r\n]")
_LINE_BOUND = 4096
_WRITE_BOUND = 65_536


@dataclass(frozen=True, slots=True)
class Fix:
    """Where the antenna is. Speed in m/s, course in degrees from north, error in metres."""

    time: datetime
    lat: float
    lon: float
    speed_mps: float
    heading_deg: float
    error_m: float = 4.5


def epoch(fix: Fix | None, *, timed: bool = True) -> list[str]:
    """The JSON lines of one epoch: two TPVs, the second complete; no fix is mode 1."""
    base: dict[str, object] = {"class": "TPV", "device": DEVICE_PATH}
    if fix is None:
        return [_text(base | {"mode": 1})]
    stamp = fix.time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    first = base | {"mode": 3} | ({"time": stamp, "ept": 0.005} if timed else {})
    first |= {"lat": round(fix.lat, 9), "lon": round(fix.lon, 9), "alt": 561.2}
    if not timed:
        return [_text(first)]
    second = first | {
        "track": round(fix.heading_deg, 4),
        "speed": round(fix.speed_mps, 3),
        "climb": 0.0,
        "eph": fix.error_m,
    }
    return [_text(first), _text(second)]


class Receiver:
    """The server. ``report`` tells every watcher the present fix; ``port`` once open."""

    def __init__(self) -> None:
        self.port = 0
        self._server: asyncio.Server | None = None
        self._watchers: set[asyncio.StreamWriter] = set()
        self._clients: set[asyncio.StreamWriter] = set()
        self._epochs = 0
        self._last = epoch(None)

    async def open(self) -> None:
        """Listen on a free loopback port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_LINE_BOUND)
        self.port = self._server.sockets[0].getsockname()[1]

    @property
    def watched(self) -> bool:
        """Whether anybody watches."""
        return bool(self._watchers)

    async def close(self) -> None:
        """Hang up on everybody."""
        if self._server is not None:
            self._server.close()
            for writer in tuple(self._clients):
                writer.close()
            await self._server.wait_closed()

    def restart(self) -> None:
        """Lose the sky, or power: no fix now, and the next one is a cold start's."""
        self._epochs = 0
        self.report(None)

    def report(self, fix: Fix | None) -> None:
        """Tell the watchers. The first two epochs of a fix are the traps of a cold start."""
        self._epochs += fix is not None
        self._last = epoch(None if self._epochs == 1 else fix, timed=self._epochs > 2)
        for writer in tuple(self._watchers):
            if writer.transport.get_write_buffer_size() > _WRITE_BOUND:
                writer.close()  # gpsd, too, drops a client that does not read
                self._watchers.discard(writer)
            else:
                _write(writer, *self._last)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        _write(writer, json.dumps(RELEASE, separators=(",", ":")))
        pending = b""
        try:
            while chunk := await reader.read(_LINE_BOUND):
                pending = (pending + chunk)[-_LINE_BOUND:]
                done = 0
                for match in _COMMAND.finditer(pending):
                    self._obey(match[1].decode(), match[2] or b"{}", writer)
                    done = match.end()
                pending = pending[done:]
        except ConnectionError:
            pass
        finally:
            self._watchers.discard(writer)
            self._clients.discard(writer)
            writer.close()

    def _obey(self, command: str, argument: bytes, writer: asyncio.StreamWriter) -> None:
        match command:
            case "VERSION":
                _write(writer, _text(RELEASE))
            case "DEVICES":
                _write(writer, _text(DEVICES))
            case "WATCH":
                wanted = b'"enable":false' not in argument.replace(b" ", b"")
                watch = WATCH | {"enable": wanted, "json": wanted}
                _write(writer, _text(DEVICES), _text(watch))
                if wanted:
                    self._watchers.add(writer)
                    _write(writer, *self._last)
                else:
                    self._watchers.discard(writer)
            case "POLL":
                tpv = json.loads(self._last[-1])
                _write(writer, _text({"class": "POLL", "active": 1, "tpv": [tpv]}))
            case _:
                _write(writer, _text({"class": "ERROR", "message": "Unrecognized request"}))


def _text(report: dict[str, object]) -> str:
    return json.dumps(report, separators=(",", ":"))


def _write(writer: asyncio.StreamWriter, *lines: str) -> None:
    writer.write("".join(line + "\r\n" for line in lines).encode())
