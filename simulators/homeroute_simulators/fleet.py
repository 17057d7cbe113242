"""A fleet on this machine: the real agents, one a device, over simulated gateways.

Guarantees: agents are run as on a bus, each with its own configuration file,
credential and state folder, and know nothing of the simulation; a device
without coverage reaches neither broker nor probe target; the world moves in steps
of one simulated second, and simulated time waits for each of them to be delivered,
and for a device that boots: a slow machine makes a long run, not another one. When
it ends, everybody has got off. Does not: run a broker or a collector.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from homeroute_agent.clock import wall_clock_ms
from homeroute_agent.config import load
from homeroute_agent.spool import Ledger
from homeroute_simulators.agent_file import Cadence, bus_file, hotspot_file, spare_file
from homeroute_simulators.course import Course
from homeroute_simulators.district import Bus, District
from homeroute_simulators.faults import Fault
from homeroute_simulators.faults_apply import Stage, Wrong, make_all
from homeroute_simulators.fleet_device import Device
from homeroute_simulators.fleet_pacing import Pacing, delivered
from homeroute_simulators.fleet_wear import Wear, worn
from homeroute_simulators.gateway import BusGateway, Gateway
from homeroute_simulators.gateway_hotspot import HotspotGateway
from homeroute_simulators.link import Link
from homeroute_simulators.logbook import Logbook
from homeroute_simulators.names import write_lists
from homeroute_simulators.planned_drive import PlannedDrive
from homeroute_simulators.radio import Radio
from homeroute_simulators.roads import Shape
from homeroute_simulators.sim_clock import SimClock
from homeroute_simulators.truth import Recorder
from homeroute_simulators.truth_facts import Facts
from homeroute_simulators.wifi import SSID

MEMORY = Path("/dev/shm")  # noqa: S108 -- a folder of ours is made in it
"""Where Linux keeps files in memory; elsewhere the system's temporary folder serves."""

STEP_MS = 1_000

ALIKE_S = 10.0
"""Devices start spread over so many simulated seconds, so that they do not sample as one."""

PARKED_STEPS = 2
"""After the last drive: time for the last words to arrive. Who presses Ctrl-C where time is this
machine's own does not wait for them."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where devices would connect if the radio let them: plain MQTT on the loopback."""

    host: str
    port: int


class Fleet:
    """Every device of a district. Make it, :meth:`run` it, and :meth:`cut` as you like.

    ``drives`` are each bus's by its device, as :class:`Course` wants them: those of
    :mod:`homeroute_simulators.itinerary`. A bus without any stands all the time.
    ``state`` outlives a run (configurations, credentials, spools); ``passwords`` are by
    device. ``clock`` is simulated time, by which agents and gateways then live, and
    which begins with the run; None: this machine's. ``faults`` need a clock; ``wall``
    is the collector's own, for the fault that sets it wrong. ``recorder`` is told the
    truth. ``wears`` says, by a bus's place in the district, what it is equipped with; a
    fault that needs something else makes an exception. ``at_ms`` is the world's time so
    far, 0 before the run.
    """

    def __init__(
        self,
        district: District,
        drives: Mapping[str, Iterable[PlannedDrive]],
        *,
        state: Path,
        broker: Broker,
        passwords: Mapping[str, str],
        cadence: Cadence,
        clock: SimClock | None = None,
        rtt_scale: float = 1.0,
        faults: Sequence[Fault] = (),
        recorder: Recorder | None = None,
        wall: Wrong | None = None,
        wears: Callable[[int], Wear] = worn,
    ) -> None:
        self._district = district
        self._courses = [
            # A radio of its own: it remembers the roads it has seen, and not very many.
            Course(bus, drives.get(bus.device, ()), Radio(district), home_of(district, bus))
            for bus in district.buses
        ]
        self._state = state
        self._broker = broker
        self._passwords = passwords
        self._cadence = cadence
        self._clock = clock
        self._rtt_scale = rtt_scale
        self._faults = tuple(faults)
        self._recorder = recorder
        self._wall = wall
        self._wears = wears
        self._ending = False
        self._parked = False
        self._clock_file: Path | None = None
        self._devices: dict[str, Device] = {}
        self._lists: tuple[Path, Path] | None = None
        self._logs = Path()
        self.at_ms = 0
        self.late_ms = 0

    @property
    def devices(self) -> tuple[str, ...]:
        """Every device's id, buses first."""
        return devices(self._district)

    @property
    def dark(self) -> tuple[str, ...]:
        """The devices that have no coverage now."""
        return tuple(n for n, d in self._devices.items() if not d.gateway.link.covered)

    @property
    def driving(self) -> list[PlannedDrive]:
        """The drives under way now; none before the run."""
        now_ms = self.at_ms
        return [d for course in self._courses if (d := course.driving(now_ms)) is not None]

    def cut(self, device: str, seconds: float) -> None:
        """Take a device out of coverage for so long from now. KeyError when there is none."""
        gateway = self._devices[device].gateway
        gateway.cut(gateway.at_ms + round(seconds * 1000))

    async def run(
        self, stop: asyncio.Event, *, until_ms: int | None = None, quiesce_s: float = 5.0
    ) -> dict[str, Ledger]:
        """Drive until ``stop`` is set, or the world has reached ``until_ms``.

        Either way faults are mended and everybody gets off before the end. The agents then
        drain for up to ``quiesce_s`` of our own seconds. Returns each agent's ledger.
        Raises what an agent raises that ends by itself.
        """
        # Unix sockets need short paths, and all of this is worthless afterwards. Fakes of
        # proc are replaced each second: on a disk, beside spools that are synced, that waits.
        memory = MEMORY if os.access(MEMORY, os.W_OK | os.X_OK) else None
        runtime = Path(tempfile.mkdtemp(prefix="homeroute-", dir=memory))
        self._logs = Path(tempfile.mkdtemp(prefix="homeroute-"))
        # The world has a time of its own even where agents keep this machine's.
        clock = self._clock or SimClock(1.0, wall_clock_ms())
        self._pacing = Pacing(clock, holds=self._clock is not None)
        try:
            async with contextlib.AsyncExitStack() as stack:
                began_ms = clock.start_ms if self._clock else clock.now_ms()
                self._clock_file = runtime / "clock"
                clock.share(self._clock_file)
                for gateway in self._build(runtime, began_ms):
                    await gateway.open()
                    stack.push_async_callback(gateway.close)
                    self._devices[gateway.device] = self._device(gateway, runtime)
                self.at_ms = began_ms
                books = self._logbooks(began_ms)
                stopping = asyncio.create_task(stop.wait(), name="stop")
                working: set[asyncio.Task[object]] = {stopping}
                try:
                    await self._start(clock, quiesce_s)
                    driving = asyncio.create_task(self._drive(clock, until_ms, books), name="drive")
                    working.add(driving)
                    making: asyncio.Task[object] | None = None
                    if self._faults:
                        faults = make_all(self._stage(clock, quiesce_s), self._faults)
                        making = asyncio.create_task(faults, name="faults")
                        working.add(making)
                    await self._watch(working, driving, stopping)
                    if stopping.done():
                        await self._end_early(driving, making)
                finally:
                    for task in working:
                        task.cancel()
                    await asyncio.gather(*working, return_exceptions=True)
                    if self._parked:
                        for device in self._devices.values():
                            device.gateway.link.restore()  # whatever was wrong is mended
                    ledgers = await self._end()
                    self._pacing.end()
                for book in books:
                    book.close(self.at_ms)
                for device in self._devices.values():
                    if device.gateway.facts is not None and not device.gateway.troubles.power:
                        device.gateway.facts.power_off(device.gateway.at_ms)
                return ledgers
        finally:
            for folder in (runtime, self._logs):
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    # -- making it

    def _build(self, runtime: Path, at_ms: int) -> Iterator[Gateway]:
        district = self._district
        for index, course in enumerate(self._courses):
            device = course.bus.device
            wears = self._wears(index).with_faults(self._kinds(device))
            yield BusGateway(
                course,
                _folder(runtime, device),
                self._link(),
                random.Random(f"{district.seed} {device}"),
                district=district,
                log_folder=_folder(self._logs, device),
                wears=wears.wifi,
                modem=wears.modem,
                at_ms=at_ms,
                facts=self._facts(device, at_ms),
                rtt_scale=self._rtt_scale,
            )
        for hotspot in district.hotspots:
            yield HotspotGateway(
                hotspot.device,
                _folder(runtime, hotspot.device),
                self._link(),
                random.Random(f"{district.seed} {hotspot.device}"),
                daily_bytes=hotspot.daily_bytes,
                at_ms=at_ms,
                facts=self._facts(hotspot.device, at_ms),
                rtt_scale=self._rtt_scale,
            )

    def _facts(self, device: str, at_ms: int) -> Facts | None:
        return None if self._recorder is None else Facts(self._recorder, device, SSID, at_ms)

    def _logbooks(self, began_ms: int) -> list[Logbook]:
        if self._recorder is None:
            return []
        return [Logbook(self._recorder, course, began_ms) for course in self._courses]

    def _link(self) -> Link:
        return Link(self._broker.host, self._broker.port)

    def _device(self, gateway: Gateway, runtime: Path) -> Device:
        if isinstance(gateway, BusGateway):
            if self._lists is None:
                self._lists = write_lists(runtime)
            text = bus_file(self._district, gateway, self._cadence, *self._lists)
        else:
            text = hotspot_file(self._district, gateway, self._cadence)
        kinds = self._kinds(gateway.device)
        if "counter_wrap" in kinds:
            gateway.wrap_counters()
        own_process = self._clock_file if "full_disk" in kinds else None
        return self._configured(gateway, self._state / gateway.device, text, own_process)

    def _kinds(self, device: str) -> set[str]:
        return {fault.kind for fault in self._faults if fault.device == device}

    def _configured(
        self, gateway: Gateway, folder: Path, text: str, own_process: Path | None = None
    ) -> Device:
        folder.mkdir(parents=True, exist_ok=True)
        password = folder / "password"
        password.touch(mode=0o600)
        password.write_text(self._passwords[gateway.device] + "\n", encoding="ascii")
        file = folder / "agent.toml"
        file.write_text(text, encoding="utf-8")
        return Device(gateway, file, load(file), self._clock, own_process=own_process)

    async def _clone(self, device: Device) -> Device:
        """A spare gateway on a bench, with a copy of the device's card and nothing to watch."""
        text = spare_file(self._district, device.gateway, self._cadence)
        folder = self._state / f"{device.gateway.device}.clone"
        clone = self._configured(device.gateway, folder, text)
        image = await asyncio.to_thread(device.card.image)
        await asyncio.to_thread(clone.card.restore, image)
        return clone

    def _stage(self, clock: SimClock, quiesce_s: float) -> Stage:
        return Stage(
            clock=clock,
            cadence=self._cadence,
            recorder=self._recorder,
            device=self._devices.__getitem__,
            boot=self._pacing.boot,
            clone=self._clone,
            wall=self._wall,
            quiesce_s=quiesce_s,
        )

    # -- running it

    async def _start(self, clock: SimClock, quiesce_s: float) -> None:
        """Boot every device, some time before the world moves."""
        ahead_s = 0.0 if self._clock is None else min(ALIKE_S, self._cadence.sample_s)
        self._pacing.begin(ahead_s)
        at_ms = clock.start_ms - ahead_s * 1000
        for number, device in enumerate(self._devices.values()):
            device.gateway.stand(clock.now_ms())
            await self._pacing.boot(device, uptime_s=300.0 + number, quiesce_s=quiesce_s)
            at_ms += ahead_s * 1000 / len(self._devices)
            await self._pacing.go_on(at_ms)

    async def _drive(
        self, clock: SimClock, until_ms: int | None, books: Collection[Logbook]
    ) -> None:
        await self._pacing.arrived(self.at_ms + STEP_MS)
        while not self._ending and (until_ms is None or self.at_ms + STEP_MS <= until_ms):
            await self._step(clock, books)
        self._park()
        for _ in range(PARKED_STEPS):
            await self._step(clock, ())
        self._parked = True

    def _park(self) -> None:
        for device in self._devices.values():
            device.gateway.park()

    async def _end_early(
        self, driving: asyncio.Task[None], making: asyncio.Task[object] | None
    ) -> None:
        """End as at the end of the run: what is wrong is mended, then everybody gets off."""
        if making is not None:
            # While the world still moves: what has no power boots, and that takes time.
            making.cancel()
            await asyncio.wait([making, driving], return_when=asyncio.FIRST_COMPLETED)
        self._ending = True
        if self._clock is None:
            # A step is a second of somebody's who has pressed Ctrl-C: the world ends with this one.
            driving.cancel()
            await asyncio.wait([driving])
        if not driving.cancelled():
            await driving
            return
        self._park()
        await delivered()
        self._parked = True

    async def _step(self, clock: SimClock, books: Collection[Logbook]) -> None:
        at_ms = self.at_ms + STEP_MS
        await clock.until(at_ms)
        for device in tuple(self._devices.values()):
            device.gateway.advance(at_ms, STEP_MS / 1000)
            # A breath between devices: each has its own radio, none waits for another.
            await asyncio.sleep(0)
        self.at_ms = at_ms
        for book in books:
            book.note(at_ms)
        self.late_ms = max(self.late_ms, clock.now_ms() - at_ms)
        await self._pacing.arrived(at_ms + STEP_MS)

    async def _watch(
        self,
        working: Collection[asyncio.Task[object]],
        driving: asyncio.Task[None],
        stopping: asyncio.Task[object],
    ) -> None:
        while not (driving.done() or stopping.done()):
            await asyncio.wait(working, timeout=0.5, return_when=asyncio.FIRST_COMPLETED)
            for task in working:
                if task.done() and task is not stopping:
                    task.result()
            working = [task for task in working if not task.done()]
            if any(device.failed for device in self._devices.values()):
                return

    async def _end(self) -> dict[str, Ledger]:
        async with asyncio.TaskGroup() as group:
            ending = {
                name: group.create_task(device.stop(), name=f"end {name}")
                for name, device in self._devices.items()
            }
        return {name: task.result() for name, task in ending.items()}


def devices(district: District) -> tuple[str, ...]:
    """Every device's id, buses first."""
    buses = tuple(bus.device for bus in district.buses)
    return buses + tuple(hotspot.device for hotspot in district.hotspots)


def home_of(district: District, bus: Bus) -> Shape:
    """The road at whose first corner a bus stands that drives nothing: its first trip's."""
    every = (*district.trips, *district.later_trips)
    own = next((trip for trip in every if trip.bus.device == bus.device), None)
    return (own.route if own else district.routes[0]).shape


def _folder(runtime: Path, device: str) -> Path:
    folder = runtime / device
    folder.mkdir()
    return folder
