"""What is wrong with a simulated gateway: plain switches, which faults turn on and off."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Troubles:
    """What is wrong with a gateway now. ``wall_ahead_s``: its system clock is so far off."""

    power: bool = False
    gps: bool = False
    filter: bool = False
    hostapd: bool = False
    modem: bool = False
    uncovered: bool = False
    wall_ahead_s: float = 0.0
