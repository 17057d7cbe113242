"""How many passes a dead zone and a point of the map are said to rest on."""

from __future__ import annotations

import urllib.request

import pytest

from tests.dashboards.grafana_rows import Viewer, everything
from tests.stores import InfluxDB

pytestmark = [pytest.mark.slow, pytest.mark.real("influxdb")]

FIRST_S, DAY_S = 1_793_577_600, 86_400


@pytest.mark.parametrize("title", ["Dead zones to work on", "Where: segments of 250 m"])
def test_passes_that_told_nothing_are_driven_and_not_counted(
    title: str, influxdb: InfluxDB
) -> None:
    influxdb.query('CREATE DATABASE "telemetry"')
    tags = "segment_day,district=d,route=12,trip=t1,period=AM,segment=s@1:001"
    passes = [
        f"{tags} usable_s=0,connected_s=0,no_service_s={heard_s},unreported_s={25 - heard_s},"
        f"reported_passes={int(heard_s > 0)}i,client_outage_min=1,located=true,lat=38.5,lon=-98 "
        f"{FIRST_S + number * DAY_S}"
        for number, heard_s in enumerate((25, 0, 0, 0, 0, 5))
    ]
    url = f"{influxdb.url}/write?db=telemetry&precision=s"
    with urllib.request.urlopen(url, "\n".join(passes).encode(), timeout=10) as answer:
        assert answer.status == 204
    found = [row for one in everything() if one.title.startswith(title)
             for row in Viewer(influxdb, "UTC").look(one).rows]  # fmt: skip
    assert found
    assert {row["n passes"] for row in found} == {2}
