"""Colours that colour-blind eyes tell apart, and what each one means on every dashboard.

The hues are Okabe and Ito's (jfly.uni-koeln.de/color, 2008), which keep apart under
protanopia, deuteranopia and tritanopia. Colour is never the only sign: states
have words, shares have numbers, lines have names.
"""

from __future__ import annotations

from collections.abc import Mapping

GOOD = "#009E73"
FAIR = "#E69F00"
BAD = "#D55E00"
CALM = "#56B4E9"
DEEP = "#0072B2"
ODD = "#CC79A7"
IDLE = "#808890"

PALETTE: Mapping[str, str] = {
    "good": GOOD, "fair": FAIR, "bad": BAD, "calm": CALM, "deep": DEEP, "odd": ODD, "idle": IDLE,
}  # fmt: skip
"""Every colour a panel may use, by name."""

Steps = tuple[tuple[float | None, str], ...]
"""Colours from these values upwards; the first, None, is the base."""

PLAIN: Steps = ((None, DEEP),)
SHARE: Steps = ((None, BAD), (0.8, FAIR), (0.95, GOOD))
"""Of a usable share: 80% is where a segment's verdict turns (DESIGN section 7)."""

COMPLETE: Steps = ((None, IDLE), (0.8, CALM), (0.95, DEEP))
"""Of a reported share: how much is known is neither good nor bad news about coverage."""


def alarm(fair: float, bad: float) -> Steps:
    """Good below ``fair``, bad from ``bad``."""
    return ((None, GOOD), (fair, FAIR), (bad, BAD))


def any_is_bad() -> Steps:
    """Good at nothing, bad from one."""
    return ((None, GOOD), (1, BAD))
