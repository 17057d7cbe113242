"""A report for a person at a terminal, or for a file that a person reads.

Guarantees: no colour but on a terminal; a column that finds no room is left out, not
squeezed until it says nothing. The verdict is a word, never a colour alone.
"""

from __future__ import annotations

import io
import sys

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from homeroute_command.failure import Failure
from homeroute_command.output import Output
from homeroute_dashboards.reports.model import Report, Table
from homeroute_dashboards.reports.words import is_number, made, rest, said, span

ROOM = 170
"""Characters a line from which on the wide columns are shown, too."""

FILE_WIDTH = 120

STYLES = {
    "dead": "bold red",
    "mixed": "yellow",
    "good": "green",
    "insufficient": "dim",
    "no data": "dim",
}


def show(report: Report, *, only: str | None = None) -> None:
    """Print it on stdout."""
    out = Output(highlight=False)
    if not out.is_terminal:
        out = Output(highlight=False, width=FILE_WIDTH, file=sys.stdout)
    _print(out, report, only)


def text(report: Report, *, only: str | None = None) -> str:
    """The same as a text without colour."""
    file = io.StringIO()
    _print(Console(file=file, width=FILE_WIDTH, highlight=False, no_color=True), report, only)
    return file.getvalue()


def _print(out: Console, report: Report, only: str | None) -> None:
    if only is not None and report.table(only) is None:
        known = ", ".join(table.name for table in report.tables)
        raise Failure(f"section {only[:40]!r}: this report has {known}", exit_code=2)
    out.print(Text(report.title, style="bold"))
    out.print(Text(span(report)))
    out.print(Text(made(report), style="dim"))
    out.print()
    out.print(Text(report.headline))
    for note in report.notes:
        out.print(Text(f"note: {note}", style="dim"))
    for table in report.tables:
        if only in (None, table.name):
            out.print()
            out.print(Text(table.title, style="bold"))
            out.print(Text(table.about, style="dim"))
            out.print(_grid(table, out.width) if table.rows else Text(table.empty))
            if more := rest(table):
                out.print(Text(more, style="dim"))
    out.print()
    out.print(Text("What each word means: docs/reports.md, and --format html.", style="dim"))


def _grid(table: Table, width: int) -> Grid:
    grid = Grid(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    shown = [(i, c) for i, c in enumerate(table.columns) if width >= ROOM or not c.wide]
    for _, column in shown:
        grid.add_column(
            column.heading,
            justify="right" if is_number(column) else "left",
            no_wrap=is_number(column),
            overflow="fold",
        )
    for row in table.rows[: table.shown]:
        cells = (said(table, column, row[index]) for index, column in shown)
        grid.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in cells))
    return grid
