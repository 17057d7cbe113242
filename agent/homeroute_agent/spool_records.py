"""What goes into the spool and comes out of it."""

from __future__ import annotations

from dataclasses import dataclass

from homeroute_wire.messages import Receipt

Key = tuple[str, int]
"""A batch's name on the wire: stream and seq."""

ROW_BYTES = 96
"""What a row costs beside its body, about; counted towards the bound."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Points ever sampled and what became of them; the identity holds exactly."""

    sampled: int
    stored: int
    refused: int
    dropped: int
    spooled: int
    spool_bytes: int


@dataclass(frozen=True, slots=True)
class Batch:
    """One immutable batch. ``id`` grows with each append; 0 before it is spooled."""

    stream: str
    seq: int
    points: int
    body: bytes
    id: int = 0

    @property
    def key(self) -> Key:
        """Its name on the wire."""
        return self.stream, self.seq


@dataclass(frozen=True, slots=True)
class Undated:
    """Samples of this boot kept until the clock is trusted; ``body`` is the caller's."""

    id: int
    points: int
    body: bytes


@dataclass(frozen=True, slots=True)
class SavedClock:
    """The last trusted time, and the offset fixed in the boot named."""

    boot: str | None
    offset_ms: int | None
    saved_ms: int | None


@dataclass(frozen=True, slots=True)
class Settlement:
    """What acknowledgements did: batches gone, and receipts whose counts are impossible."""

    settled: tuple[Key, ...]
    wrong: tuple[Receipt, ...]
