"""How long connectivity by route and hour takes: the demo's two weeks, and ten million samples.

    python benchmarks/coverage.py            # both
    python benchmarks/coverage.py 400000     # a number of samples

An archive file in a temporary folder, two threads and 512 MB as the collector's
default; the median of five runs.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from homeroute_analytics import coverage, legs
from homeroute_wire.measurements import MEASUREMENTS

TIMEZONE = "America/Chicago"
FIRST_DAY = date(2026, 9, 7)
SCHOOL_DAYS = [FIRST_DAY + timedelta(n) for n in range(12) if n % 7 < 5]
SAMPLES_A_DAY = 10 * 360  # ten powered hours: the bus idles outside its trips, too
SQL_TYPES = {"int": "BIGINT", "float": "DOUBLE", "bool": "BOOLEAN", "str": "VARCHAR"}


def fill(db: duckdb.DuckDBPyConnection, samples: int) -> int:
    """Put about that many uplink samples of ten school days in, and the legs of their buses."""
    buses = max(1, samples // (SAMPLES_A_DAY * len(SCHOOL_DAYS)))
    columns = ", ".join(
        f"{c.name} {SQL_TYPES[c.value_type]}" for c in MEASUREMENTS["uplink"].columns
    )
    db.execute(legs.DDL)
    db.execute(
        "CREATE TABLE uplink (commit_id BIGINT, received_ms BIGINT, stream VARCHAR, "
        f"time_ms BIGINT, district VARCHAR, device VARCHAR, kind VARCHAR, {columns})"
    )
    for day in SCHOOL_DAYS:
        start = legs.instant_ms(day, 6 * 3600, ZoneInfo(TIMEZONE))
        db.execute(
            "INSERT INTO uplink BY NAME SELECT ? + i * 10000 + hash(i, bus) % 200 AS time_ms, "
            "'bus-' || bus AS device, 'bus' AS kind, 'x' AS district, "
            "(hash(bus, i // 30) % 10 > 0)::INT + (hash(bus, i // 30) % 10 > 1)::INT AS state "
            "FROM range(?) t(i), range(?) b(bus) ORDER BY i",
            [start, SAMPLES_A_DAY, buses],
        )
    runs: tuple[tuple[legs.Period, int], ...] = (("AM", 26), ("AM", 30), ("PM", 56), ("PM", 60))
    table = [
        legs.Assignment(
            f"bus-{bus}",
            str(bus % max(6, buses // 2)),
            f"{bus}-{at}",
            period,
            at * 900,
            at * 900 + 3000,
        )
        for bus in range(buses)
        for period, at in runs
    ]
    legs.put(db, legs.from_assignments(table, SCHOOL_DAYS, TIMEZONE))
    return buses


def _execute(db: duckdb.DuckDBPyConnection) -> Any:
    async def run(sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
        return db.cursor().execute(sql, list(params)).fetchall()

    return run


def measure(samples: int) -> str:
    """One line of what was found."""
    with tempfile.TemporaryDirectory() as folder:
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": "512MB",
            "threads": 2,
        }
        with duckdb.connect(str(Path(folder, "archive.duckdb")), config=config) as db:
            buses = fill(db, samples)
            zone = ZoneInfo(TIMEZONE)
            took, cells = [], 0
            for _ in range(5):
                begin = time.perf_counter()
                result = asyncio.run(
                    coverage.by_route_hour(
                        _execute(db),
                        start_ms=legs.instant_ms(FIRST_DAY, 0, zone),
                        end_ms=legs.instant_ms(FIRST_DAY + timedelta(14), 0, zone),
                        timezone=TIMEZONE,
                    )
                )
                took.append(time.perf_counter() - begin)
                cells = len(result.cells)
            count = db.execute("SELECT count(*) FROM uplink").fetchall()[0][0]
    return (
        f"{count:>10,} samples, {buses:>3} buses, {cells} cells: "
        f"{statistics.median(took):.2f} s (best {min(took):.2f}, worst {max(took):.2f})"
    )


if __name__ == "__main__":
    for wanted in [int(a) for a in sys.argv[1:]] or [430_000, 10_000_000]:
        print(measure(wanted), flush=True)
