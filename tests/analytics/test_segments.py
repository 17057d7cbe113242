"""Where a drive was, segment by segment: loops, roads driven twice, silence, noise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroute_analytics.segments import METRES_PER_DEGREE, Reals, Road, cuts, passages
from homeroute_analytics.timetable import Shape

LAT = 38.5
A_DEGREE = METRES_PER_DEGREE * float(np.cos(np.radians(LAT)))


def degrees(east: Reals, north: Reals) -> tuple[Reals, Reals]:
    return LAT + north / METRES_PER_DEGREE, -98.0 + east / A_DEGREE


def road(*corners: tuple[float, float]) -> Road:
    """A road through these corners, in metres."""
    east, north = (np.array(axis, dtype=float) for axis in zip(*corners, strict=True))
    lat, lon = degrees(east, north)
    along = np.append(0.0, np.cumsum(np.hypot(np.diff(east), np.diff(north))))
    return Road.of(Shape("s@1", tuple(lat), tuple(lon), tuple(along)))


def driven(
    where: Road, *, speed_mps: float = 10.0, every_s: int = 10, noise_m: float = 2.0, seed: int = 1
) -> tuple[Reals, Reals, Reals, Reals]:
    """Times (ms), true metres along, and noisy latitudes and longitudes of a steady drive."""
    times = np.arange(0.0, where.shape.length_m / speed_mps, every_s)
    along = times * speed_mps
    rng = np.random.default_rng(seed)
    east = np.interp(along, where.along, where.east) + rng.normal(0, noise_m, len(times))
    north = np.interp(along, where.along, where.north) + rng.normal(0, noise_m, len(times))
    return (times * 1000, along, *degrees(east, north))


def error_m(where: Road, **how: float) -> float:
    """The largest error in metres along of a drive's places."""
    times, along, lat, lon = driven(where, **how)  # type: ignore[arg-type]
    known_ms, known_m = where.places(0, times.astype(np.int64), lat, lon)
    assert len(known_ms) == len(times)
    return float(np.abs(known_m - along).max())


LOOP = road((0, 0), (1500, 0), (1500, 1500), (0, 1500), (0, 0))
OUT_AND_BACK = road((0, 0), (2000, 0), (2000, 600), (2000, 0), (0, 0))
LOLLIPOP = road((0, 0), (1000, 0), (1000, 700), (1700, 700), (1700, 0), (1000, 0), (0, 0))


@pytest.mark.parametrize("where", [LOOP, OUT_AND_BACK, LOLLIPOP])
@pytest.mark.parametrize("seed", range(5))
def test_a_road_that_meets_itself_does_not_make_a_bus_jump(where: Road, seed: int) -> None:
    assert error_m(where, noise_m=5.0, seed=seed) < 40.0


def test_a_loop_begins_at_its_beginning_though_its_end_is_there_too() -> None:
    times, _, lat, lon = driven(LOOP)
    _, known_m = LOOP.places(0, times.astype(np.int64), lat, lon)
    assert known_m[0] < 20.0
    assert known_m[-1] > 5_880.0


def test_the_second_half_of_a_road_driven_twice_is_known_though_gps_slept_over_the_first() -> None:
    times, along, lat, lon = driven(OUT_AND_BACK)
    late = times > 300_000
    _, known_m = OUT_AND_BACK.places(0, times[late].astype(np.int64), lat[late], lon[late])
    assert np.abs(known_m - along[late]).max() < 40.0


def test_a_position_off_the_road_is_no_place_on_it() -> None:
    straight = road((0, 0), (3000, 0))
    times, _, lat, lon = driven(straight)
    lat[5] += 300.0 / METRES_PER_DEGREE
    known_ms, _ = straight.places(0, times.astype(np.int64), lat, lon)
    assert 50_000 not in known_ms
    assert len(known_ms) == len(times) - 1


def test_segments_are_250_m_and_a_short_rest_belongs_to_the_last() -> None:
    assert cuts(1000.0).tolist() == [0, 250, 500, 750, 1000]
    assert cuts(1100.0).tolist() == [0, 250, 500, 750, 1100]
    assert cuts(1130.0).tolist() == [0, 250, 500, 750, 1000, 1130]
    assert cuts(40.0).tolist() == [0, 40]


def ms(*seconds: float) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array([round(s * 1000) for s in seconds], dtype=np.int64)


def test_a_gap_is_interpolated_along_the_shape_and_not_located() -> None:
    # Known at 0 m to 250 m, then silence for 150 s while 1500 m are driven.
    times = ms(0, 10, 20, 25, 175, 185, 200)
    places = np.array([0.0, 100.0, 200.0, 250.0, 1750.0, 1850.0, 2000.0])
    found = passages(2000.0, 0, 200_000, times, places)
    assert found.at_ms.tolist() == ms(0, 25, 50, 75, 100, 125, 150, 175, 200).tolist()
    assert found.located.tolist() == [True, *[False] * 6, True]


def test_a_drive_whose_gps_began_late_and_ended_early_is_driven_from_end_to_end() -> None:
    found = passages(1000.0, 0, 400_000, ms(200, 210), np.array([500.0, 510.0]))
    assert found.at_ms[0] == 0
    assert found.at_ms[2] == 200_000
    assert found.at_ms[-1] == 400_000
    assert not found.located.any()


def test_a_segment_not_reached_has_no_time() -> None:
    found = passages(1000.0, 0, 100_000, ms(0, 50, 100), np.array([0.0, 200.0, 400.0]))
    assert np.diff(found.at_ms).tolist() == [62_500, 37_500, 0, 0]


@given(
    st.lists(st.tuples(st.integers(0, 600_000), st.floats(0, 5_000)), max_size=30),
    st.floats(30, 5_000),
    st.integers(1, 600_000),
)
def test_every_moment_of_a_drive_lies_in_one_segment(
    known: list[tuple[int, float]], length_m: float, size_ms: int
) -> None:
    times = np.array(sorted({t for t, _ in known}), dtype=np.int64)
    places = np.minimum(np.sort(np.array([p for _, p in known])[: len(times)]), length_m)
    found = passages(length_m, 0, size_ms, times, places)
    assert found.at_ms[0] == 0
    assert found.at_ms[-1] == size_ms
    assert (np.diff(found.at_ms) >= 0).all()
    assert len(found.at_ms) == len(cuts(length_m)) == len(found.located) + 1
