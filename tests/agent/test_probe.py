from __future__ import annotations

import json
from pathlib import Path

import pytest

from homeroute_agent import probe, probe_clients
from homeroute_agent.config import load
from homeroute_simulators.modem import Cell, ModemProgram
from tests.agent.bench import configure
from tests.gpsd import Fix, Gpsd
from tests.rigs.dnsmasq_rig import DnsmasqRig
from tests.rigs.hostapd_rig import HostapdRig

MAC = "9e:1a:2b:3c:4d:5e"


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine whose usual places are empty."""
    monkeypatch.setattr(probe_clients, "HOSTAPD_DIRS", (tmp_path / "none",))
    monkeypatch.setattr(probe_clients, "DNS_LOGS", ())


@pytest.mark.slow
@pytest.mark.usefixtures("bare")
def test_a_bare_machine_says_what_is_missing_and_offers_a_configuration_that_loads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "agent.toml"
    assert probe.main(write=file) == 0
    said = capsys.readouterr().out
    for name in ("hostapd", "radius", "network", "uplink", "modem", "gpsd", "dns_log", "health"):
        assert name in said
    assert "ctrl_interface=" in said
    assert "log-queries=extra" in said
    config = load(file)
    assert config.uplink is not None
    assert config.hostapd == ()


@pytest.mark.slow
@pytest.mark.usefixtures("bare")
def test_a_file_that_exists_is_not_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "agent.toml"
    file.write_text("mine")
    assert probe.main(write=file) == 2
    assert "file exists" in capsys.readouterr().err
    assert file.read_text() == "mine"


def test_a_bad_configuration_is_one_line_and_exit_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "agent.toml"
    file.write_text("distric = 1\n")
    assert probe.main(file) == 2
    assert str(file) in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.real("hostapd", "dnsmasq")
def test_real_programs_are_found_working_and_nobody_is_shown(
    tmp_path: Path, gpsd: Gpsd, capsys: pytest.CaptureFixture[str]
) -> None:
    gpsd.drive(Fix(36.154, -95.992))
    modem = ModemProgram(tmp_path / "modem", "uqmi", Cell(-92.0, -9.0, 19.2, "AT&T"))
    secret = tmp_path / "radius-secret"
    secret.write_text("planted-secret\n")
    (tmp_path / "dns").mkdir()
    dnsmasq = DnsmasqRig(tmp_path / "dns")
    dnsmasq.start()
    dnsmasq.ask("www.khanacademy.org", "127.0.0.2")
    try:
        with HostapdRig(tmp_path) as rig:
            rig.connect(MAC)
            text = (
                f'[gpsd]\naddress = "{gpsd.address}"\n'
                f'[[dns_log]]\npath = "{dnsmasq.queries}"\n'
                f'[[hostapd]]\nsocket = "{rig.socket}"\nssid = "Bus-WiFi"\n'
                '[network]\nwan = ["lo"]\n'
                f'[uplink]\ntargets = ["{gpsd.address}"]\n'
                f'[modem]\ntool = "uqmi"\ncommand = "{modem.path}"\n'
                f'[radius]\nsecret_file = "{secret}"\nssid = "Yard-WiFi"\n'
            )
            configure(tmp_path, text)
            written = tmp_path / "found.toml"
            assert probe.main(tmp_path / "agent.toml", as_json=True, write=written) == 0
    finally:
        dnsmasq.stop()
    out = capsys.readouterr().out
    found = json.loads(out)
    assert [f["works"] for f in found["samplers"]] == [True] * 8
    samples = {f["sampler"].split()[0]: f["sample"] for f in found["samplers"]}
    assert samples["hostapd"]["clients"] == 1
    assert samples["gpsd"]["lat"] == pytest.approx(36.154, abs=1e-3)
    assert samples["dns_log"]["classified_lookups"] == 1
    assert samples["uplink"]["state"] == 2
    config = load(written)
    assert config.hostapd[0].ssid == "Bus-WiFi"
    assert config.radius is not None and config.radius.ssid == "Yard-WiFi"
    assert config.modem is not None and config.modem.command == modem.path
    notes = {f["sampler"].split()[0]: f["note"] for f in found["samplers"]}
    assert notes["modem"] == "AT&T, lte, RSRP -92 dBm, RSRQ -9 dB, SINR 19.2 dB"
    assert "planted-secret" not in out
    assert MAC not in out
    assert "khanacademy" not in out
