"""Mute timings from the school calendar: never while a bus drives, always when none does."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from homeroute_analytics import tables
from homeroute_collector.archive import Archive
from homeroute_command.__main__ import main
from homeroute_dashboards.grafana.mute_timings import (
    AFTER_DAYS,
    NAME,
    NEVER,
    WEEKDAYS,
    Hours,
    intervals,
    text,
)
from homeroute_simulators.filling_state import taught_days
from homeroute_simulators.world import World, world
from tests.simulators.filled import keep_timetable

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "dashboards/grafana/provisioning/alerting/mute-timings.yml"
TODAY = date(2026, 8, 10)
SCHOOL = Hours(6 * 60 + 10, 16 * 60 + 45)


def school_year() -> dict[date, Hours]:
    """Weekdays from 17 August to 28 May, but for three holidays; one Saturday is made up."""
    first, last = date(2026, 8, 17), date(2027, 5, 28)
    days = (first + timedelta(n) for n in range((last - first).days + 1))
    free = {date(2026, 11, 26), date(2026, 11, 27), date(2027, 1, 18)}
    free |= {date(2026, 12, 21) + timedelta(n) for n in range(14)}
    return {day: SCHOOL for day in days if day.weekday() < 5 and day not in free}


def muted(found: Sequence[Mapping[str, Any]], local: datetime) -> bool:
    """Alertmanager's rule: all fields of an interval, any interval of a timing."""
    return any(_one(interval, local) for interval in found)


def _one(interval: Mapping[str, Any], local: datetime) -> bool:
    minute = local.hour * 60 + local.minute
    times = interval.get("times")
    if times and not any(_at(t["start_time"]) <= minute < _at(t["end_time"]) for t in times):
        return False
    for name, value in (
        ("weekdays", local.weekday()), ("years", local.year), ("months", local.month),
        ("days_of_month", local.day),
    ):  # fmt: skip
        ranges = interval.get(name)
        if ranges and not any(_within(one, value) for one in ranges):
            return False
    return True


def _at(clock: str) -> int:
    hour, minute = clock.split(":")
    return int(hour) * 60 + int(minute)


def _within(text_: str, value: int) -> bool:
    first, _, last = text_.partition(":")
    numbers = [WEEKDAYS.index(w) if w in WEEKDAYS else int(w) for w in (first, last or first)]
    return numbers[0] <= value <= numbers[1]


def test_a_school_year_is_told_on_service_days_and_quiet_on_all_others() -> None:
    days = school_year()
    found = intervals(days, "America/Chicago", TODAY)
    until = max(days) + timedelta(AFTER_DAYS)
    for n in range((until - TODAY).days + 1):
        day = TODAY + timedelta(n)
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        assert muted(found, noon) is (day not in days), day
        assert muted(found, noon.replace(hour=3))
        assert muted(found, noon.replace(hour=22))
    assert not muted(found, datetime(2027, 9, 13, 12, tzinfo=UTC)), (
        "a file that grew old mutes no day of it"
    )
    assert {one["location"] for one in found} == {"America/Chicago"}
    assert len(found) < 20, "a month at a time"


def test_a_margin_around_the_days_trips_is_told_too() -> None:
    found = intervals(school_year(), "UTC", TODAY, margin_min=30)
    day = datetime(2026, 9, 1, tzinfo=UTC)
    assert muted(found, day.replace(hour=5, minute=39))
    assert not muted(found, day.replace(hour=5, minute=40))
    assert not muted(found, day.replace(hour=17, minute=14))
    assert muted(found, day.replace(hour=17, minute=15))


def test_without_a_calendar_nothing_is_muted() -> None:
    assert intervals({}, "UTC", TODAY) == []
    (timing,) = yaml.safe_load(text([]))["muteTimes"]
    assert timing["time_intervals"] == [dict(NEVER)]
    assert not muted([NEVER], datetime(2026, 8, 10, 3, tzinfo=UTC))


@settings(max_examples=60)
@given(
    st.dictionaries(
        st.dates(TODAY, TODAY + timedelta(380)),
        st.tuples(st.integers(0, 1_439), st.integers(1, 1_440)).filter(lambda t: t[0] < t[1]),
        min_size=1,
    ),
    st.integers(0, 720),
)
def test_whatever_the_calendar_no_minute_of_a_trip_is_muted_and_every_other_day_is(
    given_days: dict[date, tuple[int, int]], margin: int
) -> None:
    days = {day: Hours(*hours) for day, hours in given_days.items()}
    found = intervals(days, "UTC", TODAY, margin_min=margin)
    for n in range((max(days) - TODAY).days + 1):
        day = TODAY + timedelta(n)
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        if day not in days:
            assert muted(found, midnight + timedelta(hours=12)), day
            continue
        for minute in (days[day].first_min, days[day].last_min - 1):
            assert not muted(found, midnight + timedelta(minutes=minute)), day


def alertmanager(path: Path) -> str:
    """The file's timings in a configuration of Alertmanager, of which Grafana's are a copy."""
    timings = yaml.safe_load(path.read_text("utf-8"))["muteTimes"]
    written: str = yaml.safe_dump({
        "route": {
            "receiver": "r",
            "routes": [{"receiver": "r", "mute_time_intervals": [t["name"] for t in timings]}],
        },
        "receivers": [{"name": "r"}],
        "time_intervals": [
            {"name": t["name"], "time_intervals": t["time_intervals"]} for t in timings
        ],
    })  # fmt: skip
    return written


def checked(path: Path) -> subprocess.CompletedProcess[str]:
    config = path.with_name("alertmanager.yml")
    config.write_text(alertmanager(path))
    return subprocess.run(
        ["amtool", "check-config", config], capture_output=True, text=True, check=False
    )


@pytest.mark.real("amtool")
def test_amtool_takes_what_is_committed_and_what_is_generated(tmp_path: Path) -> None:
    for number, content in enumerate((
        COMMITTED.read_text("utf-8"),
        text(intervals(school_year(), "America/Chicago", TODAY)),
        text(intervals({TODAY: Hours(0, 1_440)}, "Pacific/Auckland", TODAY)),
    )):  # fmt: skip
        path = tmp_path / f"{number}/mute-timings.yml"
        path.parent.mkdir()
        path.write_text(content)
        done = checked(path)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "SUCCESS" in done.stdout


@pytest.mark.real("amtool")
@pytest.mark.parametrize("wrong", ["25:00", "5:00", "monday"])
def test_amtool_would_refuse_a_wrong_one(tmp_path: Path, wrong: str) -> None:
    path = tmp_path / "mute-timings.yml"
    good = text(intervals(school_year(), "UTC", TODAY))
    path.write_text(re.sub(r'"05:40"', f'"{wrong}"', good, count=1))
    assert checked(path).returncode != 0


async def taught(folder: Path, where: World, days: Sequence[date]) -> None:
    """An archive with that timetable, and nothing measured."""
    archive = Archive.open(
        folder / "archive.duckdb", district=where.district.name, extra_ddl=tables.DDL
    )
    try:
        await archive.transaction(lambda db, _: keep_timetable(db, where, days, folder))
    finally:
        await asyncio.to_thread(archive.close)


@pytest.mark.slow
@pytest.mark.real("amtool")
def test_the_command_writes_it_from_the_calendar_of_an_archive(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = world(7, buses=2)
    data = tmp_path / "data"
    data.mkdir()
    # The command asks what day it is.
    today = datetime.now(UTC).date()
    days = taught_days(where, today + timedelta(60), 30)
    asyncio.run(taught(data, where, days))
    (data / "collector.toml").write_text(
        f'district = "{where.district.name}"\ndata_dir = "{data}"\n'
        f'timezone = "{where.district.timezone}"\n'
    )
    out = tmp_path / "mute-timings.yml"
    assert main(["dashboards", "mute-timings", "--data", str(data), "--out", str(out)]) == 0
    assert "service days" in capsys.readouterr().out
    assert checked(out).returncode == 0
    (timing,) = yaml.safe_load(out.read_text())["muteTimes"]
    assert timing["name"] == NAME
    assert {one["location"] for one in timing["time_intervals"]} == {where.district.timezone}
    assert any(one.get("weekdays") == ["saturday", "sunday"] for one in timing["time_intervals"])
    assert main(["dashboards", "mute-timings", "--data", str(data)]) == 0
    assert json.loads("".join(capsys.readouterr().out.partition("{")[1:])) == yaml.safe_load(
        out.read_text()
    )
    assert main(["dashboards", "mute-timings", "--data", str(data), "--margin", "-1"]) == 2
