"""Queries become what Grafana makes of them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroute_dashboards.grafana.asked import Asked, hours_of
from homeroute_dashboards.grafana.interpolate import (
    Chosen,
    Shown,
    duration,
    escaped,
    interpolated,
    step_ms,
)

DAY = Shown(1_700_000_000_000, 1_700_086_400_000)
WHERE = '"route" =~ /^$route$/ AND $timeFilter GROUP BY time($__interval)'


def test_all_is_the_pattern_as_it_stands_and_time_is_in_milliseconds() -> None:
    assert interpolated(WHERE, {"route": Chosen()}, DAY) == (
        '"route" =~ /^.*$/ AND time >= 1700000000000ms and time <= 1700086400000ms '
        "GROUP BY time(1m)"
    )


@pytest.mark.parametrize(
    ("values", "pattern"),
    [
        (("12",), "/^12$/"),
        (("12 Oak/Elm (late)",), r"/^12 Oak\/Elm \(late\)$/"),
        (("12", "4+"), r"/^(12|4\+)$/"),
    ],
)
def test_chosen_values_are_escaped_and_several_are_alternatives(
    values: tuple[str, ...], pattern: str
) -> None:
    text = interpolated("/^$route$/", {"route": Chosen(values)}, DAY)
    assert text == pattern


@given(st.text(min_size=1).filter(lambda text: text.isprintable()))
def test_an_escaped_value_matches_itself_alone(value: str) -> None:
    pattern = re.compile(f"^{escaped(value).replace('/', '/')}$")
    assert pattern.fullmatch(value)
    assert not pattern.fullmatch(value + "x")


def test_a_variable_nobody_gave_stays_so_that_influxdb_refuses_it() -> None:
    assert "$route" in interpolated(WHERE, {}, DAY)


def test_the_time_zone_is_the_viewers() -> None:
    shown = Shown(0, 1, timezone="America/Denver")
    assert interpolated("tz('${__timezone}')", {}, shown) == "tz('America/Denver')"


@pytest.mark.parametrize(
    ("hours", "step"),
    [(0.05, "10s"), (1, "10s"), (24, "1m"), (168, "10m"), (672, "30m"), (8_760, "6h")],
)
def test_a_step_is_the_range_over_the_panels_points_rounded_and_not_below_ten_seconds(
    hours: float, step: str
) -> None:
    shown = Shown(0, round(hours * 3_600_000))
    assert duration(step_ms(shown, 10_000)) == step


@pytest.mark.parametrize(
    ("since", "hours"), [("now-28d/d", 672), ("now/d", 24), ("now-3m", 0.05), ("now-1y", 8_766)]
)
def test_a_range_is_read_as_hours(since: str, hours: float) -> None:
    assert hours_of(since) == pytest.approx(hours)
    with pytest.raises(ValueError, match="want now"):
        hours_of("yesterday")


def test_conditions_on_values_are_told_apart_from_the_viewers_choice() -> None:
    query = (
        'SELECT count("level") FROM (SELECT last("level") AS "level" FROM "device_status" WHERE '
        '"device" =~ /^$device$/ AND "kind" = \'bus\' and "age_s" > 3 AND $timeFilter '
        'GROUP BY "device") WHERE "level" = 0 AND $timeFilter'
    )
    asked = Asked("d", "t", "panel", "telemetry", query, 1)
    assert asked.measurement == "device_status"
    assert asked.unchosen == (
        'SELECT count("level") FROM (SELECT last("level") AS "level" FROM "device_status" WHERE '
        '"device" =~ /^$device$/ AND $timeFilter GROUP BY "device") WHERE $timeFilter'
    )
