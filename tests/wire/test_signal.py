"""Bars of a signal, at their limits."""

from __future__ import annotations

import pytest

from homeroute_wire.signal import WORDS, Bars, bars


@pytest.mark.parametrize(
    ("rsrp", "sinr", "expected"),
    [
        (-85.0, 13.0, 4),
        (-85.1, 13.0, 3),
        (-85.0, 12.9, 3),
        (-95.0, 20.0, 3),
        (-60.0, 4.4, 2),
        (-115.0, 30.0, 1),
        (-115.1, 30.0, 0),
        (-70.0, -3.1, 0),
        (-96.0, None, 2),
        (None, 1.0, 2),
        (None, None, None),
    ],
)
def test_the_lesser_of_power_and_quality_decides(
    rsrp: float | None, sinr: float | None, expected: int | None
) -> None:
    assert bars(rsrp, sinr) == expected


def test_every_number_of_bars_has_a_word() -> None:
    assert len(WORDS) == 5


def test_a_district_may_set_its_own_limits() -> None:
    strict = Bars(rsrp_dbm=(-100.0, -90.0, -80.0, -70.0))
    assert (bars(-85.0, 13.0), bars(-85.0, 13.0, strict)) == (4, 2)
