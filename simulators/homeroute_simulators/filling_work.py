"""The work of generating the past, here or in processes beside this one.

Guarantees: a part of a day is the same whoever makes it; a process of the pool
leaves Ctrl-C to the one that began it, and ends with it, killed or not.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import date

from homeroute_simulators import history
from homeroute_simulators.history import PastDrive
from homeroute_simulators.history_sending import Sent
from homeroute_simulators.radio import Radio
from homeroute_simulators.truth import compressed
from homeroute_simulators.world import World

PLANS_KEPT = 4


@dataclass(frozen=True, slots=True)
class Part:
    """The ``index``-th of ``parts`` of a day."""

    day: date
    index: int
    parts: int

    @property
    def last(self) -> bool:
        """Whether the day ends with it."""
        return self.index == self.parts - 1


@dataclass(frozen=True, slots=True)
class Told:
    """A part of a day: its batches, and its truth, a gzip member of its own."""

    part: Part
    sent: tuple[Sent, ...]
    truth: bytes


@dataclass(slots=True)
class Work:
    """Everything that generating needs; sent to each process once."""

    world: World
    definition: str
    version: str
    kinds: tuple[str, ...]
    truth: bool
    _radio: Radio = field(init=False)
    _planned: dict[date, list[PastDrive]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._radio = Radio(self.world.district)

    def plan(self, day: date) -> list[PastDrive]:
        """The drives of a day; a few days are remembered."""
        drives = self._planned.get(day)
        if drives is None:
            drives = self._planned[day] = history.plan(self.world, [day], kinds=self.kinds)
            for old in list(self._planned)[:-PLANS_KEPT]:
                self._planned.pop(old, None)
        return drives

    def count(self, day: date) -> int:
        """How many drives a day has."""
        return len(self.plan(day))

    def tell(self, part: Part) -> Told:
        """Make one part. Hotspots' days go with the last."""
        drives = self.plan(part.day)
        begin, end = (len(drives) * n // part.parts for n in (part.index, part.index + 1))
        sent: list[Sent] = []
        lines: list[str] = []
        for past in drives[begin:end]:
            told = history.tell(
                past,
                self._radio,
                definition=self.definition,
                version=self.version,
                truth=self.truth,
            )
            sent += told.sent
            lines.append(told.truth)
        if part.last:
            district = self.world.district
            for hotspot in district.hotspots:
                sent += history.hotspot_batches(district, hotspot, [part.day])
        return Told(part, tuple(sent), compressed("".join(lines)))

    @staticmethod
    def told(part: Part) -> Told:
        """:meth:`tell`, in a process of the pool."""
        return _given[0].tell(part)


_given: list[Work] = []
"""In a process of the pool: its work."""


def work_in_processes(work: Work, size: int) -> ProcessPoolExecutor:
    """A pool for :meth:`Work.told`. Processes are spawned: this one has threads."""
    return ProcessPoolExecutor(
        size,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(work,),
    )


def _begin(work: Work) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _given.append(work)
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
