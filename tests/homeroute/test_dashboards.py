"""`homeroute dashboards` against a stand-in for Grafana's API: no Grafana can run here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from homeroute_command.__main__ import main
from homeroute_dashboards.grafana.committed import committed
from tests.dashboards import fake_grafana as fake_module
from tests.dashboards.fake_grafana import FakeGrafana, fake_grafana

COUNT = len(committed())
SOURCES = ("homeroute-telemetry", "homeroute-reporting")


@pytest.fixture
def grafana() -> Iterator[FakeGrafana]:
    with fake_grafana() as fake:
        fake.tokens["admin"] = "Admin"
        fake.main.datasources = {uid: {"uid": uid, "name": uid} for uid in SOURCES}
        yield fake


@pytest.fixture
def token(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("admin\n")
    return path


def push(grafana: FakeGrafana, token: Path, *more: str) -> int:
    return main(["dashboards", "push", "--url", grafana.url, "--token-file", str(token), *more])


def test_a_push_without_apply_says_what_it_would_do_and_writes_nothing(
    grafana: FakeGrafana, token: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert push(grafana, token) == 0
    said = capsys.readouterr().out
    assert "+ dashboard Route coverage (homeroute-route-coverage)" in said
    assert f"{COUNT + 3} to write; add --apply to do it" in said
    assert grafana.writes == []


def test_applied_it_is_all_there_in_its_folders_and_doing_it_again_writes_nothing(
    grafana: FakeGrafana, token: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert push(grafana, token, "--apply", "--folder-prefix", "Bus Wi-Fi: ") == 0
    assert len(grafana.main.dashboards) == COUNT
    assert sorted(grafana.main.folders.values()) == [
        "Bus Wi-Fi: Directors", "Bus Wi-Fi: Engineers", "Bus Wi-Fi: Evaluators",
    ]  # fmt: skip
    held = grafana.main.dashboards["homeroute-signal"]
    assert grafana.main.folders[held["folderUid"]] == "Bus Wi-Fi: Engineers"
    assert grafana.main.dashboards["homeroute-home"]["folderUid"] == ""
    before = len(grafana.writes)
    capsys.readouterr()
    assert push(grafana, token, "--apply", "--folder-prefix", "Bus Wi-Fi: ") == 0
    assert "nothing to do" in capsys.readouterr().out
    assert len(grafana.writes) == before


def test_what_somebody_changed_or_moved_is_put_right_and_counted_as_the_next_version(
    grafana: FakeGrafana, token: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    push(grafana, token, "--apply")
    grafana.main.dashboards["homeroute-signal"]["dashboard"]["title"] = "My signal"
    grafana.main.dashboards["homeroute-power"]["folderUid"] = ""
    capsys.readouterr()
    assert push(grafana, token, "--apply", "--json") == 0
    steps = json.loads(capsys.readouterr().out)["steps"]
    changed = {step["uid"]: step["why"] for step in steps if step["action"] == "update"}
    assert changed == {
        "homeroute-signal": "its contents differ", "homeroute-power": "another folder",
    }  # fmt: skip
    now = grafana.main.dashboards["homeroute-signal"]["dashboard"]
    assert (now["title"], now["version"]) == ("Signal", 2)


def test_what_is_not_ours_is_left_alone_and_nothing_is_ever_deleted(
    grafana: FakeGrafana, token: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = {"uid": "homeroute-device", "title": "Theirs", "tags": [], "id": 7, "version": 3}
    old = {"uid": "homeroute-old", "title": "Old", "tags": ["homeroute"], "id": 8, "version": 1}
    files = {"uid": "homeroute-home", "title": "H", "tags": ["homeroute"], "id": 9, "version": 1}
    grafana.main.dashboards = {
        "homeroute-device": {"dashboard": theirs, "folderUid": ""},
        "homeroute-old": {"dashboard": old, "folderUid": ""},
        "homeroute-home": {"dashboard": files, "folderUid": "", "provisioned": True},
    }
    assert push(grafana, token, "--apply") == 0
    said = capsys.readouterr().out
    assert "! dashboard Device (homeroute-device): a dashboard of that uid is there" in said
    assert "(homeroute-home): Grafana reads it from a file of its own" in said
    assert "homeroute-old (Old) has our tag and is none of these: left there" in said
    assert grafana.main.dashboards["homeroute-device"]["dashboard"] is theirs
    assert "homeroute-old" in grafana.main.dashboards
    assert not any(method == "DELETE" for method, _ in grafana.asked)


def test_a_folder_of_that_title_is_used_rather_than_made_twice(
    grafana: FakeGrafana, token: Path
) -> None:
    grafana.main.folders["f0ld3r"] = "Engineers"
    assert push(grafana, token, "--apply") == 0
    assert list(grafana.main.folders.values()).count("Engineers") == 1
    assert grafana.main.dashboards["homeroute-signal"]["folderUid"] == "f0ld3r"


def test_datasources_are_called_as_they_are_there_and_nothing_else_is_renamed(
    grafana: FakeGrafana, token: Path
) -> None:
    grafana.main.datasources = {"t1": {"name": "t"}, "r1": {"name": "r"}}
    named = ["--datasource", "telemetry=t1", "--datasource", "reporting=r1"]
    assert push(grafana, token, "--apply", *named) == 0
    held = grafana.main.dashboards["homeroute-device"]["dashboard"]
    text = json.dumps(held)
    assert '"homeroute-telemetry"' not in text
    assert '"uid": "t1"' in text
    assert held["uid"] == "homeroute-device"
    assert push(grafana, token, "--apply", *named) == 0
    assert held["version"] == 1, "renamed, it is still the same the next time"


def test_a_datasource_that_is_not_there_stops_it_before_anything_is_written(
    grafana: FakeGrafana, token: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del grafana.main.datasources["homeroute-telemetry"]
    assert push(grafana, token, "--apply") == 2
    assert "no data source homeroute-telemetry" in capsys.readouterr().err
    assert grafana.writes == []
    assert push(grafana, token, "--apply", "--audience", "evaluators") == 0


def test_what_is_saved_between_the_plan_and_the_push_is_not_overwritten(
    grafana: FakeGrafana, token: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    push(grafana, token, "--apply")
    held = grafana.main.dashboards["homeroute-signal"]["dashboard"]
    held["title"] = "Changed"

    def meanwhile(self: FakeGrafana, org: Any, **given: Any) -> Any:
        held["version"] += 1
        return FakeGrafana.save_dashboard(self, org, **given)

    routes = [
        (method, pattern, meanwhile if work is FakeGrafana.save_dashboard else work, least)
        for method, pattern, work, least in fake_module.ROUTES
    ]
    monkeypatch.setattr(fake_module, "ROUTES", routes)
    capsys.readouterr()
    assert push(grafana, token, "--apply") == 1
    said = capsys.readouterr().err
    assert "changed by someone else" in said
    assert "plan again" in said
    assert held["title"] == "Changed"


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ("wrong", "it answered 401: Invalid username or password; the token or password is not"),
        ("viewer", "it answered 403: You'll need additional permissions"),
    ],
)
def test_a_refusal_says_what_was_asked_and_what_is_wrong_and_never_the_secret(
    grafana: FakeGrafana, token: Path, capsys: pytest.CaptureFixture[str], secret: str, said: str
) -> None:
    token.write_text(secret)
    assert push(grafana, token, "--apply") == 1
    told = capsys.readouterr().err
    assert said in told
    assert len(told.strip().splitlines()) == 1
    assert secret not in told.replace("Viewer", "")


def test_an_editor_who_may_not_see_datasources_pushes_all_the_same(
    grafana: FakeGrafana, token: Path
) -> None:
    token.write_text("editor")
    assert push(grafana, token, "--apply") == 0
    assert len(grafana.main.dashboards) == COUNT


def test_below_a_path_of_a_proxy_too(token: Path) -> None:
    with fake_grafana("/grafana") as behind:
        assert push(behind, token, "--audience", "evaluators") == 1, "no such token there"
        behind.tokens["admin"] = "Admin"
        assert push(behind, token, "--audience", "evaluators") == 0


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--url", "grafana.example.org"], "--url grafana.example.org: want one like https://"),
        (["--url", "http://127.0.0.1:9"], "no answer"),
        (["--datasource", "telemetry"], "--datasource telemetry: want NAME=UID"),
        (["--datasource", "other=x"], "NAME telemetry or reporting"),
        (["--token-file", "/nowhere/token"], "read /nowhere/token: No such file"),
    ],
)
def test_wrong_usage_is_one_line_that_says_what_to_change(
    grafana: FakeGrafana, token: Path, capsys: pytest.CaptureFixture[str],
    argv: list[str], said: str,
) -> None:  # fmt: skip
    assert push(grafana, token, *argv) in (1, 2)
    told = capsys.readouterr().err.strip()
    assert said in told
    assert len(told.splitlines()) == 1


def setup(grafana: FakeGrafana, tmp_path: Path, *more: str) -> int:
    (tmp_path / "password").write_text(grafana.password)
    (tmp_path / "reporting").write_text("only-reporting")
    return main([
        "dashboards", "setup", "--url", grafana.url,
        "--password-file", str(tmp_path / "password"), "--influx-url", "http://influxdb:8086",
        "--reporting-token-file", str(tmp_path / "reporting"), *more,
    ])  # fmt: skip


def test_evaluators_get_an_organisation_with_reporting_and_their_dashboards_and_nothing_else(
    grafana: FakeGrafana, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert setup(grafana, tmp_path) == 0
    assert "/?orgId=2" in capsys.readouterr().out
    place = grafana.organisations[2]
    assert place.name == "Evaluators"
    assert list(place.datasources) == ["homeroute-reporting"]
    held = place.datasources["homeroute-reporting"]
    assert held["jsonData"]["dbName"] == "reporting"
    assert held["secureJsonData"] == {"httpHeaderValue1": "Token only-reporting"}
    assert set(place.folders.values()) == {"Evaluators"}
    assert set(place.dashboards) == {one.uid for one in committed("evaluators")}
    assert grafana.main.dashboards == {}, "organisation 1 is not touched"


def test_done_again_only_the_secret_is_written_anew(
    grafana: FakeGrafana, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    setup(grafana, tmp_path)
    grafana.asked.clear()
    assert setup(grafana, tmp_path, "--json") == 0
    assert grafana.writes == [("PUT", "/api/datasources/uid/homeroute-reporting")]
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["created"] is False


def test_a_wrong_password_is_said_and_makes_nothing(
    grafana: FakeGrafana, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    right, grafana.password = grafana.password, "another"
    (tmp_path / "password").write_text(right)
    assert setup(grafana, tmp_path) == 0
    grafana.password = "changed since"
    (tmp_path / "x").write_text("y")
    secret = str(tmp_path / "x")
    argv = ["dashboards", "setup", "--url", grafana.url, "--influx-url", "http://i:1"]
    argv += ["--password-file", secret, "--reporting-token-file", secret]
    assert main(argv) == 1
    assert "401" in capsys.readouterr().err


def test_export_writes_what_is_committed_and_list_names_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dashboards", "export", str(tmp_path / "out")]) == 0
    written = {p.relative_to(tmp_path / "out").as_posix() for p in tmp_path.rglob("*.json")}
    assert written == {one.path for one in committed()}
    capsys.readouterr()
    assert main(["dashboards", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert len(listed) == COUNT
    assert {one["audience"] for one in listed} == {"staff", "evaluators"}
    (tmp_path / "file").write_text("")
    assert main(["dashboards", "export", str(tmp_path / "file")]) == 2
