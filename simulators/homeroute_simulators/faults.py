"""What goes wrong in a simulated district, and when: plain records, and a schedule by seed.

Guarantees: :func:`schedule` depends on nothing but its arguments. Does not: apply
anything; that is :mod:`homeroute_simulators.faults_apply`, which does it at the
interface where it happens on a bus, to an agent that knows nothing of it.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal[
    "power_cut",
    "boot_1970",
    "clock_jump",
    "counter_wrap",
    "counter_reset",
    "gps_loss",
    "modem_flap",
    "no_coverage",
    "filter_off",
    "hostapd_restart",
    "radius_disorder",
    "modem_hang",
    "full_disk",
    "cloned_card",
    "older_agent",
    "newer_agent",
    "collector_clock",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

COLLECTOR = "collector"
"""The ``device`` of a fault that is the collector's own."""

LENGTHS_S: dict[Kind, tuple[float, float]] = {
    "power_cut": (20.0, 120.0),
    "boot_1970": (120.0, 300.0),
    "clock_jump": (60.0, 300.0),
    "counter_wrap": (10.0, 10.0),
    "counter_reset": (10.0, 10.0),
    "gps_loss": (60.0, 300.0),
    "modem_flap": (30.0, 120.0),
    "no_coverage": (1_200.0, 10_800.0),
    "filter_off": (120.0, 600.0),
    "hostapd_restart": (4.0, 20.0),
    "radius_disorder": (120.0, 900.0),
    "modem_hang": (120.0, 600.0),
    "full_disk": (120.0, 600.0),
    "cloned_card": (180.0, 600.0),
    "older_agent": (300.0, 900.0),
    "newer_agent": (300.0, 900.0),
    "collector_clock": (60.0, 180.0),
}
"""How long each lasts at random, from and to, in simulated seconds."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong on one device, from ``start_ms`` to ``end_ms`` (epoch ms)."""

    kind: Kind
    device: str
    start_ms: int
    end_ms: int


def schedule(
    seed: int,
    devices: Sequence[str],
    start_ms: int,
    end_ms: int,
    *,
    kinds: Collection[Kind] = KINDS,
    each: int = 1,
) -> tuple[Fault, ...]:
    """``each`` faults of every kind at random times on random devices, in order of time.

    A device has one fault at a time, and each ends within the span; a length is
    shortened to a third of the span, and a fault for which no device is free at
    any of a few times tried is left out.
    """
    faults: list[Fault] = []
    for kind in (k for k in KINDS if k in kinds):
        for number in range(each):
            rng = random.Random(f"{seed} fault {kind} {number}")
            length_ms = _length_ms(rng, kind, end_ms - start_ms)
            for _ in range(32):
                at_ms = start_ms + int(rng.random() * (end_ms - start_ms - length_ms))
                device = COLLECTOR if kind == "collector_clock" else rng.choice(list(devices))
                fault = Fault(kind, device, at_ms, at_ms + length_ms)
                if not any(_clash(fault, other) for other in faults):
                    faults.append(fault)
                    break
    return tuple(sorted(faults, key=lambda f: (f.start_ms, f.device, f.kind)))


def left_out_of(
    faults: Sequence[Fault], kinds: Collection[Kind], each: int = 1
) -> tuple[Kind, ...]:
    """The kinds that :func:`schedule` found no room for, each as often as it did not."""
    made = Counter(fault.kind for fault in faults)
    return tuple(k for k in KINDS if k in kinds for _ in range(each - made[k]))


def parse_kinds(text: str) -> tuple[Kind, ...]:
    """Read ``none``, ``all`` or a list of kinds divided by commas. ValueError if it is neither."""
    if text == "none":
        return ()
    if text == "all":
        return KINDS
    wanted = {word.strip().replace("-", "_") for word in text.split(",")}
    unknown = sorted(wanted - set(KINDS))
    if unknown:
        raise ValueError(
            f"no fault is called {unknown[0]!r}: want none, all, or {', '.join(KINDS)}"
        )
    return tuple(kind for kind in KINDS if kind in wanted)


def _length_ms(rng: random.Random, kind: Kind, span_ms: int) -> int:
    least_s, most_s = LENGTHS_S[kind]
    return min(int(rng.uniform(least_s, most_s) * 1000), span_ms // 3)


def _clash(one: Fault, other: Fault) -> bool:
    return (
        one.device == other.device and one.start_ms < other.end_ms and other.start_ms < one.end_ms
    )
