"""Whether the kernel vouches for the system's clock: what both ends ask before they date.

NTP daemons (chrony, ntpd, systemd-timesyncd, BusyBox) clear the kernel's
``STA_UNSYNC`` flag once they have set the clock; ``adjtimex(2)`` reads it and
needs no rights. Does not: believe a clock merely because it looks plausible.
"""

from __future__ import annotations

import ctypes
import sys

STA_UNSYNC = 0x40
"""``<sys/timex.h>``: the clock is not synchronised."""

TIME_ERROR = 5
"""Return value of ``adjtimex`` for a clock that is not synchronised."""


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
