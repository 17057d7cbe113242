"""Presence: what the collector believes of each device, from what it last heard.

Guarantees: pure and without a clock of its own (callers pass the time); points
received more than 180 s after their event never change the live state; silence
counts only while the collector itself was listening, so that its own restart or
a lost broker never makes a fleet look offline.

Does not: know MQTT, the archive or the timetable, which is told as a
:class:`~homeroute_collector.schedule.Schedule`.

How a state is reached:

- ``retired``: said by people, whatever is heard.
- ``unknown``: never heard, though the fleet table names it or its birth is kept, or
  silent while the collector was not listening.
- *absent*: silent for more than 3 batch intervals (the device's birth tells
  the interval), or dead for one interval without being heard again: a bus that
  drops out for half a minute does not flap. What an absence is called,
  ``offline``, ``parked`` or ``unscheduled``, the timetable decides
  (:mod:`homeroute_collector.presence_absence`).
- ``degraded``: reporting, but no uplink was usable at the newest sample, or the
  backlog on the device is growing. ``online``: reporting, and neither. A change
  between these two needs two consecutive batches that agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeVar

from homeroute_collector.presence_absence import (
    HOTSPOT_SILENT_MS,
    STATES,
    Absence,
    State,
    absent,
)
from homeroute_collector.presence_report import (
    AgentSeen,
    FilterSeen,
    HealthSeen,
    Report,
    Sighting,
    UplinkSeen,
    WifiSeen,
)
from homeroute_collector.schedule import Schedule
from homeroute_wire.measurements import UPLINK_USABLE
from homeroute_wire.messages import Status

__all__ = ["STATES", "Change", "Device", "Presence", "State", "level"]

SILENT_BATCHES = 3
"""Batch intervals of silence after which a device is offline (DESIGN section 6)."""

DEATH_BATCHES = 1
"""Batch intervals a death is given to be contradicted before it counts."""

AGREEING_REPORTS = 2
"""Consecutive batches that must agree before online and degraded change places."""

BACKLOG_REPORTS = 4
"""Agent reports over which a backlog must grow each time to be called growing."""

FILTER_CHECK_MS = 2 * 3_600_000
"""A filter is checked hourly: a check older than two of them says nothing of now."""

STREAMS_KEPT = 8
"""Runs of a device's agent that are remembered, to know an older one that comes back."""

BACKFILL_SHOWN_MS = 10_000
"""A backfill is called one for at least this long, so that a short one can be seen."""

Seen = TypeVar("Seen", bound=Sighting)

_LEVELS: dict[State, int] = {"offline": 0, "unknown": 0, "degraded": 1, "online": 2}


def level(state: State) -> int:
    """The number dashboards draw: 0 offline or unknown, 1 degraded, 2 online, else 3."""
    return _LEVELS.get(state, 3)


@dataclass(frozen=True, slots=True)
class Device:
    """One device as last heard.

    Times are ms since 1970 by the collector's clock, but ``newest_ms``, the
    newest live point's own time. ``late_ms`` is when a batch of the past last came.
    ``twin_ms`` is when an older run of its agent was last born again after a newer
    one: no agent does that, so two devices share the name.
    """

    device: str
    kind: str = ""
    state: State = "unknown"
    state_since_ms: int = 0
    batch_s: float = 60.0
    stream: str = ""
    version: str = ""
    heard_ms: int | None = None
    died_ms: int | None = None
    newest_ms: int | None = None
    late_ms: int | None = None
    quality: State = "online"
    dissent: int = 0
    uplinks: tuple[UplinkSeen, ...] = ()
    wifi: tuple[WifiSeen, ...] = ()
    agents: tuple[AgentSeen, ...] = ()
    health: HealthSeen | None = None
    filters: tuple[FilterSeen, ...] = ()
    streams: tuple[str, ...] = ()
    twin_ms: int | None = None

    @property
    def silence_ms(self) -> int:
        """Silence longer than this is an absence."""
        return int(SILENT_BATCHES * self.batch_s * 1000)

    @property
    def live(self) -> bool:
        """Whether the device is reporting now."""
        return self.state in ("online", "degraded")

    @property
    def uplink(self) -> UplinkSeen | None:
        """The best of the device's uplinks at its newest sample."""
        return max(self.uplinks, key=lambda seen: (seen.state, seen.time_ms), default=None)

    @property
    def clients(self) -> int | None:
        """Clients present over all student SSIDs; None when never told."""
        return sum(seen.clients for seen in self.wifi) if self.wifi else None

    def age_s(self, now_ms: int) -> float | None:
        """Seconds since the newest live point; None when there was none."""
        return None if self.newest_ms is None else max(0.0, (now_ms - self.newest_ms) / 1000)

    def backfilling(self, now_ms: int) -> bool:
        """Whether batches older than the newest are arriving: a hole is being filled."""
        shown_ms = max(self.silence_ms, BACKFILL_SHOWN_MS)
        return self.late_ms is not None and now_ms - self.late_ms <= shown_ms


@dataclass(frozen=True, slots=True)
class Change:
    """A device went from one state to another."""

    device: str
    before: State
    after: State


def born(device: Device, status: Status, now_ms: int, *, retained: bool) -> Device:
    """A birth.

    A retained one tells what the device is, not that it is there now: a broker
    that was down when the device died still holds its birth.
    """
    heard_ms = device.heard_ms if retained else now_ms
    again = not retained and status.stream != device.stream and status.stream in device.streams
    streams = (*(s for s in device.streams if s != status.stream), status.stream)
    return replace(
        device,
        kind=status.kind or device.kind,
        version=status.version or device.version,
        stream=status.stream,
        batch_s=status.batch_s,
        heard_ms=heard_ms,
        died_ms=None,
        streams=streams[-STREAMS_KEPT:],
        twin_ms=now_ms if again else device.twin_ms,
    )


def died(device: Device, status: Status, now_ms: int) -> Device:
    """A death; that of another agent run than the newest born is ignored."""
    if device.stream and status.stream != device.stream:
        return device
    return replace(device, died_ms=now_ms)


def reported(device: Device, report: Report) -> Device:
    """A committed batch."""
    device = replace(device, kind=report.kind or device.kind)
    # A device sends its newest batch first: whatever is older than that fills a hole.
    behind = report.newest_ms is not None and report.newest_ms < (device.newest_ms or 0)
    if report.historical or behind:
        device = replace(device, late_ms=report.received_ms)
    if report.newest_ms is None:
        return device
    newest_ms = max(report.newest_ms, device.newest_ms or 0)
    horizon_ms = newest_ms - device.silence_ms
    alive = device.died_ms is None or report.received_ms > device.died_ms
    agents = (*device.agents, *report.agents)[-BACKLOG_REPORTS:]
    after_silence = (
        device.newest_ms is None
        or device.heard_ms is None
        or report.received_ms - device.heard_ms > device.silence_ms
    )
    device = replace(
        device,
        version=agents[-1].version if agents else device.version,
        heard_ms=max(report.received_ms, device.heard_ms or 0),
        died_ms=None if alive else device.died_ms,
        newest_ms=newest_ms,
        uplinks=_newest(device.uplinks, report.uplinks, horizon_ms),
        wifi=_newest(device.wifi, report.wifi, horizon_ms),
        agents=agents,
        health=max(
            (seen for seen in (device.health, *report.health) if seen is not None),
            key=lambda seen: seen.time_ms,
            default=None,
        ),
        filters=_newest(device.filters, report.filters, newest_ms - FILTER_CHECK_MS),
    )
    return _judged(device, at_once=after_silence)


def ticked(
    device: Device,
    now_ms: int,
    listening_since_ms: int | None,
    schedule: Schedule | None = None,
    hotspot_silent_ms: int = HOTSPOT_SILENT_MS,
) -> Device:
    """The state at ``now_ms``.

    ``listening_since_ms``: since when the collector has heard its broker without
    a break; None while it does not. ``schedule``: None where nobody has told one.
    """
    state = _state(device, now_ms, listening_since_ms, schedule, hotspot_silent_ms)
    if state == device.state:
        return device
    return replace(device, state=state, state_since_ms=now_ms, dissent=0)


def _state(
    device: Device,
    now_ms: int,
    listening_since_ms: int | None,
    schedule: Schedule | None,
    hotspot_silent_ms: int,
) -> State:
    if device.state == "retired" if schedule is None else device.device in schedule.retired:
        return "retired"
    dead = device.died_ms is not None and now_ms - device.died_ms >= _death_ms(device)
    heard_ms = device.heard_ms
    if not dead:
        if heard_ms is None:
            return "unknown"
        if now_ms - heard_ms <= device.silence_ms:
            return device.quality
    listened = listening_since_ms is not None and now_ms - listening_since_ms > device.silence_ms
    absence = Absence(
        device=device.device,
        kind=device.kind,
        since_ms=(device.died_ms if dead else heard_ms) or 0,
        limit_ms=_death_ms(device) if dead else device.silence_ms,
        listened=dead or listened,
        before=device.state,
    )
    return absent(absence, now_ms, schedule, hotspot_silent_ms)


def _death_ms(device: Device) -> int:
    return int(DEATH_BATCHES * device.batch_s * 1000)


def _judged(device: Device, *, at_once: bool) -> Device:
    uplink = device.uplink
    unusable = uplink is not None and uplink.state < UPLINK_USABLE
    reading: State = "degraded" if unusable or backlog_grows(device.agents) else "online"
    if reading == device.quality:
        return replace(device, dissent=0)
    if not at_once and device.dissent + 1 < AGREEING_REPORTS:
        return replace(device, dissent=device.dissent + 1)
    return replace(device, quality=reading, dissent=0)


def backlog_grows(agents: tuple[AgentSeen, ...]) -> bool:
    """Whether the device gathers faster than it can send.

    That is: the spool grew in each of the last reports, and by at least half of
    what was sampled meanwhile. Less is the batch being gathered.
    """
    if len(agents) < BACKLOG_REPORTS:
        return False
    spooled = [seen.spooled for seen in agents]
    grew = spooled[-1] - spooled[0]
    sampled = agents[-1].sampled - agents[0].sampled
    rising = all(after > before for before, after in pairwise(spooled))
    return rising and sampled > 0 and grew * 2 >= sampled


def _newest(old: tuple[Seen, ...], new: tuple[Seen, ...], horizon_ms: int) -> tuple[Seen, ...]:
    newest = {seen.series: seen for seen in sorted((*old, *new), key=lambda seen: seen.time_ms)}
    return tuple(seen for seen in newest.values() if seen.time_ms >= horizon_ms)


class Presence:
    """All known devices. ``now_ms`` is the collector's clock.

    Not shared between threads.
    """

    def __init__(
        self, now_ms: Callable[[], int], *, hotspot_silent_ms: int = HOTSPOT_SILENT_MS
    ) -> None:
        self.schedule: Schedule | None = None
        """The timetable around now; whoever knows it sets it anew. None: not told."""
        self._now_ms = now_ms
        self._hotspot_silent_ms = hotspot_silent_ms
        self._devices: dict[str, Device] = {}
        self._never_heard: set[str] = set()
        self._listening_since_ms: int | None = None

    @property
    def devices(self) -> Mapping[str, Device]:
        """Every known device by name."""
        return self._devices

    def restore(self, devices: Iterable[Device]) -> None:
        """Begin where the archive says the last run ended."""
        for device in devices:
            self._devices.setdefault(device.device, device)

    def listening(self, connected: bool) -> None:
        """The connection to the broker came up or was lost."""
        if not connected:
            self._listening_since_ms = None
        elif self._listening_since_ms is None:
            self._listening_since_ms = self._now_ms()

    def heard(self, name: str, status: Status, *, retained: bool = False) -> None:
        """A birth or a death arrived."""
        now_ms = self._now_ms()
        device = self._known(name)
        if status.state == "online":
            self._devices[name] = born(device, status, now_ms, retained=retained)
        else:
            self._devices[name] = died(device, status, now_ms)

    def reported(self, name: str, report: Report) -> None:
        """A batch of the device was committed."""
        self._devices[name] = reported(self._known(name), report)

    def tick(self) -> list[Change]:
        """Bring every state up to now; says which changed."""
        now_ms = self._now_ms()
        if self.schedule is not None:
            self._list_installed(self.schedule)
        changes = []
        for name, before in self._devices.items():
            after = ticked(
                before, now_ms, self._listening_since_ms, self.schedule, self._hotspot_silent_ms
            )
            if after is not before:
                self._devices[name] = after
                changes.append(Change(name, before.state, after.state))
        return changes

    def _list_installed(self, schedule: Schedule) -> None:
        """Who is installed and silent is to be seen, until people say that it is not there."""
        for name in self._never_heard - schedule.installed:
            del self._devices[name]
        self._never_heard &= schedule.installed
        for name in schedule.installed - self._devices.keys():
            # What rides in a vehicle is a bus's.
            self._devices[name] = Device(name, "bus", state_since_ms=self._now_ms())
            self._never_heard.add(name)

    def _known(self, name: str) -> Device:
        self._never_heard.discard(name)
        return self._devices.get(name) or Device(name, state_since_ms=self._now_ms())
