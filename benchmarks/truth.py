"""How right Homeroute's numbers are: fills histories, drives fleets, scores both, prints tables.

``python benchmarks/truth.py [--days N] [--buses N] [--live-buses N] [--live-for TIME]
[--speed X] [--seeds N …] [--faults KINDS …]``, or ``make bench-truth``. For each seed, without
faults and with all of them. ``--days 0`` or ``--live-buses 0`` leaves one of the two out. Exit
code 1 when a metric of any of them is out of its bound.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from homeroute_simulators.score import Metric, Score, score

START = "2026-11-16T07:00"
"""When most of a live fleet drives."""


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


def driven(folder: Path, seed: int, faults: str, chosen: argparse.Namespace) -> None:
    """Drive a fleet of real agents, with the command that people use."""
    subprocess.run(
        [
            *(sys.executable, "-m", "homeroute_command", "simulate", "fleet"),
            *("--data", str(folder), "--truth", str(folder / "truth.jsonl.gz")),
            *("--seed", str(seed), "--faults", faults, "--speed", str(chosen.speed)),
            *("--buses", str(chosen.live_buses), "--for", chosen.live_for, "--start", START),
        ],
        check=True,
        stdout=sys.stderr,
    )


def cell(metric: Metric) -> str:
    """Error of truth, and what was lost beside it."""
    lost = f", {metric.lost:,} lost" if metric.lost else ""
    out = "" if metric.within else " **OUT**"
    return f"{metric.error:,.0f} of {metric.truth:,}{lost}{out}"


def show(what: str, faults: str, scores: list[Score]) -> None:
    """Print the scores of all seeds as a table for the docs."""
    print(f"\n{what}, faults {'off' if faults == 'none' else 'on'}:\n")
    print(f"| error of truth | {' | '.join(f'seed {found.seed}' for found in scores)} |")
    print(f"| --- {'| ---: ' * len(scores)}|")
    for row in zip(*(found.metrics for found in scores), strict=True):
        print(f"| {row[0].name}, {row[0].unit} | {' | '.join(map(cell, row))} |")
    kinds = sorted({kind for found in scores for kind in found.faults})
    for kind in kinds:
        counts = " | ".join(f"{found.faults.get(kind, 0):,}" for found in scores)
        print(f"| fault: {kind} | {counts} |")
    sys.stdout.flush()


def main() -> int:
    """Fill and score each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--buses", type=int, default=50)
    parser.add_argument("--live-buses", type=int, default=12)
    parser.add_argument("--live-for", default="15m", metavar="TIME")
    parser.add_argument("--speed", type=float, default=10.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--faults", nargs="+", default=["none", "all"], metavar="KINDS")
    chosen = parser.parse_args()
    made: dict[str, Callable[[Path, int, str], None]] = {}
    if chosen.days:
        made["History"] = lambda folder, seed, faults: filled(
            folder, seed, faults, chosen.days, chosen.buses
        )
    if chosen.live_buses:
        made["Live"] = lambda folder, seed, faults: driven(folder, seed, faults, chosen)
    right = True
    for what, make in made.items():
        for faults in chosen.faults:
            scores = []
            for seed in chosen.seeds:
                with tempfile.TemporaryDirectory() as name:
                    folder = Path(name)
                    make(folder, seed, faults)
                    scores.append(score(folder / "truth.jsonl.gz", folder / "archive.duckdb"))
            show(what, faults, scores)
            right = right and all(found.within for found in scores)
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
