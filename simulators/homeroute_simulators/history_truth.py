"""The truth of a past drive, from its facts. Pure.

Guarantees: in one order for the same facts; of a drive whose agent fell silent,
what happened is told in full, and that it was lost. Does not: look at the points.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from homeroute_simulators.history_columns import COUNTED, SSID
from homeroute_simulators.history_facts import GROUPS, MINUTE_MS, Passage
from homeroute_simulators.history_faults import WORDS
from homeroute_simulators.seeds import columns
from homeroute_simulators.truth import Block, Drive, Fault, Lost, Minute, Record, Session, Uplink
from homeroute_simulators.truth_minutes import (
    DEFAULT,
    LOOSE,
    STRICT,
    active_matrix,
    learning_matrix,
)

TOLD_MS = 2_000

PARTLY = {"gps_loss": "position", "counter_reset": "traffic"}
"""Mishaps after which one measurement has a hole."""


def happened(passage: Passage, seed: int, device: str, *, late: bool = False) -> Iterator[Record]:
    """Every record of one drive, under the name that it was told by."""
    planned = passage.planned
    yield Drive(
        device=device,
        trip=planned.trip.name,
        route=planned.trip.route.label,
        start_ms=planned.depart_ms,
        end_ms=planned.arrive_ms,
    )
    yield from _sessions(passage, device)
    yield from _uplink(passage, device)
    yield from _minutes(passage, device)
    yield from _blocks(passage, seed, device)
    yield from _faults(passage, device, late=late)
    yield from _losses(passage, device)


def _faults(passage: Passage, device: str, *, late: bool) -> Iterator[Record]:
    start_ms, end_ms = passage.told_until_ms, passage.last_ms
    stretches = []
    if start_ms < end_ms:
        kind = "power_cut" if start_ms > passage.first_ms else "no_power"
        stretches.append((kind, start_ms, end_ms))
    if passage.mishap is not None:
        stretches.append((passage.mishap.kind, *passage.stretch_ms))
    if late and passage.told_until_ms > passage.first_ms:
        stretches.append(("late", passage.first_ms, end_ms))
    for kind, begin_ms, until_ms in stretches:
        yield Fault(
            device=device, kind=kind, start_ms=begin_ms, end_ms=until_ms, detail=WORDS[kind]
        )


def _losses(passage: Passage, device: str) -> Iterator[Record]:
    """What nobody can report, and why."""
    kind = passage.mishap.kind if passage.mishap else ""
    begin_ms, until_ms = passage.stretch_ms
    start_ms, end_ms = passage.reported_until_ms, passage.last_ms
    if start_ms < end_ms:
        powered = passage.told_until_ms > passage.first_ms
        why = WORDS[kind or ("power_cut" if powered else "no_power")]
        # A session's end is told a second or two after it.
        yield Lost(device=device, start_ms=start_ms - TOLD_MS, end_ms=end_ms, why=why)
        for of in COUNTED if powered else ():
            since_ms = passage.counted_until_ms
            yield Lost(device=device, start_ms=since_ms, end_ms=end_ms, why=why, of=of)
    elif kind == "full_disk":
        yield Lost(device=device, start_ms=begin_ms - TOLD_MS, end_ms=until_ms, why=WORDS[kind])
    elif kind in PARTLY:
        yield Lost(
            device=device, start_ms=begin_ms, end_ms=until_ms, why=WORDS[kind], of=PARTLY[kind]
        )


def _sessions(passage: Passage, device: str) -> Iterator[Record]:
    down, up = passage.down_bytes.sum(axis=0).tolist(), passage.up_bytes.sum(axis=0).tolist()
    came_ms, went_ms = passage.came_ms.tolist(), passage.went_ms.tolist()
    stays = zip(passage.clients, came_ms, went_ms, down, up, strict=True)
    for client, came, went, got, gave in stays:
        yield Session(
            device=device,
            client=client.mac,
            ssid=SSID,
            start_ms=came,
            end_ms=went,
            down_bytes=got,
            up_bytes=gave,
        )


def _uplink(passage: Passage, device: str) -> Iterator[Record]:
    edges = np.flatnonzero(np.diff(passage.states)) + 1
    bounds = [0, *edges.tolist(), len(passage.states)]
    for begin, end in pairwise(bounds):
        yield Uplink(
            device=device,
            state=int(passage.states[begin]),
            start_ms=passage.first_ms + begin * 1000,
            end_ms=passage.first_ms + end * 1000,
        )


def _minutes(passage: Passage, device: str) -> Iterator[Record]:
    learning, other = passage.of("learning"), passage.of("other")
    counts = zip(
        passage.minutes.tolist(),
        active_matrix(learning, other, passage.minute_bytes()).sum(axis=1).tolist(),
        *(
            learning_matrix(learning, least).sum(axis=1).tolist()
            for least in (DEFAULT, STRICT, LOOSE)
        ),
        passage.lookups.sum(axis=(1, 2)).tolist(),
        strict=True,
    )
    for minute, active, default, strict, loose, lookups in counts:
        yield Minute(
            device=device,
            minute=minute,
            active=active,
            learning=default,
            strict=strict,
            loose=loose,
            lookups=lookups,
        )


def _blocks(passage: Passage, seed: int, device: str) -> Iterator[Record]:
    rng = columns("blocks", seed, passage.planned.bus.device, passage.planned.name)
    for index, group in enumerate(GROUPS):
        if not group.blocked:
            continue
        hits = passage.blocked([index]).sum(axis=1)
        minutes = np.repeat(passage.minutes, hits)
        times = np.sort(minutes * MINUTE_MS + rng.integers(0, MINUTE_MS, len(minutes)))
        for time_ms in times.tolist():
            yield Block(device=device, time_ms=time_ms, category=group.category)
