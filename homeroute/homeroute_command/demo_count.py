"""Counts the live part of a demonstration, from both ends independently.

The agents' ledgers and spools say what was sampled, dropped, and still waits;
the archive's own receipts say what it stored and refused. The two must add up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from homeroute_agent.run import SPOOL_NAME
from homeroute_agent.spool import Ledger, Spool
from homeroute_collector.archive import Archive

_LIVE = """
SELECT coalesce(sum(stored), 0)::BIGINT, coalesce(sum(refused), 0)::BIGINT FROM batches
WHERE stream NOT IN (SELECT unnest($1::VARCHAR[]))
"""
_HAS = """
SELECT stream, seq FROM batches WHERE device = $1 AND stream IN (SELECT unnest($2::VARCHAR[]))
"""


@dataclass(frozen=True, slots=True)
class Count:
    """Points of the live part since the data directory began."""

    sampled: int
    stored: int
    refused: int
    dropped: int
    spooled: int

    @property
    def adds_up(self) -> bool:
        """The identity: every point sampled is in exactly one place."""
        return self.sampled == self.stored + self.refused + self.dropped + self.spooled

    def __str__(self) -> str:
        sign = "=" if self.adds_up else "≠"
        return (
            f"sampled {self.sampled:,} {sign} stored {self.stored:,} + refused {self.refused:,} "
            f"+ dropped {self.dropped:,} + spooled {self.spooled:,}"
        )


async def count(
    archive: Archive, ledgers: Mapping[str, Ledger], state: Path, history: Collection[str]
) -> Count:
    """Count when the agents have ended and the collector has committed.

    ``history`` are the streams that were filled in, not sampled; ``state`` holds
    the agents' folders. A batch whose acknowledgement was lost is the archive's,
    though the device still holds it.
    """
    ((stored, refused),) = await archive.query(_LIVE, [sorted(history)])
    spooled = 0
    for device, ledger in ledgers.items():
        if not ledger.spooled:
            continue
        pending = await asyncio.to_thread(_pending, state / device / SPOOL_NAME)
        streams = sorted({stream for stream, _, _ in pending})
        known = set(await archive.query(_HAS, [device, streams]))
        twice = sum(points for stream, seq, points in pending if (stream, seq) in known)
        spooled += ledger.spooled - twice
    return Count(
        sampled=sum(ledger.sampled for ledger in ledgers.values()),
        stored=stored,
        refused=refused,
        dropped=sum(ledger.dropped for ledger in ledgers.values()),
        spooled=spooled,
    )


def _pending(path: Path) -> list[tuple[str, int, int]]:
    spool = Spool.open(path)
    try:
        return spool.pending()
    finally:
        spool.close()
