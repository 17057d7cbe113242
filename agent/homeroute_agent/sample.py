"""What samplers give to the rest of the agent, and how a sampler is declared.

A sampler is an async function and one row in a table. It reads a device
interface, emits measurements stamped with the boot clock, and knows nothing of
wall-clock time, spool or MQTT.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from homeroute_agent.modem_signal import NewestSignal
from homeroute_wire.measurements import Session
from homeroute_wire.schema import Measurement, Point

if TYPE_CHECKING:
    from homeroute_agent.clients import Clients
    from homeroute_agent.clock import Clock
    from homeroute_agent.config import Config


class NoData(Exception):
    """The hardware or program a sampler reads is not there. Not an error: said once."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A measurement stamped with the boot clock, not yet dated.

    ``boot_ms`` is milliseconds of the monotonic clock, strictly increasing over
    all samples of one agent run. ``started_boot_ms`` is a session's start on the
    same clock; None for everything else.
    """

    boot_ms: int
    record: Measurement
    started_boot_ms: int | None = None

    def dated(self, offset_ms: int) -> Point:
        """The point this becomes, ``offset_ms`` being wall clock - boot clock."""
        record = self.record
        if isinstance(record, Session) and self.started_boot_ms is not None:
            record = replace(record, started_min=(self.started_boot_ms + offset_ms) // 60_000)
        return Point(self.boot_ms + offset_ms, record)


@dataclass(frozen=True, slots=True)
class Context:
    """What a sampler is given.

    ``emit`` stamps and keeps a measurement; ``started_boot_ms`` as in
    :class:`Sample`. ``clients`` joins MACs and addresses to ordinals, in memory
    only. ``signal`` holds the modem's newest reading, from the sampler that asks the
    modem to the one that judges the uplink. ``failed`` counts one failure of the
    sampler named and logs it once per transition; ``working`` ends that transition.
    """

    config: Config
    clock: Clock
    clients: Clients
    emit: Callable[..., None]
    failed: Callable[[str, Exception], None]
    working: Callable[[str], None]
    signal: NewestSignal = field(default_factory=NewestSignal)


@dataclass(frozen=True, slots=True)
class Sampler:
    """One row of the samplers' table.

    ``wanted`` says whether the configuration and the kind of device ask for it;
    ``run`` samples until cancelled. If it raises, the agent counts it, waits and
    starts it again; other samplers never notice.
    """

    name: str
    wanted: Callable[[Config], bool]
    run: Callable[[Context], Awaitable[None]]
