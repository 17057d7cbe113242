"""The matching of sessions: whatever a loss cut short, nothing true is called invented."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from homeroute_simulators.score_sessions import (
    MINUTE_MS,
    Sessions,
    ToldSession,
    TrueSession,
    compare,
)


def matched(true: list[tuple[int, int, int, bool]], stored: list[tuple[int, int, int]]) -> Sessions:
    """True sessions: start_ms, down, up, cut short. Stored ones: started_min, down, up."""
    total = Sessions()
    told = [(minute, ToldSession(down, up)) for minute, down, up in sorted(stored)]
    compare([TrueSession(*each) for each in sorted(true)], told, total)
    return total


def test_a_neighbour_within_the_slack_does_not_take_what_fits_nobody_else() -> None:
    # Seen in a year of a hundred buses: the first may take the second's, but not the other
    # way round, and the best fit alone would have given it away.
    first, second = (5 * MINUTE_MS + 30_000, 8_930, 3_125), (6 * MINUTE_MS + 500, 8_834, 3_091)
    found = matched(
        [(*first, True), (*second, True)],
        [(5, 4_151, 1_452), (6, 4_111, 1_438)],
    )
    assert (found.invented, found.lost, found.down_error) == (0, 0, 0)


SESSION = st.tuples(
    st.integers(0, 4 * MINUTE_MS),
    st.integers(0, 6),
    st.integers(0, 6),
    st.sampled_from(["whole", "told", "interim", "untold"]),
    st.integers(0, 6),
    st.integers(0, 6),
)


@given(st.lists(SESSION, max_size=12))
def test_what_a_right_archive_tells_is_never_invented(
    drawn: list[tuple[int, int, int, str, int, int]],
) -> None:
    true, stored = [], []
    for start_ms, down, up, fate, less_down, less_up in drawn:
        true.append((start_ms, down, up, fate != "whole"))
        minute = start_ms // MINUTE_MS
        if fate in ("whole", "told"):
            stored.append((minute, down, up))
        elif fate == "interim":
            stored.append((minute, max(0, down - less_down), max(0, up - less_up)))
    found = matched(true, stored)
    whole = sum(fate == "whole" for *_, fate, _, _ in drawn)
    untold = sum(fate == "untold" for *_, fate, _, _ in drawn)
    assert (found.expected, found.matched, found.missing) == (whole, whole, 0)
    assert (found.invented, found.lost) == (0, untold)
    assert (found.down_error, found.up_error) == (0, 0)


@given(st.lists(SESSION, min_size=1, max_size=8))
def test_one_session_more_than_there_was_is_one_too_many(
    drawn: list[tuple[int, int, int, str, int, int]],
) -> None:
    true = [(start_ms, down, up, False) for start_ms, down, up, *_ in drawn]
    stored = [(start_ms // MINUTE_MS, down, up) for start_ms, down, up, _ in true]
    found = matched(true, [*stored, stored[0]])
    assert (found.invented, found.missing) == (1, 0)
    assert replace(found, invented=0) != Sessions()
