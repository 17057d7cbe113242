"""When the system's own clock may be believed: the kernel says it is synchronised.

NTP daemons (chrony, ntpd, systemd-timesyncd, BusyBox) clear the kernel's
``STA_UNSYNC`` flag once they have set the clock; ``adjtimex(2)`` reads it and
needs no rights. Does not: believe a clock merely because it looks plausible.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable

from homeroute_agent.clock import Clock, wall_clock_ms

STA_UNSYNC = 0x40
"""``<sys/timex.h>``: the clock is not synchronised."""

TIME_ERROR = 5
"""Return value of ``adjtimex`` for a clock that is not synchronised."""

KERNEL_POLL_S = 2.0


class _Timex(ctypes.Structure):
    # The leading members of struct timex, alike in glibc and musl on 32 and 64
    # bits, with room for whatever the C library writes after them.
    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 512),
    )


def kernel_synchronised() -> bool:
    """Whether the kernel says that its clock is synchronised. False where it cannot say."""
    if not sys.platform.startswith("linux"):
        return False
    timex = _Timex()
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.byref(timex))
    except (AttributeError, OSError):
        return False
    return 0 <= state < TIME_ERROR and not timex.status & STA_UNSYNC


async def watch_kernel(clock: Clock, *, wall_ms: Callable[[], int] = wall_clock_ms) -> None:
    """Offer the system's clock as soon as the kernel vouches for it; return when trusted."""
    while not clock.trusted:
        if clock.synchronised():
            clock.offer("kernel", wall_ms())
        if not clock.trusted:
            await clock.sleep(KERNEL_POLL_S)
