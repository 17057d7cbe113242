"""A routing program's two CSVs become a timetable, with the vehicles they name."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from homeroute_analytics import importing, timetable
from homeroute_analytics.feeds.problems import FeedError
from homeroute_analytics.imports import Document, Outcome
from tests.analytics.timetables import ZONE, Timetable

FIRST, LAST = date(2026, 8, 12), date(2027, 5, 28)

ROUTES = (
    "Route Number,Run ID,Description,Time of Day,School,Days,Bus Number,Cluster,Urbanicity\r\n"
    "12,12-AM,Heron Creek,AM,Bluff High,MTWRF,101,North,rural\r\n"
    "12,12-PM,Heron Creek,PM,Bluff High,MTWRF,101,North,rural\r\n"
    "30,30-NOON,Caf\xe9 Road,Midday,Mill Elementary,TR,,,\r\n"
)
STOPS = (
    "Run ID,Stop Sequence,Stop Name,Latitude,Longitude,Stop Time\r\n"
    "12-AM,2,Bramble & Main,40.01,-105.00,\r\n12-AM,1,Alder & 1st,40.00,-105.00,6:45 AM\r\n"
    "12-AM,3,Bluff High,40.03,-105.00,7:05 AM\r\n"
    "12-PM,1,Bluff High,40.03,-105.00,3:10 PM\r\n12-PM,2,Alder & 1st,40.00,-105.00,3:32 PM\r\n"
    "30-NOON,1,Mill Elementary,40.05,-105.00,11:40\r\n30-NOON,2,Caf\xe9,40.06,-105.00,12:00 PM\r\n"
)


def document(folder: Path, routes: str = ROUTES, stops: str = STOPS, **more: Any) -> Document:
    files = [folder / "ROUTES.csv", folder / "STOPS.csv"]
    for path, text in zip(files, (routes, stops), strict=True):
        path.write_bytes(text.encode("cp1252"))
    days = {"from_day": FIRST, "until": LAST}
    return importing.document("routes", files, **(days | more))


def stored(made: Timetable, sent: Document, now_ms: int = 1) -> Outcome:
    return importing.store(
        lambda sql, params: made.db.execute(sql, params).fetchall(),
        Document.of(asdict(sent)),
        from_day=FIRST,
        timezone=ZONE,
        today=FIRST,
        now_ms=now_ms,
    )


def test_a_day_of_an_export_has_its_runs_roads_and_vehicles(tmp_path: Path) -> None:
    made = Timetable()
    outcome = stored(made, document(tmp_path))
    assert any("Windows-1252" in note for note in outcome.notes)
    assert stored(made, document(tmp_path), 2).unchanged
    thursday = date(2026, 8, 13)
    trips = asyncio.run(timetable.load(made.query, thursday, thursday, ZONE))
    assert [(t.trip, t.period, t.direction, t.vehicle) for t in trips] == [
        ("12-AM", "AM", "to", "101"),
        ("30-NOON", "MID", "", None),
        ("12-PM", "PM", "from", "101"),
    ]
    morning = trips[0]
    assert morning.label == "12 Heron Creek"
    assert morning.shape.length_m == pytest.approx(3_339.6)
    # Without a time of its own, a third of the way is a third of the time.
    assert [call.arrive_s for call in morning.calls] == [24_300, 24_700, 25_500]
    friday = asyncio.run(timetable.load(made.query, date(2026, 8, 14), date(2026, 8, 14), ZONE))
    assert [t.trip for t in friday] == ["12-AM", "12-PM"]
    assert made.db.execute(
        "SELECT school, area, locale FROM feed_routes ORDER BY route"
    ).fetchall() == [("Bluff High", "North", "rural"), ("Mill Elementary", "", "")]


def test_everything_wrong_with_the_pair_is_told_where_it_stands(tmp_path: Path) -> None:
    routes = ROUTES.replace("Midday", "Evening").replace("12-PM,", "12-AM,")
    stops = STOPS.replace("-105.00,6:45", "105 W,6:45") + "99-AM,1,Nowhere,40,-105,7:00\r\n"
    with pytest.raises(FeedError) as error:
        document(tmp_path, routes, stops, until=None)
    said = [str(problem) for problem in error.value.problems]
    assert "ROUTES.csv:2: to: it is empty; say a day here, or --from and --until for all" in said
    assert "ROUTES.csv:3: run: '12-AM' stands twice: line 2 too" in said
    assert "ROUTES.csv:4: period: 'Evening' is none; want AM, MID or PM" in said
    assert "STOPS.csv:9: run: '99-AM' is no run of the other file, or several" in said
    assert "STOPS.csv:3: lon: '105 W' is no number from -180 to 180" in said


def test_runs_need_two_stops_with_times_that_grow(tmp_path: Path) -> None:
    stops = STOPS.replace("7:05 AM", "6:05 AM").replace("12-PM,2", "12-AM,9").replace("11:40", "")
    with pytest.raises(FeedError) as error:
        document(tmp_path, stops=stops)
    said = sorted(str(problem) for problem in error.value.problems)
    assert said == [
        "STOPS.csv:4: time: run '12-AM' is earlier here than before",
        "STOPS.csv:5: stop: run '12-PM' has one stop alone",
        "STOPS.csv:7: time: the first stop of run '30-NOON' needs one",
    ]


def test_a_route_without_runs_is_told_apart_by_the_part_of_the_day(tmp_path: Path) -> None:
    routes = "route,period\n7,AM\n7,PM\n"
    stops = (
        "rte,tod,lat,lng,time\n7,AM,40.0,-105,7:00\n7,AM,40.1,-105,7:20\n"
        "7,PM,40.1,-105,15:00\n7,PM,40.0,-105,15:20\n"
    )
    made = Timetable()
    stored(made, document(tmp_path, routes, stops))
    trips = asyncio.run(timetable.load(made.query, FIRST, FIRST, ZONE))
    assert [trip.trip for trip in trips] == ["7-AM", "7-PM"]
    with pytest.raises(FeedError, match=r"STOPS\.csv:2: route: '7' is no run of the other file"):
        document(tmp_path, routes, stops.replace("tod", "x"))
