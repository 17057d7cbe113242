"""What goes wrong in the past: which kinds make sense without an agent, and which drive has what.

The other kinds of :mod:`homeroute_simulators.faults` ask how an agent behaves, and there
is none in a history: those are the fleet's.

Guarantees: a drive's mishap depends on the seed, its day and name, and the kinds asked
for; a device has one at a time; a card is cloned from a device of whose day nothing is
lost, so that what is told under its name can be judged. Does not: apply anything.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from homeroute_simulators.faults import LENGTHS_S
from homeroute_simulators.planned_drive import PlannedDrive
from homeroute_simulators.seeds import columns

SOME = ("no_power", "power_cut", "late")
"""What befalls every district: a gateway stays off, one ends on the way, batches come late."""

MISHAPS = (
    "no_coverage",
    "modem_flap",
    "clock_jump",
    "duplicated",
    "counter_reset",
    "gps_loss",
    "filter_off",
    "full_disk",
    "older_agent",
    "newer_agent",
    "cloned_card",
)
"""What else may befall a drive, one of them at a time."""

ALL = (*SOME, *MISHAPS)

MISHAP_SHARE = 0.25
"""Of the drives, when any mishap is asked for. Assumed: often enough for a short test."""

LOSSY = frozenset({"clock_jump", "full_disk"})
"""Mishaps after which something is missing for good."""

WHOLE_DRIVE = frozenset({"duplicated", "older_agent", "newer_agent", "cloned_card"})
REST_OF_DRIVE = frozenset({"clock_jump"})

WORDS = {
    "no_power": "the gateway had no power",
    "power_cut": "the power was cut on the way; what had been gathered was lost with it",
    "late": "its batches came after all others of the day",
    "no_coverage": "no service; its batches came after all others of the day",
    "modem_flap": "the modem lost its network",
    "clock_jump": "its receiver told a date 1024 weeks ahead; what was so dated was refused",
    "duplicated": "every batch came twice: its acknowledgement had been lost",
    "counter_reset": "the interfaces' counters began at zero again",
    "gps_loss": "the receiver saw no satellites",
    "filter_off": "the filter did not run, and blocked nothing",
    "full_disk": "the spool was full; its oldest batch was dropped",
    "older_agent": "it does not know the fields that came later",
    "newer_agent": "it tells a field and a measurement that are unknown here",
    "cloned_card": "the card was copied into another bus, which told under the same name",
}
"""What each is, for the truth."""


@dataclass(frozen=True, slots=True)
class Mishap:
    """What goes wrong on a drive: from so long after its departure, for so long, seconds.

    ``name``: what the bus calls itself meanwhile; empty: what it is.
    """

    kind: str
    after_s: int
    for_s: int
    name: str = ""


def parse(text: str) -> tuple[str, ...]:
    """Read ``none``, ``some``, ``all`` or a list divided by commas. ValueError if it is neither."""
    named = {"none": (), "some": SOME, "all": ALL}
    if text in named:
        return named[text]
    wanted = {word.strip().replace("-", "_") for word in text.split(",")}
    unknown = sorted(wanted - set(ALL))
    if unknown:
        raise ValueError(
            f"no fault of a history is called {unknown[0]!r}: want none, some, all, "
            f"or a list of {', '.join(ALL)}"
        )
    return tuple(kind for kind in ALL if kind in wanted)


def mishap(seed: int, planned: PlannedDrive, kinds: Collection[str]) -> Mishap | None:
    """What goes wrong on this drive, of the mishaps among ``kinds``; most often nothing."""
    wanted = [kind for kind in MISHAPS if kind in kinds]
    rng = columns(seed, "mishap", planned.bus.device, planned.name)
    if not wanted or rng.random() >= MISHAP_SHARE:
        return None
    kind = wanted[int(rng.integers(len(wanted)))]
    drive_s = round(planned.drive.duration_s)
    if kind in WHOLE_DRIVE:
        return Mishap(kind, 0, drive_s)
    after_s = int(drive_s * rng.uniform(0.15, 0.6))
    least_s, most_s = LENGTHS_S[kind]  # type: ignore[index]
    for_s = drive_s if kind in REST_OF_DRIVE else round(rng.uniform(least_s, most_s))
    return Mishap(kind, after_s, min(for_s, drive_s - after_s))
