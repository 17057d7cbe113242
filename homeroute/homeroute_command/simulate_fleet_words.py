"""What `homeroute simulate fleet` says while it drives: one bar on stderr, on a terminal only."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, tzinfo

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from homeroute_collector.ingest import Ingest
from homeroute_simulators.fleet import Fleet
from homeroute_simulators.world import World

EVERY_S = 0.5


def nothing_driven(world: World, start: datetime, seconds: float) -> str:
    """Why no bus drives in that part of the calendar."""
    day, last = start.date(), (start + timedelta(seconds=seconds)).date()
    kinds = []
    while day <= last:
        kinds.append(f"{day:%A, %-d %B %Y} is {KINDS[world.calendar.kind_of(day)]}")
        day += timedelta(days=1)
    more = f" and so on until {last}" if len(kinds) > 3 else ""
    return f"homeroute: no bus drives in this time: {'; '.join(kinds[:3])}{more}"


def no_room(left_out: Sequence[str]) -> str:
    """Which faults that were asked for do not happen."""
    return (
        f"homeroute: no room for {len(left_out)} of the faults asked for: {', '.join(left_out)}; "
        "give more --buses or a longer --for"
    )


KINDS = {
    "school": "a day of school, with its drives at other hours",
    "early_release": "a day of early release, with its drives at other hours",
    "snow": "a snow day",
    "holiday": "a holiday",
    "weekend": "a weekend",
    "summer": "in the summer",
    "service": "a day of service, with its trips at other hours",
    "no_service": "a day without service",
}


@contextlib.contextmanager
def watching(
    fleet: Fleet, ingest: Ingest, zone: tzinfo, start_ms: int, end_ms: int, stop: asyncio.Event
) -> Iterator[None]:
    """Show the world's time and what the fleet does. Inside a running loop."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield
        return
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[doing]}"),
        TimeRemainingColumn(),
        console=console,
    )
    task = bar.add_task("starting", total=end_ms - start_ms, doing="")

    async def watch() -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            if not fleet.at_ms:
                continue
            if stop.is_set() or fleet.at_ms + 1000 > end_ms:
                bar.update(task, completed=fleet.at_ms - start_ms, description="draining")
                continue
            now = datetime.fromtimestamp(fleet.at_ms / 1000, zone)
            doing = f"{len(fleet.driving)} driving, {len(fleet.dark)} without coverage, "
            bar.update(
                task,
                completed=fleet.at_ms - start_ms,
                description=f"{now:%a %H:%M:%S}",
                doing=doing + f"{ingest.counts.stored:,} points stored",
            )

    with bar:
        telling = asyncio.get_running_loop().create_task(watch(), name="words")
        try:
            yield
        finally:
            telling.cancel()


@contextlib.contextmanager
def agents_unheard() -> Iterator[None]:
    """Keep the agents' log to ourselves: what goes wrong here is meant to.

    So too what asyncio says of a program that ended as its agent was cut off from it: both
    wait for it, and the one that comes second is told that there is no such process.
    """
    logger, asyncios = logging.getLogger("homeroute.agent"), logging.getLogger("asyncio")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    asyncios.addFilter(_of_a_child_nobody_misses)
    try:
        yield
    finally:
        logger.setLevel(before)
        asyncios.removeFilter(_of_a_child_nobody_misses)


def _of_a_child_nobody_misses(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith("Unknown child process pid")
