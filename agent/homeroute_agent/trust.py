"""Believes the system's own clock once the kernel says that it is synchronised."""

from __future__ import annotations

from collections.abc import Callable

from homeroute_agent.clock import Clock, wall_clock_ms

KERNEL_POLL_S = 2.0


async def watch_kernel(clock: Clock, *, wall_ms: Callable[[], int] = wall_clock_ms) -> None:
    """Offer the system's clock as soon as the kernel vouches for it; return when trusted."""
    while not clock.trusted:
        if clock.synchronised():
            clock.offer("kernel", wall_ms())
        if not clock.trusted:
            await clock.sleep(KERNEL_POLL_S)
