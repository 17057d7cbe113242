"""A device's last day, from rows written by hand."""

from __future__ import annotations

import asyncio

from homeroute_dashboards.pages.device_day import STEP_MS, STEPS, DeviceDay, device_day
from tests.analytics.rows import MemoryArchive

NOW = 1_795_299_000_000
LAST = NOW // STEP_MS * STEP_MS


def asked(archive: MemoryArchive) -> DeviceDay:
    return asyncio.run(device_day(archive.query, "bus-07", NOW))


def test_without_rows_every_step_is_none_and_none_is_zero() -> None:
    day = asked(MemoryArchive())
    assert day.start_ms == LAST - (STEPS - 1) * STEP_MS
    for series in (day.state, day.uplink, day.bars, day.spooled, day.undervoltage):
        assert series == [None] * STEPS


def test_the_worst_of_a_step_is_kept_and_other_devices_and_days_are_left_out() -> None:
    archive = MemoryArchive()
    for second, state in ((0, "online"), (30, "offline"), (60, "online"), (90, "parked")):
        archive.row("device_status", LAST + second * 1000, "bus-07", state=state)
    archive.row("device_status", LAST, "bus-08", state="offline")
    archive.row("device_status", LAST - STEPS * STEP_MS, "bus-07", state="retired")
    for second, level in enumerate((2, 2, 2, 0)):
        archive.row("uplink", LAST + second, "bus-07", state=level, rsrp_dbm=-90.0, sinr_db=2.0)
    for second, spooled in enumerate((0, 70, 3)):
        archive.row("agent", LAST + second, "bus-07", spooled=spooled)
    for second, low in enumerate((False, True, False)):
        archive.row("health", LAST + second, "bus-07", undervoltage=low)
    day = asked(archive)
    assert [state for state in day.state if state] == ["offline"]
    assert day.state[-1] == "offline"
    assert (day.uplink[-1], day.bars[-1], day.spooled[-1]) == (0, 2, 70)
    assert day.undervoltage[-1] is True


def test_a_minute_of_a_state_is_a_minute_and_silence_is_none() -> None:
    archive = MemoryArchive()
    for second, state in ((0, "degraded"), (30, "degraded"), (60, "online"), (90, "online")):
        archive.row("device_status", LAST + second * 1000, "bus-07", state=state)
    # After a long silence the last row counts for its 60 s at most.
    archive.row("device_status", LAST + 500_000, "bus-07", state="online")
    for second, level in ((0, 2), (10, 2), (20, 0), (30, 0), (200, 2)):
        archive.row("uplink", LAST + second * 1000, "bus-07", state=level)
    day = asked(archive)
    assert day.state_s == {"degraded": 60.0, "online": 90.0}
    assert day.uplink_s == {2: 20.0, 0: 25.0}
    assert asked(MemoryArchive()).state_s == {}
