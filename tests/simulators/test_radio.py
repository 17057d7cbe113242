"""The radio: where signal is good it is spread as asked for, near places are alike, air is bad
for seconds at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from homeroute_simulators.air import MEAN_BAD_S, MEAN_GOOD_S, bad_air
from homeroute_simulators.district import Carrier
from homeroute_simulators.land import Land
from homeroute_simulators.radio import (
    HIGH_DBM,
    LOW_DBM,
    MEDIAN_DBM,
    SERVICE_FLOOR_DBM,
    Radio,
    rsrq_db,
    sinr_db,
)
from homeroute_simulators.reception import receive
from homeroute_simulators.seeds import columns
from homeroute_simulators.world import world

SEEDS = (7, 8, 9)
CARRIERS: tuple[Carrier, ...] = ("prairie", "bluestem")
RNG = np.random.default_rng(1)
EAST, NORTH = RNG.uniform(-12_000, 12_000, (2, 40_000))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("carrier", CARRIERS)
def test_signal_without_zones_has_the_percentiles_asked_for(seed: int, carrier: Carrier) -> None:
    radio = Radio(replace(world(seed).district, zones=()))
    signal = radio.signal_dbm(EAST, NORTH, carrier)
    low, median, high = np.percentile(signal, [5, 50, 95])
    assert low == pytest.approx(LOW_DBM, abs=2.0)
    assert median == pytest.approx(MEDIAN_DBM, abs=1.5)
    assert high == pytest.approx(HIGH_DBM, abs=3.0)
    assert signal.min() > SERVICE_FLOOR_DBM


CORRELATION_M = 530.0
"""Where the correlation of two places falls to 1/e, about; see the land's hills."""


def correlation(land: Land, apart_m: float) -> float:
    there = land.at(EAST + apart_m * 0.6, NORTH + apart_m * 0.8)
    return float(np.corrcoef(land.at(EAST, NORTH), there)[0, 1])


@pytest.mark.parametrize("seed", SEEDS)
def test_near_places_are_alike_and_far_ones_are_not(seed: int) -> None:
    land = Land(seed, "common")
    assert correlation(land, 50.0) > 0.9
    assert correlation(land, CORRELATION_M) == pytest.approx(np.exp(-1.0), abs=0.06)
    assert abs(correlation(land, 3_000.0)) < 0.1
    height = land.at(EAST, NORTH)
    assert height.mean() == pytest.approx(0.0, abs=0.1)
    assert height.std() == pytest.approx(1.0, abs=0.05)


def test_a_place_has_one_signal_whatever_else_is_asked() -> None:
    radio = Radio(world(7).district)
    many = radio.signal_dbm(EAST[:50], NORTH[:50])
    alone = [float(radio.signal_dbm(EAST[n : n + 1], NORTH[n : n + 1])[0]) for n in range(50)]
    assert many.tolist() == alone


def test_two_carriers_share_hills_but_not_everything() -> None:
    radio = Radio(world(7).district)
    one, other = (radio.signal_dbm(EAST, NORTH, carrier) for carrier in CARRIERS)
    assert 0.4 < float(np.corrcoef(one, other)[0, 1]) < 0.9


def test_a_road_remembered_is_the_road_looked_at() -> None:
    radio = Radio(world(7).district)
    shape = radio.district.routes[0].shape
    along = np.arange(0.0, shape.length_m, 5.0)
    assert radio.on_road(shape, along).tolist() == radio.signal_dbm(*shape.at(along)).tolist()
    beyond = np.array([-50.0, shape.length_m + 900.0])
    ends = np.array([0.0, shape.length_m])
    assert radio.on_road(shape, beyond).tolist() == radio.on_road(shape, ends).tolist()


def test_bad_air_comes_in_runs_of_seconds() -> None:
    bad = bad_air(columns("test"), 400_000)
    assert bad.mean() == pytest.approx(MEAN_BAD_S / (MEAN_BAD_S + MEAN_GOOD_S), rel=0.2)
    runs = np.diff(np.flatnonzero(np.diff(np.concatenate(([0], bad.astype(int), [0])))))[::2]
    assert runs.mean() == pytest.approx(MEAN_BAD_S, rel=0.15)


def test_a_drive_is_received_alike_by_whoever_asks_and_differs_by_device_and_drive() -> None:
    ours = world(7)
    one, other = ours.drives(date(2026, 11, 18))[:2]
    radio = Radio(ours.district)
    first, again = receive(radio, one), receive(Radio(world(7).district), one)
    assert first.signal_dbm.tolist() == again.signal_dbm.tolist()
    assert first.bad.tolist() == again.bad.tolist()
    elsewhere = receive(radio, replace(one, bus=other.bus))
    assert first.bad.tolist() != elsewhere.bad.tolist()
    assert first.at(0) == (first.signal_dbm[0], first.bad[0])


def test_quality_and_noise_follow_the_signal_within_what_modems_report() -> None:
    signal = np.arange(-140.0, -40.0)
    for column, low, high in ((sinr_db(signal), -10, 25), (rsrq_db(signal), -20, -7)):
        assert (np.diff(column) >= 0).all()
        assert (column.min(), column.max()) == (low, high)
