"""A small archive in memory, with the tables coverage reads, and ways to fill it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb

from homeroute_analytics import legs
from homeroute_wire.measurements import MEASUREMENTS

_TYPES = {"int": "BIGINT", "float": "DOUBLE", "bool": "BOOLEAN", "str": "VARCHAR"}


class MemoryArchive:
    """The archive's tables as wire declares them; ``query`` and ``execute`` as the archive's."""

    def __init__(self) -> None:
        self.db = duckdb.connect()
        self.db.execute(legs.DDL)
        for name in ("uplink", "position", "agent", "health", "device_status"):
            columns = ", ".join(
                f"{c.name} {_TYPES[c.value_type]}" for c in MEASUREMENTS[name].columns
            )
            self.db.execute(
                f"CREATE TABLE {name} (commit_id BIGINT, received_ms BIGINT, stream VARCHAR, "
                f"time_ms BIGINT, district VARCHAR, device VARCHAR, kind VARCHAR, {columns})"
            )

    async def query(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Rows of a SELECT."""
        return self.db.cursor().execute(sql, list(params)).fetchall()

    async def execute(self, sql: str, params: Sequence[Any] = ()) -> None:
        """Run a small write."""
        self.db.execute(sql, list(params))

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
