"""How right Homeroute's numbers are: fills histories, scores them, prints the table.

``python benchmarks/truth.py [--days N] [--buses N] [--seeds N …]``, or ``make
bench-truth``. For each seed, faults off and on. Exit code 1 when a metric of any of
them is out of its bound.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from homeroute_simulators.score import Score, score


def filled(folder: Path, seed: int, faults: str, days: int, buses: int) -> None:
    """Fill a folder, with the command that people use."""
    subprocess.run(
        [
            *(sys.executable, "-m", "homeroute_command", "simulate", "history"),
            *("--data", str(folder), "--seed", str(seed), "--faults", faults),
            *("--days", str(days), "--buses", str(buses)),
        ],
        check=True,
    )


def show(found: Score, faults: str, seconds: float) -> None:
    """Print one score as rows of a table for the docs."""
    for metric in found.metrics:
        share = "" if metric.error_share is None else f"{metric.error_share:.4%}"
        print(
            f"| {found.seed} | {faults} | {metric.name} ({metric.unit}) | {metric.truth:,}"
            f" | {metric.reported:,} | {metric.lost:,} | {metric.error:,.0f} | {share}"
            f" | {metric.bound:,.0f} | {'ok' if metric.within else 'OUT'} |"
        )
    print(f"scored in {seconds:.0f} s", file=sys.stderr, flush=True)


def main() -> int:
    """Fill and score each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--buses", type=int, default=50)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    chosen = parser.parse_args()
    print("| seed | faults | metric | truth | reported | lost | error | share | bound | |")
    print("| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |", flush=True)
    right = True
    for seed in chosen.seeds:
        for faults in ("none", "some"):
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                filled(folder, seed, faults, chosen.days, chosen.buses)
                began = time.perf_counter()
                found = score(folder / "truth.jsonl.gz", folder / "archive.duckdb")
                show(found, faults, time.perf_counter() - began)
                right = right and found.within
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
