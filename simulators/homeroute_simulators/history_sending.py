"""From a past drive's columns to the batches that came of it, or never came. Pure.

Guarantees: numbers of a stream count on over what was dropped, so that the gap shows;
what comes twice is the same twice. Does not: know what was true.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from homeroute_simulators import faults_wire
from homeroute_simulators.history_columns import COUNTED
from homeroute_simulators.history_facts import Passage
from homeroute_wire.batch import Header, RawColumns, encode_columns, frame

BATCH_MS = 1_800_000
"""Half an hour a batch, at most: history is received in bulk."""

ROLLOVER_MS = 1024 * 7 * 86_400_000
"""GPS tells weeks in ten bits; a receiver that errs is 1024 of them off."""

Found = Mapping[str, RawColumns]


@dataclass(frozen=True, slots=True)
class Sent:
    """One batch as it would have come over the air."""

    device: str
    payload: bytes
    points: int


def sending(passage: Passage, found: Found, device: str, stream: str) -> Iterator[Sent]:
    """The batches of a bus's drive, in the order they came."""
    kind = passage.mishap.kind if passage.mishap else ""
    if kind == "clock_jump":
        before, after = _parted(passage, found)
        sent = list(cut(device, "bus", stream, before))
        return iter((*sent, *cut(device, "bus", stream, after, first_seq=len(sent) + 1)))
    begin_ms, end_ms = passage.stretch_ms
    if kind == "full_disk":
        parts = cut(device, "bus", stream, found, at_ms=(begin_ms, end_ms))
        return (part for seq, part in enumerate(parts, start=1) if seq != 2)
    sent = list(cut(device, "bus", stream, found))
    if kind == "newer_agent":
        sent = [
            Sent(each.device, faults_wire.rewrite(each.payload, faults_wire.newer), each.points)
            for each in sent
        ]
    return iter(sent * 2 if kind == "duplicated" else sent)


def cut(
    device: str,
    kind: str,
    stream: str,
    found: Found,
    *,
    first_seq: int = 1,
    at_ms: tuple[int, ...] = (),
) -> Iterator[Sent]:
    """In as many equal parts as keep to the longest batch, or just at those times."""
    if not found:
        return
    first_ms = min(raw.times_ms[0] for raw in found.values())
    last_ms = max(raw.times_ms[-1] for raw in found.values()) + 1
    parts = -(-(last_ms - first_ms) // BATCH_MS)
    edges = [first_ms + (last_ms - first_ms) * part // parts for part in range(parts + 1)]
    seq = first_seq - 1
    for begin_ms, end_ms in pairwise((first_ms, *at_ms, last_ms) if at_ms else edges):
        chosen = {name: _between(raw, begin_ms, end_ms) for name, raw in found.items()}
        chosen = {name: raw for name, raw in chosen.items() if raw.times_ms}
        points = sum(len(raw.times_ms) for raw in chosen.values())
        if points:
            seq += 1
            newest_ms = max(raw.times_ms[-1] for raw in chosen.values())
            header = Header(stream, seq, newest_ms + 1000, points)
            yield Sent(device, frame(header, encode_columns(kind, chosen)), points)


def _parted(passage: Passage, found: Found) -> tuple[Found, Found]:
    """What was dated rightly, and what was dated 1024 weeks ahead."""
    before, after = {}, {}
    for name, raw in found.items():
        at = passage.counted_until_ms if name in COUNTED else passage.reported_until_ms
        rows = bisect_left(raw.times_ms, at)
        if rows:
            before[name] = _rows(raw, slice(0, rows))
        if rows < len(raw.times_ms):
            late = _rows(raw, slice(rows, None))
            after[name] = RawColumns([ms + ROLLOVER_MS for ms in late.times_ms], late.values)
    return before, after


def _between(raw: RawColumns, begin_ms: int, end_ms: int) -> RawColumns:
    return _rows(raw, slice(bisect_left(raw.times_ms, begin_ms), bisect_left(raw.times_ms, end_ms)))


def _rows(raw: RawColumns, rows: slice) -> RawColumns:
    return RawColumns(raw.times_ms[rows], {name: of[rows] for name, of in raw.values.items()})
