"""`homeroute report`: the running collector is asked, else the file; errors help."""

from __future__ import annotations

import asyncio
import io
import json
import stat
import urllib.request
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
from aiohttp import web
from rich.console import Console

from homeroute_analytics import tables
from homeroute_collector.api_guard import add_security_headers, guard
from homeroute_collector.archive import Archive
from homeroute_command import report, report_text
from homeroute_command.__main__ import main
from homeroute_dashboards.pages.asked import DEFAULT_DAYS
from homeroute_dashboards.reports import mounting
from homeroute_dashboards.reports.hotspots import COLUMNS
from homeroute_dashboards.reports.model import Table
from tests.browser.district import serving
from tests.dashboards.reported import NOW_MS, ZONE, district

DAY = date(2026, 11, 20)
WHEN = ["--from", "2026-11-01", "--to", "2026-11-22"]


def application(*, simulated: bool) -> web.Application:
    """A collector's application with the reports on it."""
    app = web.Application(middlewares=[guard(())])
    app.on_response_prepare.append(add_security_headers)
    mounting.mount(
        app,
        district(),
        district="spring",
        timezone=ZONE,
        simulated=simulated,
        now_ms=lambda: NOW_MS,
    )
    return app


@pytest.fixture
def url(free_port: Callable[[], int]) -> Iterator[str]:
    """Of a simulated district."""
    with serving(application(simulated=True), free_port()) as address:
        yield address


@pytest.fixture
def real(free_port: Callable[[], int]) -> Iterator[str]:
    """Of a district that is not simulated."""
    with serving(application(simulated=False), free_port()) as address:
        yield address


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out.replace("\N{NARROW NO-BREAK SPACE}", " ")


def test_a_table_names_whose_it_is_its_days_zone_and_version(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "coverage", *WHEN, "--url", url]) == 0
    text = said(capsys)
    assert "spring, 2026-11-01 to 2026-11-22, all routes, all day" in text
    assert ZONE in text and "simulated data" in text and "by Homeroute " in text
    (line,) = (line for line in text.splitlines() if line.startswith("4 Elm  "))
    assert line.split()[2:7] == ["70.0", "%", "100.0", "%", "15"]
    assert "\x1b" not in text, "no colour in a pipe"
    assert max(map(len, text.splitlines())) <= 120


def test_one_section_is_all_that_is_printed(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "coverage", *WHEN, "--url", url, "--section", "dead_zones"]) == 0
    text = said(capsys)
    assert "Dead zones" in text and "Longest gaps" not in text


def test_what_a_file_is_called_says_its_format_and_it_is_its_owners_alone(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, begins in (("a.csv", b"route,"), ("a.parquet", b"PAR1"), ("a.html", b"<!doctype")):
        out = tmp_path / name
        assert main(["report", "coverage", *WHEN, "--url", url, "--out", str(out)]) == 0
        assert out.read_bytes().startswith(begins)
        assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert "not to publish" in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"a.csv", "a.parquet", "a.html"}


def test_json_is_one_object(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "trips", *WHEN, "--url", url, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["what"], len(found["tables"][0]["rows"])) == ("trips", 30)


def test_a_page_may_show_its_own_style_and_nothing_else(url: str) -> None:
    with urllib.request.urlopen(f"{url}/api/1/report/coverage?format=html") as answer:
        policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["coverage", "--route", "4 Elmm"], "nearest: '4 Elm'"),
        (["coverage", "--from", "2026-12-01", "--to", "2026-11-01"], "swap them"),
        (["coverage", "--json", "--format", "csv"], "leave one out"),
        (["coverage", "--out", "a.pdf"], "no format is called .pdf"),
        (["coverage", "--out", "a.html", "--format", "csv"], ".html says html"),
        (["coverage", "--out", "a.csv", "--json"], "--format json and --out a.csv differ"),
        (["coverage", "--section", "roads"], "this report has routes"),
        (["trips", "--out", "/nowhere/a.csv"], "write /nowhere/a.csv"),
    ],
)
def test_a_wrong_call_is_exit_code_2_and_one_line(
    url: str, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["report", *arguments, "--url", url]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--to", "2026-11-24"], "--to 2026-11-24 is yet to come; the last day may be today, 20"),
        (["--from", "2027-01-01"], "--from 2027-01-01 is yet to come"),
        (["--fix", "2027-01-01"], "--fix 2027-01-01 is yet to come"),
        (["--from", "1970-01-01"], "--from 1970-01-01: want a day between"),
        (["--from", "2025-01-01"], "--from 2025-01-01 to 2026-11-23: at most 400 days"),
        (["--route", "Elm"], "--route 'Elm' is not in the timetable; nearest: '4 Elm'"),
        (["--section", "roads"], "--section 'roads': this report has routes"),
    ],
)
def test_an_error_names_the_option_as_it_is_typed(
    real: str, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["report", "coverage", *arguments, "--url", real]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("homeroute report: ") and message in line


@pytest.mark.parametrize("option", ["--from", "--to"])
@pytest.mark.parametrize("day", ["yesterday", "2026-13-01", "11/20/2026", ""])
def test_what_is_no_day_is_told_before_anybody_is_asked(
    capsys: pytest.CaptureFixture[str], option: str, day: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["report", "trips", option, day, "--url", "http://127.0.0.1:1"])
    assert ended.value.code == 2
    assert f"argument {option}: {day!r} is no day; want YYYY-MM-DD" in capsys.readouterr().err


def test_help_tells_the_default_days(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["report", "--help"], ["report", "coverage", "--help"]):
        with pytest.raises(SystemExit):
            main(words)
    text = " ".join(capsys.readouterr().out.split())
    assert f"without dates of {DEFAULT_DAYS}" in text and "default: today" in text


def test_without_a_collector_the_archives_file_is_opened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "collector.toml").write_text(
        f'district = "spring"\ndata_dir = "."\ntimezone = "{ZONE}"\n'
    )
    archive = Archive.open(tmp_path / "archive.duckdb", district="spring", extra_ddl=tables.DDL)
    asyncio.run(
        archive.execute("INSERT INTO feed_routes (feed, route, label) VALUES (1, '4', '4')")
    )
    archive.close()
    assert main(["report", "coverage", "--data", str(tmp_path)]) == 0
    assert "No day of these has been counted yet" in said(capsys)


def test_without_a_timetable_the_import_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Archive.open(tmp_path / "archive.duckdb", district="district", extra_ddl=tables.DDL).close()
    assert main(["report", "coverage", "--data", str(tmp_path)]) == 2
    assert "homeroute import gtfs" in capsys.readouterr().err


@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_word_or_number_breaks_and_what_finds_no_room_is_named(width: int) -> None:
    row = ("hotspot-01", "not_reporting", 12, 3, 9, DAY, DAY, None, 0.71, 14, "unknown", "agent")
    table = Table("hotspots", "Hotspots", "", COLUMNS, (row,))
    grid, left_out = report_text._grid(table, width)
    out = Console(file=io.StringIO(), width=width, no_color=True)
    out.print(grid)
    text = out.file.getvalue()  # type: ignore[attr-defined]
    assert "hotspot-01" in text and "not_reporting" in text
    shown = [c for c in COLUMNS if not c.wide and c not in left_out]
    assert [c.name for c in shown] == [c.name for c in COLUMNS[: len(shown)]]
    for column in shown:
        assert all(word in text for word in column.heading.split())
    assert (left_out == []) == (width == 120)


@pytest.mark.parametrize("what", report.WHAT)
def test_help_names_the_sections_a_report_has(
    url: str, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    assert main(["report", what, *WHEN, "--url", url, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    named = report.SECTIONS[what].split(";")[0].split(", ")
    assert [table["name"] for table in found["tables"]] == named
    with pytest.raises(SystemExit):
        main(["report", what, "--help"])
    assert "table of the report: " in " ".join(capsys.readouterr().out.split())
