"""A fleet on this machine: the real agents, one a device, over simulated gateways.

Guarantees: agents are run as on a bus, each with its own configuration file,
credential and state folder, and know nothing of the simulation; a device
without coverage reaches neither broker nor probe target. Does not: run a broker
or a collector.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from homeroute_agent.activity import Thresholds
from homeroute_agent.config import Config, load
from homeroute_agent.names import load as load_names
from homeroute_agent.run import run_agent
from homeroute_agent.spool import Ledger
from homeroute_simulators.agent_file import Cadence, bus_file, hotspot_file
from homeroute_simulators.district import Bus, District
from homeroute_simulators.gateway import BusGateway, Gateway, HotspotGateway
from homeroute_simulators.lap import Lap
from homeroute_simulators.link import Link
from homeroute_simulators.names import write_lists
from homeroute_simulators.radio import SERVICE_FLOOR_DBM, Radio

STEP_S = 1.0
SOON = 4
"""Every so many buses, one starts just before a hollow, so that something happens soon."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where devices would connect if the radio let them: plain MQTT on the loopback."""

    host: str
    port: int


class Fleet:
    """Every device of a district. Make it, :meth:`run` it, and :meth:`cut` as you like.

    ``state`` outlives a run (configurations, credentials, spools); ``passwords``
    are by device.
    """

    def __init__(
        self,
        district: District,
        *,
        state: Path,
        broker: Broker,
        passwords: Mapping[str, str],
        cadence: Cadence,
    ) -> None:
        self._district = district
        self._state = state
        self._broker = broker
        self._passwords = passwords
        self._cadence = cadence
        self._gateways: dict[str, Gateway] = {}

    @property
    def devices(self) -> tuple[str, ...]:
        """Every device's id, buses first."""
        return devices(self._district)

    @property
    def dark(self) -> tuple[str, ...]:
        """The devices that have no coverage now."""
        return tuple(name for name, g in self._gateways.items() if not g.link.covered)

    def cut(self, device: str, seconds: float) -> None:
        """Take a device out of coverage for so long from now. KeyError when there is none."""
        self._gateways[device].cut(time.monotonic() + seconds)

    async def run(self, stop: asyncio.Event, *, quiesce_s: float = 5.0) -> dict[str, Ledger]:
        """Drive until ``stop`` is set; the agents then drain for up to ``quiesce_s``.

        Returns each agent's ledger.
        """
        # Unix sockets need short paths, and all of this is worthless afterwards.
        runtime = Path(tempfile.mkdtemp(prefix="homeroute-"))
        try:
            async with contextlib.AsyncExitStack() as stack:
                for gateway in self._build(runtime):
                    await gateway.open()
                    stack.push_async_callback(gateway.close)
                    self._gateways[gateway.device] = gateway
                configs = [self._configure(g, runtime) for g in self._gateways.values()]
                driving = asyncio.create_task(self._drive(), name="drive")
                try:
                    async with asyncio.TaskGroup() as group:
                        agents = {
                            config.device: group.create_task(
                                run_agent(
                                    config,
                                    stop=stop,
                                    logger=logging.getLogger(f"homeroute.agent.{config.device}"),
                                    quiesce_s=quiesce_s,
                                ),
                                name=f"agent {config.device}",
                            )
                            for config in configs
                        }
                finally:
                    driving.cancel()
                    await asyncio.gather(driving, return_exceptions=True)
                return {device: task.result() for device, task in agents.items()}
        finally:
            await asyncio.to_thread(shutil.rmtree, runtime, ignore_errors=True)

    def _build(self, runtime: Path) -> Iterator[Gateway]:
        district = self._district
        for index, bus in enumerate(district.buses):
            lap = Lap(district.route_of(bus), district.riders_of(bus))
            yield BusGateway(
                bus,
                _folder(runtime, bus.device),
                self._link(),
                random.Random(f"{district.seed} {bus.device}"),
                district=district,
                lap=lap,
                phase_s=starting_phase_s(district, index, bus, lap),
            )
        for hotspot in district.hotspots:
            yield HotspotGateway(
                hotspot.device,
                _folder(runtime, hotspot.device),
                self._link(),
                random.Random(f"{district.seed} {hotspot.device}"),
                daily_bytes=hotspot.daily_bytes,
            )

    def _link(self) -> Link:
        return Link(self._broker.host, self._broker.port)

    def _configure(self, gateway: Gateway, runtime: Path) -> Config:
        folder = self._state / gateway.device
        folder.mkdir(parents=True, exist_ok=True)
        password = folder / "password"
        password.touch(mode=0o600)
        password.write_text(self._passwords[gateway.device] + "\n", encoding="ascii")
        file = folder / "agent.toml"
        if isinstance(gateway, BusGateway):
            learning, categories = write_lists(runtime)
            text = bus_file(self._district, gateway, self._cadence, learning, categories)
        else:
            text = hotspot_file(self._district, gateway, self._cadence)
        file.write_text(text, encoding="utf-8")
        return load(file)

    async def _drive(self) -> None:
        last_s = time.monotonic()
        while True:
            await asyncio.sleep(STEP_S)
            now_s = time.monotonic()
            for gateway in self._gateways.values():
                gateway.advance(now_s, now_s - last_s)
                # A breath between devices: each has its own radio, none waits for another.
                await asyncio.sleep(0)
            last_s = now_s


def devices(district: District) -> tuple[str, ...]:
    """Every device's id, buses first."""
    buses = tuple(bus.device for bus in district.buses)
    return buses + tuple(hotspot.device for hotspot in district.hotspots)


def definition() -> str:
    """The definition of activity that the fleet's lists make."""
    with tempfile.TemporaryDirectory(prefix="homeroute-") as folder:
        learning, categories = write_lists(Path(folder))
        return load_names(categories, learning).definition(str(Thresholds()))


def starting_phase_s(district: District, index: int, bus: Bus, lap: Lap) -> float:
    """Where in its lap a bus starts: spread out, some of them just before a hollow."""
    if index % SOON:
        return lap.duration_s * index / len(district.buses)
    route = district.route_of(bus)
    along = np.arange(0.0, route.shape.length_m, 10.0)
    dead = along[
        Radio(district).signal_dbm(*route.shape.at(along), bus.carrier) < SERVICE_FLOOR_DBM
    ]
    if not len(dead):
        return 0.0
    ahead_m = route.cruise_mps * (8.0 + 3.0 * index)
    return lap.inbound_phase_s(max(0.0, float(dead[0]) - ahead_m))


def _folder(runtime: Path, device: str) -> Path:
    folder = runtime / device
    folder.mkdir()
    return folder
