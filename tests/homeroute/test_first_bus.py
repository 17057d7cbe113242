"""docs/first-bus.md holds what it says: its files parse, its commands exist, its paths agree."""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest

from homeroute_agent.__main__ import _parser as agent_parser
from homeroute_command import enroll, up
from homeroute_command.bundle import AGENT_GROUP, Membership, agent_toml

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "first-bus.md").read_text()
SHELL = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
FILES = {
    path: text
    for block in SHELL
    for path, text in re.findall(
        r"sudo tee (\S+) >/dev/null <<'EOF'\n(.*?)^EOF$", block, re.DOTALL | re.MULTILINE
    )
}
LINES = [
    line.removeprefix("sudo ")
    for block in SHELL
    for line in re.sub(r"<<'EOF'\n.*?^EOF$", "", block, flags=re.DOTALL | re.MULTILINE).splitlines()
]


def _settings(path: str) -> dict[str, str]:
    pairs = (line.split("=", 1) for line in FILES[path].splitlines() if "=" in line)
    return {key.strip(): value.strip() for key, value in pairs}


@pytest.mark.parametrize("block", SHELL)
def test_every_block_is_shell(block: str) -> None:
    done = subprocess.run(["bash", "-n"], input=block, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_homeroute_command_is_one() -> None:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()
    enroll.add_parser(commands)
    up.add_parser(commands)
    known = {"up", "enroll", "tail"}
    told = [line for line in LINES if line.startswith(("homeroute ", "homeroute-agent "))]
    told += re.findall(r"`(homeroute(?:-agent)? [a-z][^`]*)`", PAGE)
    assert len(told) >= 8
    for line in told:
        program, *words = shlex.split(line)
        if program == "homeroute-agent":
            agent_parser().parse_args(words)
        elif words[0] in {"up", "enroll"}:
            parser.parse_args(words)
        assert program == "homeroute-agent" or words[0] in known, line


def test_what_enroll_prints_is_what_the_page_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["enroll", "bus-07", "--data", str(tmp_path), "--district", "springfield"]
    parser = argparse.ArgumentParser()
    enroll.add_parser(parser.add_subparsers())
    args = parser.parse_args([*words, "--address", "telemetry.example.org"])
    assert args.run(args) == 0
    printed = [line.strip() for line in capsys.readouterr().out.splitlines()]
    for line in printed:
        if line.startswith("sudo "):
            assert line.removeprefix("sudo ") in LINES


def test_the_bundles_configuration_fits_the_files_of_the_page() -> None:
    membership = Membership("springfield", "bus-07", "bus", "telemetry.example.org", 8883)
    config = tomllib.loads(agent_toml(membership))
    hostapd = _settings("/etc/hostapd/hostapd.conf")
    dnsmasq = _settings("/etc/dnsmasq.d/bus.conf")
    (radio,) = config["hostapd"]
    assert radio["socket"] == f"{hostapd['ctrl_interface']}/{hostapd['interface']}"
    assert radio["ssid"] == hostapd["ssid"]
    assert radio["band"] == {"a": "5", "g": "2.4"}[hostapd["hw_mode"]]
    assert config["dns_log"][0]["path"] == dnsmasq["log-facility"]
    assert config["network"]["lan"] == [dnsmasq["interface"]] == [hostapd["interface"]]
    assert hostapd["ctrl_interface_group"] == AGENT_GROUP
    log_folder = FILES["/etc/tmpfiles.d/dnsmasq-log.conf"].split()[1]
    assert Path(dnsmasq["log-facility"]).parent == Path(log_folder)
    assert AGENT_GROUP in FILES["/etc/tmpfiles.d/dnsmasq-log.conf"]


def test_the_wheel_is_called_as_it_is_built() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert set(re.findall(r"homeroute-([\d.]+)-py3", PAGE)) == {version}


@pytest.mark.real("hostapd")
def test_hostapd_takes_its_file(tmp_path: Path) -> None:
    file = tmp_path / "hostapd.conf"
    group = "ctrl_interface_group=homeroute-agent"  # a user this machine has not
    text = FILES["/etc/hostapd/hostapd.conf"]
    assert group in text
    file.write_text(text.replace(group, "ctrl_interface_group=0"))
    done = subprocess.run(
        ["unshare", "-Urn", "hostapd", str(file)],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    said = done.stdout + done.stderr
    assert "Failed to initialize driver 'nl80211'" in said  # it came as far as the radio
    assert "Line " not in said
    assert "errors found" not in said


@pytest.mark.real("dnsmasq")
def test_dnsmasq_takes_its_file(tmp_path: Path) -> None:
    file = tmp_path / "bus.conf"
    file.write_text(FILES["/etc/dnsmasq.d/bus.conf"])
    done = subprocess.run(["dnsmasq", "--test", "-C", str(file)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.real("nftables")
def test_nft_takes_its_file(tmp_path: Path) -> None:
    file = tmp_path / "nftables.conf"
    file.write_text(FILES["/etc/nftables.conf"])
    command = ["unshare", "-Urn", "nft", "-c", "-f", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
