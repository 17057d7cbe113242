"""The share of each trip, against all ways in which every drive takes one of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeroute_analytics.attribution.claims import HOPS, NEAR_NATS, Claims, Fitting

FITTING = st.dictionaries(st.sampled_from("abcde"), st.floats(0.0, NEAR_NATS), max_size=4)


def told(drives: Sequence[Fitting]) -> Claims:
    claims = Claims()
    for n, fitting in enumerate(drives):
        claims.put(str(n), [fitting])
    return claims


def counted(drives: Sequence[Fitting]) -> dict[str, float]:
    """The first drive's shares, by going through all ways there are."""
    shares: dict[str | None, float] = {}
    for way in product(*([None, *fitting] for fitting in drives)):
        taken = [trip for trip in way if trip is not None]
        if len(taken) == len(set(taken)):
            nats = sum(drives[n][trip] for n, trip in enumerate(way) if trip is not None)
            shares[way[0]] = shares.get(way[0], 0.0) + math.exp(nats)
    whole = sum(shares.values())
    return {trip: share / whole for trip, share in shares.items() if trip is not None}


@settings(max_examples=200)
@given(st.lists(FITTING, min_size=1, max_size=HOPS + 1), st.sampled_from([0.0, 20.0]))
def test_shares_are_those_of_all_ways_counted(found: list[Fitting], surer: float) -> None:
    # Also where there are more buses than trips, and each would be on one for certain.
    drives = [{trip: nats + surer for trip, nats in fitting.items()} for fitting in found]
    assert told(drives).shares("0", 0) == pytest.approx(counted(drives), abs=1e-3)


def test_alone_the_share_is_how_much_likelier_it_is() -> None:
    shares = told([{"a": 2.0, "b": 1.0}]).shares("0", 0)
    assert shares["a"] / shares["b"] == pytest.approx(math.e)
    assert sum(shares.values()) == pytest.approx(1 - 1 / (1 + math.exp(2) + math.exp(1)))


def test_what_was_told_of_an_owner_before_is_forgotten() -> None:
    claims = told([{"a": 8.0, "b": 8.0}, {"a": 8.0}])
    assert claims.shares("0", 0)["b"] > 0.99
    claims.put("1", [])
    assert claims.shares("0", 0)["b"] == pytest.approx(0.5, abs=0.01)
    claims.put("1", [{"c": 8.0}, {"b": 8.0}])
    assert claims.shares("0", 0)["a"] > 0.99


def test_a_bus_that_drove_one_trip_in_two_pieces_does_not_compete_with_itself() -> None:
    claims = Claims()
    claims.put("bus", [{"a": 8.0}, {"a": 8.0}])
    claims.put("other", [{"a": 2.0}])
    for piece in range(2):
        assert claims.shares("bus", piece)["a"] > 0.99
    assert claims.shares("other", 0)["a"] < 0.01


def test_two_buses_that_fit_two_trips_nearly_alike_are_not_made_sure_by_each_other() -> None:
    # Reckoned in a ring, each would confirm the other until both seem certain.
    shares = told([{"a": 8.1, "b": 8.0}, {"a": 8.0, "b": 8.0}]).shares("0", 0)
    assert shares["a"] == pytest.approx(math.exp(0.1) / (1 + math.exp(0.1)), abs=0.01)


def test_a_city_s_peak_is_reckoned_in_a_moment_and_adds_up() -> None:
    drives = [{f"t{(n + k) % 60}": 8.0 - k for k in range(6)} for n in range(60)]
    claims = told(drives)
    for n in range(60):
        shares = claims.shares(str(n), 0)
        assert set(shares) == set(drives[n]) and 0.99 < sum(shares.values()) <= 1.0
