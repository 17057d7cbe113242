"""The image: pinned, locked, nobody's root, and its steps make a command that runs."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from tests.compose.dockerfile import carry_out, stages

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "collector/Dockerfile"
LOCK = ROOT / "collector/requirements.txt"


def locked() -> dict[str, list[Requirement]]:
    """What the lock has: exact versions by name, each perhaps only on some Pythons."""
    found: dict[str, list[Requirement]] = {}
    for line in LOCK.read_text("utf-8").splitlines():
        if line and line[0] not in "# ":
            one = Requirement(line.rstrip("\\ "))
            found.setdefault(one.name, []).append(one)
    return found


def test_every_line_of_the_lock_is_one_version_with_its_hashes() -> None:
    lines = [line for line in LOCK.read_text("utf-8").splitlines() if not line.startswith("#")]
    for block in re.split(r"\n(?=\S)", "\n".join(lines)):
        head, *hashes = block.splitlines()
        assert re.match(r"[a-z0-9-]+==[0-9][^ ]*", head), head
        assert hashes, f"{head}: no hash"
        assert all(re.fullmatch(r" +--hash=sha256:[0-9a-f]{64}( \\)?", h) for h in hashes)
    assert "://" not in "\n".join(lines), "no registry is named"


def test_the_lock_is_of_what_the_project_asks_for_now() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    lines = (ROOT / "collector/requirements.in").read_text("utf-8").splitlines()
    built_with = [line for line in lines if line and not line.startswith("#")]
    held = locked()
    for text in [*project["dependencies"], *extras["server"], *extras["grafana"], *built_with]:
        one = Requirement(text)
        if one.name == project["name"]:
            continue
        versions = [next(iter(pin.specifier)).version for pin in held.get(one.name, [])]
        assert versions, f"{text}: not in {LOCK.name}; generate it again"
        for version in versions:
            assert one.specifier.contains(Version(version)), f"{text}: the lock has {version}"


def test_the_base_is_pinned_and_the_image_is_nobodys_root(tmp_path: Path) -> None:
    build, last = stages(DOCKERFILE, tmp_path)
    assert build.base == last.base
    assert re.fullmatch(r"python:\d+\.\d+\.\d+-slim-\w+", last.base)
    assert ("USER", "homeroute") in last.steps
    text = DOCKERFILE.read_text("utf-8")
    assert "apt" not in text, "nothing is fetched but what is locked"
    for said in re.findall(r"pip install (.*)", text):
        assert "--no-cache-dir" in said
        assert "--require-hashes" in said or "--no-deps --no-build-isolation" in said


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_its_steps_make_a_command_that_runs_and_folders_of_their_owners(tmp_path: Path) -> None:
    noted = tmp_path / "noted"
    build, last = stages(DOCKERFILE, tmp_path)
    carry_out(build, [], ROOT, noted)
    environment = carry_out(last, [build], ROOT, noted)
    assert environment["PATH"].startswith("/opt/venv/bin:")
    said = noted.read_text()
    assert "useradd --uid 10001" in said
    assert re.search(r"install -d -o homeroute -g homeroute -m 0770 \S+/homeroute-tokens", said)
    for name, mode in (("", 0o700), ("-broker", 0o700), ("-tokens", 0o770)):
        assert last.at(f"/var/lib/homeroute{name}").stat().st_mode & 0o777 == mode
    assert (last.at("/opt/homeroute/collector/compose") / "broker_files.py").exists()
    # A virtual environment knows the folder it was made in, as the image's does.
    bin_ = build.root / "opt/venv/bin"
    clean = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    for argv, wanted in (
        (["--version"], "homeroute 0.1.0"),
        (["dashboards", "list"], "homeroute-route-coverage"),
        (["up", "--help"], "--config"),
    ):
        done = subprocess.run(
            [bin_ / "homeroute", *argv],
            capture_output=True, text=True, check=False, env=clean, cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert wanted in done.stdout
    code = "import grafana_client, duckdb, aiomqtt, homeroute_simulators.fleet"
    subprocess.run([bin_ / "python", "-c", code], check=True, env=clean, cwd=tmp_path)
    gone = [str(bin_ / "python"), "-c", "import hatchling"]
    built_with = subprocess.run(gone, capture_output=True, check=False, env=clean)
    assert built_with.returncode == 1, "what it was built with does not stay"
