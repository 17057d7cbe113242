"""Grafana's dashboards: names from wire, JSON up to date, queries that a real InfluxDB answers."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from homeroute_dashboards.grafana import fleet_today
from homeroute_dashboards.grafana.__main__ import FOLDER, files, main
from homeroute_dashboards.grafana.influxql import NOW, Pick, UnknownName, select, tag_values
from homeroute_dashboards.grafana.panels import DATASOURCE
from homeroute_wire.lineprotocol import LineEncoder
from homeroute_wire.measurements import MEASUREMENTS
from homeroute_wire.schema import FieldSpec
from tests.stores import InfluxDB

ROOT = Path(__file__).parents[2]
PROVISIONING = ROOT / "dashboards/grafana/provisioning"
DASHBOARDS = {name: json.loads(text) for name, text in files().items()}
PANELS = [panel for d in DASHBOARDS.values() for panel in d["panels"]]
TARGETS = [(p["title"], t["query"]) for p in PANELS for t in p["targets"]]


def test_the_committed_dashboards_are_what_the_source_makes() -> None:
    committed = {f.name: f.read_text("utf-8") for f in (ROOT / FOLDER).iterdir()}
    assert committed == files(), "run: python -m homeroute_dashboards.grafana"


def test_writing_them_gives_the_same_bytes_and_a_missing_folder_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path)]) == 0
    assert {f.name: f.read_text("utf-8") for f in tmp_path.iterdir()} == files()
    assert main([str(tmp_path / "absent")]) == 2
    assert "no such folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("build", "named"),
    [
        (lambda: select("uplinks", Pick("last", "state", "x")), "measurement 'uplinks'"),
        (lambda: select("uplink", Pick("last", "rtt", "x")), "uplink.rtt: its fields"),
        (lambda: select("uplink", Pick("last", "state", "x"), by=["ssid"]), "no tag 'ssid'"),
        (
            lambda: select("traffic", Pick("sum", "up_bytes", "x"), where=[("role", "both")]),
            "never 'both'",
        ),
        (lambda: select("traffic", Pick("sum", "up_bytes", "x", per="seconds")), "seconds"),
        (lambda: tag_values("wifi", "mac"), "no tag 'mac'"),
    ],
)
def test_a_query_cannot_name_what_wire_does_not_declare(build: Any, named: str) -> None:
    with pytest.raises(UnknownName, match=named):
        build()


@pytest.mark.parametrize("panel", PANELS, ids=lambda p: p["title"])
def test_a_panel_says_what_it_shows_and_what_emptiness_means(panel: dict[str, Any]) -> None:
    assert len(panel["description"]) > 10
    assert panel["fieldConfig"]["defaults"]["noValue"]
    assert panel["type"] in {"stat", "table", "timeseries", "state-timeline"}
    assert panel["datasource"] == DATASOURCE


def test_panels_have_their_own_place() -> None:
    for dashboard in DASHBOARDS.values():
        taken: set[tuple[int, int]] = set()
        for panel in dashboard["panels"]:
            grid = panel["gridPos"]
            assert grid["x"] + grid["w"] <= 24
            cells = {
                (x, y)
                for x in range(grid["x"], grid["x"] + grid["w"])
                for y in range(grid["y"], grid["y"] + grid["h"])
            }
            assert not cells & taken, panel["title"]
            taken |= cells
        ids = [panel["id"] for panel in dashboard["panels"]]
        assert len(ids) == len(set(ids))


def test_provisioning_offers_the_datasource_the_panels_ask() -> None:
    (source,) = yaml.safe_load((PROVISIONING / "datasources/homeroute.yml").read_text())[
        "datasources"
    ]
    assert {"type": source["type"], "uid": source["uid"]} == DATASOURCE
    assert source["jsonData"]["version"] == "InfluxQL"
    (provider,) = yaml.safe_load((PROVISIONING / "dashboards/homeroute.yml").read_text())[
        "providers"
    ]
    assert provider["allowUiUpdates"] is False


def example(column: FieldSpec) -> Any:
    """A value of the column that would not be lost in an aggregate."""
    if column.value_type == "str":
        return {"role": "wan"}.get(column.name) or (column.choices or ("x",))[0]
    if column.value_type == "bool":
        return True
    top = 7.0 if column.maximum is None or column.maximum > 7 else column.maximum
    low = top if column.minimum is None else max(column.minimum, min(top, column.maximum or top))
    return int(low) if column.value_type == "int" else float(low)


def everything(now_ms: int) -> str:
    """The last five minutes of two devices, every measurement, as line protocol."""
    lines: list[str] = []
    for spec in MEASUREMENTS.values():
        encoder = LineEncoder(spec)
        for device in ("bus-1", "bus-2"):
            for ago in range(0, 300_000, 10_000):
                values = [example(c) for c in spec.columns]
                lines.append(encoder.line([now_ms - ago, "x", device, "bus", *values]))
    return "\n".join(lines)


def as_grafana(query: str) -> str:
    """What Grafana fills in."""
    return (
        query.replace("$timeFilter", "time > now() - 15m")
        .replace("$__interval", "30s")
        .replace("/^$device$/", "/^.*$/")
    )


def written(influxdb: InfluxDB, text: str) -> None:
    influxdb.query("CREATE DATABASE telemetry")
    request = urllib.request.Request(
        f"{influxdb.url}/write?db=telemetry&precision=ms", data=text.encode()
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        assert response.status == 204


@pytest.mark.slow
def test_a_real_influxdb_answers_every_panel_with_data(influxdb: InfluxDB) -> None:
    written(influxdb, everything(int(time.time() * 1000)))
    for title, query in TARGETS:
        levels = re.search(r'"level" = (\d)', query)
        rows = influxdb.query(as_grafana(query), database="telemetry")
        if levels and levels[1] != "3":
            assert rows == [], f"{title}: every device here is of level 3"
            continue
        assert rows, f"{title}: no rows for {query}"
        columns = set(rows[0]) - {"_name", "time", "device", "category"}
        values = [row[c] for row in rows for c in columns]
        assert any(value is not None for value in values), f"{title}: only nulls for {query}"
    menu = DASHBOARDS["fleet-today.json"]["templating"]["list"][0]["definition"]
    assert {row["value"] for row in influxdb.query(menu, database="telemetry")} == {
        "bus-1",
        "bus-2",
    }


@pytest.mark.slow
@pytest.mark.parametrize("step", ["10s", "30s", "10m"])
def test_the_uplink_timeline_has_an_answer_however_few_samples_a_step_holds(
    influxdb: InfluxDB, step: str
) -> None:
    now_ms = int(time.time() * 1000)
    encoder = LineEncoder(MEASUREMENTS["uplink"])
    common = ("x", "bus-1", "bus", "wwan0", "lte", "unknown")
    rows = [
        (now_ms - n * 10_000, *common, n % 3, None, None, None, None, None) for n in range(1, 20)
    ]
    written(influxdb, "\n".join(encoder.line(row) for row in rows))
    (query,) = [q for title, q in TARGETS if title == "Uplink"]
    found = influxdb.query(as_grafana(query.replace("$__interval", step)), database="telemetry")
    assert {row["state"] for row in found if row["state"] is not None} <= {0, 1, 2}
    assert any(row["state"] is not None for row in found)


@pytest.mark.slow
def test_a_device_that_changed_its_state_is_counted_once_as_what_it_is_now(
    influxdb: InfluxDB,
) -> None:
    now_ms = int(time.time() * 1000)
    encoder = LineEncoder(MEASUREMENTS["device_status"])
    rows = [
        (now_ms - 90_000, "x", "bus-1", "bus", "online", 1.0, 2),
        (now_ms - 30_000, "x", "bus-1", "bus", "offline", 200.0, 0),
        (now_ms - 30_000, "x", "bus-2", "bus", "online", 1.0, 2),
    ]
    written(influxdb, "\n".join(encoder.line(row) for row in rows))
    counts = {}
    for level, (word, _) in fleet_today.LEVELS.items():
        (query,) = [q for title, q in TARGETS if title == word]
        found = influxdb.query(as_grafana(query), database="telemetry")
        counts[level] = found[0]["devices"] if found else 0
        assert NOW in query
    assert counts == {0: 1, 1: 0, 2: 1, 3: 0}


@pytest.mark.slow
def test_throughput_is_bits_a_second_over_the_time_the_points_cover(influxdb: InfluxDB) -> None:
    now_ms = int(time.time() * 1000)
    encoder = LineEncoder(MEASUREMENTS["traffic"])
    rows = [
        (now_ms - n * 10_000, "x", "bus-1", "bus", role, "wwan0", 125_000, 12_500, 10.0, 0)
        for n in range(12)
        for role in ("wan", "lan")
    ]
    written(influxdb, "\n".join(encoder.line(row) for row in rows))
    (query,) = [q for title, q in TARGETS if title == "Throughput"]
    found = [
        row
        for row in influxdb.query(as_grafana(query), database="telemetry")
        if row["down"] is not None
    ]
    assert found and {round(row["down"]) for row in found} == {100_000}
    assert {round(row["up"]) for row in found} == {-10_000}
