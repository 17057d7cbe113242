"""Aggregates as InfluxDB's followers read them: days and weeks, each replaced whole.

Somebody else writes aggregates into the archive, a day or a week at a time, and
numbers each writing in a log, a table of ``day DATE, writing BIGINT, rolled_ms BIGINT``.

Guarantees: after any writing the day is emptied in InfluxDB and written as the archive
has it, so that a row that is gone from one, or hidden, is gone from the other; in the
order of the writings, and again after a crash in between. Does not: know any aggregate;
their specifications are passed in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from homeroute_collector.archive import Archive
from homeroute_collector.influx import Chunk, Follower, Stretch
from homeroute_collector.influx_archive import Cursor, encode
from homeroute_wire.lineprotocol import LineEncoder
from homeroute_wire.schema import MeasurementSpec


@dataclass(frozen=True, slots=True)
class Logged:
    """Aggregates that are written together, ``days`` local days at a time.

    ``log`` is their log's table. The aggregates' own have ``time_ms, device, kind``,
    empty where a row is no one device's, and the columns of the specification.
    """

    log: str
    days: int
    specs: tuple[MeasurementSpec, ...]


@dataclass(frozen=True, slots=True)
class Aggregates:
    """What InfluxDB is to follow, by who may see it."""

    staff: tuple[Logged, ...] = ()
    published: tuple[Logged, ...] = ()


class AggregateSource(Cursor):
    """Writings of aggregates, for the follower of one ``database``.

    ``timezone`` says where a day begins.
    """

    def __init__(
        self, archive: Archive, database: str, logged: Sequence[Logged], *, timezone: str
    ) -> None:
        super().__init__(archive, f"aggregates of {database}")
        self._logged = tuple(logged)
        self._zone = ZoneInfo(timezone)
        self._encoders = {s.name: LineEncoder(s) for group in logged for s in group.specs}
        # Of a day written many times the last writing says all. Names are declared ones.
        each = " UNION ALL ".join(
            f"SELECT {place} AS place, day, max(writing) AS writing, max(rolled_ms) AS rolled_ms "  # noqa: S608
            f'FROM "{group.log}" GROUP BY day'
            for place, group in enumerate(self._logged)
        )
        self._writings = f"FROM ({each})"

    async def newest(self) -> int:
        """The number of the newest writing; 0 when there is none."""
        rows = await self._archive.query(f"SELECT coalesce(max(writing), 0) {self._writings}")
        return int(rows[0][0])

    async def next_chunk(self, after: int, points: int) -> Chunk | None:  # noqa: ARG002 - a day is never cut
        """The day written first after writing ``after``; None: there is none."""
        rows = await self._archive.query(
            f"SELECT place, day, writing, rolled_ms {self._writings} "
            "WHERE writing > ? ORDER BY writing LIMIT 1",
            [after],
        )
        if not rows:
            return None
        place, day, writing, rolled_ms = rows[0]
        group = self._logged[place]
        start_ms, end_ms = self._midnight_ms(day), self._midnight_ms(day, group.days)
        lines: list[str] = []
        unwritable = 0
        for spec in group.specs:
            # Perhaps already of a newer writing: that one comes again, and says the same.
            held = await self._archive.query(
                _select(spec), [self._archive.district, start_ms, end_ms]
            )
            unwritable += await asyncio.to_thread(encode, self._encoders[spec.name], held, lines)
        replaces = tuple(Stretch(spec.name, start_ms, end_ms) for spec in group.specs)
        return Chunk(writing, lines, rolled_ms, unwritable, replaces)

    def _midnight_ms(self, day: date, later: int = 0) -> int:
        midnight = datetime.combine(day + timedelta(days=later), time(), self._zone)
        return round(midnight.timestamp() * 1000)


@dataclass(frozen=True, slots=True)
class AggregateFollower:
    """A follower of aggregates, and what it follows."""

    follower: Follower
    source: AggregateSource


def _select(spec: MeasurementSpec) -> str:
    columns = "".join(f', "{column.name}"' for column in spec.columns)
    return (
        f"SELECT time_ms, ? AS district, device, kind{columns} "  # noqa: S608 - declared names
        f'FROM "{spec.name}" WHERE time_ms >= ? AND time_ms < ?'
    )
