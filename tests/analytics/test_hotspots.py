"""The idle ladder, from days written by hand."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroute_analytics.aggregates import DeviceDay
from homeroute_analytics.hotspots import Hotspot, Ladder, Told, begun, counted, hotspots, judged
from homeroute_analytics.rollup_devices import device_rows
from homeroute_analytics.rollup_tables import columns
from homeroute_analytics.rollups import bounds
from homeroute_dashboards.pages.hotspot_answers import headline
from tests.analytics.rows import MemoryArchive
from tests.analytics.timetables import ZONE

TODAY = date(2026, 11, 20)
LADDER = Ladder()


class Lent:
    """An archive with usage told by agents and by imports."""

    def __init__(self) -> None:
        self.archive = MemoryArchive()

    def agent(self, device: str, days_ago: int, active_hours: int) -> None:
        """A day told by the hotspot's agent, dated as it dates it: the local day's start."""
        day = TODAY - timedelta(days_ago)
        start = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(ZONE))
        time_ms = int(start.timestamp() * 1000)
        self.archive.db.execute(
            "INSERT INTO devices SELECT ?, 'hotspot', ? WHERE NOT EXISTS "
            "(SELECT 1 FROM devices WHERE device = ?)",
            [device, time_ms, device],
        )
        self.archive.db.execute(
            "INSERT INTO usage (device, kind, time_ms, carrier, down_bytes, up_bytes, "
            "active_hours) VALUES (?, 'hotspot', ?, 'T-Mobile', 5, 5, ?)",
            [device, time_ms, active_hours],
        )

    def imported(self, device: str, days_ago: int, size: int, carrier: str | None = "AT&T") -> None:
        self.archive.db.execute(
            "INSERT INTO imported_usage (device, day, carrier, total_bytes) VALUES (?, ?, ?, ?)",
            [device, TODAY - timedelta(days_ago), carrier, size],
        )

    def rows(self, as_of: date = TODAY, ladder: Ladder = LADDER) -> dict[str, Hotspot]:
        found = asyncio.run(hotspots(self.archive.query, as_of, ZONE, ladder))
        return {row.device: row for row in found}


def test_a_hotspot_in_use_is_used_and_its_day_is_the_household_s_own() -> None:
    lent = Lent()
    for day in range(10):
        lent.agent("home-01", day, 3)
    row = lent.rows()["home-01"]
    assert (row.standing, row.idle_days, row.last_used_day) == ("used", 0, TODAY)
    assert (row.reported_days, row.known_days, row.completeness) == (10, 10, 1.0)
    assert (row.carrier, row.sources) == ("T-Mobile", ("agent",))


@pytest.mark.parametrize(
    ("unused", "standing", "due_in"),
    [
        (1, "idle", 59),
        (59, "idle", 1),
        (60, "notice", 30),
        (89, "notice", 1),
        (90, "terminate", None),
        (200, "terminate", None),
    ],
)
def test_the_ladder_goes_by_days_told_as_unused(
    unused: int, standing: str, due_in: int | None
) -> None:
    lent = Lent()
    lent.agent("home-01", unused, 2)
    for day in range(unused):
        lent.agent("home-01", day, 0)
    row = lent.rows()["home-01"]
    assert (row.standing, row.idle_days, row.unused_days) == (standing, unused, unused)
    assert row.due == (None if due_in is None else TODAY + timedelta(due_in))


def test_a_hotspot_that_says_nothing_is_not_reporting_and_climbs_no_ladder() -> None:
    lent = Lent()
    lent.agent("home-01", 200, 2)
    row = lent.rows()["home-01"]
    assert row.standing == "not_reporting"
    assert (row.idle_days, row.unused_days, row.unreported_days) == (200, 0, 200)
    assert (row.silent_days, row.due) == (200, None)
    assert row.completeness == pytest.approx(1 / 201)


def test_a_weekend_off_is_not_yet_not_reporting() -> None:
    lent = Lent()
    lent.agent("home-01", 6, 2)
    assert lent.rows()["home-01"].standing == "used"
    lent = Lent()
    lent.agent("home-01", 7, 2)
    assert lent.rows()["home-01"].standing == "not_reporting"


def test_an_export_that_leaves_out_what_is_zero_tells_that_it_was_unused() -> None:
    lent = Lent()
    lent.imported("home-01", 80, 900_000_000)
    for day in range(81):
        lent.imported("home-02", day, 50_000_000)
    rows = lent.rows()
    assert (rows["home-02"].standing, rows["home-01"].standing) == ("used", "notice")
    assert (rows["home-01"].unused_days, rows["home-01"].unreported_days) == (80, 0)


def test_another_carrier_s_export_says_nothing_of_this_one_s_hotspots() -> None:
    lent = Lent()
    lent.imported("home-01", 80, 900_000_000, "Verizon")
    for day in range(81):
        lent.imported("home-02", day, 50_000_000, "AT&T")
    row = lent.rows()["home-01"]
    assert (row.standing, row.unused_days) == ("not_reporting", 0)


def test_a_day_that_no_export_covers_is_unreported_and_delays_the_ladder() -> None:
    lent = Lent()
    lent.imported("home-01", 65, 900_000_000)
    for day in range(65):
        if day % 7:
            lent.imported("home-01", day, 1_000)
    row = lent.rows()["home-01"]
    assert (row.standing, row.idle_days) == ("idle", 65)
    assert row.unused_days + row.unreported_days == 65
    assert row.unreported_days == 10


def test_used_by_either_of_two_witnesses_is_used() -> None:
    lent = Lent()
    lent.agent("home-01", 0, 0)
    lent.imported("home-01", 0, 900_000_000)
    row = lent.rows()["home-01"]
    assert (row.standing, row.sources) == ("used", ("import",))


def test_days_from_before_a_hotspot_was_first_heard_are_judged_when_they_are_told() -> None:
    lent = Lent()
    lent.agent("home-01", 0, 3)  # first heard today, and then its backlog comes
    lent.agent("home-01", 5, 3)
    (row,) = lent.rows(TODAY - timedelta(3)).values()
    assert (row.idle_days, row.last_used_day) == (2, TODAY - timedelta(5))
    assert lent.rows(TODAY - timedelta(9)) == {}, "of that day nothing is known"


def test_a_hotspot_heard_but_never_told_of_has_no_data_and_a_retired_one_is_retired() -> None:
    lent = Lent()
    for name in ("home-01", "home-02"):
        lent.archive.db.execute(
            "INSERT INTO devices VALUES (?, 'hotspot', ?)",
            [name, int(datetime(2026, 11, 1, tzinfo=UTC).timestamp() * 1000)],
        )
    lent.archive.db.execute(
        "INSERT INTO device_lives VALUES ('home-02', ?, NULL, 0)", [TODAY - timedelta(1)]
    )
    rows = lent.rows()
    assert (rows["home-01"].standing, rows["home-01"].idle_days) == ("no_data", None)
    assert rows["home-02"].standing == "retired"
    assert counted(rows.values())["no_data"] == 1


def test_presets_are_a_program_s_own() -> None:
    lent = Lent()
    for day in range(20):
        lent.agent("home-01", day, 0)
    row = lent.rows(ladder=Ladder(unused_days=14, notice_days=6))["home-01"]
    assert row.standing == "terminate"


@pytest.mark.slow
def test_what_agents_told_is_known_after_its_raw_points_have_expired() -> None:
    lent = Lent()
    zone = ZoneInfo(ZONE)
    for ago in range(120, -1, -1):
        lent.agent("home-01", ago, 2 if ago == 110 else 0)
    whole = lent.rows()["home-01"]
    for ago in range(120, -1, -1):
        day = TODAY - timedelta(ago)
        known = asyncio.run(device_rows(lent.archive.query, day, *bounds(day, zone), zone, [], []))
        asyncio.run(lent.archive.replace_day(day, {"device_day": columns("device_day", known)}))
    gone_ms = bounds(TODAY - timedelta(90), zone)[0]
    lent.archive.add("meta", [{"key": "expired_before_ms", "value": str(gone_ms)}])
    lent.archive.db.execute("DELETE FROM usage WHERE time_ms < ?", [gone_ms])
    row = lent.rows()["home-01"]
    assert (row.standing, row.idle_days, row.unused_days) == ("terminate", 110, 110)
    assert row == whole
    (again,) = asyncio.run(
        device_rows(lent.archive.query, TODAY, *bounds(TODAY, zone), zone, [], [])
    )
    assert isinstance(again.record, DeviceDay)
    assert again.record.idle_days == 110


@given(st.dictionaries(st.integers(0, 120), st.booleans()), st.integers(0, 130))
def test_idle_days_are_unused_and_unreported_ones_and_nothing_is_counted_twice(
    told: dict[int, bool], first: int
) -> None:
    days = {TODAY - timedelta(ago): Told(used, "agent", "x") for ago, used in told.items()}
    row = judged("home-01", days, TODAY - timedelta(first), None, TODAY, LADDER)
    if row.idle_days is not None:
        assert row.idle_days == row.unused_days + row.unreported_days
        assert row.unreported_days >= 0
    assert row.reported_days <= row.known_days
    assert (row.standing in {"notice", "terminate"}) == (row.unused_days >= LADDER.unused_days)
    if row.last_used_day is not None:
        assert not any(days[day].used for day in days if day > row.last_used_day)


def test_a_hotspot_without_a_whole_day_yet_is_known_and_waits_for_its_first() -> None:
    lent = Lent()
    lent.agent("home-01", 1, 3)
    lent.agent("home-02", -1, 3)
    rows = asyncio.run(hotspots(lent.archive.query, TODAY, ZONE))
    assert [row.device for row in rows] == ["home-01"]
    assert asyncio.run(begun(lent.archive.query, rows)) == 1
    assert headline([], 2).startswith("2 hotspots are known since today only")
    assert headline(rows, 1).startswith("None of 1 lent") and "counted from" in headline(rows, 1)
    assert headline([]) == ""
