"""bootstrap.py: one clear line where something is missing, and nothing done twice."""

from __future__ import annotations

import ast
import io
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

import bootstrap

SOURCE = Path(bootstrap.__file__)
Version = namedtuple("Version", "major minor micro releaselevel serial")  # noqa: PYI024


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone in an empty folder, without a virtual environment."""
    (tmp_path / "pyproject.toml").write_text(
        '[build-system]\n[project]\nname = "x"\n[tool.hatch]\n[tool.ruff]\nline-length = 1\n'
    )
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(bootstrap, "PYTHON", tmp_path / ".venv" / "bin" / "python")
    monkeypatch.setattr(bootstrap, "STAMP", tmp_path / ".venv" / "stamp.json")
    return tmp_path


@pytest.fixture
def installs(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What pip was asked for; the environment itself is made, but empty."""
    asked: list[list[str]] = []

    def make() -> None:
        (elsewhere / ".venv" / "bin").mkdir(parents=True)
        (elsewhere / ".venv" / "bin" / "python").symlink_to(sys.executable)

    monkeypatch.setattr(bootstrap, "make_venv", make)
    monkeypatch.setattr(bootstrap, "works", Path.exists)
    monkeypatch.setattr(bootstrap, "pip", asked.append)
    return asked


def test_an_old_python_can_read_as_far_as_the_line_that_turns_it_away() -> None:
    ast.parse(SOURCE.read_text(encoding="utf-8"), feature_version=(3, 7))


def test_an_old_python_is_turned_away_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", Version(3, 9, 2, "final", 0))
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert bootstrap.main(["demo"]) == 2
    assert capsys.readouterr().err == "homeroute: needs Python 3.11 or newer, and this is 3.9.2\n"


def test_an_old_python_hands_over_to_a_newer_one_on_the_path(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class BecameError(Exception):
        pass

    def become(program: str, argv: list[str]) -> None:
        raise BecameError(program, *argv[1:])

    monkeypatch.setattr(sys, "version_info", Version(3, 9, 2, "final", 0))
    monkeypatch.setattr("shutil.which", lambda n: f"/bin/{n}" if n == "python3.12" else None)
    monkeypatch.setattr("os.execv", become)
    with pytest.raises(BecameError) as became:
        bootstrap.fit_python(["test", "-k", "spool"])
    assert became.value.args == ("/bin/python3.12", str(SOURCE), "test", "-k", "spool")


def test_windows_is_sent_to_wsl2_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert bootstrap.main(["demo"]) == 2
    said = capsys.readouterr().err
    assert "WSL2" in said
    assert said.count("\n") == 1


def test_a_missing_venv_module_is_one_line_with_the_package_s_name(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(bootstrap.Stop, match=r"sudo apt-get install python3\.\d+-venv") as stop:
        bootstrap.make_venv()
    assert "\n" not in str(stop.value)
    assert not (elsewhere / ".venv").exists()


def test_what_is_installed_is_not_installed_again(installs: list[list[str]]) -> None:
    bootstrap.install("server")
    bootstrap.install("server")
    assert installs == [["install", "--editable", ".[server]"]]


def test_the_tools_contain_what_the_demo_needs(installs: list[list[str]]) -> None:
    bootstrap.install("dev")
    bootstrap.install("server")
    assert installs == [["install", "--editable", ".[dev]"]]


def test_a_changed_dependency_is_installed_with_all_that_was_there(
    installs: list[list[str]], elsewhere: Path
) -> None:
    bootstrap.install("dev")
    project = elsewhere / "pyproject.toml"
    project.write_text(project.read_text().replace('"x"', '"y"'))
    bootstrap.install("server")
    assert installs[1:] == [["install", "--editable", ".[dev]"]]


def test_a_changed_tool_setting_installs_nothing(
    installs: list[list[str]], elsewhere: Path
) -> None:
    bootstrap.install("dev")
    project = elsewhere / "pyproject.toml"
    project.write_text(project.read_text().replace("line-length = 1", "line-length = 2"))
    bootstrap.install("dev")
    assert len(installs) == 1


def test_an_installation_that_failed_is_tried_again(
    installs: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: list[str]) -> None:
        raise bootstrap.Stop("pip failed")

    with monkeypatch.context() as patch:
        patch.setattr(bootstrap, "pip", fail)
        with pytest.raises(bootstrap.Stop):
            bootstrap.install("server")
    bootstrap.install("server")
    assert len(installs) == 1


def test_what_pip_says_when_it_fails_is_shown_and_kept(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (elsewhere / ".venv").mkdir()
    monkeypatch.setattr(bootstrap, "PYTHON", _script(elsewhere, "echo no network; exit 1"))
    with pytest.raises(bootstrap.Stop, match=r"\.venv/install\.log"):
        bootstrap.pip(["install", "x"])
    assert "no network" in capsys.readouterr().err
    assert "no network" in (elsewhere / ".venv" / "install.log").read_text()


def test_without_root_the_missing_servers_are_named_and_nothing_is_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("shutil.which", lambda n: None if n == "sudo" else f"/bin/{n}")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr(bootstrap, "has_package", lambda name: name != "gpsd")
    monkeypatch.setattr(bootstrap, "has_venv", lambda: True)
    monkeypatch.setattr(bootstrap, "apt", _never)
    bootstrap.install_servers()
    said = capsys.readouterr().err
    assert "tests that need gpsd are skipped" in said
    assert "sudo apt-get install --no-install-recommends gpsd\n" in said


def test_one_package_that_a_release_lacks_costs_no_other(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    installed: set[str] = set(bootstrap.PACKAGES) - {"gpsd", "victoria-metrics"}
    policy = elsewhere / "policy-rc.d"
    starts: list[bool] = []

    def apt(_: list[str], arguments: list[str]) -> bool:
        starts.append(not policy.exists())
        if arguments[0] == "update":
            return True
        if "victoria-metrics" in arguments:
            return False
        installed.update(arguments[1:])
        return True

    monkeypatch.setattr("shutil.which", lambda n: None if n == "systemctl" else f"/bin/{n}")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(bootstrap, "POLICY", policy)
    monkeypatch.setattr(bootstrap, "has_package", installed.__contains__)
    monkeypatch.setattr(bootstrap, "has_venv", lambda: True)
    monkeypatch.setattr(bootstrap, "apt", apt)
    bootstrap.install_servers()
    assert "gpsd" in installed
    assert "victoria-metrics is not to be had here" in capsys.readouterr().err
    assert not any(starts), "while packages are installed, none may start its service"
    assert not policy.exists(), "and afterwards they may again"


def test_other_systems_are_told_which_tests_they_miss(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    monkeypatch.setattr(bootstrap, "apt", _never)
    bootstrap.install_servers()
    assert "delivery through a real broker" in capsys.readouterr().err


def test_without_a_command_it_says_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert bootstrap.main([]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "bootstrap.py demo" in captured.err


def test_its_own_words_leave_standard_output_to_the_program(
    installs: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    bootstrap.install("server")
    bootstrap.say("something")
    assert installs
    assert out.getvalue() == ""


def test_make_passes_its_arguments_on() -> None:
    done = subprocess.run(
        ["make", "--no-print-directory", "-n", "demo", "ARGS=--for 30s --json"],
        cwd=SOURCE.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "python3 bootstrap.py demo --for 30s --json"


def _script(folder: Path, text: str) -> Path:
    script = folder / "script"
    script.write_text(f"#!/bin/sh\n{text}\n")
    script.chmod(0o755)
    return script


def _never(*_: object) -> bool:
    raise AssertionError("nothing may be installed here")
