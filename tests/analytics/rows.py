"""A small archive in memory, with the tables coverage reads, and ways to fill it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import duckdb
import numpy as np

from homeroute_analytics import tables
from homeroute_analytics.rollup_tables import Columns
from homeroute_wire.measurements import FROM_DEVICES, MEASUREMENTS

_TYPES = {"int": "BIGINT", "float": "DOUBLE", "bool": "BOOLEAN", "str": "VARCHAR"}


_COLLECTORS = (
    "CREATE TABLE meta (key VARCHAR PRIMARY KEY, value VARCHAR)",
    "CREATE TABLE devices (device VARCHAR, kind VARCHAR, first_seen_ms BIGINT)",
    "CREATE TABLE batches (device VARCHAR, stream VARCHAR, seq BIGINT, sent_ms BIGINT)",
    "CREATE TABLE cursors (name VARCHAR PRIMARY KEY, commit_id BIGINT)",
    "CREATE TABLE commits (commit_id BIGINT, committed_ms BIGINT, points BIGINT)",
)


class MemoryArchive:
    """The archive's tables as wire declares them; ``query`` and ``execute`` as the archive's."""

    def __init__(self) -> None:
        self.db = duckdb.connect()
        for statement in (*tables.DDL, *_COLLECTORS):
            self.db.execute(statement)
        for name in (*FROM_DEVICES, "device_status"):
            columns = ", ".join(
                f"{c.name} {_TYPES[c.value_type]}" for c in MEASUREMENTS[name].columns
            )
            self.db.execute(
                f"CREATE TABLE {name} (commit_id BIGINT DEFAULT 0, received_ms BIGINT, "
                f"stream VARCHAR, time_ms BIGINT, district VARCHAR, device VARCHAR, kind VARCHAR, "
                f"{columns})"
            )

    async def query(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Rows of a SELECT."""
        return self.db.cursor().execute(sql, list(params)).fetchall()

    async def execute(self, sql: str, params: Sequence[Any] = ()) -> None:
        """Run a small write."""
        self.db.execute(sql, list(params))

    async def replace_day(
        self,
        day: date,
        columns: Mapping[str, Columns],
        first: Callable[[Any], bool] = lambda _: True,
    ) -> None:
        """As the archive's."""
        if not first(self.db):
            return
        for table, rows in columns.items():
            self.db.execute(f'DELETE FROM "{table}" WHERE day = ?', [day])
            if size := len(next(iter(rows.values()))):
                self.db.register(
                    "incoming", {"day": np.full(size, np.datetime64(day, "s")), **rows}
                )
                self.db.execute(f'INSERT INTO "{table}" BY NAME SELECT * FROM incoming')
                self.db.unregister("incoming")

    def add(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add rows of any table, by column."""
        for row in rows:
            names = ", ".join(f'"{name}"' for name in row)
            marks = ", ".join("?" for _ in row)
            self.db.execute(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', list(row.values()))

    def uplink(self, device: str, samples: dict[int, int], kind: str = "bus") -> None:
        """Add uplink samples: time in seconds -> state."""
        if samples:
            self.db.execute(
                "INSERT INTO uplink BY NAME SELECT unnest(?::BIGINT[]) * 1000 AS time_ms, "
                "unnest(?::BIGINT[]) AS state, ? AS device, ? AS kind",
                [list(samples), list(samples.values()), device, kind],
            )

    def position(self, device: str, speeds: dict[int, float | None]) -> None:
        """Add positions: time in seconds -> speed in m/s."""
        if speeds:
            self.db.execute(
                "INSERT INTO position BY NAME SELECT unnest(?::BIGINT[]) * 1000 AS time_ms, "
                "unnest(?::DOUBLE[]) AS speed_mps, ? AS device, 'bus' AS kind",
                [list(speeds), list(speeds.values()), device],
            )

    def row(self, table: str, time_ms: int, device: str, **values: Any) -> None:
        """Add one row; columns that are not named are NULL."""
        named = {"time_ms": time_ms, "device": device, "kind": "bus"} | values
        marks = ", ".join("?" * len(named))
        self.db.execute(
            f"INSERT INTO {table} ({', '.join(named)}) VALUES ({marks})", list(named.values())
        )
