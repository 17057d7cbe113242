"""The device's clocks: strictly increasing stamps, one offset a boot, steady ticks."""

from __future__ import annotations

import asyncio
import datetime
import itertools

import hypothesis.strategies as st
from hypothesis import given

from homeroute_agent import clock as clock_module
from homeroute_agent.clock import EARLIEST_MS, Clock, boot_clock_ms, every, read_boot_id
from homeroute_agent.trust import watch_kernel

NOW_MS = 1_795_299_000_000


class Time:
    """A boot clock that stands still, except for those who sleep."""

    def __init__(self, ms: int = 5_000) -> None:
        self.ms = ms
        self.clock = Clock(monotonic_ms=lambda: self.ms, sleep=self.sleep, boot_id="boot")

    async def sleep(self, seconds: float) -> None:
        self.ms += round(seconds * 1000)
        await asyncio.sleep(0)


@given(st.lists(st.integers(0, 3), max_size=50))
def test_stamps_increase_strictly_however_slow_the_clock(steps: list[int]) -> None:
    time = Time()
    stamps = []
    for step in steps:
        time.ms += step
        stamps.append(time.clock.stamp())
    assert all(a < b for a, b in itertools.pairwise(stamps))
    assert all(stamp >= 5_000 for stamp in stamps)


def test_the_first_trusted_offer_fixes_the_offset_for_the_boot() -> None:
    time = Time()
    assert not time.clock.trusted and time.clock.now_ms() is None
    assert time.clock.offer("gps", NOW_MS)
    time.ms += 1_000
    assert not time.clock.offer("kernel", NOW_MS + 60_000)
    assert time.clock.offset_ms == NOW_MS - 5_000
    assert time.clock.now_ms() == NOW_MS + 1_000
    assert time.clock.source == "gps"


def test_a_date_before_the_agent_was_built_is_never_believed() -> None:
    time = Time()
    for impossible in (0, EARLIEST_MS - 1, 10**15):
        assert not time.clock.offer("gps", impossible)
    assert not time.clock.trusted


def test_the_collectors_clock_is_taken_only_when_there_is_no_better() -> None:
    time = Time()
    time.clock.offer("kernel", NOW_MS)
    assert not time.clock.hear_collector(NOW_MS + 700)
    assert time.clock.last_collector_offset_ms == 700
    assert time.clock.offset_ms == NOW_MS - 5_000
    other = Time()
    assert other.clock.hear_collector(NOW_MS)
    assert other.clock.last_collector_offset_ms == 0


def test_an_offset_fixed_earlier_in_the_boot_is_kept() -> None:
    clock = Clock(monotonic_ms=lambda: 9_000, boot_id="boot", offset_ms=NOW_MS)
    assert clock.trusted and not clock.offer("kernel", NOW_MS + 10**7)
    assert clock.now_ms() == NOW_MS + 9_000


def test_ticks_keep_their_beat_and_leave_out_what_was_missed() -> None:
    async def ticks() -> list[int]:
        time, seen = Time(0), []
        work = iter([0, 300, 2_500, 1_000, 0])
        async for at in every(time.clock, 1.0):
            seen.append(at)
            step = next(work, None)
            if step is None:
                break
            time.ms += step
        return seen

    assert asyncio.run(ticks()) == [0, 1_000, 2_000, 5_000, 6_000, 7_000]


def test_the_kernel_is_asked_until_it_vouches_for_the_clock() -> None:
    time = Time()
    answers = iter([False, False, True])
    time.clock.synchronised = lambda: next(answers)
    asyncio.run(watch_kernel(time.clock, wall_ms=lambda: NOW_MS))
    assert time.clock.source == "kernel"
    assert time.ms == 9_000


def test_a_synchronised_kernel_in_1970_is_not_believed() -> None:
    time = Time()
    walls = iter([1_000, NOW_MS])
    time.clock.synchronised = lambda: True
    asyncio.run(watch_kernel(time.clock, wall_ms=lambda: next(walls)))
    assert time.clock.now_ms() == NOW_MS


def test_the_real_boot_clock_runs_and_the_boot_has_one_name() -> None:
    assert 0 < boot_clock_ms() <= boot_clock_ms()
    assert read_boot_id() == read_boot_id() != ""


def test_the_earliest_date_is_the_one_its_comment_says() -> None:
    built = datetime.datetime.fromtimestamp(clock_module.EARLIEST_MS / 1000, datetime.UTC)
    assert built.isoformat() == "2026-01-01T00:00:00+00:00"
