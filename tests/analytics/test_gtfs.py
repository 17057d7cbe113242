"""GTFS zips as exporters make them: what is forgiven, what is refused, and where it stands."""

from __future__ import annotations

import struct
import zipfile
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroute_analytics.feeds import gtfs, roads
from homeroute_analytics.feeds.gtfs import read
from homeroute_analytics.feeds.problems import FeedError, clock_s, day
from homeroute_analytics.feeds.records import Feed
from tests.analytics.feed_files import FEED, MONDAY, SATURDAY, zipped


def refusals(path: Path) -> list[str]:
    with pytest.raises(FeedError) as error:
        read(path)
    return [str(problem) for problem in error.value.problems]


def along(feed: Feed, trip: str) -> list[float]:
    return [call.along_m for t in feed.trips if t.trip == trip for call in t.calls]


def test_buses_of_a_feed_are_read_and_trams_left(tmp_path: Path) -> None:
    feed = read(zipped(tmp_path / "feed.zip"))
    assert [trip.trip for trip in feed.trips] == ["am1", "am2", "night", "sat1"]
    assert (feed.agency, feed.timezone) == ("Bluff County", "America/Denver")
    assert [route.label for route in feed.routes] == ["12 Heron Creek", "Night Line"]
    assert len(feed.services["wk"]) == 9
    assert feed.services["sat"] == {SATURDAY}
    assert feed.days[0] == MONDAY
    assert "routes.txt: 1 routes that are no buses left out" in feed.notes


def test_a_feed_is_read_alike_in_every_wrapping(tmp_path: Path) -> None:
    plain = read(zipped(tmp_path / "feed.zip", bom=False))
    windows = {name: text.replace("\n", "\r\n") for name, text in FEED.items()}
    lines = FEED["trips.txt"].split("\n")
    spaced = {"trips.txt": "\n".join([lines[0].upper(), *lines[1:]]).replace(",", " ,  ")}
    wide = {name: text.encode("utf-16") for name, text in FEED.items()}
    quoted = {"stops.txt": FEED["stops.txt"].replace("Alder", '"Alder"') + "\n\n,,,\n"}
    (tmp_path / "x").mkdir()
    wrappings: list[tuple[dict[str, str | bytes | None], str]] = [
        ({**windows}, "export/2026/"),
        ({**spaced}, ""),
        ({**wide}, "__MACOSX/../a/"),
        ({**quoted}, ""),
    ]
    for number, (changed, folder) in enumerate(wrappings):
        path = tmp_path / "x" / str(number) / "feed.zip"
        path.parent.mkdir()
        assert read(zipped(path, changed, folder=folder, bom=number != 2)) == plain


def test_windows_text_is_read_and_a_note_says_so(tmp_path: Path) -> None:
    names = FEED["stops.txt"].replace("Alder", "Caf\xe9 \u2013 Alder").encode("cp1252")
    feed = read(zipped(tmp_path / "feed.zip", {"stops.txt": names}))
    assert feed.stops[0].name == "Caf\xe9 \u2013 Alder"
    assert "stops.txt: not UTF-8, read as Windows-1252" in feed.notes


def test_a_stop_without_a_time_is_passed_by_distance(tmp_path: Path) -> None:
    feed = read(zipped(tmp_path / "feed.zip"))
    calls = next(trip.calls for trip in feed.trips if trip.trip == "am2")
    share = calls[1].along_m / calls[2].along_m
    assert calls[1].arrive_s - calls[0].depart_s == pytest.approx(600 * share, abs=1)
    assert calls[1].arrive_s == calls[1].depart_s


def test_a_loop_ends_where_it_began_and_not_at_its_beginning(tmp_path: Path) -> None:
    feed = read(zipped(tmp_path / "feed.zip"))
    metres = along(feed, "am1")
    assert metres[0] == 0.0
    assert metres[1] == pytest.approx(1_113.2, abs=0.5)
    assert metres[-1] == feed.shapes[0].along_m[-1]


OUT_AND_BACK = {
    # Four kilometres north, and the same road back; b is passed twice and called at once.
    "shapes.txt": "shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence,shape_dist_traveled\n"
    "s1,40.00,-105.0,1,0\ns1,40.02,-105.0,2,{a}\ns1,40.04,-105.0,3,{b}\ns1,40.02,-105.0,4,{c}\n"
    "s1,40.00,-105.0,5,{d}\n",
    "stops.txt": "stop_id,stop_name,stop_lat,stop_lon\na,A,40.00,-105.0\nb,B,40.01,-105.0\n"
    "c,C,40.04,-105.0\nd,D,40.02,-105.02\n",
}


def test_on_a_road_driven_out_and_back_the_timetable_says_which_pass_a_stop_is_of(
    tmp_path: Path,
) -> None:
    silent = {
        **OUT_AND_BACK,
        "shapes.txt": OUT_AND_BACK["shapes.txt"].format(a="", b="", c="", d=""),
    }
    trips = {"trips.txt": "route_id,service_id,trip_id,shape_id\nr1,wk,early,s1\nr1,wk,late,s1\n"}
    rows = "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
    for trip, minute in (("early", 2), ("late", 14)):
        rows += f"{trip},07:00:00,07:00:00,a,1\n{trip},07:{minute:02}:00,07:{minute:02}:00,b,2\n"
        rows += f"{trip},07:16:00,07:16:00,a,3\n"
    feed = read(zipped(tmp_path / "feed.zip", {**silent, **trips, "stop_times.txt": rows}))
    assert along(feed, "early")[1] == pytest.approx(1_113.2, abs=1)
    # Of two trips that call alike the first decides for both: told apart they are below.
    one = {**trips, "trips.txt": "route_id,service_id,trip_id,shape_id\nr1,wk,late,s1\n"}
    feed = read(zipped(tmp_path / "feed.zip", {**silent, **one, "stop_times.txt": rows}))
    assert along(feed, "late")[1] == pytest.approx(7_792.4, abs=1)


@pytest.mark.parametrize(
    ("marks", "told", "metres"),
    [
        (("2", "4", "6", "8"), "7", 7_792.4),  # kilometres
        (("", "4.4", "", "8.8"), "7.7", 7_792.4),  # holes in the road's, and a unit of its own
        (("2", "4", "6", "8"), "7000", 1_113.2),  # metres here, kilometres there: no hint
        (("2", "4", "3", "8"), "7", 1_113.2),  # a road that falls: no hint
        (("2", "4", "6", "8"), "nan", 1_113.2),
    ],
)
def test_distances_of_a_feed_are_a_hint_where_they_lead_to_their_stop(
    tmp_path: Path, marks: tuple[str, ...], told: str, metres: float
) -> None:
    shapes = OUT_AND_BACK["shapes.txt"].format(**dict(zip("abcd", marks, strict=True)))
    rows = (
        "trip_id,arrival_time,departure_time,stop_id,stop_sequence,shape_dist_traveled\n"
        f"am1,07:00:00,07:00:00,a,1,0\nam1,07:03:00,07:03:00,b,2,{told}\n"
        "am1,07:16:00,07:16:00,a,3,\n"
    )
    feed = read(
        zipped(
            tmp_path / "feed.zip",
            {**OUT_AND_BACK, "shapes.txt": shapes, "stop_times.txt": rows},
        )
    )
    assert along(feed, "am1")[1] == pytest.approx(metres, abs=30)


def test_calendars_only_in_calendar_dates_are_enough(tmp_path: Path) -> None:
    dates = "service_id,date,exception_type\nwk,20261103,1\nwk,20261104,1\nwk,20261104,2\n"
    changed = {"calendar.txt": None, "calendar_dates.txt": dates + "sat,20261107,1\n"}
    feed = read(zipped(tmp_path / "feed.zip", changed))
    assert feed.services == {"wk": {date(2026, 11, 3)}, "sat": {SATURDAY}}


def test_a_trip_without_a_shape_goes_straight_from_stop_to_stop(tmp_path: Path) -> None:
    feed = read(zipped(tmp_path / "feed.zip", {"shapes.txt": None}))
    shapes = {shape.shape: shape for shape in feed.shapes}
    for trip in feed.trips:
        assert [call.along_m for call in trip.calls] == list(shapes[trip.shape].along_m)
    assert any("without a shape" in note for note in feed.notes)


WRONG: list[tuple[dict[str, str | bytes | None], list[str]]] = [
    ({"stop_times.txt": None}, ["stop_times.txt: not in the zip"]),
    ({"calendar.txt": None, "calendar_dates.txt": None}, ["calendar.txt: neither it nor"]),
    ({"routes.txt": "route_id,route_type\nr1,0\n"}, ["trips.txt: no trip of a bus route"]),
    (
        {"routes.txt": "route_id,route_type\nr1,bus\n"},
        ["routes.txt:2: route_type: 'bus' is no number"],
    ),
    (
        {"trips.txt": "route_id,trip_id\nr1,am1\n"},
        ["trips.txt:1: no column service_id; there are: route_id, trip_id"],
    ),
    ({"agency.txt": FEED["agency.txt"].replace("Denver", "Nowhere")}, ["agency.txt:2: agency_tim"]),
    (
        {"calendar.txt": FEED["calendar.txt"].replace("20261113", "Nov")},
        ["calendar.txt:2: end_date: 'Nov' is no day"],
    ),
    (
        {
            "stop_times.txt": FEED["stop_times.txt"]
            .replace("am1,07:10:00,07:10:00,c,3", "am1,07:04:00,07:10:00,c,2")
            .replace("night,24:50:00,24:50:00,a", "night,,,a")
            .replace("sat1,09:15:00,09:15:00,d", "sat1,09:15:00,09:15:00,q"),
            "stops.txt": FEED["stops.txt"],
        },
        [
            "stop_times.txt:16: stop_id: 'q' is not in stops.txt, or has no place there",
            "stop_times.txt:4: stop_sequence: 2 stands twice in trip 'am1', also in line 3",
            "stop_times.txt:4: arrival_time: trip 'am1' arrives before it left the stop before",
        ],
    ),
    (
        {
            "stop_times.txt": FEED["stop_times.txt"].replace(
                "night,24:50:00,24:50:00,a", "night,,,a"
            )
        },
        ["stop_times.txt:10: arrival_time: the first stop of trip 'night' needs a time"],
    ),
    (
        {"trips.txt": FEED["trips.txt"].replace("sat1", "am1").replace(",sat,", ",xx,")},
        [
            "trips.txt:6: trip_id: 'am1' stands twice",
            "trips.txt:6: service_id: 'xx' is in neither",
        ],
    ),
    ({"stops.txt": b"\x00\x00\x00"}, ["stops.txt: it is empty"]),
    ({"stops.txt": "stop_id,stop_lat,stop_lon\na,inf,nan\n"}, ["stops.txt:2: stop_lat: 'inf'"]),
    ({"stops.txt": 'stop_id,stop_lat,stop_lon\n"' + "x" * 140_000}, ["stops.txt:2: field larger"]),
    ({"stops.txt": "x" * 2_000_000}, ["stops.txt: a line of over 1048576 characters"]),
]


@pytest.mark.parametrize(("changed", "said"), WRONG)
def test_what_is_wrong_is_told_with_file_line_and_column(
    tmp_path: Path, changed: dict[str, str | bytes | None], said: list[str]
) -> None:
    found = refusals(zipped(tmp_path / "feed.zip", changed))
    for wanted in said:
        assert any(line.startswith(wanted) for line in found), (wanted, found)


def test_many_problems_are_counted_and_the_first_told(tmp_path: Path) -> None:
    late = FEED["stop_times.txt"] + "am1,late,late,a,x\n" * 100
    with pytest.raises(FeedError) as error:
        read(zipped(tmp_path / "feed.zip", {"stop_times.txt": late}))
    assert len(error.value.problems) == 20
    assert error.value.count == 300
    assert str(error.value).endswith("and 280 more")


def test_what_is_no_zip_or_a_damaged_one_is_said_in_a_line(tmp_path: Path) -> None:
    path = tmp_path / "feed.zip"
    path.write_text("no zip", encoding="utf-8")
    assert "want a GTFS zip" in refusals(path)[0]
    whole = zipped(path).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert refusals(path) == ["feed.zip: damaged, or cut short on its way; fetch it anew"]
    at = whole.index(b"stop_times.txt") + 40
    path.write_bytes(whole[:at] + bytes(60) + whole[at + 60 :])
    assert refusals(path)
    encrypted = bytearray(whole)
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = encrypted.find(signature)
        while place >= 0:
            flags = struct.unpack_from("<H", encrypted, place + offset)[0]
            struct.pack_into("<H", encrypted, place + offset, flags | 1)
            place = encrypted.find(signature, place + 4)
    path.write_bytes(encrypted)
    assert any("encrypted" in line for line in refusals(path))


def test_a_zip_that_would_unpack_without_end_is_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gtfs, "BOUND_BYTES", 10_000)
    bomb = {"shapes.txt": FEED["shapes.txt"] + "\n" * 20_000}
    [said] = refusals(zipped(tmp_path / "feed.zip", bomb))
    assert "over 10000" in said
    monkeypatch.setattr(gtfs, "MEMBERS_BOUND", 5)
    assert "over 5 files" in refusals(zipped(tmp_path / "feed.zip"))[0]
    # What is no part of a feed is not even looked at.
    monkeypatch.undo()
    with zipfile.ZipFile(zipped(tmp_path / "feed.zip"), "a") as archive:
        archive.writestr("photos/big.bin", bytes(1000))
    assert read(tmp_path / "feed.zip").trips


@given(st.text(max_size=10))
def test_no_text_breaks_the_reading_of_times_or_days(text: str) -> None:
    seconds, found = clock_s(text), day(text)
    assert seconds is None or 0 <= seconds < 100 * 3600
    assert found is None or found.year >= 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *(("7:05:09", 25_509), ("25:00:00", 90_000), ("12:05 AM", 300), ("12:05 p.m.", 43_500)),
        *(("7:60:00", None), ("7", None), ("-1:00", None), ("13:00 PM", None), ("", None)),
    ],
)
def test_clock_times_are_read_as_written(text: str, seconds: int | None) -> None:
    assert clock_s(text) == seconds


POINT = st.tuples(
    st.integers(0, 40).map(lambda n: 40 + n / 1000),
    st.integers(0, 40).map(lambda n: n / 1000 - 105),
)


@given(st.lists(POINT, min_size=2, max_size=12), st.data())
def test_stops_on_any_road_lie_in_calling_order_and_where_they_are(
    points: list[tuple[float, float]], data: st.DataObject
) -> None:
    road = roads.shape("r", points)
    if road is None:
        assert len(set(points)) == 1
        return
    assert all(a <= b for a, b in pairwise(road.along_m))
    wanted = sorted(data.draw(st.lists(st.floats(0, 1), min_size=2, max_size=8)))
    metres = np.array(wanted) * road.length_m
    lat, lon = (np.interp(metres, road.along_m, axis) for axis in (road.lat, road.lon))
    stops = list(zip(lat.tolist(), lon.tolist(), strict=True))
    placed = np.array(
        roads.along(road, stops, [None] * len(stops), metres.tolist()), dtype=np.float64
    )
    assert (np.diff(placed) >= 0).all()
    assert placed[0] >= 0
    assert placed[-1] <= road.length_m
    back = [np.interp(placed, road.along_m, axis) for axis in (road.lat, road.lon)]
    away_m = np.hypot(back[0] - lat, (back[1] - lon) * 0.77) * roads.METRES_PER_DEGREE
    # The true places cost no more than the timetable's say in it.
    assert (away_m**2).sum() <= len(stops) * roads.TIMED_M**2 + 1.0
