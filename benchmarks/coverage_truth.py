"""How right coverage is: fills histories, rolls them up, scores them, prints a table.

``python benchmarks/coverage_truth.py [--days N] [--buses N] [--seeds N …] [--faults KINDS …]``.
Everything goes the way it does in a district: batches through the ingest, legs from
attribution, nightly rollups. Exit code 1 when any of them is out of its bound.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path

from homeroute_simulators.score_coverage import CoverageScore, score_file
from homeroute_simulators.world import world

BEFORE = date(2026, 11, 18)


def made(folder: Path, seed: int, faults: str, days: int, buses: int) -> CoverageScore:
    """Fill and roll up a folder, with the commands that people use, and score it."""
    homeroute = (sys.executable, "-m", "homeroute_command")
    first = BEFORE - timedelta(days=days * 7 // 5 + 28)
    for words in (
        (
            *("simulate", "history", "--data", str(folder), "--seed", str(seed)),
            *("--faults", faults, "--days", str(days), "--buses", str(buses)),
            *("--before", str(BEFORE)),
        ),
        ("rollup", "--from", str(first), "--to", str(BEFORE), "--data", str(folder)),
    ):
        subprocess.run([*homeroute, *words], check=True, stdout=subprocess.DEVNULL)
    where = world(seed, buses=buses)
    found = score_file(folder / "archive.duckdb", folder / "truth.jsonl.gz", where)
    assert found is not None
    return found


def main() -> int:
    """Print a row for each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--buses", type=int, default=12)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--faults", nargs="+", default=["none", "all"], metavar="KINDS")
    chosen = parser.parse_args()
    print(
        "| seed, faults | usable share, worst route off by | reported share | segments, r.m.s. "
        "| hollows found | zones right | dead segments: precision, recall | left out | |"
    )
    right = True
    for faults in chosen.faults:
        for seed in chosen.seeds:
            with tempfile.TemporaryDirectory() as name:
                found = made(Path(name), seed, faults, chosen.days, chosen.buses)
            right = right and found.within
            print(
                f"| {seed}, {faults} | {100 * found.usable_error:.2f} points"
                f" | {100 * found.reported_error:.2f} | {100 * found.segment_spread:.1f}"
                f" | {found.hollows_found} of {found.hollows}"
                f" | {found.zones_right} of {found.zones}"
                f" | {found.precision:.2f}, {found.recall:.2f} of {found.dead_truth}"
                f" | {found.left_out} | {'ok' if found.within else 'OUT'} |",
                flush=True,
            )
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
