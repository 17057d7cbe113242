"""What somebody gets who installs Homeroute elsewhere: from the wheel, and from the sdist.

Slow: it builds both, and installs each into empty environments with pip.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PACKAGES = {
    "homeroute_wire",
    "homeroute_agent",
    "homeroute_collector",
    "homeroute_analytics",
    "homeroute_dashboards",
    "homeroute_simulators",
    "homeroute_command",
}

SERVER_ONLY = ("pydantic", "duckdb", "influxdb_client", "numpy", "aiohttp", "cryptography", "rich")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The sdist, and the wheel that is built from it."""
    out = tmp_path_factory.mktemp("dist")
    _run([sys.executable, "-m", "build", "--outdir", str(out), str(ROOT)], cwd=out)
    return {"wheel": next(out.glob("*.whl")), "sdist": next(out.glob("*.tar.gz"))}


def test_the_wheel_holds_the_packages_and_nothing_else(built: dict[str, Path]) -> None:
    names = zipfile.ZipFile(built["wheel"]).namelist()
    assert {n.split("/")[0] for n in names if ".dist-info/" not in n} == PACKAGES
    missing = [
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in next(ROOT.glob(f"*/{package}")).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
        if path.relative_to(path.parents[_depth(path, package)]).as_posix() not in names
    ]
    assert missing == []


def test_the_sdist_holds_no_environment_and_nothing_of_this_machine(
    built: dict[str, Path],
) -> None:
    with tarfile.open(built["sdist"]) as archive:
        names = [name.split("/", 1)[1] for name in archive.getnames() if "/" in name]
    assert {"LICENSE", "README.md", "bootstrap.py", "Makefile", "pyproject.toml"} <= set(names)
    roots = {name.split("/")[0] for name in names}
    assert not roots & {".venv", ".git", ".ci", ".mypy_cache", "dist"}


def test_what_rides_on_the_bus_is_light(built: dict[str, Path], tmp_path: Path) -> None:
    environment = _environment(tmp_path / "bus", str(built["wheel"]))
    said = _run([str(environment / "bin" / "homeroute-agent"), "--version"], cwd=tmp_path)
    assert said.strip().endswith(_version())
    for name in SERVER_ONLY:
        import_it = [str(environment / "bin" / "python"), "-c", f"import {name}"]
        done = subprocess.run(import_it, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert "ModuleNotFoundError" in done.stderr, f"{name} came with the base install"
    installed = json.loads(
        _run([str(environment / "bin" / "pip"), "list", "--format=json"], cwd=tmp_path)
    )
    names = {p["name"].lower() for p in installed} - {"pip", "setuptools", "wheel"}
    assert names == {"homeroute", "paho-mqtt"}


@pytest.mark.parametrize("form", ["wheel", "sdist"])
def test_the_demo_runs_where_only_pip_was(
    built: dict[str, Path], form: str, tmp_path: Path
) -> None:
    environment = _environment(tmp_path / form, f"{built[form]}[server]")
    command = [str(environment / "bin" / "homeroute"), "demo", "--for", "10s"]
    said = _run([*command, "--json", "--no-open", "--data", str(tmp_path / "data")], cwd=tmp_path)
    result: dict[str, Any] = json.loads(said)
    assert result["devices"] >= 14
    assert result["routes"] >= 6
    assert result["history_days"] >= 10
    assert result["stored"] > 0
    accounted = sum(result[k] for k in ("stored", "refused", "dropped", "spooled"))
    assert result["sampled"] == accounted


def _depth(path: Path, package: str) -> int:
    """How many folders up the package's own folder has its parent."""
    return path.parts[::-1].index(package)


def _environment(folder: Path, requirement: str) -> Path:
    venv.create(folder, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    _run([*pip, "install", "--quiet", requirement], cwd=folder)
    return folder


def _run(command: list[str], *, cwd: Path) -> str:
    """Run without this project's own environment in sight; standard output, or a failure."""
    hidden = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")
    mine = {k: v for k, v in os.environ.items() if k not in hidden}
    done = subprocess.run(
        command, cwd=cwd, env=mine, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def _version() -> str:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return str(project["version"])
