"""Positions matched as they come: what is said at a time rests on nothing that came later."""

from __future__ import annotations

from datetime import date

import pytest

from homeroute_analytics.attribution.fits import Day
from homeroute_analytics.attribution.from_files import Ping
from homeroute_analytics.attribution.match import as_it_happens, at_positions
from homeroute_simulators.world import world
from tests.analytics.driven import scheduled, told

WORLD = world(7, buses=12)
DATE = date(2026, 9, 10)
DAY = Day(scheduled(WORLD, DATE, assigned=False))


def heard(until_s: float = float("inf")) -> dict[str, list[Ping]]:
    """Every bus's positions of the day, as far as they have come."""
    return {
        each.device: [
            Ping(each.device, str(time_s), time_s, lat, lon)
            for time_s, lat, lon in zip(
                each.time_s.tolist(), each.lat.tolist(), each.lon.tolist(), strict=True
            )
            if time_s <= until_s
        ]
        for each in told(WORLD, WORLD.drives(DATE))
    }


@pytest.fixture(scope="module")
def whole() -> dict[str, list[Ping]]:
    return heard()


@pytest.mark.slow
def test_ten_positions_after_400_m_what_comes_later_changes_nothing(
    whole: dict[str, list[Ping]],
) -> None:
    answers = list(at_positions(whole, DAY, 10))
    assert sum(answer.trip is not None for answer in answers) > 0.8 * len(answers)
    for answer in answers[::4]:
        cut = heard(float(answer.written))
        assert answer in list(at_positions(cut, DAY, 10))


@pytest.mark.slow
def test_at_each_position_what_comes_later_changes_nothing(whole: dict[str, list[Ping]]) -> None:
    answers = {(answer.device, answer.written): answer for answer in as_it_happens(whole, DAY)}
    times = sorted({float(written) for _, written in answers})
    for until_s in times[len(times) // 8 :: len(times) // 4]:
        for answer in as_it_happens(heard(until_s), DAY):
            assert answer == answers[answer.device, answer.written]


def test_every_bus_under_way_is_on_the_trip_it_drives(whole: dict[str, list[Ping]]) -> None:
    truth = {drive.trip.name: drive.bus.device for drive in WORLD.drives(DATE)}
    said = [answer for answer in as_it_happens(whole, DAY) if answer.trip is not None]
    right = sum(truth.get(answer.trip or "") == answer.device for answer in said)
    assert len(said) > 0.5 * sum(map(len, whole.values()))
    assert right > 0.98 * len(said)
