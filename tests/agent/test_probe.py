from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from homeroute_agent import probe, probe_clients
from homeroute_agent.config import load
from homeroute_agent.probe_clients import probe_dns_log
from homeroute_agent.probe_finding import Finding
from homeroute_agent.probe_gateway import probe_uplink, route_to
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
    assert "log-queries=extra and log-facility=/run/dnsmasq-log/dnsmasq.log" in said
    assert "/var/log" not in said, "names are not to reach the disk"
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
                f'[uplink]\ninterface = "lo"\ntargets = ["{gpsd.address}"]\n'
                f'[modem]\ntool = "uqmi"\ncommand = "{modem.path}"\n'
                f'[radius]\nsecret_file = "{secret}"\nssid = "Yard-WiFi"\n'
            )
            configure(tmp_path, text)
            assert probe.main(tmp_path / "agent.toml", as_json=True) == 0
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
    assert found["additions"] == ""
    notes = {f["sampler"].split()[0]: f["note"] for f in found["samplers"]}
    assert notes["modem"] == "AT&T, lte, RSRP -92 dBm, RSRQ -9 dB, SINR 19.2 dB"
    assert "planted-secret" not in out
    assert MAC not in out
    assert "khanacademy" not in out


def test_the_log_in_memory_is_looked_for_first() -> None:
    assert str(probe_clients.DNS_LOGS[0].path) == "/run/dnsmasq-log/dnsmasq.log"


def test_a_log_on_disk_is_said_to_keep_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "dnsmasq.log"
    log.touch()
    settings = configure(tmp_path, f'[[dns_log]]\npath = "{log}"\n')
    (finding,) = asyncio.run(probe_dns_log(settings))
    assert "on disk" not in finding.note
    monkeypatch.setattr(probe_clients, "ON_DISK", tmp_path)
    (finding,) = asyncio.run(probe_dns_log(settings))
    assert finding.works
    assert "on disk, where looked-up names stay" in finding.note


ROUTES = """\
Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT
wwan0 00000000 0101000A 0003 0 0 700 00000000 0 0 0
eth0 00000000 010200C0 0003 0 0 100 00000000 0 0 0
eth0 000200C0 00000000 0001 0 0 100 00FFFFFF 0 0 0
wlan0 00004D0A 00000000 0001 0 0 0 00FFFFFF 0 0 0
"""


@pytest.mark.parametrize(
    ("target", "interface"),
    [
        ("1.1.1.1:443", "eth0"),
        ("10.77.0.9:53", "wlan0"),
        ("127.0.0.1:53", "lo"),
        ("[2606:4700::1111]:443", None),
        ("example.org:443", None),
    ],
)
def test_a_target_goes_by_the_narrowest_and_cheapest_route(
    target: str, interface: str | None
) -> None:
    assert route_to(ROUTES, target) == interface


def gateway(root: Path, *interfaces: str) -> Path:
    """A machine with these interfaces."""
    for name in interfaces:
        (root / "sys/class/net" / name).mkdir(parents=True)
    return root


@pytest.mark.slow
def test_an_interface_that_is_not_there_gets_no_credit_for_what_another_did(
    tmp_path: Path, gpsd: Gpsd
) -> None:
    text = f'[uplink]\ninterface = "wwan0"\ntargets = ["{gpsd.address}"]\n'
    settings = configure(tmp_path, text)
    (finding,) = asyncio.run(probe_uplink(settings, gateway(tmp_path, "lo")))
    assert not finding.works
    assert finding.reason == "no interface wwan0 here; the targets answered through lo."
    (finding,) = asyncio.run(probe_uplink(settings, gateway(tmp_path, "wwan0")))
    assert finding.works
    assert finding.note == "The probes went through lo, not through wwan0 as configured."
    assert finding.sample is not None
    assert finding.document()["sample"]["interface"] == "lo"


@pytest.mark.slow
@pytest.mark.usefixtures("bare")
def test_a_given_configuration_is_kept_and_only_added_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(tmp_path, '[uplink]\ninterface = "lo"\ntargets = ["127.0.0.1:1"]\n')
    file = tmp_path / "agent.toml"
    before = file.read_text()
    assert probe.main(file) == 0
    said = capsys.readouterr().out
    assert f"{file} is kept as it is." in said
    for section in ("[mqtt]", "[uplink]\ninterface", "district ="):
        assert section not in said
    assert probe.main(file, write=tmp_path / "new.toml") == 2
    assert not (tmp_path / "new.toml").exists()
    assert file.read_text() == before


def test_what_works_and_is_not_configured_is_offered(tmp_path: Path) -> None:
    settings = configure(tmp_path, '[uplink]\ninterface = "lo"\n')
    works = [
        Finding("uplink", works=True, section='[uplink]\ninterface = "eth0"'),
        Finding("gpsd", works=True, section='[gpsd]\naddress = "127.0.0.1:2947"'),
        Finding("health", works=True, section='[health]\ndisk = "/overlay"'),
        Finding("hostapd a", works=True, section='# Remove.\n[[hostapd]]\nsocket = "a"'),
        Finding("hostapd b", works=False, section='[[hostapd]]\nsocket = "b"'),
    ]
    assert probe.additions(works, settings) == (
        '[gpsd]\naddress = "127.0.0.1:2947"\n\n# Remove.\n[[hostapd]]\nsocket = "a"\n'
    )
    assert probe.additions(works[:1], settings) == ""
