"""Whose pages and reports these are."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.metadata import version

from homeroute_analytics.verdicts import LIMITS, Limits
from homeroute_wire.signal import BARS, Bars


@dataclass(frozen=True, slots=True)
class District:
    """A district as pages and reports tell it, and by which limits. ``timezone``: an IANA name.

    ``timezone_assumed``: nobody named it, it is the machine's. ``version``: of the program.
    """

    name: str
    timezone: str
    simulated: bool
    limits: Limits = LIMITS
    bars: Bars = BARS
    timezone_assumed: bool = False
    version: str = field(default_factory=lambda: version("homeroute"))
