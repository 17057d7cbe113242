"""The way to the internet: does it answer, how fast, how surely.

Guarantees: each probe has a timeout and needs no privilege (ICMP is often off):
it is a TCP connection opened and closed, or one DNS question. A sample is several
probes: the median of those answered, and the share of those that were not. Five
TCP probes are some 2 kB; at 10 s that is 17 MB a day, DNS about half of it. Where a
modem is asked too, its newest reading stands on the point.

Does not: look names up. Targets should be addresses; a name's lookup would count
as part of the round trip.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import statistics
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from homeroute_agent.clock import every
from homeroute_agent.modem_signal import enriched
from homeroute_agent.sample import Context, Sampler
from homeroute_wire.measurements import (
    UPLINK_CONNECTED,
    UPLINK_NO_SERVICE,
    UPLINK_USABLE,
    Uplink,
)

if TYPE_CHECKING:
    from homeroute_agent.config import Config
    from homeroute_agent.config import Uplink as UplinkSettings

NAME = "uplink"
_APART_S = 0.1
"""Between the starts of two probes, so that one lost moment is not five losses."""

Stopwatch = Callable[[], float]
"""Seconds, of which only differences mean anything."""

_LEAST_S = 0.001

Answer = TypeVar("Answer")

_DNS_QUESTION = b"\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01"
"""Recursion wanted, one question: the root's name servers. Short, and always cached."""


def wanted(config: Config) -> bool:
    """Every device with an ``[uplink]`` section."""
    return config.uplink is not None


async def run(ctx: Context) -> None:
    """Emit ``uplink`` at every sample, stamped when its probes began.

    Without service they take their whole timeout: stamped when they ended, an outage
    would begin late and end on time, and look shorter than it was.
    """
    uplink = ctx.config.uplink
    assert uplink is not None
    async for _ in every(ctx.clock, ctx.config.sample_s):
        apart_s = min(_APART_S, ctx.config.sample_s / 2 / uplink.probes)
        began_ms = ctx.clock.stamp()
        point = await measure(uplink, apart_s=apart_s, stopwatch_s=ctx.clock.stopwatch_s)
        ctx.emit(enriched(point, ctx.signal.at(ctx.clock.boot_ms())), boot_ms=began_ms)
        ctx.working(NAME)


async def measure(
    uplink: UplinkSettings,
    *,
    apart_s: float = _APART_S,
    stopwatch_s: Stopwatch = time.perf_counter,
) -> Uplink:
    """Probe the targets in turn, and judge."""
    probe = probe_dns if uplink.method == "dns" else probe_tcp

    async def one(number: int) -> float | None:
        await asyncio.sleep(number * apart_s)
        target = uplink.targets[number % len(uplink.targets)]
        return await probe(target, uplink.timeout_s, stopwatch_s)

    rtts_ms = await asyncio.gather(*(one(number) for number in range(uplink.probes)))
    return judge(uplink, rtts_ms)


def judge(uplink: UplinkSettings, rtts_ms: Sequence[float | None]) -> Uplink:
    """Turn probe results (None: unanswered) into a measurement. Pure."""
    answered = [rtt for rtt in rtts_ms if rtt is not None]
    loss = 1 - len(answered) / len(rtts_ms)
    rtt_ms = statistics.median(answered) if answered else None
    state = UPLINK_CONNECTED
    if rtt_ms is None:
        state = UPLINK_NO_SERVICE
    elif rtt_ms <= uplink.usable_rtt_ms and loss <= uplink.usable_loss_ratio:
        state = UPLINK_USABLE
    return Uplink(
        interface=uplink.interface,
        technology=uplink.technology,
        carrier=uplink.carrier,
        state=state,
        rtt_ms=None if rtt_ms is None else round(rtt_ms, 3),
        loss_ratio=round(loss, 4),
    )


async def probe_tcp(
    target: str, timeout_s: float, stopwatch_s: Stopwatch = time.perf_counter
) -> float | None:
    """Milliseconds to open a TCP connection; None when refused, unreachable or too slow."""
    host, port = split_target(target, 443)
    began_s = stopwatch_s()
    try:
        _, writer = await _in_time(asyncio.open_connection(host, port), timeout_s, stopwatch_s)
    except (OSError, TimeoutError):
        return None
    rtt_ms = (stopwatch_s() - began_s) * 1000
    writer.close()
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(timeout_s):
            await writer.wait_closed()
    return rtt_ms


async def probe_dns(
    target: str, timeout_s: float, stopwatch_s: Stopwatch = time.perf_counter
) -> float | None:
    """Milliseconds to any answer to one question over UDP; None when there was none."""
    host, port = split_target(target, 53)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    name = secrets.token_bytes(2)
    with socket.socket(family, socket.SOCK_DGRAM) as question:
        question.setblocking(False)
        began_s = stopwatch_s()
        try:
            await _in_time(_answered(question, (host, port), name), timeout_s, stopwatch_s)
        except (OSError, TimeoutError):
            return None
        return (stopwatch_s() - began_s) * 1000


async def _answered(question: socket.socket, address: tuple[str, int], name: bytes) -> None:
    loop = asyncio.get_running_loop()
    await loop.sock_connect(question, address)
    await loop.sock_sendall(question, name + _DNS_QUESTION)
    while (await loop.sock_recv(question, 4096))[:2] != name:
        continue


async def _in_time(
    asked: Coroutine[Any, Any, Answer], timeout_s: float, stopwatch_s: Stopwatch
) -> Answer:
    """What is asked for, within the time by the stopwatch. Raises TimeoutError.

    The round trip is judged by the stopwatch; a timeout by another clock would call a
    slow answer none, where the two part (a gateway that slept, a simulation that is held).
    """
    answer = asyncio.ensure_future(asked)
    began_s = stopwatch_s()
    try:
        while (left_s := timeout_s - (stopwatch_s() - began_s)) > 0:
            await asyncio.wait([answer], timeout=max(left_s, _LEAST_S))
            if answer.done():
                return answer.result()
        raise TimeoutError
    finally:
        answer.cancel()
        await asyncio.wait([answer])


def split_target(target: str, default_port: int) -> tuple[str, int]:
    """Read ``host``, ``host:port`` or ``[v6]:port``. ValueError when it is none of them."""
    host, port = target, str(default_port)
    if target.startswith("["):
        host, _, rest = target[1:].partition("]")
        port = rest.removeprefix(":") or port
    elif target.count(":") == 1:
        host, _, port = target.partition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65_536:
        raise ValueError(f"uplink target {target!r}: want address:port, such as 1.1.1.1:443")
    return host, int(port)


SAMPLER = Sampler(NAME, wanted, run)
