"""Grafana's dashboards as code: declared names, up to date, each to its own audience."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from homeroute_dashboards.grafana import maps
from homeroute_dashboards.grafana.__main__ import FOLDER, files, main
from homeroute_dashboards.grafana.board import Folder, WrongAudience, board
from homeroute_dashboards.grafana.catalogue import dashboards
from homeroute_dashboards.grafana.influxql import (
    REPORTING,
    TELEMETRY,
    Pick,
    UnknownName,
    over,
    select,
    tag_values,
)
from homeroute_dashboards.grafana.lint import faults
from homeroute_dashboards.grafana.looks import Look
from homeroute_dashboards.grafana.panels import number
from homeroute_dashboards.grafana.tables import grid
from homeroute_dashboards.grafana.variables import cascade
from tests.dashboards.grafana_rows import everything

ROOT = Path(__file__).parents[2]
PROVISIONING = ROOT / "dashboards/grafana/provisioning"
STATE = Pick("state", "min(state)")


def test_the_committed_dashboards_are_what_the_source_makes() -> None:
    folder = ROOT / FOLDER
    committed = {
        path.relative_to(folder).as_posix(): path.read_text("utf-8")
        for path in folder.rglob("*.json")
    }
    assert committed == files(), "run: make generate"


def test_writing_them_gives_the_same_bytes_and_takes_away_what_is_no_more(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = tmp_path / "fleet-yesterday.json"
    old.write_text("{}")
    assert main(["--check", str(tmp_path)]) == 1
    assert "fleet-yesterday.json: differs" in capsys.readouterr().out
    assert old.exists()
    assert main([str(tmp_path)]) == 0
    assert not old.exists()
    assert main(["--check", str(tmp_path)]) == 0
    assert main([str(tmp_path / "absent")]) == 2
    assert "no such folder" in capsys.readouterr().err


def test_the_linter_finds_nothing_in_them() -> None:
    assert faults([built.json for built in dashboards()]) == []


@pytest.mark.parametrize(
    ("build", "named"),
    [
        (lambda: select(TELEMETRY, "uplinks", STATE), "measurement 'uplinks': telemetry holds"),
        (lambda: select(TELEMETRY, "uplink", Pick("x", "last(rtt)")), "uplink has no 'rtt'"),
        (lambda: select(TELEMETRY, "uplink", Pick("x", "sqrt(rtt_ms)")), "no function 'sqrt'"),
        (lambda: select(TELEMETRY, "uplink", Pick("x", "rtt_ms; DROP")), "cannot read ';"),
        (lambda: select(TELEMETRY, "uplink", STATE, by=["ssid"]), "uplink has no tag 'ssid'"),
        (
            lambda: select(TELEMETRY, "traffic", Pick("x", "sum(resets)"), where="role = 'both'"),
            "traffic.role is never 'both'",
        ),
        (lambda: select(TELEMETRY, "segment_day", STATE, by=["device"]), "has no"),
        (lambda: tag_values(TELEMETRY, "wifi", "mac"), "wifi has no tag 'mac'"),
        (
            lambda: over(select(TELEMETRY, "uplink", STATE), Pick("x", "sum(level)")),
            "the inner query has no 'level'",
        ),
        (lambda: select(REPORTING, "trip_day", Pick("x", "sum(usable_s)")), "reporting holds"),
        (lambda: select(TELEMETRY, "learning_week", Pick("x", "sum(trips)")), "telemetry holds"),
    ],
)
def test_a_query_cannot_name_what_is_not_declared_or_not_in_that_database(
    build: Callable[[], Any], named: str
) -> None:
    with pytest.raises(UnknownName, match=named):
        build()


def test_a_query_names_what_is_declared_in_quotes_and_keeps_to_the_viewers_choice() -> None:
    query = select(
        TELEMETRY, "trip_day", Pick("Usable", "sum(usable_s) / sum(reported_s)"), by=["route"],
        where="observed = true and period = 'AM'",
    )  # fmt: skip
    assert query.text == (
        'SELECT sum("usable_s") / sum("reported_s") AS "Usable" FROM "trip_day" '
        'WHERE "district" =~ /^$district$/ AND "route" =~ /^$route$/ AND "trip" =~ /^$trip$/ '
        'AND "device" =~ /^$device$/ AND "observed" = true and "period" = \'AM\' '
        'AND $timeFilter GROUP BY "route"'
    )


def test_a_dashboard_for_evaluators_that_asks_staffs_database_cannot_be_built() -> None:
    staff = select(TELEMETRY, "trip_day", Pick("n", "count(scheduled_s)"))
    with pytest.raises(WrongAudience, match="'Trips' asks telemetry"):
        board(Folder.EVALUATORS, "homeroute-x", "X", "x", [number("Trips", "x", staff)])
    with pytest.raises(WrongAudience, match=r"\$device does not ask reporting"):
        board(
            Folder.EVALUATORS, "homeroute-x", "X", "x", [],
            variables=cascade(TELEMETRY, "agent", "device"),
        )  # fmt: skip


def test_every_evaluators_dashboard_has_the_banner_first_and_names_no_other_source() -> None:
    held = [built for built in dashboards() if built.folder is Folder.EVALUATORS]
    assert len(held) == 3
    for built in held:
        first = built.json["panels"][0]
        assert "Internal: not for publication" in first["options"]["content"], built.uid
        assert TELEMETRY.uid not in built.text


def test_a_grid_whose_columns_would_come_in_disorder_cannot_be_built() -> None:
    query = select(REPORTING, "route_hour", Pick("n", "sum(samples)"), by=["hod", "route"])
    with pytest.raises(ValueError, match="its columns would mix"):
        grid("G", "g", query, across="route", down="hod", cell="n", look=Look())


def test_variables_that_do_not_go_from_wide_to_narrow_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="want them in the order"):
        cascade(TELEMETRY, "trip_day", "device", "route")


def test_the_map_asks_no_tile_server_unless_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def ground() -> str:
        built = next(b for b in dashboards() if b.uid == "homeroute-route-coverage")
        (held,) = [p for p in built.json["panels"] if p["type"] == "geomap"]
        return str(held["options"]["basemap"]["config"]["url"])

    assert ground().startswith("data:image/png;base64,")
    monkeypatch.setenv(maps.TILES_VARIABLE, "https://tiles.example/{z}/{x}/{y}.png")
    assert ground() == "https://tiles.example/{z}/{x}/{y}.png"


def test_provisioning_offers_the_datasources_and_folders_the_dashboards_need() -> None:
    sources = [
        source
        for path in (PROVISIONING / "datasources").glob("*.yml")
        for source in yaml.safe_load(path.read_text())["datasources"]
    ]
    assert {TELEMETRY.uid, REPORTING.uid} <= {source["uid"] for source in sources}
    assert all(source["jsonData"]["version"] == "InfluxQL" for source in sources)
    providers = [
        provider
        for path in (PROVISIONING / "dashboards").glob("*.yml")
        for provider in yaml.safe_load(path.read_text())["providers"]
    ]
    offered = {provider["options"]["path"].rpartition("/")[2] for provider in providers}
    assert {name.split("/")[0] for name in files()} <= offered
    for provider in providers:
        assert provider["allowUiUpdates"] is False
        assert provider["options"]["foldersFromFilesStructure"] is True


def test_what_runs_in_the_district_needs_no_sdk() -> None:
    modules = ("influxql", "expressions", "asked", "interpolate", "lint", "colours")
    code = "import sys; sys.modules['grafana_foundation_sdk'] = None\n" + "\n".join(
        f"import homeroute_dashboards.grafana.{name}" for name in modules
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_no_dashboard_module_is_longer_than_a_reader_reads_in_one_go() -> None:
    package = ROOT / "dashboards/homeroute_dashboards/grafana"
    for folder in ("directors", "engineers", "evaluators"):
        for module in (package / folder).glob("*.py"):
            assert len(module.read_text().splitlines()) <= 150, module.name


def test_the_home_list_and_every_link_lead_somewhere() -> None:
    uids = {built.uid for built in dashboards()}
    assert {"homeroute-home", "homeroute-device"} <= uids
    (home,) = [json.loads(t) for n, t in files().items() if n.endswith("home.json")]
    listed = {p["options"]["tags"][0] for p in home["panels"] if p["type"] == "dashlist"}
    for built in dashboards():
        if built.folder is not Folder.HOME:
            assert listed & set(built.json["tags"]), f"{built.uid} is on no list"
    assert listed == {"directors", "engineers", "evaluators"}


def test_the_documented_table_of_queries_names_those_there_are() -> None:
    """It is printed by `make dashboards-check`: a panel renamed since is a table to print anew."""
    text = (Path(__file__).parents[2] / "docs/dashboards.md").read_text("utf-8")
    (table,) = re.findall(r"^dashboard +query +rows +ms\n(.*?)\n\n", text, re.DOTALL | re.MULTILINE)
    documented = [(line[:28].strip(), line[29:73].strip()) for line in table.splitlines()]
    assert documented == [(one.dashboard[:28], one.title[:44].strip()) for one in everything()]
