"""The hosted workflow and its scripts, as far as they run without Docker and Grafana."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from homeroute_dashboards.grafana.committed import committed
from tests.compose import open_dashboards, wait_healthy
from tests.compose.grafana_pages import pages
from tests.compose.test_compose import COMPOSE, SETTINGS
from tests.servers import find

ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / ".github/workflows/compose.yml"


def opened(tmp_path: Path, url: str, *more: str, password: str = "right") -> int:
    (tmp_path / "password").write_text(password)
    return open_dashboards.main([
        "--url", url, "--password-file", str(tmp_path / "password"), "--out",
        str(tmp_path / "pictures"), "--settle", "3", "--chromium", find("chromium") or "",
        "--chromedriver", find("chromedriver") or "", *more,
    ])  # fmt: skip


@pytest.mark.slow
@pytest.mark.real("chromium")
def test_every_dashboard_is_opened_and_pictured_and_what_fails_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    few = committed("evaluators")
    monkeypatch.setattr(open_dashboards, "wanted", lambda _: few)
    with pages() as grafana:
        assert opened(tmp_path, grafana.url, "--org", "2") == 0
        assert grafana.opened == [f"{one.uid}?orgId=2" for one in few]
        said = capsys.readouterr().out
        assert said.count("2 panels  well") == len(few)
        pictures = sorted((tmp_path / "pictures").glob("*.png"))
        assert [p.stem for p in pictures] == sorted(one.uid for one in few)
        assert all(p.read_bytes().startswith(b"\x89PNG") for p in pictures)
        first, second, third = (one.uid for one in few)
        grafana.failing, grafana.refused, grafana.absent = {first}, {second}, {third}
        assert opened(tmp_path, grafana.url) == 1
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "a panel failed: InfluxDB said no" in lines[first]
    assert "a query was answered 500" in lines[second]
    assert "Dashboard not found" in lines[third]


@pytest.mark.slow
@pytest.mark.real("chromium")
def test_a_password_that_does_not_open_is_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pages() as grafana:
        assert opened(tmp_path, grafana.url, password="wrong") == 2
        assert grafana.opened == []
    assert "signing in" in capsys.readouterr().err


def test_everything_is_opened_for_staff_and_for_evaluators_what_they_have() -> None:
    assert len(open_dashboards.wanted(1)) == len(committed())
    assert {one.audience for one in open_dashboards.wanted(2)} == {"evaluators"}


LISTED: list[dict[str, Any]] = [
    {"Service": "collector", "State": "running", "Health": "healthy", "ExitCode": 0},
    {"Service": "grafana-setup", "State": "exited", "Health": "", "ExitCode": 0},
]


def test_services_are_ready_when_healthy_or_ended_well_in_either_of_composes_formats() -> None:
    for text in ("\n".join(map(json.dumps, LISTED)), json.dumps(LISTED)):
        assert [one.ready for one in wait_healthy.read(text)] == [True, True]
    for changed in (
        {"Health": "starting"}, {"Health": "unhealthy"}, {"State": "restarting"},
        {"State": "exited", "ExitCode": 1},
    ):  # fmt: skip
        (one,) = wait_healthy.read(json.dumps(LISTED[0] | changed))
        assert not one.ready


def test_the_workflow_is_yaml_whose_steps_name_what_exists() -> None:
    held = yaml.safe_load(WORKFLOW.read_text("utf-8"))
    steps = held["jobs"]["dashboards"]["steps"]
    text = "\n".join(step.get("run", "") for step in steps)
    for path in re.findall(r"(?:tests|collector)/[\w/]+\.py", text):
        assert (ROOT / path).exists(), path
    for name in re.findall(r"s/\^(\w+)=", text):
        assert name in SETTINGS, name
    services = re.findall(r"docker compose exec -T (\S+)", text)
    assert services and set(services) <= set(COMPOSE["services"])
    assert held["permissions"] == {"contents": "read"}
    for step in steps:
        assert re.fullmatch(r"actions/[\w-]+@v\d+", step.get("uses", "actions/x@v1"))
