"""A simulated gateway: the fake interfaces of one device, moved by its world step by step.

Guarantees: everything above the interfaces sees what it would see on a bus:
clients come and go on the control socket, the fix moves, the radio fades, and
without coverage neither probe nor broker answers. Its time is what the steps say,
so the same steps make the same day. Does not: know the agent, or any clock.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from homeroute_simulators.course import Course
from homeroute_simulators.district import Client, District
from homeroute_simulators.dnsmasq import Lease, Lookup, QueryLog, write_leases
from homeroute_simulators.gpsd import Fix, Receiver
from homeroute_simulators.link import Link
from homeroute_simulators.modem import Cell, ModemProgram
from homeroute_simulators.names import TASTES, asked_for, is_blocked, lookups_per_min
from homeroute_simulators.proc import Interface, Root, Vitals
from homeroute_simulators.radio import (
    GOOD_DBM,
    SERVICE_FLOOR_DBM,
    WEAKEST_DBM,
    probe_loss,
    probe_rtt_ms,
    rsrq_db,
    sinr_db,
)
from homeroute_simulators.resolver import Air, Resolver
from homeroute_simulators.troubles import Troubles
from homeroute_simulators.truth_facts import Facts
from homeroute_simulators.wifi import Accounting, Kind, Socket, Wifi

WAN, LAN = "wwan0", "wlan0"
UNKNOWN = "unknown"
"""The carrier of a device that was not told: take-home hotspots are not."""
MEMORY_KIB = 1_000_000
COUNTER = 2**32
"""Where the counters of a gateway with a 32-bit kernel begin anew."""

USABLE_RTT_MS, CONNECTED_RTT_MS = (0.0, 40.0), (310.0, 320.0)
"""Where truth is told: the shortest and the longest round trip in those states. A busy
machine only ever makes them longer: each is as far below its limit as it can be."""

DEPOT_DBM = -80.0
HELLO_BYTES = 24
"""A broker's own words to who connects and subscribes are fewer."""

SHOWN_EVERY_S = 10
"""A modem refreshes its figures so often."""


class Gateway(ABC):
    """What buses and hotspots have in common: counters, vitals, radio, and the way to the broker.

    ``folder`` is short-lived and on a short path: it holds a unix socket. ``at_ms``
    is the world's time, ms since 1970. With ``facts`` it tells the truth, and the
    uplink does exactly what the truth says: a probe is lost only without service.
    Round trips are ``rtt_scale`` times shorter than the world's.
    """

    def __init__(
        self,
        device: str,
        folder: Path,
        link: Link,
        rng: random.Random,
        *,
        at_ms: int,
        facts: Facts | None = None,
        rtt_scale: float = 1.0,
    ) -> None:
        self.device = device
        self.carrier: str = UNKNOWN
        self.at_ms = at_ms
        self.facts = facts
        self.troubles = Troubles()
        self.wan_burst_bytes = 0
        self._counters_wrap = False
        self.folder = folder
        self.link = link
        self.resolver = Resolver(Air(), rng)
        self.root = Root(folder / "root")
        self.interfaces = {WAN: Interface(), LAN: Interface()}
        self._rng = rng
        self._vitals = Vitals(rng.uniform(400, 9000), 300.0, 3000.0, MEMORY_KIB, 600_000, 48.0)
        self._rtt_scale = rtt_scale
        self._cut_until_ms = 0
        self._signal_dbm = DEPOT_DBM

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

    def cut(self, until_ms: int) -> None:
        """Take the device out of coverage until then, wherever it is."""
        self._cut_until_ms = until_ms

    def advance(self, at_ms: int, step_s: float) -> None:
        """Move the world by a step, to ``at_ms``. Without power only the world moves."""
        self.at_ms = at_ms
        self._step(step_s)
        if self.facts is not None and not self.troubles.power:
            self.facts.tick(at_ms)

    def power_off(self) -> None:
        """Lose power: nothing of the device answers any more."""
        self.troubles.power = True
        self.link.cut()
        if self.facts is not None:
            self.facts.power_off(self.at_ms)

    async def power_on(self) -> None:
        """Boot: counters and uptime begin at nothing, and the receiver is cold."""
        self.resolver.asked = self.link.heard = 0
        self.troubles.power = False
        self.interfaces = {WAN: Interface(), LAN: Interface()}
        self._vitals = Vitals(0.0, 1.0, 1.0, MEMORY_KIB, 600_000, 40.0)
        self.root.write_counters(self.interfaces)
        self.root.write_vitals(self._vitals)
        if self.facts is not None:
            self.facts.power_on(self.at_ms)
        self._cover(self._signal_dbm)

    def wrap_counters(self) -> None:
        """Have counters of 32 bits, the WAN's just before their end. Before an agent reads them."""
        self._counters_wrap = True
        self.interfaces[WAN].rx_bytes = COUNTER - 5_000_000
        self.root.write_counters(self.interfaces)

    def reset_counters(self) -> None:
        """The modem comes up anew: the WAN's counters begin at nothing."""
        self.interfaces[WAN].rx_bytes = self.interfaces[WAN].tx_bytes = 0

    def park(self) -> None:  # noqa: B027 -- a device that does not move has nothing to do
        """The drive is over: whoever is aboard gets off, and nothing happens any more."""

    def stand(self, at_ms: int) -> None:
        """It is on and has service from then, though its world moves only later."""
        if self.facts is not None:
            self.facts.service(at_ms, 2)

    @property
    def watched(self) -> bool:
        """Whether its agent is up: it looks, and has heard the collector if it can."""
        return self.resolver.asked > 0 and (not self.link.covered or self.link.heard > HELLO_BYTES)

    @property
    def wall(self) -> datetime:
        """The device's own system clock, right or wrong."""
        return datetime.fromtimestamp(self.at_ms / 1000 + self.troubles.wall_ahead_s, UTC)

    @abstractmethod
    def _step(self, step_s: float) -> None:
        """Move the world by a step that ends now."""

    def _cover(self, signal_dbm: float) -> None:
        self._signal_dbm = signal_dbm
        troubles, air = self.troubles, self.resolver.air
        if self.at_ms < self._cut_until_ms or troubles.uncovered or troubles.modem:
            signal_dbm = SERVICE_FLOOR_DBM - 10.0
        signal = np.array([signal_dbm])
        rtt_ms, air.loss = float(probe_rtt_ms(signal)[0]), float(probe_loss(signal)[0])
        if self.facts is not None:
            state = 0 if signal_dbm < SERVICE_FLOOR_DBM else 2 if signal_dbm >= GOOD_DBM else 1
            least_ms, most_ms = USABLE_RTT_MS if state == 2 else CONNECTED_RTT_MS
            air.least_ms, air.most_ms = least_ms / self._rtt_scale, most_ms / self._rtt_scale
            air.loss = 0.0 if state else 1.0
            self.facts.service(self.at_ms, state)
        air.rtt_ms = rtt_ms / self._rtt_scale
        if signal_dbm < SERVICE_FLOOR_DBM:
            self.link.cut()
        else:
            self.link.restore()

    def _move(self, down_bytes: int, up_bytes: int) -> None:
        burst, self.wan_burst_bytes = self.wan_burst_bytes, 0
        wan, lan = self.interfaces[WAN], self.interfaces[LAN]
        wan.rx_bytes += down_bytes + burst
        wan.tx_bytes += up_bytes
        lan.tx_bytes += down_bytes
        lan.rx_bytes += up_bytes
        if self._counters_wrap:
            for interface in (wan, lan):
                interface.rx_bytes %= COUNTER
                interface.tx_bytes %= COUNTER
        there = {LAN: lan} if self.troubles.modem else self.interfaces
        self.root.write_counters(there)

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
    """A bus on its course. Its gateway has power for as long as it is there, also between drives.

    ``log_folder`` holds what only grows, and programs; by default ``folder``. ``wears``
    is what tells of its clients; ``modem``: there is one that can be asked.
    """

    def __init__(
        self,
        course: Course,
        folder: Path,
        link: Link,
        rng: random.Random,
        *,
        district: District,
        log_folder: Path | None = None,
        wears: Kind = "hostapd",
        modem: bool = False,
        at_ms: int,
        facts: Facts | None = None,
        rtt_scale: float = 1.0,
    ) -> None:
        bus = course.bus
        super().__init__(
            bus.device, folder, link, rng, at_ms=at_ms, facts=facts, rtt_scale=rtt_scale
        )
        self.carrier = bus.carrier
        self.course = course
        now_s = lambda: self.at_ms / 1000  # noqa: E731 -- its only clock
        self.wifi: Wifi = (
            Accounting(folder, rng, now_s)
            if wears == "radius"
            else Socket(folder / LAN, now_s, self._told)
        )
        self.receiver = Receiver()
        log_folder = log_folder or folder
        self.query_log = QueryLog(log_folder / "dnsmasq.log")
        self.modem = ModemProgram(log_folder / "modem", "mmcli") if modem else None
        self.leases_file = folder / "dnsmasq.leases"
        self._district = district
        self._zone = ZoneInfo(district.timezone)
        self._leases: dict[str, Lease] = {}
        self._parked = False

    async def open(self) -> None:
        """Open every interface. Those aboard associate with the first step.

        Not before: an agent that boots ahead of the world would know of them before the
        truth does.
        """
        await super().open()
        await self.receiver.open()
        await self.wifi.open()
        # Looking at a road for the first time takes long: before there is anyone to wait.
        self.course.air(self.at_ms)

    async def close(self) -> None:
        """Close every interface."""
        self.wifi.close(politely=False)
        await self.receiver.close()
        await super().close()

    def power_off(self) -> None:
        """Lose power: the clients lose their access point, and the log its writer."""
        super().power_off()
        self.wifi.close(politely=False)
        self.receiver.restart()

    async def power_on(self) -> None:
        """Boot; clients associate again with the next step."""
        await self.wifi.open()
        await super().power_on()

    async def restart_wifi(self, *, up: bool) -> None:
        """The access point goes down, or comes up again: every client has to associate anew."""
        if up:
            await self.wifi.open()  # and only then may anybody associate
        self.troubles.hostapd = not up
        if up:
            return
        clients = list(self.wifi.here)
        self.wifi.close()
        if self.facts is not None:
            for mac in clients:
                self.facts.left(mac, self.at_ms, forgotten=self.wifi.forgets)
            self.facts.parted(self.at_ms)

    def park(self) -> None:
        """Everybody gets off, and the bus stands in its depot, where there is service."""
        self._parked = True
        self._seat(())

    @property
    def watched(self) -> bool:
        """The same, and at where it is."""
        return super().watched and self.receiver.watched

    def _told(self, mac: str) -> None:
        if self.facts is not None:
            self.facts.told(mac)

    def _step(self, step_s: float) -> None:
        moment = self.course.moment(self.at_ms)
        if self.troubles.power:
            return
        east, north = np.array([moment.east_m]), np.array([moment.north_m])
        lat, lon = self._district.projection.degrees(east, north)
        fix = Fix(
            datetime.fromtimestamp(self.at_ms / 1000, UTC),
            float(lat[0]) + self._rng.gauss(0.0, 1.5e-5),
            float(lon[0]) + self._rng.gauss(0.0, 1.5e-5),
            max(0.0, moment.speed_mps + self._rng.gauss(0.0, 0.15)),
            moment.heading_deg,
        )
        if self.troubles.gps:
            self.receiver.restart()
        else:
            self.receiver.report(fix)
        signal_dbm, bad = self.course.air(self.at_ms)
        if self._parked:
            signal_dbm, bad = DEPOT_DBM, False
        self._cover(WEAKEST_DBM if bad else signal_dbm)
        self._show(signal_dbm)
        aboard = () if self.troubles.hostapd or self._parked else moment.aboard
        self._seat(aboard)
        self._use(aboard, step_s)
        self.wifi.advance()
        self._live(step_s, 0.012 * len(aboard))

    def _show(self, signal_dbm: float) -> None:
        """What the modem hears, as often as it looks."""
        if self.modem is None or self.at_ms // 1000 % SHOWN_EVERY_S:
            return
        signal = np.array([signal_dbm])
        cell = Cell(signal_dbm, rsrq_db(signal)[0], sinr_db(signal)[0], carrier=self.carrier)
        self.modem.show(cell if self.link.covered else None)

    def _seat(self, clients: Iterable[Client]) -> None:
        aboard = {client.mac: client for client in clients}
        for mac in [mac for mac in self.wifi.here if mac not in aboard]:
            self.wifi.leave(mac)
            if self.facts is not None:
                self.facts.left(mac, self.at_ms, forgotten=self.wifi.forgets)
        joined = [client for mac, client in aboard.items() if mac not in self.wifi.here]
        for client in joined:
            # The lease comes before the first lookup, as DHCP does.
            known = len(self._leases)
            address = f"10.77.{known // 240}.{10 + known % 240}"
            self._leases.setdefault(client.mac, Lease(client.mac, address, client.host_name))
        if joined:
            write_leases(self.leases_file, self._leases.values(), self.wall)
        for client in joined:
            self.wifi.join(client.mac, self._rng.randint(-68, -38))
            if self.facts is not None:
                self.facts.joined(client.mac, self.at_ms)

    def _use(self, clients: tuple[Client, ...], step_s: float) -> None:
        down, up, lookups = 0, 0, []
        for client in clients:
            taste = TASTES[client.habit]
            if self._rng.random() < lookups_per_min(client) * step_s / 60.0:
                name = asked_for(client, self._rng)
                blocked = is_blocked(name) and not self.troubles.filter
                lookups.append(Lookup(self._leases[client.mac].address, name, blocked))
                if self.facts is not None:
                    self.facts.asked(client.mac, self.at_ms, name, blocked=blocked)
            if not self.link.covered:
                continue
            # Traffic comes in bursts: mostly nothing, now and then a page.
            got = int(taste.down_bytes_s * step_s * 6) if self._rng.random() < 1 / 6 else 0
            self.wifi.move(client.mac, got, int(got * taste.up_ratio))
            down += got
            up += int(got * taste.up_ratio)
            if got and self.facts is not None:
                self.facts.moved(client.mac, self.at_ms, got, int(got * taste.up_ratio))
        self.query_log.append(lookups, self.wall.astimezone(self._zone))
        self._move(down, up)
