"""Bytes through the gateway's interfaces, from the rider's side.

Guarantees: own differences of raw counters (psutil's ``nowrap`` mistakes a wrap
for a reset and is not used); an interface that comes and goes is measured while
it is there; the first reading only sets the base. Does not: say anything of
single clients.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from homeroute_agent.clock import every
from homeroute_agent.sample import Context, NoData, Sampler
from homeroute_agent.samplers.network_text import Counters, difference, parse_proc_net_dev
from homeroute_wire.measurements import Traffic

if TYPE_CHECKING:
    from homeroute_agent.config import Config
    from homeroute_agent.config import Network as NetworkSettings

NAME = "network"

Role = Literal["wan", "lan"]


def wanted(config: Config) -> bool:
    """Buses; a hotspot's counters become daily totals in :mod:`homeroute_agent.usage`."""
    return config.kind == "bus" and config.network is not None


async def run(ctx: Context) -> None:
    """Emit ``traffic`` for each configured interface at every sample."""
    network = ctx.config.network
    assert network is not None
    meter = Meter(network)
    async for _ in every(ctx.clock, ctx.config.sample_s):
        try:
            counters = read_counters(Path(network.proc_net_dev))
        except OSError as error:
            ctx.failed(NAME, error)
            continue
        for flow in meter.read(counters, ctx.clock.boot_ms()):
            ctx.emit(flow.traffic())
        if meter.absent:
            ctx.failed(NAME, NoData(f"no interface {', '.join(meter.absent)} at present"))
        else:
            ctx.working(NAME)


@dataclass(frozen=True, slots=True)
class Flow:
    """What went through one interface since the reading before."""

    role: Role
    interface: str
    down_bytes: int
    up_bytes: int
    interval_s: float
    resets: int

    def traffic(self) -> Traffic:
        """As a measurement."""
        return Traffic(
            role=self.role,
            interface=self.interface,
            down_bytes=self.down_bytes,
            up_bytes=self.up_bytes,
            interval_s=self.interval_s,
            resets=self.resets,
        )


class Meter:
    """Turns readings of all counters into flows of the configured interfaces."""

    def __init__(self, network: NetworkSettings) -> None:
        self._link_mbit_s = network.link_mbit_s
        roles: list[tuple[Role, str]] = [("wan", name) for name in network.wan]
        self._roles = roles + [("lan", name) for name in network.lan]
        self._before: dict[str, tuple[int, Counters]] = {}
        self.absent: tuple[str, ...] = ()

    def read(self, counters: dict[str, Counters], boot_ms: int) -> list[Flow]:
        """Flows since the reading before; none of an interface seen for the first time."""
        flows = []
        for role, interface in self._roles:
            now = counters.get(interface)
            if now is None:
                continue
            before_ms, before = self._before.get(interface, (boot_ms, now))
            interval_s = (boot_ms - before_ms) / 1000
            if interval_s > 0:
                delta = difference(before, now, interval_s, self._link_mbit_s)
                # The WAN receives what goes down to clients; the LAN sends it.
                down, up = delta.rx_bytes, delta.tx_bytes
                if role == "lan":
                    down, up = up, down
                interval_s = min(round(interval_s, 3), 86_400.0)
                flows.append(Flow(role, interface, down, up, interval_s, delta.resets))
        for _, interface in self._roles:
            if interface in counters:
                self._before[interface] = (boot_ms, counters[interface])
        self.absent = tuple(name for _, name in self._roles if name not in counters)
        return flows


def read_counters(proc_net_dev: Path) -> dict[str, Counters]:
    """Read all interfaces, from ``/proc/net/dev`` or, where there is none, psutil.

    Raises OSError when neither is there.
    """
    try:
        return parse_proc_net_dev(proc_net_dev.read_text(encoding="ascii", errors="replace"))
    except FileNotFoundError:
        try:
            import psutil
        except ImportError:
            raise FileNotFoundError(
                f"no {proc_net_dev} on this system: install psutil (pip install homeroute[health])"
            ) from None
    totals = psutil.net_io_counters(pernic=True, nowrap=False)
    return {name: Counters(t.bytes_recv, t.bytes_sent) for name, t in totals.items()}


SAMPLER = Sampler(NAME, wanted, run)
