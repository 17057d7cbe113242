"""What a demonstration says: progress while it fills, where to look, what it came to."""

from __future__ import annotations

import asyncio
import resource
import sys
from typing import Any
from urllib.parse import urlsplit

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from homeroute_command.called import called
from homeroute_command.demo_district import Outcome, Ready
from homeroute_command.demo_folder import DemoFolder
from homeroute_command.running import DEFAULT_URL

LOG_NAME = "demo.log"


class Words:
    """Speaks on stderr."""

    def __init__(self, folder: DemoFolder) -> None:
        self.console = Console(stderr=True, highlight=False)
        self._folder = folder
        self._bar = Progress(
            TextColumn("Filling two school weeks of history"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            console=self.console,
        )
        self._task = self._bar.add_task("history", total=None)

    def progress(self, done: int, total: int) -> None:
        """Show how much of the history is filled."""
        if not self._bar.live.is_started:
            self._bar.start()
        self._bar.update(self._task, completed=done, total=total)
        if done >= total:
            self.stop()

    def ready(self, now: Ready) -> None:
        """Say where to look."""
        self.stop()
        filled = now.filled
        if filled.points:
            self.console.print(
                f"{filled.days} school days, {filled.points:,} points in {filled.seconds:.1f} s"
            )
        buses = [device for device in now.fleet.devices if device.startswith("bus")]
        # Commands look at the usual address unless told.
        told = "" if urlsplit(now.url).port == urlsplit(DEFAULT_URL).port else f" --url {now.url}"
        self.console.print(
            f"Simulated data; the first page after {now.first_page_s:.1f} s.\n"
            f"At any hour, the buses drive the school day of {now.day:%A, %-d %B %Y}: one drive "
            "after the other, the waits between them left out, and then again.\n\n"
            f"  pages   {now.url}\n"
            f"  data    {self._folder.path}\n"
            f"  log     {self._folder.path / LOG_NAME}\n"
            f"  try     {called()} demo cut {buses[3]} --for 60s     (in a second terminal)\n"
            f"  ask     {called()} report coverage{told}\n\n"
            "Ctrl-C stops it."
        )

    def stop(self) -> None:
        """Leave the terminal as it was."""
        if self._bar.live.is_started:
            self._bar.stop()


async def watch(now: Ready, console: Console, every_s: float = 1.0) -> None:
    """Keep one line about the fleet up to date, on a terminal, until cancelled."""
    if not console.is_terminal:
        return
    with console.status("") as line:
        while True:
            dark = now.fleet.dark
            line.update(
                f"{len(now.fleet.devices)} devices sampling, "
                f"{now.collector.ingest.counts.stored - now.filled.points:,} points stored live; "
                + (f"without coverage: {', '.join(dark)}" if dark else "all in coverage")
            )
            await asyncio.sleep(every_s)


def as_json(outcome: Outcome, folder: DemoFolder) -> dict[str, Any]:
    """The outcome as the one JSON object. Points are of the live part."""
    counted, ready = outcome.count, outcome.ready
    return {
        "devices": len(ready.fleet.devices),
        "routes": len(outcome.district.routes),
        "sampled": counted.sampled,
        "stored": counted.stored,
        "refused": counted.refused,
        "dropped": counted.dropped,
        "spooled": counted.spooled,
        "adds_up": counted.adds_up,
        "history_days": len(folder.days),
        "history_points": ready.filled.points,
        "history_s": round(ready.filled.seconds, 2),
        "history_points_per_s": round(ready.filled.points_per_s),
        "url": ready.url,
        "first_page_s": ready.first_page_s,
        "live_s": outcome.live_s,
        "quiesce_s": outcome.quiesce_s,
        "points_per_s": round(counted.sampled / outcome.live_s, 1) if outcome.live_s else 0.0,
        "cpu_s": round(outcome.live_cpu_s, 1),
        "peak_memory_mb": round(peak_memory_mb()),
        "district": outcome.district.name,
        "seed": folder.seed,
        "data": str(folder.path),
        "simulated": True,
    }


def peak_memory_mb() -> float:
    """The most memory this process has held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1_048_576 if sys.platform == "darwin" else peak / 1024
