"""Simulated time: one for all who read it, faster than ours, and never back."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from pathlib import Path

import pytest

from homeroute_agent.samplers import uplink
from homeroute_simulators.resolver import Air, Resolver
from homeroute_simulators.sim_clock import BEAT_BOUND_S, BEAT_S, SimClock
from tests.agent.bench import configure

START_MS = 1_794_830_400_000


class Ours:
    """Our own seconds, moved by hand."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_simulated_time_runs_so_many_times_faster_from_its_start_on() -> None:
    ours = Ours()
    clock = SimClock(60.0, START_MS, monotonic_s=ours)
    assert clock.now_ms() == START_MS
    ours.now_s += 2.0
    assert clock.now_ms() == START_MS + 120_000
    assert clock.now_s() == 120.0
    assert clock.now().timestamp() * 1000 == START_MS + 120_000
    clock.begin()
    assert clock.now_ms() == START_MS


def test_who_shares_a_clock_reads_the_same_time_held_or_not(tmp_path: Path) -> None:
    ours = Ours()
    clock = SimClock(7.5, START_MS, monotonic_s=ours)
    clock.share(tmp_path / "clock")
    other = SimClock(7.5, START_MS, shared=tmp_path / "clock", monotonic_s=ours)
    for step_s in (0.013, 1.0, 3_600.0):
        ours.now_s += step_s
        assert clock.now_ms() == other.now_ms()
        clock.hold(clock.now_ms() + 1_000)
        ours.now_s += 60.0
        assert clock.now_ms() == other.now_ms()


def test_time_that_is_held_stands_still_and_does_not_catch_up_when_it_goes_on() -> None:
    ours = Ours()
    clock = SimClock(10.0, START_MS, monotonic_s=ours)
    clock.hold(START_MS + 1_000)
    ours.now_s += 0.05
    assert clock.now_ms() == START_MS + 500
    ours.now_s += 5.0  # a busy machine: fifty simulated seconds late
    assert clock.now_ms() == START_MS + 1_000
    assert clock.now_s() == 1.0
    clock.hold(START_MS + 2_000)
    assert clock.now_ms() == START_MS + 1_000
    ours.now_s += 0.05
    assert clock.now_ms() == START_MS + 1_500
    clock.release()
    ours.now_s += 1.0
    assert clock.now_ms() == START_MS + 11_500


def test_a_clock_can_begin_before_its_start() -> None:
    ours = Ours()
    clock = SimClock(10.0, START_MS, monotonic_s=ours)
    ours.now_s += 7.0
    clock.begin(ahead_s=10.0)
    assert clock.now_ms() == START_MS - 10_000
    ours.now_s += 1.0
    assert clock.now_ms() == START_MS


def test_an_agents_clock_is_of_its_own_boot_and_dated_only_when_it_may_be() -> None:
    ours = Ours()
    clock = SimClock(10.0, START_MS, monotonic_s=ours)
    dated = clock.device(START_MS - 5_000, "one")
    undated = clock.device(START_MS, "two", dated=False)
    ours.now_s += 1.0
    assert (dated.boot_ms(), undated.boot_ms()) == (15_000, 10_000)
    assert dated.now_ms() == START_MS + 10_000
    assert not undated.trusted
    assert undated.offer("gps", clock.now_ms())
    assert undated.now_ms() == clock.now_ms()


def test_waiting_takes_less_of_our_time_and_ends_in_time() -> None:
    async def story() -> list[int]:
        clock = SimClock(1_000.0, START_MS)
        reached = []
        for seconds in (5, 10, 20):
            await clock.until(START_MS + seconds * 1000)
            reached.append(clock.now_ms())
        return reached

    reached = asyncio.run(story())
    assert all(at >= START_MS + s * 1000 for at, s in zip(reached, (5, 10, 20), strict=True))
    assert all(a <= b for a, b in itertools.pairwise(reached))


@pytest.mark.parametrize("speed", [0.0, -1.0, 10_001.0])
def test_a_speed_out_of_bounds_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="speed"):
        SimClock(speed, START_MS)


def test_the_stopwatch_stands_still_while_the_program_does(tmp_path: Path) -> None:
    ours = Ours()
    clock = SimClock(12.0, START_MS, monotonic_s=ours)
    clock.share(tmp_path / "clock")
    other = SimClock(12.0, START_MS, shared=tmp_path / "clock", monotonic_s=ours)
    clock.beat()
    before_s = clock.stopwatch_s()
    for _ in range(20):
        ours.now_s += BEAT_S
        clock.beat()
    assert clock.stopwatch_s() - before_s == pytest.approx(20 * BEAT_S)
    ours.now_s += 3.0
    clock.beat()
    assert clock.stopwatch_s() - before_s == pytest.approx(20 * BEAT_S + BEAT_BOUND_S)
    assert other.stopwatch_s() == clock.stopwatch_s()


UPLINK = """
[uplink]
method = "dns"
targets = ["127.0.0.1:{port}"]
probes = 1
timeout_s = 0.7
usable_rtt_ms = 112.0
interface = "wwan0"
"""


@pytest.mark.parametrize(("rtt_ms", "state"), [(15.0, 2), (117.0, 1)])
def test_a_program_that_stands_still_makes_no_cell_weak_and_no_weak_cell_good(
    tmp_path: Path, rtt_ms: float, state: int
) -> None:
    async def story() -> list[int]:
        clock = SimClock(12.0, START_MS)
        resolver = Resolver(Air(rtt_ms=rtt_ms, least_ms=rtt_ms, most_ms=rtt_ms), random.Random(1))
        await resolver.open()
        resolver.stopwatch_s = clock.stopwatch_s
        config = configure(tmp_path, UPLINK.format(port=resolver.port))
        assert config.uplink is not None
        beating = asyncio.create_task(clock.beating())
        found = []
        try:
            # 0.9 s is more than the probe's own timeout.
            for after_s, still_s in ((0.0, 0.25), (0.005, 0.9), (0.012, 0.25)):
                probing = asyncio.create_task(
                    uplink.measure(config.uplink, stopwatch_s=clock.stopwatch_s)
                )
                await asyncio.sleep(after_s)
                time.sleep(still_s)  # noqa: ASYNC251 -- the machine gives us nothing to run on
                found.append((await probing).state)
        finally:
            beating.cancel()
            resolver.close()
        return found

    assert asyncio.run(story()) == [state] * 3
