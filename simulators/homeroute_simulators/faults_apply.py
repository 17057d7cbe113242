"""Makes faults happen, each at the interface where it happens on a bus.

Guarantees: the agent is not told; a fault that has begun is mended when it ends or
when it is cancelled; what it physically cost is written into the truth. Does not:
choose faults; that is :mod:`homeroute_simulators.faults`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from homeroute_simulators import faults_wire
from homeroute_simulators.agent_file import Cadence
from homeroute_simulators.faults import Fault, Kind
from homeroute_simulators.fleet_device import Device
from homeroute_simulators.gateway import BusGateway
from homeroute_simulators.sim_clock import SimClock
from homeroute_simulators.truth import Recorder
from homeroute_simulators.wifi import DISORDER, Accounting

FLAP_S = 8.0
"""A flapping modem goes and comes back within this."""

JUMP_S = 3 * 86_400.0
COLLECTOR_WRONG_MS = -10 * 86_400_000
DISK_BYTES = 1_024
"""How long a file may be on a full disk: less than any page of the spool."""

BURST_BYTES = 20_000_000
ACTIVITY_LATE_S = 4 * 60.0

COLD_S = 6.0
"""From the sky to a fix that tells the time."""

BOOT_S = 5.0
"""From power to an agent that listens, at most."""


class Wrong(Protocol):
    """A clock that can be set wrong."""

    wrong_ms: int


class Boot(Protocol):
    """Starts a device, as :meth:`Device.start` does."""

    async def __call__(self, device: Device, *, dated: bool, quiesce_s: float) -> None:
        """Return when its agent is at work."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What faults act on. ``wall`` is the collector's clock, None when it is not ours to set.

    ``boot`` starts a device. ``clone`` makes a second device with a copy of a device's
    card, not yet started.
    """

    clock: SimClock
    cadence: Cadence
    recorder: Recorder | None
    device: Callable[[str], Device]
    boot: Boot
    clone: Callable[[Device], Awaitable[Device]]
    wall: Wrong | None
    quiesce_s: float

    def lost(self, device: str, start_ms: int, end_ms: int, why: str, of: str = "") -> None:
        """Write down what nobody can report any more."""
        if self.recorder is not None and end_ms > start_ms:
            self.recorder.lost(device=device, start_ms=start_ms, end_ms=end_ms, why=why, of=of)


async def make(stage: Stage, fault: Fault) -> None:
    """Let one fault happen, from its start to its end, and record it."""
    await stage.clock.until(fault.start_ms)
    began_ms, detail = stage.clock.now_ms(), "cut short"
    try:
        detail = await APPLIED[fault.kind](stage, fault)
    finally:
        if stage.recorder is not None:
            stage.recorder.fault(
                device=fault.device,
                kind=fault.kind,
                start_ms=began_ms,
                end_ms=max(began_ms, stage.clock.now_ms()),
                detail=detail,
            )


async def _power_cut(stage: Stage, fault: Fault) -> str:
    device = stage.device(fault.device)
    await _cut(stage, device)
    try:
        await stage.clock.until(fault.end_ms)
    finally:
        await _boot(stage, device)
    return "the card was being written to"


async def _boot_1970(stage: Stage, fault: Fault) -> str:
    device = stage.device(fault.device)
    troubles = device.gateway.troubles
    await _cut(stage, device)
    troubles.gps = troubles.uncovered = True
    # The system's clock too begins in 1970, and its log is dated by it, to the second: were
    # its seconds not the world's, a lookup at a minute's edge could not be placed by anybody.
    troubles.wall_ahead_s = float(-(stage.clock.now_ms() // 1000))
    try:
        await _boot(stage, device)
        await stage.clock.until(fault.end_ms - round(COLD_S * 1000))
        troubles.gps = False  # the sky is there before the network
        await stage.clock.until(fault.end_ms)
    finally:
        troubles.gps = troubles.uncovered = False
        troubles.wall_ahead_s = 0.0
    return "no fix and no coverage to tell the date"


async def _cut(stage: Stage, device: Device) -> None:
    gateway, name = device.gateway, device.gateway.device
    gateway.power_off()
    at_ms = stage.clock.now_ms()
    kept_ms = await device.cut_power()
    cadence = stage.cadence
    memory_ms = round(cadence.batch_s * 1000)
    since_ms = at_ms - memory_ms if kept_ms is None else min(kept_ms, at_ms)
    stage.lost(name, since_ms, at_ms, "power cut before it was spooled")
    for of, held_ms in _told_late_ms(cadence):
        stage.lost(name, since_ms - held_ms, at_ms, "power cut before it was told", of)


def _told_late_ms(cadence: Cadence) -> Iterator[tuple[str, int]]:
    """How old measurements are, at most, when they are told."""
    yield "activity", round(1000 * (ACTIVITY_LATE_S + cadence.minute_s / 4))
    yield "filter", round(1000 * 2 * cadence.minute_s)
    yield "session", round(1000 * (cadence.session_interim_s + cadence.minute_s))


async def _boot(stage: Stage, device: Device) -> None:
    await device.gateway.power_on()
    at_ms = device.gateway.at_ms
    # A gateway without a battery for its clock boots in 1970.
    await stage.boot(device, dated=False, quiesce_s=stage.quiesce_s)
    for of in ("activity", "filter", "session"):
        stage.lost(device.gateway.device, at_ms, at_ms + round(BOOT_S * 1000), "booting", of)


async def _clock_jump(stage: Stage, fault: Fault) -> str:
    troubles = stage.device(fault.device).gateway.troubles
    troubles.wall_ahead_s = JUMP_S
    try:
        await stage.clock.until(fault.end_ms)
    finally:
        troubles.wall_ahead_s = 0.0
    return f"the system clock {JUMP_S:.0f} s ahead, and back"


async def _counter_wrap(stage: Stage, fault: Fault) -> str:
    gateway = stage.device(fault.device).gateway
    # The bytes that carry a counter of 32 bits over its end; see Gateway.wrap_counters.
    gateway.wan_burst_bytes += BURST_BYTES
    await stage.clock.until(fault.end_ms)
    return f"{BURST_BYTES} bytes of the gateway's own"


async def _counter_reset(stage: Stage, fault: Fault) -> str:
    stage.device(fault.device).gateway.reset_counters()
    await stage.clock.until(fault.end_ms)
    return "the WAN's counters began anew"


async def _gps_loss(stage: Stage, fault: Fault) -> str:
    troubles = stage.device(fault.device).gateway.troubles
    troubles.gps = True
    try:
        await stage.clock.until(fault.end_ms)
    finally:
        troubles.gps = False
        ended_ms = min(fault.end_ms, stage.clock.now_ms())
        stage.lost(fault.device, fault.start_ms, ended_ms, "no fix", "position")
    return "then a first fix without time"


async def _modem_flap(stage: Stage, fault: Fault) -> str:
    gateway, times = stage.device(fault.device).gateway, 0
    try:
        while stage.clock.now_ms() < fault.end_ms:
            gateway.troubles.modem = not gateway.troubles.modem
            times += gateway.troubles.modem
            if not gateway.troubles.modem:
                gateway.reset_counters()
            await stage.clock.sleep(FLAP_S / 2)
    finally:
        gateway.troubles.modem = False
        gateway.reset_counters()
    return f"gone {times} times"


async def _no_coverage(stage: Stage, fault: Fault) -> str:
    troubles = stage.device(fault.device).gateway.troubles
    troubles.uncovered = True
    try:
        await stage.clock.until(fault.end_ms)
    finally:
        troubles.uncovered = False
    return "nothing gets out"


async def _filter_off(stage: Stage, fault: Fault) -> str:
    troubles = stage.device(fault.device).gateway.troubles
    troubles.filter = True
    try:
        await stage.clock.until(fault.end_ms)
    finally:
        troubles.filter = False
    return "nothing is blocked"


async def _hostapd_restart(stage: Stage, fault: Fault) -> str:
    gateway = stage.device(fault.device).gateway
    if not isinstance(gateway, BusGateway):
        return "a hotspot's hostapd is not watched"
    await gateway.restart_wifi(up=False)
    try:
        await stage.clock.until(fault.end_ms)
    finally:
        await gateway.restart_wifi(up=True)
    return "every client had to associate anew"


async def _radius_disorder(stage: Stage, fault: Fault) -> str:
    gateway = stage.device(fault.device).gateway
    if not isinstance(gateway, BusGateway) or not isinstance(gateway.wifi, Accounting):
        return "no access point here sends accounting"
    gateway.wifi.disorder(on=True)
    try:
        await stage.clock.until(fault.end_ms)
    finally:
        gateway.wifi.disorder(on=False)
    return f"packets sent twice ({DISORDER.duplicated:.0%}), overtaken ({DISORDER.reordered:.0%})"


async def _modem_hang(stage: Stage, fault: Fault) -> str:
    gateway = stage.device(fault.device).gateway
    if not isinstance(gateway, BusGateway) or gateway.modem is None:
        return "no modem here can be asked"
    gateway.modem.hang(hanging=True)
    try:
        await stage.clock.until(fault.end_ms)
    finally:
        gateway.modem.hang(hanging=False)
    return "the modem's program prints nothing"


async def _full_disk(stage: Stage, fault: Fault) -> str:
    device = stage.device(fault.device)
    if device.pid == os.getpid():
        raise ValueError(f"{fault.device} does not run in a process of its own: its disk is ours")
    batch_ms = round(stage.cadence.batch_s * 1000)
    kept_ms = await device.kept_ms()
    began_ms = stage.clock.now_ms() - batch_ms if kept_ms is None else kept_ms
    _bound_files(device.pid, DISK_BYTES)
    try:
        await stage.clock.until(fault.end_ms)
    finally:
        _bound_files(device.pid, resource.RLIM_INFINITY)
        # At each beat of its batches it tried to keep what it had; what came after the
        # last one is still in its memory.
        at_ms = began_ms + (stage.clock.now_ms() - began_ms) // batch_ms * batch_ms
        stage.lost(fault.device, began_ms, at_ms, "the disk was full")
        # What is told late was to be put there while it was full.
        for of, held_ms in _told_late_ms(stage.cadence):
            stage.lost(fault.device, began_ms - held_ms, at_ms, "the disk was full", of)
    return f"no file could grow past {DISK_BYTES} bytes"


def _bound_files(pid: int, size: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


async def _cloned_card(stage: Stage, fault: Fault) -> str:
    clone = await stage.clone(stage.device(fault.device))
    shared = await asyncio.to_thread(clone.ledger)
    await clone.start(uptime_s=1.0, quiesce_s=stage.quiesce_s)
    try:
        await stage.clock.until(fault.end_ms)
    finally:
        ledger = await clone.stop()
    return f"its copy went on from {shared.sampled} points sampled to {ledger.sampled}"


async def _older_agent(stage: Stage, fault: Fault) -> str:
    return await _version(stage, fault, faults_wire.older, "without later fields")


async def _newer_agent(stage: Stage, fault: Fault) -> str:
    return await _version(stage, fault, faults_wire.newer, "a field and a measurement unknown here")


async def _version(stage: Stage, fault: Fault, change: faults_wire.Change, detail: str) -> str:
    link = stage.device(fault.device).gateway.link
    link.upward = lambda: faults_wire.Rewriter(change)
    link.hang_up()
    try:
        await stage.clock.until(fault.end_ms)
    finally:
        link.upward = None
        link.hang_up()
    return detail


async def _collector_clock(stage: Stage, fault: Fault) -> str:
    if stage.wall is None:
        return "the collector is not ours"
    stage.wall.wrong_ms = COLLECTOR_WRONG_MS
    try:
        await stage.clock.until(fault.end_ms)
    finally:
        stage.wall.wrong_ms = 0
    return f"off by {COLLECTOR_WRONG_MS} ms"


APPLIED: dict[Kind, Callable[[Stage, Fault], Awaitable[str]]] = {
    "power_cut": _power_cut,
    "boot_1970": _boot_1970,
    "clock_jump": _clock_jump,
    "counter_wrap": _counter_wrap,
    "counter_reset": _counter_reset,
    "gps_loss": _gps_loss,
    "modem_flap": _modem_flap,
    "no_coverage": _no_coverage,
    "filter_off": _filter_off,
    "hostapd_restart": _hostapd_restart,
    "radius_disorder": _radius_disorder,
    "modem_hang": _modem_hang,
    "full_disk": _full_disk,
    "cloned_card": _cloned_card,
    "older_agent": _older_agent,
    "newer_agent": _newer_agent,
    "collector_clock": _collector_clock,
}
"""How each is done."""


async def make_all(stage: Stage, faults: tuple[Fault, ...]) -> None:
    """Let all of them happen. Cancelled, all are mended."""
    async with asyncio.TaskGroup() as group:
        for fault in faults:
            group.create_task(make(stage, fault), name=f"fault {fault.kind} {fault.device}")
