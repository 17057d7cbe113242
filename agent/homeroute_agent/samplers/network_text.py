"""Interface counters, read and differenced. Pure.

A counter that goes down either wrapped at 32 bits or was reset. It is a wrap
when the count before was below 2**32 and the bytes that implies fit through the
link in the time; else it is a reset, and what was counted since is what there is.
"""

from __future__ import annotations

from dataclasses import dataclass

COUNTER_32 = 2**32


@dataclass(frozen=True, slots=True)
class Counters:
    """One interface: bytes received and sent since some reset, as the kernel sees it."""

    rx_bytes: int
    tx_bytes: int


@dataclass(frozen=True, slots=True)
class Delta:
    """Bytes between two readings, and how many of the counters were reset."""

    rx_bytes: int
    tx_bytes: int
    resets: int


def parse_proc_net_dev(text: str) -> dict[str, Counters]:
    """Read ``/proc/net/dev``: received bytes are column 1, sent bytes column 9."""
    interfaces = {}
    for line in text.splitlines():
        name, colon, rest = line.partition(":")
        columns = rest.split()
        if colon and len(columns) >= 9 and columns[0].isdigit() and columns[8].isdigit():
            interfaces[name.strip()] = Counters(int(columns[0]), int(columns[8]))
    return interfaces


def difference(before: Counters, now: Counters, interval_s: float, link_mbit_s: float) -> Delta:
    """What went through between two readings ``interval_s`` apart, capped at link speed."""
    cap = int(link_mbit_s * 125_000 * max(interval_s, 0.0))
    rx_bytes, rx_reset = _step(before.rx_bytes, now.rx_bytes, cap)
    tx_bytes, tx_reset = _step(before.tx_bytes, now.tx_bytes, cap)
    return Delta(rx_bytes, tx_bytes, rx_reset + tx_reset)


def _step(before: int, now: int, cap: int) -> tuple[int, int]:
    if now >= before:
        return min(now - before, cap), 0
    wrapped = now + COUNTER_32 - before
    if before < COUNTER_32 and wrapped <= cap:
        return wrapped, 0
    return min(now, cap), 1
