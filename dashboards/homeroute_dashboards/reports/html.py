"""A report as one page that prints, and that can be mailed: nothing of it lies elsewhere.

Guarantees: no script, no other host, no image; every word of the data is escaped; what
it rests on and how it was counted stand on the page. Does not: draw, or hold the wide
columns and the rows past those people are shown; files do.
"""

from __future__ import annotations

import base64
import hashlib
from html import escape

from homeroute_dashboards.reports.model import Report, Table
from homeroute_dashboards.reports.words import is_number, made, rest, said, span

STYLE = """
:root { color-scheme: light dark; --ink: #1b2430; --soft: #5a6572; --line: #d9dbd5; --paper: #fff;
  --warn: #fff5df; --bad: #b3330e; --good: #0a7a5c; --mixed: #8a5200; }
@media screen and (prefers-color-scheme: dark) { :root { --ink: #e8eaec; --soft: #9aa5b1;
  --line: #2c343d; --paper: #12161b; --warn: #33290f; --bad: #ff8a65; --good: #4fc3a1;
  --mixed: #f0b44c; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 68rem; padding: 2rem 1.25rem; background: var(--paper);
  color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
  font-variant-numeric: tabular-nums; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0; }
h2 { font-size: 1.1rem; margin: 2rem 0 0.2rem; }
p { margin: 0.2rem 0; max-width: 50rem; }
.soft, small { color: var(--soft); }
.headline { font-size: 1.1rem; margin: 1rem 0; }
.note { background: var(--warn); padding: 0.5rem 0.9rem; border-left: 4px solid var(--mixed); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: 0.5rem 0 0; font-size: 0.88rem; }
tbody td:first-child:not(.n) { min-width: 6.5rem; }
th { text-align: left; color: var(--soft); font-weight: 500; vertical-align: bottom; }
th, td { padding: 0.3rem 0.6rem 0.3rem 0; border-bottom: 1px solid var(--line); }
td.n, th.n { text-align: right; white-space: nowrap; }
.dead { color: var(--bad); font-weight: 650; } .mixed { color: var(--mixed); }
.good { color: var(--good); } .insufficient, .nil { color: var(--soft); font-style: italic; }
dt { font-weight: 600; margin-top: 0.5rem; } dd { margin: 0; max-width: 50rem; }
@media print { body { max-width: none; padding: 0; font-size: 10pt; }
  h2, h2 + p { break-after: avoid; }
  thead, tbody tr:first-child { break-after: avoid; } table { font-size: 8.5pt; }
  tr { break-inside: avoid; } thead { display: table-header-group; } .wide { overflow: visible; }
  @page { margin: 1.5cm; } }
"""

_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'"
"""What a browser lets the page do: show its own style, and nothing else."""

_WORDS = {"dead", "mixed", "good", "insufficient"}


def as_html(report: Report) -> bytes:
    """The whole page."""
    title = f"{report.title}: {span(report)}"
    notes = "".join(f'<p class="note">{escape(note)}</p>\n' for note in report.notes)
    methods = "".join(
        f"<dt>{escape(term)}</dt><dd>{escape(text)}</dd>\n" for term, text in report.methods
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">
<title>{escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{escape(report.title)}</h1>
<p class="soft">{escape(span(report))}</p>
<p class="soft">{escape(made(report))}</p>
<p class="headline">{escape(report.headline)}</p>
{notes}{"".join(map(_table, report.tables))}
<h2>How this is counted</h2>
<dl>
{methods}</dl>
</body>
</html>
""".encode()


def _table(table: Table) -> str:
    head = f"<h2>{escape(table.title)}</h2>\n<p class='soft'>{escape(table.about)}</p>\n"
    if not table.rows:
        return f"{head}<p>{escape(table.empty)}</p>\n"
    columns = [
        (i, c, " class='n'" * is_number(c)) for i, c in enumerate(table.columns) if not c.wide
    ]
    names = "".join(f"<th scope='col'{css}>{escape(c.heading)}</th>" for _, c, css in columns)
    lines = []
    for row in table.rows[: table.shown]:
        cells = []
        for index, column, css in columns:
            text = said(table, column, row[index])
            if row[index] is None:
                cells.append(f"<td class='n nil'>{escape(text)}</td>")
            elif column.kind == "text" and text in _WORDS:
                cells.append(f"<td class='{text}'>{text}</td>")
            else:
                cells.append(f"<td{css}>{escape(text)}</td>")
        lines.append(f"<tr>{''.join(cells)}</tr>\n")
    more = rest(table, paper=True)
    return (
        f"{head}<div class='wide'><table><thead><tr>{names}</tr></thead>\n"
        f"<tbody>{''.join(lines)}</tbody></table></div>\n"
        + (f"<p class='soft'>{escape(more)}</p>\n" if more else "")
    )
