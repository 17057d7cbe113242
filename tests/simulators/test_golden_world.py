"""The same seed, the same bytes, on any machine: hashes kept here, and in another process."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from datetime import date

import pytest

from homeroute_simulators.radio import Radio
from homeroute_simulators.world import world
from tests.simulators import world_text

DAY = date(2026, 11, 18)
SEEDS = (1, 7, 2026)
KEPT: dict[int, tuple[str, str, str]] = {
    1: ("4f39e2bc65034bca", "f1592471ac5b3f13", "b1d08282730514b9"),
    7: ("20c522b0bfade906", "55307acbc584c193", "6943dbe4da0f03f9"),
    2026: ("5e22d6ade41cc3e5", "72e0f6c663c80e7a", "7d01042e13811983"),
}
"""The first 16 digits of each: world, drives of the day, radio. A change of the world
changes them, and is worth a line in the changelog."""

ELSEWHERE = "from tests.simulators.test_golden_world import hashes; print(*hashes({seed}))"


def hashes(seed: int) -> tuple[str, str, str]:
    ours = world(seed)
    return (
        short(world_text.of_world(ours)),
        short(world_text.of_drives(ours.drives(DAY))),
        short(world_text.of_radio(Radio(ours.district))),
    )


def short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seed_is_the_world_it_always_was(seed: int) -> None:
    assert hashes(seed) == KEPT[seed]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_fresh_process_with_other_hashes_founds_the_same(seed: int) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", ELSEWHERE.format(seed=seed)],
        env={**os.environ, "PYTHONHASHSEED": str(seed + 12345), "TZ": "Asia/Kathmandu"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert tuple(answer.stdout.split()) == hashes(seed)
