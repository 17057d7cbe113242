"""Reports: what stands in them, in every format, and what they refuse."""

from __future__ import annotations

import asyncio
import csv
import html
import io
import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import duckdb
import pytest

from homeroute_analytics.verdicts import Limits
from homeroute_command import report_text
from homeroute_dashboards.district import District
from homeroute_dashboards.pages.asked import AskError
from homeroute_dashboards.reports import answering
from homeroute_dashboards.reports.model import Report
from homeroute_dashboards.reports.words import said
from tests.analytics.rows import MemoryArchive
from tests.dashboards.reported import DAYS, NOW_MS, ZONE, district, segment_day

PLACE = District("spring", ZONE, simulated=True, version="9.9")
WHEN = {"from": "2026-11-01", "to": "2026-11-22"}


@pytest.fixture(scope="module")
def held() -> MemoryArchive:
    return district()


def report(held: MemoryArchive, what: str = "coverage", **asked: str) -> Report:
    return asyncio.run(answering.report(held.query, what, WHEN | asked, PLACE, NOW_MS))


def file(held: MemoryArchive, what: str = "coverage", **asked: str) -> bytes:
    return asyncio.run(answering.answer(held.query, what, WHEN | asked, PLACE, NOW_MS)).body


def rows(found: Report, name: str) -> list[dict[str, Any]]:
    table = found.table(name)
    assert table is not None
    names = [column.name for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in table.rows]


def test_routes_stand_worst_first_with_what_they_rest_on(held: MemoryArchive) -> None:
    first, second = rows(report(held), "routes")
    assert first["route"] == "4 Elm" and second["usable_share"] == 1.0
    assert first["usable_share"] == pytest.approx(0.7)
    assert (first["trips_observed"], first["trips_scheduled"], first["days"]) == (15, 15, 15)
    assert (first["reported_share"], first["evidence"]) == (1.0, "enough")


def test_a_districts_own_limits_decide_what_is_dead_and_are_printed(held: MemoryArchive) -> None:
    def by(limits: Limits) -> Report:
        place = replace(PLACE, limits=limits)
        return asyncio.run(answering.report(held.query, "coverage", WHEN, place, NOW_MS))

    assert len(rows(by(Limits()), "dead_zones")) == 1
    strict = by(Limits(fewest_passes=40))
    assert rows(strict, "dead_zones") == []
    assert {row["evidence"] for row in rows(strict, "routes")} == {"insufficient"}
    assert "Fewer than 40 passes" in dict(strict.methods)["Verdict"]
    assert rows(by(Limits(bar=0.001)), "dead_zones") == []


def test_the_worklist_counts_what_riders_lost(held: MemoryArchive) -> None:
    (zone,) = rows(report(held), "dead_zones")
    assert zone["client_outage_min"] == pytest.approx(15 * 2 * 8 * 0.9)
    assert (zone["passes"], zone["routes"]) == (30, "4 Elm")
    assert "took 216 connected-client minutes" in report(held).headline


def test_few_passes_are_called_insufficient_and_never_good_or_dead(held: MemoryArchive) -> None:
    found = report(held, **{"from": DAYS[-2].isoformat()})
    assert {row["verdict"] for row in rows(found, "segments")} == {"insufficient"}
    assert {row["evidence"] for row in rows(found, "routes")} == {"insufficient"}
    assert "Few trips so far" in found.headline and "No dead zone" in found.headline


def test_unassigned_time_is_told_of_the_whole_fleet(held: MemoryArchive) -> None:
    (total,) = rows(report(held, route="4"), "totals")
    assert (total["moving_s"], total["unassigned_share"]) == (6000.0, 0.25)


def test_a_day_that_may_still_change_is_noted(held: MemoryArchive) -> None:
    assert any("1 of 15 counted days may still change" in note for note in report(held).notes)


@pytest.mark.parametrize("assumed", [True, False])
@pytest.mark.parametrize("what", answering.NAMES)
def test_every_report_says_whose_clock_it_goes_by_and_whether_that_is_assumed(
    held: MemoryArchive, tmp_path: Path, what: str, assumed: bool
) -> None:
    place = replace(PLACE, timezone_assumed=assumed)

    def body(form: str) -> bytes:
        asked = WHEN | {"format": form}
        return asyncio.run(answering.answer(held.query, what, asked, place, NOW_MS)).body

    assert json.loads(body("json"))["timezone_assumed"] is assumed
    for text in (
        body("html").decode(),
        report_text.text(asyncio.run(answering.report(held.query, what, WHEN, place, NOW_MS))),
    ):
        said = " ".join(html.unescape(text).split())
        assert f"days and hours are of {ZONE}" in said
        assert ("nobody has named the district's" in said) is assumed
    (tmp_path / "r.parquet").write_bytes(body("parquet"))
    told = duckdb.execute(
        f"SELECT decode(value) FROM parquet_kv_metadata('{tmp_path / 'r.parquet'}') "
        "WHERE decode(key) = 'timezone_assumed'"
    ).fetchall()
    assert told == [(str(assumed).lower(),)]


def test_days_nobody_has_counted_say_how_to_count_them(held: MemoryArchive) -> None:
    found = report(held, **{"from": "2026-10-01", "to": "2026-10-09"})
    assert "homeroute rollup --from 2026-10-01 --to 2026-10-09" in found.notes[0]


def test_a_fix_is_compared_with_an_interval(held: MemoryArchive) -> None:
    found = report(held, route="4 Elm", fix="2026-11-11 antenna replaced")
    table = found.tables[0]
    assert table.title == "Before and after 2026-11-11: antenna replaced"
    before, after = rows(found, "fix")
    assert before["usable_share"] == pytest.approx(after["usable_share"])
    assert after["low_points"] <= 0 <= after["high_points"]
    assert before["difference_points"] is None
    (points,) = (c for c in table.columns if c.name == "high_points")
    assert said(table, points, 1.75).replace("\u202f", " ") == "+1.8 points"
    assert "Not decided" in table.about


def test_a_fix_with_too_few_days_has_no_interval(held: MemoryArchive) -> None:
    found = report(held, route="4 Elm", fix="2026-11-04")
    assert "Insufficient" in found.tables[0].about
    assert rows(found, "fix")[1]["low_points"] is None


def test_csv_cannot_smuggle_a_formula_into_a_spreadsheet(held: MemoryArchive) -> None:
    for what, section in (("coverage", "routes"), ("coverage", "segments"), ("trips", "trips")):
        text = file(held, what, format="csv", section=section).decode()
        routes = {row["route"] for row in csv.DictReader(io.StringIO(text))}
        assert routes == {"4 Elm", "'=7 Oak"}


def test_parquet_has_types_all_rows_and_says_where_it_is_from(
    held: MemoryArchive, tmp_path: Path
) -> None:
    path = tmp_path / "r.parquet"
    path.write_bytes(file(held, "trips", format="parquet"))
    db = duckdb.connect()
    ((count, days),) = db.execute(f"SELECT count(*), count(DISTINCT day) FROM '{path}'").fetchall()
    assert (count, days) == (30, 15)
    kinds = dict(
        db.execute(f"SELECT column_name, column_type FROM (DESCRIBE FROM '{path}')").fetchall()
    )
    assert (kinds["day"], kinds["usable_share"], kinds["observed"]) == ("DATE", "DOUBLE", "BOOLEAN")
    told = dict(
        db.execute(
            f"SELECT decode(key), decode(value) FROM parquet_kv_metadata('{path}')"
        ).fetchall()
    )
    assert (told["district"], told["timezone"], told["simulated"]) == ("spring", ZONE, "true")


def test_a_parquet_file_of_nothing_has_its_columns(held: MemoryArchive, tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    path.write_bytes(
        file(held, "trips", format="parquet", **{"from": "2026-10-01", "to": "2026-10-02"})
    )
    assert duckdb.connect().execute(f"SELECT count(*) FROM '{path}'").fetchall() == [(0,)]


def test_geojson_draws_each_segment_on_its_road_and_says_it_is_restricted(
    held: MemoryArchive,
) -> None:
    found = json.loads(file(held, format="geojson", route="4"))
    assert "do not publish" in found["homeroute"]["restricted"]
    features = {f["properties"]["segment"]: f for f in found["features"]}
    assert len(features) == 5
    line = features["4@1:002"]["geometry"]
    assert line["type"] == "LineString"
    assert len(line["coordinates"]) == 3, "its ends, and the road's bend at 600 m"
    assert line["coordinates"][0] == [-98.0, pytest.approx(38.5 + 500 / 111_320, abs=1e-6)]
    assert features["4@1:002"]["properties"]["verdict"] == "dead"


def test_a_segment_whose_road_is_gone_is_a_point(held: MemoryArchive) -> None:
    lost = district()
    lost.add("segment_day", [segment_day(DAYS[0], "4 Elm", 1, 1.0, segment="old@9:001")])
    found = json.loads(file(lost, format="geojson"))
    (kind,) = (
        f["geometry"]["type"]
        for f in found["features"]
        if f["properties"]["segment"] == "old@9:001"
    )
    assert kind == "Point"


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.words += data


def test_the_page_is_whole_in_itself_and_says_how_it_was_counted(held: MemoryArchive) -> None:
    page = _Page()
    page.feed(file(held, format="html").decode())
    assert "script" not in page.tags and page.links == []
    for word in ("spring", ZONE, "Homeroute 9.9", "simulated data", "Wilson", "Passes, n"):
        assert word in page.words


def test_what_a_route_is_called_cannot_become_markup() -> None:
    held = district()
    held.db.execute("UPDATE trip_day SET route = '<b>4</b>' WHERE route = '4 Elm'")
    assert b"<b>4" not in file(held, format="html")


def test_a_report_travels_as_json_and_comes_back_the_same(held: MemoryArchive) -> None:
    for what in ("coverage", "trips", "devices"):
        found = report(held, what)
        again = Report.of(json.loads(json.dumps(found.document())))
        assert again.document() == found.document()


def test_what_people_are_shown_travels_alone_and_says_how_much_it_is_not(
    held: MemoryArchive,
) -> None:
    told = Report.of(json.loads(file(held, "trips", brief="1"))).tables[0]
    assert len(told.rows) + told.cut == 30


def test_a_trip_nobody_drove_is_a_row_without_shares() -> None:
    held = district()
    held.db.execute(
        "UPDATE trip_day SET driven_s = 0, reported_s = 0, usable_s = 0, connected_s = 0"
    )
    row = rows(report(held, "trips"), "trips")[0]
    assert (row["usable_share"], row["reported_share"]) == (None, 0.0)


def test_no_report_for_staff_tells_what_clients_did(held: MemoryArchive) -> None:
    for what in answering.NAMES:
        for table in report(held, what).tables:
            names = {column.name for column in table.columns}
            assert not {n for n in names if "learning" in n or "filter" in n or "client_trips" in n}


def test_devices_tell_batch_loss_and_the_worst_days_backfill(held: MemoryArchive) -> None:
    (row,) = rows(report(held, "devices"), "devices")
    assert (row["batch_loss_share"], row["backfill_p95_s"]) == (0.05, 42.0)
    assert (row["reported_share"], row["days"]) == (0.8, 15)


def test_hotspots_stand_where_they_stood_at_the_end_of_the_last_whole_day() -> None:
    held = district()
    usage = {"device": "home-1", "day": DAYS[0], "carrier": "c", "total_bytes": 9_000_000}
    held.add("imported_usage", [usage])
    found = report(held, "hotspots", to="2026-11-30")
    assert str(found.last_day) == "2026-11-22", "today is not told yet"
    assert rows(found, "hotspots")[0]["standing"] == "not_reporting"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"route": "5"}, "not in the timetable; nearest: '4 Elm'"),
        ({"route": "4 Elmm"}, "nearest: '4 Elm'"),
        ({"from": "2026-11-09", "to": "2026-11-02"}, "swap them"),
        ({"fix": "yesterday"}, "want a day, and words if you like"),
        ({"fix": "0001-01-01"}, "fix 0001-01-01: want a day between 1980 and 2200"),
        ({"fix": "9999-12-31"}, "fix 9999-12-31: want a day between 1980 and 2200"),
        ({"at": "1,2,3"}, "say which with fix"),
        ({"fix": "2026-11-09", "at": "1,2"}, "want latitude,longitude,metres"),
        ({"format": "xls"}, "want one of json"),
        ({"section": "roads"}, "this report has routes, dead_zones"),
    ],
)
def test_a_question_that_makes_no_sense_says_what_would(
    held: MemoryArchive, asked: dict[str, str], said: str
) -> None:
    with pytest.raises(AskError, match=said):
        file(held, **asked)


def test_without_a_timetable_the_way_to_one_is_told() -> None:
    with pytest.raises(AskError, match="homeroute import gtfs"):
        report(district(timetable=False))


def test_a_routes_number_is_enough(held: MemoryArchive) -> None:
    assert report(held, route="4").route == "4 Elm"


def test_only_coverage_has_places_and_fixes(held: MemoryArchive) -> None:
    with pytest.raises(AskError, match="only the coverage report has places"):
        file(held, "trips", format="geojson")
    with pytest.raises(AskError, match="only the coverage report compares"):
        file(held, "trips", fix="2026-11-09")
    with pytest.raises(AskError, match="whole days of all routes"):
        file(held, "devices", route="4")


def test_days_not_counted_are_not_called_days_without_trips(held: MemoryArchive) -> None:
    days = {"from": "2026-10-01", "to": "2026-10-09"}
    for what in ("coverage", "trips"):
        found = report(held, what, **days)
        table = found.tables[0]
        for text in (found.headline, table.empty):
            assert "None of these days has been counted yet" in text
    counted = report(held, "trips", period="MID")
    assert counted.headline == "No trip was scheduled in these days."


def test_the_days_that_may_still_change_are_named(held: MemoryArchive) -> None:
    (note, *_) = report(held).notes
    assert f"may still change ({DAYS[-1]})" in note and "today" not in note
