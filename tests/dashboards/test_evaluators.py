"""What evaluators are shown when a week has a cell less, or a definition more."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.dashboards.grafana_rows import Viewer, everything
from tests.stores import InfluxDB

pytestmark = [pytest.mark.slow, pytest.mark.real("influxdb")]

WEEK_S = 7 * 86_400
FIRST_S = 1_793_577_600
WEEKS = ("2026-W45", "2026-W46")


@pytest.fixture(scope="module")
def viewer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Viewer]:
    server = InfluxDB(tmp_path_factory.mktemp("influx"))
    server.start()
    try:
        server.query('CREATE DATABASE "reporting"')
        body = "\n".join([*_blocks(), *_learning()]).encode()
        url = f"{server.url}/write?db=reporting&precision=s"
        with urllib.request.urlopen(url, body, timeout=10) as answer:
            assert answer.status == 204
        yield Viewer(server, "UTC")
    finally:
        server.stop()


def _blocks() -> Iterator[str]:
    """Games are blocked in the first week alone; 500 client-minutes in each."""
    tags = "filter_week,district=d,route=all,period=AM"
    fields = "active_client_min=500i"
    yield f"{tags},category=games,week={WEEKS[0]} hits=5i,{fields} {FIRST_S}"
    yield f"{tags},category=all,week={WEEKS[0]} hits=5i,{fields} {FIRST_S}"
    yield f"{tags},category=all,week={WEEKS[1]} hits=0i,{fields} {FIRST_S + WEEK_S}"


def _learning() -> Iterator[str]:
    """The lists change in the middle of the second week; every second of both is reported."""
    told = [(0, "old", 600.0), (1, "old", 200.0), (1, "new", 400.0)]
    for week, definition, reported_s in told:
        yield (
            f"learning_week,district=d,route=12,period=AM,week={WEEKS[week]},"
            f"definition={definition} reported_s={reported_s},scheduled_s=600,"
            f"client_trips=20i {FIRST_S + week * WEEK_S}"
        )


def rows(viewer: Viewer, dashboard: str, title: str) -> list[dict[str, Any]]:
    (one,) = [one for one in everything() if (one.dashboard, one.title) == (dashboard, title)]
    return viewer.look(one).rows


def test_a_categorys_rate_is_of_one_week_since_a_week_without_it_has_no_row(
    viewer: Viewer,
) -> None:
    (row,) = rows(viewer, "Filter rates", "Categories, by week")
    assert (row["week"], row["category"], row["Per 100 active min"]) == (WEEKS[0], "games", 1.0)


def test_a_rate_of_all_categories_counts_the_minutes_of_a_week_without_a_block(
    viewer: Viewer,
) -> None:
    weeks = rows(viewer, "Filter rates", "Per 100 active minutes, a week")
    assert [row["rate"] for row in weeks] == [1.0, 0.0]


def test_the_reported_share_of_a_week_does_not_fall_because_its_definition_changed(
    viewer: Viewer,
) -> None:
    shares = rows(viewer, "Learning minutes", "Reported share, by week")
    assert {row["week"]: row["Reported"] for row in shares} == dict.fromkeys(WEEKS, 1.0)
