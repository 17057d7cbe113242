"""What the buses of a fleet are equipped with: not all alike, as in any district. Pure.

Of four buses three have an access point that sends RADIUS accounting, and one is
watched over hostapd's control socket alone; one has a modem that can be asked.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from homeroute_simulators.wifi import Kind


@dataclass(frozen=True, slots=True)
class Wear:
    """A bus's equipment: what tells of its clients, and whether its modem can be asked."""

    wifi: Kind = "radius"
    modem: bool = False

    def with_faults(self, kinds: Collection[str]) -> Wear:
        """The same, but for what these faults are made to."""
        wear = replace(self, wifi="radius") if "radius_disorder" in kinds else self
        return replace(wear, modem=True) if "modem_hang" in kinds else wear


def worn(index: int) -> Wear:
    """What the bus at that place in the district wears."""
    return Wear("hostapd" if index % 4 == 2 else "radius", modem=index % 4 == 1)
