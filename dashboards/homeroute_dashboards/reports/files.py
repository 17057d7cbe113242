"""A report's table as a file for other programs: CSV, Parquet.

Guarantees: all rows and all columns, numbers as numbers; a Parquet file carries what
the report says of itself (district, days, zone, version) as metadata. One table a
file. Does not: hold several tables; ask for each by name, or take JSON.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import duckdb

from homeroute_dashboards.reports.model import SQL_TYPES, Report, Table
from homeroute_dashboards.spreadsheet import written


def as_csv(table: Table) -> bytes:
    """The table's rows, with a header."""
    return written([column.name for column in table.columns], table.rows).encode()


def as_parquet(report: Report, table: Table) -> bytes:
    """The table as Parquet, compressed with zstd. Blocks: call it in a thread."""
    declared = ", ".join(f'"{c.name}" {SQL_TYPES[c.kind]}' for c in table.columns)
    told = {
        "district": report.district,
        "report": report.what,
        "section": table.name,
        "first_day": report.first_day.isoformat(),
        "last_day": report.last_day.isoformat(),
        "route": report.route or "",
        "period": report.period or "",
        "timezone": report.timezone,
        "timezone_assumed": str(report.timezone_assumed).lower(),
        "generated_ms": str(report.generated_ms),
        "version": report.version,
        "simulated": str(report.simulated).lower(),
    }
    metadata = ", ".join(f"{key}: {_quoted(value)}" for key, value in told.items())
    with tempfile.TemporaryDirectory(prefix="homeroute-") as folder, duckdb.connect() as db:
        db.execute("SET threads = 1")
        db.execute(f"CREATE TABLE report ({declared})")
        if table.rows:
            columns = [list(values) for values in zip(*table.rows, strict=True)]
            rows = ", ".join(f"unnest(?::{SQL_TYPES[c.kind]}[])" for c in table.columns)
            db.execute(f"INSERT INTO report SELECT {rows}", columns)
        path = Path(folder) / "report.parquet"
        db.execute(
            f"COPY report TO {_quoted(str(path))} "
            f"(FORMAT parquet, COMPRESSION zstd, KV_METADATA {{{metadata}}})"
        )
        return path.read_bytes()


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
