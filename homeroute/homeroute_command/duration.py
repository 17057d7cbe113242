"""A length of time as people write it."""

from __future__ import annotations

import argparse
import re

_UNITS = {None: 1, "s": 1, "m": 60, "min": 60, "h": 3600}
BOUND_S = 30 * 86_400


def duration_s(text: str) -> float:
    """Seconds of ``30s``, ``2m``, ``1h`` or a bare number of seconds. ValueError if none."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(s|m|h|min)?", text.strip())
    if match is None:
        raise ValueError(f"duration {text!r}: want something like 30s, 2m or 1h")
    seconds = float(match[1]) * _UNITS[match[2]]
    if not 0 < seconds <= BOUND_S:
        raise ValueError(f"duration {text!r}: want more than 0, at most 720h")
    return seconds


def argument(text: str) -> float:
    """As :func:`duration_s`, for argparse."""
    try:
        return duration_s(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
