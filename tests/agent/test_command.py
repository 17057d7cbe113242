"""The command and what is deployed with it: exit statuses, plain words, no tracebacks."""

from __future__ import annotations

import configparser
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from homeroute_agent.__main__ import DEFAULT_CONFIG, main
from homeroute_agent.config import load
from homeroute_agent.settings_page import page
from homeroute_agent.spool import Spool
from tests.agent.acking import Acking
from tests.agent.agents import configure
from tests.brokers import Mosquitto

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "agent" / "deploy"


def test_a_bad_configuration_is_one_line_and_exit_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "agent.toml"
    file.write_text('distrikt = "d"\n')
    assert main(["run", "--config", str(file)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"homeroute-agent: {file}: distrikt: unknown key (did you mean district?)\n"


def test_a_missing_configuration_is_one_line_and_exit_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--config", str(tmp_path / "no.toml")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_spool_that_cannot_be_opened_is_one_line_and_exit_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = configure(tmp_path, 1)
    spool = Spool.open(config.state_dir / "spool.sqlite")
    assert main(["run", "--config", str(tmp_path / "bus-07.toml")]) == 1
    spool.close()
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"homeroute-agent: spool {config.state_dir / 'spool.sqlite'}: cannot open: "
        "another agent uses it"
    )


def test_a_wrong_command_line_exits_two(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["rum"])
    assert caught.value.code == 2
    assert "invalid choice" in capsys.readouterr().err


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert capsys.readouterr().out.strip()


def test_every_setting_is_documented() -> None:
    committed = (ROOT / "docs" / "agent-configuration.md").read_text(encoding="utf-8")
    assert committed == page(), "run: python -m homeroute_agent.settings_page"


def test_the_example_configuration_is_accepted_and_shows_every_section(tmp_path: Path) -> None:
    shutil.copy(DEPLOY / "agent.example.toml", tmp_path)
    (tmp_path / "ca.pem").touch()
    (tmp_path / "password").touch()
    (tmp_path / "radius-secret").touch()
    config = load(tmp_path / "agent.example.toml")
    assert None not in {config.network, config.uplink, config.gpsd}
    assert None not in {config.radius, config.modem}
    assert config.hostapd and config.dns_log


def test_the_unit_runs_this_command_and_gives_up_on_a_wrong_configuration() -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment]
    unit.read(DEPLOY / "homeroute-agent.service")
    service = unit["Service"]
    assert service["ExecStart"].endswith(f"homeroute-agent run --config {DEFAULT_CONFIG}")
    assert service["RestartPreventExitStatus"] == "2"
    assert service["StateDirectory"] == "homeroute-agent"
    assert "adjtimex" in service["SystemCallFilter"] and "ProtectClock" not in service
    assert service["CapabilityBoundingSet"] == ""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_with_everything_delivered(
    number: signal.Signals, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    configure(tmp_path, mosquitto.port)
    command = [sys.executable, "-m", "homeroute_agent", "run", "--config", "bus-07.toml"]
    with (
        Acking(mosquitto.port) as collector,
        subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as agent,
    ):
        collector.wait(lambda: collector.points >= 3, "points")
        agent.send_signal(number)
        assert agent.wait(15) == 0
        assert agent.stderr is not None
        log = agent.stderr.read()
        collector.wait(lambda: len(collector.statuses) == 2, "the death")
    assert f"stopped: {collector.points} points sampled = {collector.points} stored" in log
    assert "Traceback" not in log


@pytest.mark.slow
def test_without_a_broker_it_stops_at_once_and_keeps_everything(tmp_path: Path) -> None:
    configure(tmp_path, 1)
    command = [sys.executable, "-m", "homeroute_agent", "run", "--config", "bus-07.toml"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as agent:
        time.sleep(2)
        before = time.monotonic()
        agent.terminate()
        assert agent.wait(15) == 0
        assert time.monotonic() - before < 3
        assert agent.stderr is not None
        log = agent.stderr.read()
    assert log.count("keeping everything and trying again") == 1
    ledger = Spool.open(tmp_path / "state-bus-07" / "spool.sqlite").ledger()
    assert ledger.sampled == ledger.spooled > 0
