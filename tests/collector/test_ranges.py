"""Ranges against the plainest model there is: a set."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroute_collector.ranges import Ranges

numbers = st.lists(st.integers(1, 40))


@given(numbers)
def test_ranges_hold_what_was_added_and_say_what_was_new(added: list[int]) -> None:
    ranges, model = Ranges(), set[int]()
    for seq in added:
        assert ranges.add(seq) == (seq not in model)
        model.add(seq)
    assert [seq for seq in range(42) if seq in ranges] == sorted(model)
    assert ranges.count == len(model)
    assert ranges.missing == (max(model) - len(model) if model else 0)


@given(numbers)
def test_ranges_never_touch_so_each_is_a_gap_further(added: list[int]) -> None:
    ranges = Ranges()
    for seq in added:
        ranges.add(seq)
    pairs = list(ranges)
    assert all(first <= last for first, last in pairs)
    assert all(pairs[at][1] + 1 < pairs[at + 1][0] for at in range(len(pairs) - 1))


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 9))))
def test_ranges_come_back_from_any_pairs(pairs: list[tuple[int, int]]) -> None:
    folded = Ranges((first, first + length) for first, length in pairs)
    model = {seq for first, length in pairs for seq in range(first, first + length + 1)}
    assert {seq for first, last in folded for seq in range(first, last + 1)} == model
    assert Ranges(folded) == folded


def test_a_backward_range_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="backwards"):
        Ranges([(3, 2)])
