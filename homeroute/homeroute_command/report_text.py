"""A report for a person at a terminal, or for a file that a person reads.

Guarantees: no colour but on a terminal; a column that finds no room is left out, not
squeezed until its words break, and said to be. The verdict is a word, never a colour alone.
"""

from __future__ import annotations

import io
import sys
from typing import Literal

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from homeroute_command.failure import Failure
from homeroute_command.output import Output
from homeroute_dashboards.reports.model import Column, Report, Table
from homeroute_dashboards.reports.words import is_number, made, rest, said, span

ROOM = 170
"""Characters a line from which on the wide columns are shown, too."""

FILE_WIDTH = 120

GAP = 2
"""Characters between columns."""

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
            if table.rows:
                grid, left_out = _grid(table, out.width)
                out.print(grid)
                if left_out:
                    named = ", ".join(column.name for column in left_out)
                    out.print(Text(f"no room here for {named}", style="dim"))
            else:
                out.print(Text(table.empty))
            if more := rest(table):
                out.print(Text(more, style="dim"))
    out.print()
    out.print(Text("What each word means: docs/reports.md, and --format html.", style="dim"))


def _grid(table: Table, width: int) -> tuple[Grid, list[Column]]:
    """The columns there is room for, and those there is not."""
    rows = table.rows[: table.shown]
    cells = {
        column: [said(table, column, row[index]) for row in rows]
        for index, column in enumerate(table.columns)
        if width >= ROOM or not column.wide
    }
    least = {column: _least(column, said_) for column, said_ in cells.items()}
    left_out: list[Column] = []
    while len(least) > 1 and sum(least.values()) + GAP * len(least) > width:
        left_out.insert(0, least.popitem()[0])
    grid = Grid(box=None, padding=(0, GAP, 0, 0), header_style="dim", pad_edge=False)
    for column, characters in least.items():
        justify: Literal["left", "right"] = "right" if is_number(column) else "left"
        grid.add_column(column.heading, justify=justify, min_width=characters, overflow="fold")
    for line in zip(*(cells[column] for column in least), strict=True):
        # What is a number stays on one line; words may go on the next, whole.
        grid.add_row(
            *(
                Text(cell, style=STYLES.get(cell, ""), no_wrap=_one_line(column))
                for column, cell in zip(least, line, strict=True)
            )
        )
    return grid, left_out


def _one_line(column: Column) -> bool:
    return column.kind != "text"


def _least(column: Column, cells: list[str]) -> int:
    """Characters in which neither heading nor cells break inside a word."""
    whole = cells if _one_line(column) else [word for cell in cells for word in cell.split()]
    return max(map(len, [*column.heading.split(), *whole]))
