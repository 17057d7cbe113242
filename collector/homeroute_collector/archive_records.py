"""What travels from validation into the archive, and what comes back.

Guarantees: plain frozen records, valid by construction (only
:mod:`homeroute_collector.validation` and the collector itself make them).
Does not: touch the database.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from homeroute_wire.batch import Header
from homeroute_wire.messages import Receipt
from homeroute_wire.schema import Measurement

SERVER_STREAM = "server"
"""The stream of points the collector itself makes. No agent can have it."""


Query = Callable[[str, Sequence[Any]], Awaitable[list[tuple[Any, ...]]]]
"""Runs one SELECT on the archive and returns its rows."""


class ArchiveError(Exception):
    """The archive cannot be used: ``operation``, ``object`` and ``hint`` say why.

    Fatal when opening; for the command line it means exit 2.
    """

    def __init__(self, operation: str, object: str, problem: str, hint: str) -> None:  # noqa: A002 - the house's word for it
        super().__init__(f"{operation} {object}: {problem}; {hint}")
        self.operation = operation
        self.object = object
        self.problem = problem
        self.hint = hint


class ArchiveClosedError(Exception):
    """The archive was closed while its disk was failing: this was not written."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Valid rows of one measurement, column by column.

    Every list is as long as ``times_ms``. An optional column absent from every
    row may be left out of ``values``.
    """

    times_ms: list[int]
    values: dict[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Points that were not understood, kept whole.

    ``measurement`` is empty when the whole batch was refused; then ``payload``
    is the batch as received. Otherwise ``payload`` is
    :func:`homeroute_collector.kept.pack`-ed rows of that measurement.
    """

    measurement: str
    points: int
    reason: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Extra:
    """Fields we do not know, of points that were stored: kept for replay.

    ``payload`` is packed like a refusal's: times, own tags, and the unknown
    columns, for the stored rows only.
    """

    measurement: str
    points: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Commit:
    """All that one batch leaves behind; committed together or not at all.

    ``header`` is None for what no agent is to be told about: points of the
    collector's own, and garbage without a clear line. ``size`` is the batch's
    bytes as received.
    """

    device: str
    kind: str
    stream: str
    received_ms: int
    columns: Mapping[str, Columns] = field(default_factory=dict)
    refusals: tuple[Refusal, ...] = ()
    extras: tuple[Extra, ...] = ()
    header: Header | None = None
    size: int = 0

    @property
    def stored(self) -> int:
        """Points that pass."""
        return sum(len(columns.times_ms) for columns in self.columns.values())

    @property
    def refused(self) -> int:
        """Points that do not."""
        return sum(refusal.points for refusal in self.refusals)

    @property
    def kept_bytes(self) -> int:
        """Bytes kept aside for replay."""
        return sum(len(r.payload) for r in self.refusals) + sum(len(e.payload) for e in self.extras)


@dataclass(frozen=True, slots=True)
class Committed:
    """What became of a :class:`Commit`.

    ``stored``: it is in the archive, under ``commit_id``. ``duplicate``: it was
    there already; ``receipt`` has the counts it was first acknowledged with.
    ``held``: not kept, because the device's refusals have reached their bound.
    ``receipt`` is None for commits without a header and for held ones.
    """

    outcome: Literal["stored", "duplicate", "held"]
    commit_id: int
    receipt: Receipt | None


def of_records(
    device: str, kind: str, time_ms: int, records: Sequence[Measurement], *, received_ms: int
) -> Commit:
    """A commit of the collector's own points, all at one time, for one device."""
    columns: dict[str, Columns] = {}
    for record in records:
        into = columns.setdefault(record.NAME, Columns([], {}))
        into.times_ms.append(time_ms)
        for column in fields(record):
            into.values.setdefault(column.name, []).append(getattr(record, column.name))
    return Commit(
        device=device, kind=kind, stream=SERVER_STREAM, received_ms=received_ms, columns=columns
    )
