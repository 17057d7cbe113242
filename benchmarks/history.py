"""How fast a simulated year is generated and stored, and whether memory stays flat.

``python benchmarks/history.py [--days N …] [--buses N] [--processes N …] [--faults KINDS]``
fills a new folder for each, with `homeroute simulate history`, each in a process of its
own, and prints a line: with it the memory by day, and its slope, a straight line fitted
to all but the first tenth of the days, in which buffers fill. Processor seconds are of
all processes: on a machine that is shared they say more than seconds. ``--keep DIR``
leaves the last folder there, for `homeroute simulate score`.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np

from homeroute_simulators.filling_state import StateError, recall

EVERY_S = 2.0
CURVE_POINTS = 10


class Watch:
    """Notes a process's resident memory by the days it has filled, MB, until it ends."""

    def __init__(self, pid: int, folder: Path) -> None:
        self.curve: list[tuple[int, float]] = []
        self._statm = Path(f"/proc/{pid}/statm")
        self._folder = folder
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def end(self) -> None:
        """Stop."""
        self._ended.set()
        self._thread.join()

    def slope(self) -> float | None:
        """MB a day, past the first tenth of the days."""
        last = max((day for day, _ in self.curve), default=0)
        later = [(day, size) for day, size in self.curve if day > last // 10]
        if len({day for day, _ in later}) < 3:
            return None
        days, sizes = np.array(later, dtype=np.float64).T
        return float(np.polyfit(days, sizes, 1)[0])

    def thinned(self) -> list[tuple[int, float]]:
        """A few points of the curve: each the largest until then since the one before."""
        days = sorted({day for day, _ in self.curve})
        chosen = days[:: max(1, len(days) // CURVE_POINTS)]
        return [
            (day, max(size for at, size in self.curve if at in range(before + 1, day + 1)))
            for before, day in zip([-1, *chosen], chosen, strict=False)
        ]

    def _watch(self) -> None:
        while not self._ended.wait(EVERY_S):
            try:
                pages = int(self._statm.read_text().split()[1])
                state = recall(self._folder)
            except (OSError, StateError):
                continue
            if state is not None:
                self.curve.append((state.done, pages * resource.getpagesize() / 1e6))


def fill(folder: Path, days: int, buses: int, processes: int, faults: str) -> None:
    """Fill a folder, and print what it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    running = subprocess.Popen(
        [
            *(sys.executable, "-m", "homeroute_command", "simulate", "history"),
            *("--data", str(folder), "--days", str(days), "--buses", str(buses)),
            *("--processes", str(processes), "--faults", faults, "--json"),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    watch = Watch(running.pid, folder)
    out, _ = running.communicate()
    watch.end()
    if running.returncode:
        sys.exit(running.returncode)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    told, slope = json.loads(out), watch.slope()
    size_mb = (folder / "archive.duckdb").stat().st_size / 1e6
    print(
        f"{days:>4} {buses:>6} {processes:>10} {told['points']:>11,}"
        f" {told['seconds']:>8,.0f} {cpu_s:>6,.0f} {told['points_per_s']:>9,}"
        f" {told['points'] / cpu_s:>12,.0f} {told['peak_mb']:>8,}"
        f" {'-' if slope is None else f'{slope:+.2f}':>7}"
        f" {told['peak_mb_generating']:>14,} {size_mb:>8,.0f}"
    )
    curve = ", ".join(f"{day}: {size:.0f}" for day, size in watch.thinned())
    print(f"     MB by day: {curve}", flush=True)


def main() -> None:
    """Fill each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--days", type=int, nargs="+", default=[10, 60])
    parser.add_argument("--buses", type=int, default=100)
    parser.add_argument("--processes", type=int, nargs="+", default=[1])
    parser.add_argument("--faults", default="some")
    parser.add_argument("--keep", type=Path)
    chosen = parser.parse_args()
    print(
        "days  buses  processes      points  seconds  cpu s  points/s  points/cpu s"
        "  peak MB  MB/day  generating MB  file MB"
    )
    for processes in chosen.processes:
        for days in chosen.days:
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name) / "data"
                fill(folder, days, chosen.buses, processes, chosen.faults)
                if chosen.keep is not None:
                    shutil.rmtree(chosen.keep, ignore_errors=True)
                    shutil.move(folder, chosen.keep)


if __name__ == "__main__":
    main()
