"""What a district copies onto its machine is right."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from homeroute_collector.config import load, parse, settings

DEPLOY = Path(__file__).parents[2] / "collector/deploy"
EXAMPLE = DEPLOY / "collector.example.toml"
UNIT = DEPLOY / "homeroute.service"


def uncommented(section: str) -> str:
    """The example with every setting in force; of the two InfluxDBs only ``section``'s."""
    kept = []
    for block in EXAMPLE.read_text().split("\n\n"):
        if "[influx]" in block and section not in block:
            continue
        kept.append(re.sub(r"^# (?=\[|[a-z_]+ = )", "", block, flags=re.MULTILINE))
    return "\n\n".join(kept)


def test_the_example_is_a_valid_configuration_as_it_is() -> None:
    config = load(EXAMPLE)
    assert config.broker is None
    assert config.influx is None


@pytest.mark.parametrize(("section", "version"), [("InfluxDB 2.x", 2), ("InfluxDB 1.x", 1)])
def test_the_example_is_valid_with_everything_in_it(section: str, version: int) -> None:
    document = tomllib.loads(uncommented(section))
    config = parse(document, file=EXAMPLE.name, folder=DEPLOY)
    assert config.influx is not None
    assert config.influx.version == version


def test_the_example_shows_every_setting() -> None:
    text = EXAMPLE.read_text()
    missing = [
        key
        for key in settings()
        if not re.search(rf"^(# )?{re.escape(key.rpartition('.')[2])} = ", text, re.MULTILINE)
    ]
    assert missing == []


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze here")
def test_the_unit_is_understood_by_systemd_and_exposes_little(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    # The program is not installed where the unit expects it.
    unit.write_text(UNIT.read_text().replace("/opt/homeroute/bin/homeroute", "/bin/true"))
    verified = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False
    )
    assert verified.stderr == ""
    assert verified.returncode == 0
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", str(unit)],
        capture_output=True,
        text=True,
        check=True,
    )
    exposure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", judged.stdout)
    assert exposure
    assert float(exposure[1]) <= 2.0
