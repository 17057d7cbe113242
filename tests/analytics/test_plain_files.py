"""Fleet, assignments, calendar, usage: what a district types, what is refused and where."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroute_analytics.feeds import mapping, plain, usage
from homeroute_analytics.feeds.csvfile import CsvFile
from homeroute_analytics.feeds.mapping import ColumnMapping
from homeroute_analytics.feeds.problems import FeedError

BARE = ColumnMapping()
AUGUST = date(2026, 8, 12)
TODAY = date(2026, 11, 20)


def file(folder: Path, text: str | bytes, name: str = "file.csv") -> CsvFile:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return CsvFile.at(path)


def rows(columns: dict[str, list[Any]]) -> list[tuple[Any, ...]]:
    return list(zip(*columns.values(), strict=True))


def refusals(read: Any) -> list[str]:
    with pytest.raises(FeedError) as error:
        read()
    return [str(problem) for problem in error.value.problems]


def test_a_fleet_is_read_whatever_its_program_calls_the_columns(tmp_path: Path) -> None:
    text = "Gateway;Bus Number;Start Date;End Date\r\nbus-01;101;8/12/2026;\r\nbus-02;102;;\r\n"
    found = plain.fleet(file(tmp_path, "\ufeff" + text), BARE, AUGUST)
    assert rows(found) == [
        ("bus-01", "101", "2026-08-12", None),
        ("bus-02", "102", "2026-08-12", None),
    ]


def test_a_mapping_names_the_columns_that_no_synonym_does(tmp_path: Path) -> None:
    path = tmp_path / "m.toml"
    path.write_text('[columns]\ndevice = "Kit"\nvehicle = "Wagen"\n', encoding="utf-8")
    told = mapping.read(path)
    found = plain.fleet(file(tmp_path, "Kit,Wagen\nbus-01,7\n"), told, AUGUST)
    assert found["vehicle"] == ["7"]
    [said] = refusals(lambda: plain.fleet(file(tmp_path, "Kit,Bus\nbus-01,7\n"), told, AUGUST))
    assert said == "file.csv:1: Wagen: no such column, as the mapping names it"
    [said] = refusals(lambda: plain.fleet(file(tmp_path, "Kit,Bus\nbus-01,7\n"), BARE, AUGUST))
    assert "no column for device (known as device, device id, gateway, router)" in said
    path.write_text("[colums]\n", encoding="utf-8")
    assert refusals(lambda: mapping.read(path)) == [
        "m.toml: colums: unknown; there are columns, devices, routes, stops, unit"
    ]


def test_every_wrong_row_of_a_fleet_is_told_with_its_line(tmp_path: Path) -> None:
    text = (
        "device,vehicle,from,to\nBus 1,101,2026-08-12,\nbus-02,,2026-08-12,\n"
        "bus-03,103,2026-02-30,\nbus-04,104,2026-08-12,2026-08-11\nbus-05,105,,\n"
        "bus-06,106,2026-08-12,\nbus-06,107,2026-08-12,\nbus-08,106,2026-08-12,\n"
    )
    assert refusals(lambda: plain.fleet(file(tmp_path, text), BARE, None)) == [
        "file.csv:2: device: 'Bus 1' is no device id; want one like bus-07",
        "file.csv:3: vehicle: it is empty",
        "file.csv:4: from: '2026-02-30' is no day; want YYYY-MM-DD or MM/DD/YYYY",
        "file.csv:5: to: 2026-08-11 is before 2026-08-12",
        "file.csv:6: from: it is empty; say a day here, or --from for all",
        "file.csv:8: device: 'bus-06' has two vehicles from 2026-08-12: line 7 too",
        "file.csv:9: vehicle: '106' has two devices from 2026-08-12: line 7 too",
    ]


def test_two_vehicles_on_one_trip_are_refused_only_where_the_newest_cannot_win(
    tmp_path: Path,
) -> None:
    text = (
        "vehicle,trip,from,to,weekdays\n101,4-am,2026-08-12,,\n109,4-am,2026-09-01,2026-09-01,\n"
        "102,5-am,2026-08-12,,Mo-We\n103,5-am,2026-08-12,,Th Fr\n"
        "109,4-am,2026-08-12,2026-08-12,\n"
    )
    found = plain.assignments(file(tmp_path, text), BARE, None)
    assert found["weekdays"] == [31, 31, 7, 24, 31]
    clash = text + "104,4-am,2026-08-12,,Fr\n"
    assert refusals(lambda: plain.assignments(file(tmp_path, clash), BARE, None)) == [
        "file.csv:7: trip: '4-am' is driven twice from 2026-08-12: line 2 too"
    ]


@pytest.mark.parametrize(
    ("text", "bits"),
    [
        *(("", 31), ("Mo-Fr", 31), ("Mon - Fri", 31), ("monday,wednesday", 5), ("Sa Su", 96)),
        *(("MTWRF", 31), ("TR", 10), ("1111100", 31), ("Tu", 2), ("Su", 64), ("M", 1)),
        *(("Fr-Mo", None), ("0000000", None), ("daily", None), ("-", None), ("Mo-", None)),
    ],
)
def test_weekdays_are_understood_as_people_write_them(text: str, bits: int | None) -> None:
    assert plain.weekdays(text) == bits


@given(st.text(max_size=12))
def test_no_text_breaks_the_reading_of_weekdays_or_shifts(text: str) -> None:
    bits, shift = plain.weekdays(text), plain.shift_s(text)
    assert bits is None or 1 <= bits <= 127
    assert shift is None or abs(shift) <= plain.SHIFT_BOUND_S


def test_a_calendar_has_kinds_with_their_periods_and_shifts(tmp_path: Path) -> None:
    text = (
        "day,kind,to,periods,shift,note\n2026-12-21,no school,2026-12-23,,,Winter break\n"
        "2027-01-13,snow,,,,\n2027-02-03,early_release,,,-3:00,Conference\n"
        "2027-02-04,late-start,,AM,+2:00,Ice\n2027-02-05,regular,,,,taken back\n"
    )
    assert rows(plain.calendar(file(tmp_path, text), BARE)) == [
        ("2026-12-21", "no_school", "AM,MID,PM", 0, "Winter break"),
        ("2026-12-22", "no_school", "AM,MID,PM", 0, "Winter break"),
        ("2026-12-23", "no_school", "AM,MID,PM", 0, "Winter break"),
        ("2027-01-13", "snow", "AM,MID,PM", 0, ""),
        ("2027-02-03", "early_release", "MID,PM", -10_800, "Conference"),
        ("2027-02-04", "late_start", "AM", 7_200, "Ice"),
        ("2027-02-05", "regular", "", 0, "taken back"),
    ]


def test_a_calendar_s_nonsense_is_told_row_by_row(tmp_path: Path) -> None:
    text = (
        "day,kind,to,periods,shift,note\n2026-12-21,party,,,,\n2026-12-22,early_release,,,3:00,\n"
        "2026-12-23,late_start,,,,\n2026-12-24,snow,,,1:00,\n2026-12-25,snow,,EVENING,,\n"
        "2026-12-25,snow,,,,\n2026-12-26,early_release,,,-25:00,\n"
    )
    said = refusals(lambda: plain.calendar(file(tmp_path, text), BARE))
    assert [line.split(": ")[:2] for line in said] == [
        ["file.csv:2", "kind"],
        ["file.csv:3", "shift"],
        ["file.csv:4", "shift"],
        ["file.csv:5", "shift"],
        ["file.csv:6", "periods"],
        ["file.csv:7", "day"],
        ["file.csv:8", "shift"],
    ]


def test_a_carrier_s_export_becomes_daily_totals_of_our_devices(tmp_path: Path) -> None:
    path = tmp_path / "m.toml"
    path.write_text('[devices]\n"5550100001" = "hotspot-01"\n[columns]\ndevice = "Line"\n')
    text = (
        'Line,Usage Date,Data Used (MB),Owner\n5550100001,11/02/2026,"1,200.5",A. Name\n'
        "5550100001,11/02/2026,0.5,\n5550100001,11/03/2026,,\n"
    )
    source = file(tmp_path, text.encode("cp1252"))
    found = usage.read(source, mapping.read(path), TODAY)
    # An empty amount is none: zero bytes would count as an unused day.
    assert source.notes == ["file.csv: 1 rows tell no amount, and were left out"]
    assert rows(found) == [
        ("hotspot-01", "2026-11-02", "", 1_201_000_000, None, None, "file.csv"),
    ]


def test_a_phone_number_that_is_nobody_s_device_is_refused_and_not_repeated(
    tmp_path: Path,
) -> None:
    text = "device,day,total bytes\n5550100001,2026-11-02,5\nhotspot-02,2026-11-02,-1\n"
    said = refusals(lambda: usage.read(file(tmp_path, text), BARE, TODAY))
    assert said[0].startswith("file.csv:2: device: '…0001' is no device id")
    assert "5550100001" not in " ".join(said)
    assert said[1].startswith("file.csv:3: total bytes: '-1' is no number")


def test_a_row_longer_than_its_header_is_refused_and_not_read_as_a_smaller_number(
    tmp_path: Path,
) -> None:
    text = (
        "Device ID,Date,Data Used (MB)\nhotspot-01,2026-11-02,3,000\n"
        "hotspot-01,2026-11-03,7,\nhotspot-01,2026-11-04,1,200\n"
    )
    said = refusals(lambda: usage.read(file(tmp_path, text), BARE, TODAY))
    what = '4 values under 3 columns; a value with a comma in it wants quotes, like "3,000"'
    assert said == [f"file.csv:2: {what}", f"file.csv:4: {what}"]
    moved = "day,kind,to,periods,shift,note\n2026-12-21,early_release,,AM,PM,-1:00,\n"
    [said_too] = refusals(lambda: plain.calendar(file(tmp_path, moved), BARE))
    assert said_too.startswith("file.csv:2: ")


def test_usage_of_a_day_yet_to_come_is_refused_by_the_column_s_own_name(tmp_path: Path) -> None:
    text = (
        "Hotspot,Usage Date,Total KB\nhotspot-01,2026-11-20,5\nhotspot-01,2030-11-20,5\n"
        "hotspot-01,13/13/2026,5\n"
    )
    said = refusals(lambda: usage.read(file(tmp_path, text), BARE, TODAY))
    assert said == [
        "file.csv:3: Usage Date: 2030-11-20 is yet to come; today is 2026-11-20",
        "file.csv:4: Usage Date: '13/13/2026' is no day; want YYYY-MM-DD or MM/DD/YYYY",
    ]


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ('device,day,usage gb\nhotspot-01,2026-11-02,"1,5"\n', "1,5"),
        ('device,day,usage gb\nhotspot-01,2026-11-02,"1.200,5"\n', "1.200,5"),
        ('device,day,usage gb\nhotspot-01,2026-11-02,"12,34,567"\n', "12,34,567"),
        # Where semicolons part the values, nobody knows what a comma does.
        ("device;day;usage gb\nhotspot-01;2026-11-02;1,500\n", "1,500"),
    ],
)
def test_a_comma_that_may_be_a_decimal_one_is_refused(
    text: str, amount: str, tmp_path: Path
) -> None:
    [said] = refusals(lambda: usage.read(file(tmp_path, text), BARE, TODAY))
    assert said.startswith(f"file.csv:2: usage gb: '{amount}': a comma may part thousands")


def test_a_row_that_tells_one_direction_alone_is_no_total(tmp_path: Path) -> None:
    text = (
        "device,day,total mb,download mb,upload mb\nh-1,2026-11-02,,5,\nh-2,2026-11-02,,5,1\n"
        "h-3,2026-11-02,7,,\nh-3,2026-11-02,1,1,0\nh-4,2026-11-02,0,0,0\n"
    )
    found = rows(usage.read(file(tmp_path, text), BARE, TODAY))
    assert [(row[0], *row[3:6]) for row in found] == [
        ("h-2", 6_000_000, 5_000_000, 1_000_000),
        ("h-3", 8_000_000, None, None),
        ("h-4", 0, 0, 0),
    ]


def test_usage_without_a_unit_is_not_guessed_at(tmp_path: Path) -> None:
    text = "device,day,usage\nhotspot-01,2026-11-02,5\n"
    [said] = refusals(lambda: usage.read(file(tmp_path, text), BARE, TODAY))
    assert "in what unit?" in said
    found = usage.read(file(tmp_path, text), ColumnMapping(unit="GB"), TODAY)
    assert found["total_bytes"] == [5 * 10**9]
    both = "device,day,download mb,upload mb\nhotspot-01,2026-11-02,5,1\n"
    assert rows(usage.read(file(tmp_path, both), BARE, TODAY))[0][3:6] == (
        6_000_000,
        5_000_000,
        1_000_000,
    )


def test_files_of_windows_are_read_and_named_so(tmp_path: Path) -> None:
    text = "device,vehicle\nbus-01,Caf\xe9 7\n"
    for encoding, note in (("cp1252", True), ("utf-16", False), ("utf-8-sig", False)):
        source = file(tmp_path, text.encode(encoding))
        assert plain.fleet(source, BARE, AUGUST)["vehicle"] == ["Café 7"]
        assert bool(source.notes) == note
