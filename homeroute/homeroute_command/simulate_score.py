"""`homeroute simulate score`: what Homeroute stored, against what really happened."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from rich.console import Console
from rich.measure import Measurement
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from homeroute_collector.archive import FILE_NAME
from homeroute_command.failure import Failure
from homeroute_command.simulate_world import place
from homeroute_simulators.filling_state import StateError, recall
from homeroute_simulators.score import STAGES, Metric, Score, score
from homeroute_simulators.score_coverage import LEAST, POINT, CoverageScore, score_file
from homeroute_simulators.score_load import ScoreError
from homeroute_simulators.truth import TruthError

WIDTH = 400

DESCRIPTION = """\
Compare an archive with the truth of the run that filled it, metric by metric. What
the truth says was physically lost must be missing from the archive, and is told
apart. Stop the collector first. A year of 100 buses takes two to four minutes, 0.7 GB of
memory and 1.5 GB of the temporary folder (TMPDIR). Exit code 1: some metric is out of its bound.

Of a history that was rolled up (`homeroute rollup --from DAY --data DIR`) coverage by
route and segment is scored too, and the dead zones found against those planted.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "score", help="compare what was stored with the truth", description=DESCRIPTION
    )
    parser.add_argument("truth", type=Path, metavar="TRUTH", help="the run's truth file")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="holds the archive; default: the truth's folder"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Score; 0 within all bounds, else 1. Raises :class:`Failure`."""
    truth: Path = args.truth.expanduser()
    data: Path = args.data.expanduser() if args.data else truth.parent
    try:
        with _bar() as told:
            found = score(truth, data / FILE_NAME, progress=told)
            told("coverage")
            coverage = _coverage(truth, data)
    except (TruthError, ScoreError, StateError) as error:
        raise Failure(str(error), exit_code=2) from None
    except OSError as error:
        raise Failure(
            f"{error.filename or truth}: {error.strerror or error}", exit_code=2
        ) from None
    if args.json:
        document = found.document() | {"coverage": coverage.document() if coverage else None}
        document["within"] = found.within and (coverage is None or coverage.within)
        print(json.dumps(document))
    else:
        _show(found)
        if coverage is not None:
            _show_coverage(coverage)
    return 0 if found.within and (coverage is None or coverage.within) else 1


@contextmanager
def _bar() -> Iterator[Callable[[str], None]]:
    """A progress bar on a terminal's stderr; it is told each stage that begins."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(
        *columns,
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task("score", total=len(STAGES) + 1)
        begun = count()

        def told(stage: str) -> None:
            bar.update(task, description=f"scoring: {stage}", completed=next(begun))

        yield told


def _coverage(truth: Path, data: Path) -> CoverageScore | None:
    """Of a history of a founded district that was rolled up; None of anything else."""
    state = recall(data)
    if state is None or state.gtfs:
        return None
    where = place(None, seed=state.seed, buses=state.buses or None)
    return score_file(data / FILE_NAME, truth, where)


def _show_coverage(found: CoverageScore) -> None:
    table = Table(box=None, title="coverage")
    for name in ("metric", "found", "want"):
        table.add_column(name, no_wrap=True)
    for name, value, want in (
        ("usable share, worst route off by", f"{found.usable_error:.2%}", f"<= {POINT:.0%}"),
        ("reported share, worst route off by", f"{found.reported_error:.2%}", f"<= {POINT:.0%}"),
        ("usable share, segments, r.m.s.", f"{found.segment_spread:.2%}", ""),
        ("dead segments, precision", f"{found.precision:.3f}", f">= {LEAST}"),
        ("dead segments, recall", f"{found.recall:.3f}", ""),
        ("dead zones, precision", f"{found.zone_precision:.3f}", f">= {LEAST}"),
        ("hollows found, recall", f"{found.zone_recall:.3f}", f">= {LEAST}"),
        ("trips left out (cloned card)", f"{found.left_out}", ""),
    ):
        table.add_row(name, value, want)
    Console().print(table)


def _show(found: Score) -> None:
    table = Table(box=None, title=f"{found.district}, seed {found.seed}")
    table.add_column("metric", no_wrap=True)
    table.add_column("unit", no_wrap=True)
    for name in ("truth", "reported", "lost", "error", "share", "bound", ""):
        table.add_column(name, justify="right", no_wrap=True)
    for metric in found.metrics:
        table.add_row(*_row(metric))
    console = Console()
    # A number cut off is no number: rather wide than wrong.
    room = console.options.update(max_width=WIDTH)
    console.width = max(console.width, Measurement.get(console, room, table).maximum)
    console.print(table)
    if found.faults:
        faults = ", ".join(f"{count} {kind}" for kind, count in found.faults.items())
        console.print(f"faults: {faults}")
    for level in found.devices:
        if not level.within(found.deviations):
            outside = json.dumps(level.document(found.deviations))
            console.print(f"outside: {outside}", soft_wrap=True)


def _row(metric: Metric) -> list[str]:
    return [
        metric.name,
        metric.unit,
        f"{metric.truth:,}",
        f"{metric.reported:,}",
        f"{metric.lost:,}" if metric.lost else "",
        f"{metric.error:,.0f}",
        "" if metric.error_share is None else f"{metric.error_share:.3%}",
        f"{metric.bound:,.0f}",
        "ok" if metric.within else "[red]OUT[/red]",
    ]
