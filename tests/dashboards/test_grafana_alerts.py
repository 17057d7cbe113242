"""Grafana's alert rules and policies: the collector's words, and questions InfluxDB can answer."""

from __future__ import annotations

import os
import re
import string
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from homeroute_collector.alert_rules import RULES
from homeroute_collector.presence_points import STATUS_S
from homeroute_dashboards.grafana import alert_files
from homeroute_dashboards.grafana.alerts import NOT_IN_INFLUXDB, Watch, watches
from homeroute_dashboards.grafana.catalogue import dashboards
from homeroute_dashboards.grafana.interpolate import Shown, interpolated
from homeroute_dashboards.grafana.mute_timings import NAME
from homeroute_wire.lineprotocol import LineEncoder
from homeroute_wire.measurements import (
    MEASUREMENTS,
    Agent,
    DeviceStatus,
    FilterCheck,
    Health,
    Pipeline,
)
from homeroute_wire.schema import Measurement
from tests.stores import InfluxDB

ROOT = Path(__file__).parents[2]
ALERTING = ROOT / "dashboards/grafana/provisioning/alerting"
BY_NAME = {watch.rule.name: watch for watch in watches()}
RULE_FIELDS = {
    "uid", "title", "condition", "data", "dashboardUid", "panelId", "noDataState", "execErrState",
    "for", "keepFiringFor", "annotations", "labels", "isPaused",
}  # fmt: skip
"""What Grafana 12 reads of a rule, as it spells it; another name would be passed over."""


def read(name: str) -> Any:
    return yaml.safe_load((ALERTING / name).read_text("utf-8"))


def rules() -> list[dict[str, Any]]:
    return [rule for group in read("rules.yml")["groups"] for rule in group["rules"]]


def test_the_committed_rules_are_what_the_source_makes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (ALERTING / "rules.yml").read_text("utf-8") == alert_files.text()
    old = tmp_path / "rules.yml"
    old.write_text("apiVersion: 1\n")
    assert alert_files.main(["--check", str(old)]) == 1
    assert "differs" in capsys.readouterr().out
    assert alert_files.main([str(old)]) == 0
    assert alert_files.main(["--check", str(old)]) == 0
    assert alert_files.main([str(tmp_path / "absent/rules.yml")]) == 2


def test_every_rule_of_the_collector_is_here_in_its_words_or_says_why_not() -> None:
    assert {*BY_NAME, *NOT_IN_INFLUXDB} == set(RULES)
    for rule in rules():
        ours = RULES[rule["labels"]["rule"]]
        assert rule["title"] == ours.title
        assert rule["annotations"]["what_to_do"] == ours.todo
        assert ours.meaning in rule["annotations"]["description"]
        assert rule["labels"]["severity"] == ours.severity
        assert (rule["labels"]["always"] == "yes") is ours.always
        assert (rule["for"], rule["keepFiringFor"]) == (f"{ours.for_s:g}s", f"{ours.calm_s:g}s")


def test_a_rule_is_spelt_as_grafana_reads_it() -> None:
    groups = read("rules.yml")["groups"]
    assert len({group["name"] for group in groups}) == len(groups)
    found = rules()
    assert len({rule["uid"] for rule in found}) == len(found)
    for rule in found:
        assert set(rule) == RULE_FIELDS
        assert re.fullmatch(r"[a-z0-9-]{1,40}", rule["uid"])
        query, reduced, compared = rule["data"]
        assert [step["refId"] for step in rule["data"]] == ["A", "B", rule["condition"]]
        assert query["relativeTimeRange"]["from"] > query["relativeTimeRange"]["to"] == 0
        assert query["model"]["resultFormat"] == "time_series"
        assert (reduced["model"]["expression"], compared["model"]["expression"]) == ("A", "B")
        assert rule["noDataState"] in ("OK", "Alerting")
        assert rule["execErrState"] in ("KeepLast", "Alerting")


def test_nothing_that_grafana_interpolates_holds_a_dollar_but_the_environment() -> None:
    """It replaces `$name` by the environment everywhere but in models and annotations."""
    for rule in rules():
        rest = {key: value for key, value in rule.items() if key not in ("data", "annotations")}
        assert "$" not in str(rest)
        # Since 12 `${..}` is replaced in annotations too.
        assert "$" not in str(rule["annotations"])
        assert "$$" not in str(rule["data"])
    names = set(re.findall(r"\$(\w+)", (ALERTING / "contact-points.yml").read_text("utf-8")))
    assert names == {"HOMEROUTE_ALERT_WEBHOOK", "HOMEROUTE_ALERT_MAIL"}
    assert "$" not in (ALERTING / "policies.yml").read_text("utf-8")


def test_each_links_to_a_dashboard_that_exists_and_of_a_device_to_that_devices() -> None:
    known = {built.uid: built.json for built in dashboards()}
    for rule in rules():
        board = known[rule["dashboardUid"]]
        assert rule["panelId"] in {panel["id"] for panel in board["panels"]}
        link = rule["annotations"]["dashboard"]
        assert f"d/{rule['dashboardUid']}" in link
        if RULES[rule["labels"]["rule"]].scope == "device":
            assert link.endswith("?var-device={{ .Labels.device }}")
            assert "device" in {one["name"] for one in board["templating"]["list"]}
            assert "{{ .Labels.device }}" in rule["annotations"]["summary"]


def test_policies_name_contact_points_and_mute_timings_that_are_there() -> None:
    (policy,) = read("policies.yml")["policies"]
    names = {point["name"] for point in read("contact-points.yml")["contactPoints"]}
    timings = {timing["name"] for timing in read("mute-timings.yml")["muteTimes"]}
    assert timings == {NAME}
    for route in (policy, *policy["routes"]):
        assert route["receiver"] in names
        assert set(route.get("mute_time_intervals", ())) <= timings
    # The root cannot be muted, and what matters always goes by it.
    assert "mute_time_intervals" not in policy
    (quiet,) = policy["routes"]
    assert quiet["object_matchers"] == [["always", "=", "no"]]


def test_contact_points_are_complete_with_the_examples_environment() -> None:
    lines = (ROOT / ".env.example").read_text("utf-8").splitlines()
    example = dict(line.split("=", 1) for line in lines if "=" in line and line[0] != "#")
    environment = {
        f"HOMEROUTE_{name}": value for name, value in example.items() if name.startswith("ALERT_")
    }
    text = string.Template((ALERTING / "contact-points.yml").read_text("utf-8"))
    (point,) = yaml.safe_load(text.substitute(os.environ | environment))["contactPoints"]
    settings = {one["type"]: one["settings"] for one in point["receivers"]}
    assert settings["webhook"]["url"].endswith(".invalid/"), "nobody's, until somebody says whose"
    assert settings["email"]["addresses"].endswith(".invalid")


# --- Asked of a real InfluxDB ---------------------------------------------------


@dataclass(frozen=True, slots=True)
class Told:
    """What some seconds ago one device, or the collector, said."""

    device: str
    ago_s: float
    record: Measurement
    kind: str = "bus"


LEDGER: Mapping[str, int] = {
    "sampled": 1_000, "stored": 900, "refused": 1, "dropped": 2, "spooled": 97,
    "spool_bytes": 900, "sampler_errors": 0, "config_version": 0,
}  # fmt: skip


def agent(**changes: int) -> Agent:
    return Agent(version="1.2.3", **{**LEDGER, **changes})


def pipeline(**changes: Any) -> Pipeline:
    figures: dict[str, Any] = {
        "received": 1, "stored": 1, "refused": 0, "queue": 0, "follower_lag_s": 1.0,
        "broker_connected": True, "disk_free_ratio": 0.5, "calendar_days": 100.0,
        "certificate_days": 400.0,
    }  # fmt: skip
    return Pipeline(**{**figures, **changes})


def health(*, low: bool) -> Health:
    return Health(uptime_s=60, undervoltage=low)


def check(name: str, *, blocked: bool) -> FilterCheck:
    return FilterCheck(filter=name, canary_blocked=blocked, filter_live=True)


def state(name: str, number: int) -> DeviceStatus:
    return DeviceStatus(state=name, age_s=1.0, level=number)


TOLD = (
    Told("bus-ok", 200, agent()), Told("bus-ok", 20, agent(sampled=1_200, stored=1_100)),
    Told("bus-ok", 10, state("online", 2)),
    Told("bus-ok", 90, health(low=True)), Told("bus-ok", 30, health(low=False)),
    Told("bus-ok", 3_600, check("dnsmasq", blocked=False)),
    Told("bus-ok", 60, check("dnsmasq", blocked=True)),
    Told("bus-silent", 30, state("offline", 0)), Told("bus-new", 30, state("unknown", 0)),
    Told("bus-parked", 30, state("parked", 3)), Told("bus-back", 400, state("offline", 0)),
    Told("bus-back", 30, state("online", 2)), Told("bus-weak", 30, state("degraded", 1)),
    Told("bus-low", 90, health(low=False)), Told("bus-low", 30, health(low=True)),
    Told("bus-full", 200, agent()), Told("bus-full", 20, agent(sampled=1_200, spooled=250)),
    Told("bus-lossy", 800, agent()), Told("bus-lossy", 20, agent(dropped=5)),
    Told("bus-odd", 800, agent()), Told("bus-odd", 20, agent(refused=2)),
    Told("bus-card", 800, agent()), Told("bus-card", 20, agent(sampled=9, dropped=0, refused=0)),
    Told("bus-open", 3_600, check("dnsmasq", blocked=True)),
    Told("bus-open", 60, check("dnsmasq", blocked=False)),
    Told("bus-two", 60, check("a", blocked=True)), Told("bus-two", 61, check("b", blocked=False)),
    Told("hotspot-1", 30, state("offline", 0), kind="hotspot"),
)  # fmt: skip

WANTED = {
    "bus_silent": {"bus-silent"},
    "device_degraded": {"bus-weak"},
    "undervoltage": {"bus-low"},
    "spool_growing": {"bus-full"},
    "points_lost": {"bus-lossy", "bus-odd"},
    "filter_canary": {"bus-open", "bus-two"},
}

FIGURES = (
    ("broker_lost", {"broker_connected": False}),
    ("influx_lag", {"follower_lag_s": 301.0}),
    ("disk_full", {"disk_free_ratio": 0.09}),
    ("calendar_ending", {"calendar_days": 13.9}),
    ("calendar_ending", {"calendar_days": -40.0}),
    ("certificate_ending", {"certificate_days": 29.9}),
)


class Looked:
    """Grafana's way from a rule to who is bad, on a real InfluxDB: query, last, threshold."""

    def __init__(self, influxdb: InfluxDB, database: str) -> None:
        self.influxdb = influxdb
        self.database = database
        self.now_ms = time.time_ns() // 1_000_000
        influxdb.query(f"CREATE DATABASE {database}")

    def tell(self, *told: Told) -> None:
        lines = []
        for one in told:
            spec = MEASUREMENTS[one.record.NAME]
            values = [getattr(one.record, column.name) for column in spec.columns]
            time_ms = self.now_ms - round(one.ago_s * 1000)
            row = [time_ms, "springfield", one.device, one.kind, *values]
            lines.append(LineEncoder(spec).line(row))
        url = f"{self.influxdb.url}/write?db={self.database}&precision=ms"
        request = urllib.request.Request(url, data="\n".join(lines).encode())
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 204

    def bad(self, watch: Watch) -> set[str] | None:
        """Devices, or the district, for which it fires; None when nothing was answered."""
        shown = Shown(self.now_ms - watch.since_s * 1000, self.now_ms)
        rows = self.influxdb.query(
            interpolated(watch.query.text, {}, shown), database=self.database
        )
        column = watch.query.columns[0]
        found = {}
        for row in rows:
            value = row[column]
            if value is not None:
                assert isinstance(value, int | float) and not isinstance(value, bool)
                found[row.get("device", row["district"])] = value
        if not found:
            return None
        more = watch.comparison == "gt"
        return {who for who, v in found.items() if (v > watch.bound if more else v < watch.bound)}


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxDB]:
    server = InfluxDB(tmp_path_factory.mktemp("influx"))
    server.start()
    yield server
    server.stop()


@pytest.mark.slow
@pytest.mark.real("influxdb")
def test_each_rule_finds_the_devices_that_are_so_and_no_other(looked: InfluxDB) -> None:
    look = Looked(looked, "devices")
    look.tell(*TOLD)
    found = {name: look.bad(BY_NAME[name]) for name in WANTED}
    assert found == WANTED


@pytest.mark.slow
@pytest.mark.real("influxdb")
@pytest.mark.parametrize(("name", "changes"), FIGURES)
def test_each_rule_of_the_district_fires_by_its_figure_and_not_when_all_is_well(
    looked: InfluxDB, name: str, changes: dict[str, Any]
) -> None:
    watch = BY_NAME[name]
    well = Looked(looked, f"well_{name}")
    well.tell(Told("collector", 30, pipeline(), "collector"))
    assert not well.bad(watch)
    ill = Looked(looked, f"ill_{name}_{abs(hash(str(changes))) % 10_000}")
    ill.tell(
        Told("collector", 30 + STATUS_S, pipeline(), "collector"),
        Told("collector", 30, pipeline(**changes), "collector"),
    )
    assert ill.bad(watch) == {"springfield"}


@pytest.mark.slow
@pytest.mark.real("influxdb")
def test_silence_of_the_collector_is_told_by_one_rule_and_by_no_other(looked: InfluxDB) -> None:
    look = Looked(looked, "silent")
    look.tell(Told("collector", 3_600, pipeline(), "collector"))
    assert {name: look.bad(watch) for name, watch in BY_NAME.items()} == dict.fromkeys(BY_NAME)
    telling = {name for name, watch in BY_NAME.items() if watch.silence == "Alerting"}
    assert telling == {"influx_lag"}
