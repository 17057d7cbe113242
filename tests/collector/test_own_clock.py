"""When the collector trusts its own clock."""

from __future__ import annotations

from homeroute_collector.own_clock import BACKWARDS_MS, BUILT_MS, OwnClock


def test_a_clock_before_the_release_was_built_is_wrong() -> None:
    now = [0.0]
    clock = OwnClock(wall=lambda: now[0])
    assert clock.problem is not None
    now[0] = BUILT_MS / 1000
    assert clock.trusted


def test_a_clock_behind_the_archive_s_newest_commit_is_wrong_after_a_minute() -> None:
    now_ms = BUILT_MS + 10_000_000
    clock = OwnClock(wall=lambda: now_ms / 1000)
    clock.saw(now_ms + BACKWARDS_MS)
    assert clock.trusted
    clock.saw(now_ms + BACKWARDS_MS + 1)
    assert "behind" in str(clock.problem)


def test_synchronised_asks_the_kernel_too() -> None:
    says = [False]
    clock = OwnClock("synchronised", wall=lambda: BUILT_MS / 1000 + 1, synchronised=lambda: says[0])
    assert "not synchronised" in str(clock.problem)
    says[0] = True
    assert clock.trusted
