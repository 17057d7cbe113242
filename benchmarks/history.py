"""How fast a simulated year is generated and stored, and whether memory stays flat.

``python benchmarks/history.py [--days N …] [--buses N] [--processes N …]`` fills a new
folder for each, with `homeroute simulate history`, each in a process of its own, and
prints a line. With the default, compare the peaks: they must not grow with the days.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path


def main() -> None:
    """Fill each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--days", type=int, nargs="+", default=[10, 60])
    parser.add_argument("--buses", type=int, default=100)
    parser.add_argument("--processes", type=int, nargs="+", default=[1])
    chosen = parser.parse_args()
    print("days  buses  processes      points  seconds  points/s  peak MB  generating MB  file MB")
    for processes in chosen.processes:
        for days in chosen.days:
            with tempfile.TemporaryDirectory() as folder:
                done = subprocess.run(
                    [
                        *(sys.executable, "-m", "homeroute_command", "simulate", "history"),
                        *("--data", folder, "--days", str(days), "--buses", str(chosen.buses)),
                        *("--processes", str(processes), "--json"),
                    ],
                    check=True,
                    stdout=subprocess.PIPE,
                    text=True,
                )
                size_mb = Path(folder, "archive.duckdb").stat().st_size / 1e6
            told = json.loads(done.stdout)
            print(
                f"{days:>4} {chosen.buses:>6} {processes:>10} {told['points']:>11,}"
                f" {told['seconds']:>8,.0f} {told['points_per_s']:>9,} {told['peak_mb']:>8,}"
                f" {told['peak_mb_generating']:>14,} {size_mb:>8,.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
