"""How much of a simulated district's week is published, and what hiding costs.

Usage: ``python benchmarks/publication.py [BUSES]``. Fills a school week without agents, rolls it
up, publishes it, and prints the rows shown and hidden, by table and reason, and seconds taken.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

from homeroute_analytics import tables
from homeroute_analytics.publication import publish
from homeroute_analytics.rollups import rollup_day
from homeroute_analytics.suppression import Rule
from homeroute_collector.archive import FILE_NAME, Archive

MONDAY, ZONE = date(2026, 11, 9), "America/Chicago"
NOW_MS = 1_795_700_000_000


async def measure(archive: Archive, buses: int) -> None:
    """Roll up and publish the week."""
    for number in range(5):
        await rollup_day(
            archive.query,
            archive.replace_day,
            MONDAY + timedelta(days=number),
            timezone=ZONE,
            now_ms=NOW_MS,
        )
    for least in (5, 10, 15):
        began = time.perf_counter()
        week = await publish(
            archive.query, None, MONDAY, timezone=ZONE, now_ms=NOW_MS, rule=Rule(least)
        )
        took_s = time.perf_counter() - began
        shown = {"learning_week": len(week.learning), "filter_week": len(week.filter)}
        why = Counter((key[0], reason) for key, reason in week.hidden.items())
        print(f"{buses} buses, at least {least} clients: {took_s:.2f} s")
        for table, rows in shown.items():
            small, complement = why[table, "small"], why[table, "complement"]
            share = rows / max(1, rows + small + complement)
            print(
                f"  {table}: {rows} rows shown ({share:.0%}), {small} small, "
                f"{complement} beside them"
            )


def main() -> None:
    """Fill a folder of its own, and measure."""
    buses = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [
                *(sys.executable, "-m", "homeroute_command", "simulate", "history"),
                *("--data", folder, "--days", "5", "--buses", str(buses)),
                *("--before", (MONDAY + timedelta(days=5)).isoformat()),
            ],
            check=True,
        )
        archive = Archive.open(
            Path(folder) / FILE_NAME,
            district=_district(Path(folder)),
            extra_ddl=tables.DDL,
        )
        try:
            asyncio.run(measure(archive, buses))
        finally:
            archive.close()


def _district(folder: Path) -> str:
    import tomllib

    settings = next(folder.glob("*.toml"))
    return str(tomllib.loads(settings.read_text())["district"])


if __name__ == "__main__":
    main()
