"""`homeroute routes match`: a feed and a file of positions in, a file of trips out."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from homeroute_command.__main__ import main

LAT, LON = 36.1, -95.9
METRE = 1 / 111_195.0

FEED = {
    "agency.txt": "agency_id,agency_name,agency_url,agency_timezone\na,A,http://a,America/Chicago\n",
    "routes.txt": "route_id,agency_id,route_short_name,route_long_name,route_type\n"
    "R1,a,1,North,3\nR2,a,2,South,3\n",
    "calendar.txt": "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,"
    "start_date,end_date\nwk,1,1,1,1,1,0,0,20260901,20261218\n",
    "stops.txt": "stop_id,stop_name,stop_lat,stop_lon\n"
    + "".join(
        f"{name},{name},{LAT + north * METRE},{LON}\n"
        for name, north in (("s", -4000), ("m", 0), ("n", 4000))
    ),
    "trips.txt": "route_id,service_id,trip_id,direction_id,shape_id\n"
    "R1,wk,early,0,north\nR1,wk,late,0,north\nR2,wk,south,1,south\n",
    "shapes.txt": "shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence\n"
    f"north,{LAT},{LON},1\nnorth,{LAT + 4000 * METRE},{LON},2\n"
    f"south,{LAT},{LON},1\nsouth,{LAT - 4000 * METRE},{LON},2\n",
    "stop_times.txt": "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
    "early,07:00:00,07:00:00,m,1\nearly,07:08:00,07:08:00,n,2\n"
    "late,07:30:00,07:30:00,m,1\nlate,07:38:00,07:38:00,n,2\n"
    "south,07:00:00,07:00:00,m,1\nsouth,07:08:00,07:08:00,s,2\n",
}


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    path = tmp_path / "feed.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in FEED.items():
            archive.writestr(name, text)
    return path


def pings(path: Path, *, header: str = "device,time,lat,lon", day: str = "2026-09-10") -> Path:
    """One bus that leaves northwards at 7:31, one southwards at 7:01, one across the fields."""
    rng = np.random.default_rng(2)
    lines = [header]
    for device, minute, towards in (("a", 31, 1.0), ("b", 1, -1.0), ("c", 1, 0.0)):
        for n in range(40):
            metres = 90.0 * n
            lat = LAT + (towards * metres + rng.normal(0, 6)) * METRE
            lon = (
                LON + (0.0 if towards else 500 * METRE + metres * METRE) + rng.normal(0, 6) * METRE
            )
            second = minute * 60 + 10 * n
            clock = f"{day}T07:{second // 60:02}:{second % 60:02}"
            lines.append(f"{device},{clock},{lat:.6f},{lon:.6f}")
    path.write_text("\n".join(lines) + "\n")
    return path


def answers(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_each_bus_gets_one_line_ten_positions_after_400_m(
    feed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = pings(tmp_path / "p.csv")
    assert main(["routes", "match", "--gtfs", str(feed), str(told), "--at-pings", "10"]) == 0
    found = {row["device"]: row for row in answers(capsys.readouterr().out)}
    assert [found["a"][c] for c in ("route", "direction", "trip")] == ["R1", "0", "late"]
    assert [found["b"][c] for c in ("route", "direction", "trip")] == ["R2", "1", "south"]
    assert [found["c"][c] for c in ("route", "direction", "trip")] == ["", "", ""]
    assert found["a"]["time"] == "2026-09-10T07:33:20"
    assert float(found["a"]["confidence"]) > 0.9


def test_as_it_happens_there_is_a_line_for_each_position_and_none_knows_what_comes_later(
    feed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = pings(tmp_path / "p.csv")
    assert main(["routes", "match", "--gtfs", str(feed), str(told)]) == 0
    whole = answers(capsys.readouterr().out)
    assert len(whole) == 120
    assert not any(row["trip"] for row in whole if row["rule"].startswith("has moved"))
    cut = tmp_path / "cut.csv"
    cut.write_text("".join(told.read_text().splitlines(keepends=True)[:21]))
    main(["routes", "match", "--gtfs", str(feed), str(cut)])
    assert answers(capsys.readouterr().out) == whole[:20]


def test_in_hindsight_every_position_of_a_drive_is_on_its_trip(
    feed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = pings(tmp_path / "p.csv")
    arguments = ["routes", "match", "--gtfs", str(feed), str(told), "--hindsight", "--json"]
    assert main(arguments) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    on = {device: [r["trip"] for r in rows if r["device"] == device] for device in "abc"}
    assert on["a"].count("late") >= 39 and set(on["a"]) <= {"late", None}
    assert on["c"] == [None] * 40


@pytest.mark.parametrize(
    "header", ["vehicle_id,timestamp,latitude,longitude", "Device , TIME, Lat, LNG"]
)
def test_columns_may_go_by_other_names(
    header: str, feed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = pings(tmp_path / "p.csv", header=header)
    assert main(["routes", "match", "--gtfs", str(feed), str(told), "--at-pings", "10"]) == 0
    assert len(answers(capsys.readouterr().out)) == 3


def test_a_day_without_service_says_when_there_is_some_and_how_to_take_another_day(
    feed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = pings(tmp_path / "p.csv", day="2027-03-02")
    assert main(["routes", "match", "--gtfs", str(feed), str(told)]) == 2
    said = capsys.readouterr().err
    assert "2026-09-01 to 2026-12-18" in said and "--day" in said
    again = ["routes", "match", "--gtfs", str(feed), str(told), "--day", "2026-09-10"]
    assert main([*again, "--at-pings", "10"]) == 0
    assert [row["trip"] for row in answers(capsys.readouterr().out)] == ["late", "south", ""]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("device,time,lat\nb,1,2\n", "no column lon"),
        ("device,time,lat,lon\nb,yesterday,36,-95\n", "p.csv:2: time"),
        ("device,time,lat,lon\nb,1788900000,136,-95\n", "lat"),
        ("device,time,lat,lon\n", "no position"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(
    text: str, said: str, feed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = tmp_path / "p.csv"
    told.write_text(text)
    assert main(["routes", "match", "--gtfs", str(feed), str(told)]) == 2
    answered = capsys.readouterr()
    assert said in answered.err and not answered.out


def test_a_file_that_is_not_there_is_named(
    feed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["routes", "match", "--gtfs", str(feed), str(tmp_path / "none.csv")]) == 2
    assert "none.csv" in capsys.readouterr().err
