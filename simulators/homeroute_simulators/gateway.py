"""A simulated gateway: the fake interfaces of one device, moved by its world each second.

Guarantees: everything above the interfaces sees what it would see on a bus:
clients come and go on the control socket, the fix moves, the radio fades, and
without coverage neither probe nor broker answers. Does not: know the agent.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from homeroute_simulators.district import Bus, Client, District
from homeroute_simulators.dnsmasq import Lease, Lookup, QueryLog, write_leases
from homeroute_simulators.gpsd import Fix, Receiver
from homeroute_simulators.hostapd import AccessPoint
from homeroute_simulators.lap import Lap
from homeroute_simulators.link import Link
from homeroute_simulators.names import TASTES, asked_for, is_blocked, lookups_per_min
from homeroute_simulators.proc import Interface, Root, Vitals
from homeroute_simulators.radio import (
    SERVICE_FLOOR_DBM,
    WEAKEST_DBM,
    Radio,
    probe_loss,
    probe_rtt_ms,
)
from homeroute_simulators.resolver import Air, Resolver

SSID = "Bus-WiFi"
WAN, LAN = "wwan0", "wlan0"
MEMORY_KIB = 1_000_000


class Gateway(ABC):
    """What buses and hotspots have in common: counters, vitals, radio, and the way to the broker.

    ``folder`` is short-lived and on a short path: it holds a unix socket.
    """

    def __init__(self, device: str, folder: Path, link: Link, rng: random.Random) -> None:
        self.device = device
        self.folder = folder
        self.link = link
        self.resolver = Resolver(Air(), rng)
        self.root = Root(folder / "root")
        self.interfaces = {WAN: Interface(), LAN: Interface()}
        self._rng = rng
        self._vitals = Vitals(rng.uniform(400, 9000), 300.0, 3000.0, MEMORY_KIB, 600_000, 48.0)
        self._cut_until_s = 0.0

    async def open(self) -> None:
        """Open every interface; ports are known afterwards."""
        await self.link.open()
        await self.resolver.open()
        self.root.write_counters(self.interfaces)
        self.root.write_vitals(self._vitals)

    async def close(self) -> None:
        """Close every interface."""
        self.resolver.close()
        await self.link.close()

    def cut(self, until_s: float) -> None:
        """Take the device out of coverage until then, wherever it is."""
        self._cut_until_s = until_s

    @abstractmethod
    def advance(self, now_s: float, step_s: float) -> None:
        """Move the world by a step. ``now_s`` is monotonic."""

    def _cover(self, signal_dbm: float, now_s: float) -> None:
        if now_s < self._cut_until_s:
            signal_dbm = SERVICE_FLOOR_DBM - 10.0
        signal = np.array([signal_dbm])
        self.resolver.air.loss = float(probe_loss(signal)[0])
        self.resolver.air.rtt_ms = float(probe_rtt_ms(signal)[0])
        if signal_dbm < SERVICE_FLOOR_DBM:
            self.link.cut()
        else:
            self.link.restore()

    def _move(self, down_bytes: int, up_bytes: int) -> None:
        self.interfaces[WAN].rx_bytes += down_bytes
        self.interfaces[WAN].tx_bytes += up_bytes
        self.interfaces[LAN].tx_bytes += down_bytes
        self.interfaces[LAN].rx_bytes += up_bytes
        self.root.write_counters(self.interfaces)

    def _live(self, step_s: float, load: float) -> None:
        old = self._vitals
        busy_s = step_s * min(1.0, 0.06 + load + self._rng.uniform(0.0, 0.05))
        self._vitals = Vitals(
            old.uptime_s + step_s,
            old.busy_s + busy_s,
            old.idle_s + step_s - busy_s,
            MEMORY_KIB,
            int(620_000 - 150_000 * load + self._rng.uniform(-8_000, 8_000)),
            47.0 + 12.0 * load + self._rng.uniform(-0.4, 0.4),
        )
        self.root.write_vitals(self._vitals)


class BusGateway(Gateway):
    """A bus on its lap; ``phase_s`` is where in the lap it starts."""

    def __init__(
        self,
        bus: Bus,
        folder: Path,
        link: Link,
        rng: random.Random,
        *,
        district: District,
        lap: Lap,
        phase_s: float,
    ) -> None:
        super().__init__(bus.device, folder, link, rng)
        self._carrier = bus.carrier
        self.access_point = AccessPoint(folder / LAN, SSID)
        self.receiver = Receiver()
        self.query_log = QueryLog(folder / "dnsmasq.log")
        self.leases_file = folder / "dnsmasq.leases"
        self._district = district
        self._radio = Radio(district)
        self._zone = ZoneInfo(district.timezone)
        self._lap = lap
        self._phase_s = phase_s
        self._leases: dict[str, Lease] = {}

    async def open(self) -> None:
        """Open every interface, those aboard already associated."""
        await super().open()
        await self.receiver.open()
        self.access_point.open()
        self._seat(self._lap.at(self._phase_s).aboard)

    async def close(self) -> None:
        """Close every interface."""
        self.access_point.close()
        await self.receiver.close()
        await super().close()

    def advance(self, now_s: float, step_s: float) -> None:
        """Drive on by a step."""
        self._phase_s += step_s
        moment = self._lap.at(self._phase_s)
        east, north = np.array([moment.east_m]), np.array([moment.north_m])
        lat, lon = self._district.projection.degrees(east, north)
        self.receiver.report(
            Fix(
                datetime.now(UTC),
                float(lat[0]) + self._rng.gauss(0.0, 1.5e-5),
                float(lon[0]) + self._rng.gauss(0.0, 1.5e-5),
                max(0.0, moment.speed_mps + self._rng.gauss(0.0, 0.15)),
                moment.heading_deg,
            )
        )
        along = np.array([moment.along_m])
        signal_dbm = float(self._radio.on_road(moment.road, along, self._carrier)[0])
        if self._lap.air_is_bad(self._phase_s):
            signal_dbm = WEAKEST_DBM
        self._cover(signal_dbm, now_s)
        self._seat(moment.aboard)
        self._use(moment.aboard, step_s)
        self._live(step_s, 0.012 * len(moment.aboard))

    def _seat(self, clients: Iterable[Client]) -> None:
        aboard = {client.mac: client for client in clients}
        for mac in [mac for mac in self.access_point.stations if mac not in aboard]:
            self.access_point.disassociate(mac)
        joined = [client for mac, client in aboard.items() if mac not in self.access_point.stations]
        for client in joined:
            # The lease comes before the first lookup, as DHCP does.
            self._leases.setdefault(
                client.mac, Lease(client.mac, f"10.77.0.{10 + len(self._leases)}", client.host_name)
            )
        if joined:
            write_leases(self.leases_file, self._leases.values(), datetime.now(UTC))
        for client in joined:
            self.access_point.associate(client.mac, self._rng.randint(-68, -38))

    def _use(self, clients: tuple[Client, ...], step_s: float) -> None:
        down, up, lookups = 0, 0, []
        for client in clients:
            taste = TASTES[client.habit]
            if self._rng.random() < lookups_per_min(client) * step_s / 60.0:
                name = asked_for(client, self._rng)
                lookups.append(Lookup(self._leases[client.mac].address, name, is_blocked(name)))
            if not self.link.covered:
                continue
            # Traffic comes in bursts: mostly nothing, now and then a page.
            got = int(taste.down_bytes_s * step_s * 6) if self._rng.random() < 1 / 6 else 0
            station = self.access_point.stations[client.mac]
            station.tx_bytes += got
            station.rx_bytes += int(got * taste.up_ratio)
            down += got
            up += int(got * taste.up_ratio)
        self.query_log.append(lookups, datetime.now(self._zone))
        self._move(down, up)


class HotspotGateway(Gateway):
    """A take-home hotspot: stands still, in good coverage, used in the evening and whenever."""

    def __init__(
        self, device: str, folder: Path, link: Link, rng: random.Random, *, daily_bytes: int
    ) -> None:
        super().__init__(device, folder, link, rng)
        self._bytes_s = daily_bytes / 86_400.0

    def advance(self, now_s: float, step_s: float) -> None:
        """Use it for a step."""
        self._cover(-96.0 + self._rng.gauss(0.0, 1.5), now_s)
        got = (
            int(self._bytes_s * step_s * 5) if self.link.covered and self._rng.random() < 0.2 else 0
        )
        self._move(got, got // 12)
        self._live(step_s, 0.05)
