"""The configuration: strict, typed, and clear about what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from homeroute_agent.config import ConfigError, load

MINIMAL = """
district = "springfield"
device = "bus-07"
[mqtt]
host = "127.0.0.1"
"""


def read(folder: Path, text: str) -> str:
    """The error that ``text`` gives, without the file's name."""
    file = folder / "agent.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(file)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{file}: ")
    return message.removeprefix(f"{file}: ")


def test_a_minimal_file_has_every_default(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_text(MINIMAL)
    config = load(tmp_path / "agent.toml")
    assert (config.kind, config.sample_s, config.batch_s) == ("bus", 10.0, 60.0)
    assert (config.mqtt.port, config.mqtt.window, config.mqtt.keepalive_s) == (8883, 8, 30)
    assert config.spool.max_bytes == 64 * 2**20
    assert (config.hostapd, config.network, config.uplink, config.gpsd) == ((), None, None, None)
    assert config.health.root == Path("/")


def test_relative_paths_start_at_the_files_folder(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_text('state_dir = "state"\n' + MINIMAL)
    assert load(tmp_path / "agent.toml").state_dir == tmp_path / "state"


def test_an_empty_section_asks_for_its_sampler_with_defaults(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_text(MINIMAL + "[gpsd]\n[uplink]\n")
    config = load(tmp_path / "agent.toml")
    assert config.gpsd is not None and config.gpsd.address == "127.0.0.1:2947"
    assert config.uplink is not None and config.uplink.probes == 5


def test_arrays_of_tables_become_tuples_in_order(tmp_path: Path) -> None:
    rows = "".join(
        f'[[hostapd]]\nsocket = "{name}"\nssid = "Bus"\nband = "{band}"\n'
        for name, band in (("wlan0", "2.4"), ("/run/wlan1", "5"))
    )
    (tmp_path / "agent.toml").write_text(MINIMAL + rows)
    config = load(tmp_path / "agent.toml")
    assert [radio.socket for radio in config.hostapd] == [tmp_path / "wlan0", Path("/run/wlan1")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('devise = "x"\n' + MINIMAL, "devise: unknown key (did you mean device?)"),
        (MINIMAL + "prot = 1883\n", "mqtt.prot: unknown key (did you mean mqtt.port?)"),
        (MINIMAL + "[gspd]\n", "gspd: unknown key (did you mean gpsd?)"),
        ("zzzzzz = 1\n" + MINIMAL, "zzzzzz: unknown key"),
        (MINIMAL.replace('"bus-07"', '"Bus 07"'), "device: 'Bus 07': want lower-case"),
        (MINIMAL.replace('"bus-07"', "7"), "device: 7: want lower-case letters"),
        (MINIMAL.replace('device = "bus-07"', ""), "device: missing; want device id"),
        ('district = "d"\ndevice = "b"\n', "mqtt.host: missing; want broker's host"),
        ("mqtt = 3\n" + MINIMAL.replace("[mqtt]\nhost", "host"), "host: unknown key"),
        (MINIMAL.replace("[mqtt]\nhost", "mqtt"), "mqtt: want a table: [mqtt]"),
        ('kind = "buss"\n' + MINIMAL, "kind: 'buss': want one of bus, hotspot (did you mean bus?)"),
        ("batch_s = 0\n" + MINIMAL, "batch_s: 0: want a number from 0.1 to 900"),
        ("batch_s = true\n" + MINIMAL, "batch_s: True: want a number"),
        ("batch_s = nan\n" + MINIMAL, "batch_s: nan: want a number"),
        (MINIMAL + "port = 70000\n", "mqtt.port: 70000: want a whole number from 1 to 65535"),
        (MINIMAL + "port = 1883.0\n", "mqtt.port: 1883.0: want a whole number"),
        (MINIMAL + '[network]\nwan = "wwan0"\n', "network.wan: 'wwan0': want a list"),
        (MINIMAL + '[uplink]\ntargets = ["nohost"]\n', "uplink.targets: 'nohost': want text like"),
        (MINIMAL + "[hostapd]\n", "hostapd: want an array of tables: [[hostapd]]"),
        (MINIMAL + '[[hostapd]]\nssid = "x"\n', "hostapd.socket: missing"),
        (MINIMAL + '[[dns_log]]\npath = ""\n', "dns_log.path: '': want a path"),
        ('timezone = "Springfield"\n' + MINIMAL, "timezone: 'Springfield': no such time zone"),
        (MINIMAL.replace("127.0.0.1", "mq.example.org"), "mqtt.ca_file: missing; without TLS"),
        (MINIMAL + 'ca_file = "ca.pem"\n', "mqtt.ca_file: no such file: "),
        (MINIMAL + 'password_file = "pw"\n', "mqtt.password_file: no such file: "),
        ("district = \n", "not TOML: "),
    ],
)
def test_what_is_wrong_is_one_line_with_the_key(tmp_path: Path, text: str, message: str) -> None:
    assert read(tmp_path, text).startswith(message)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "nowhere.toml")
    assert (
        str(caught.value) == f"{tmp_path / 'nowhere.toml'}: cannot read: no such file or directory"
    )


def test_a_file_that_is_no_text_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_bytes(b"\xff\xfe\0")
    with pytest.raises(ConfigError, match="not TOML"):
        load(tmp_path / "agent.toml")


def test_one_ssid_on_two_radios_needs_two_bands(tmp_path: Path) -> None:
    row = '[[hostapd]]\nsocket = "a"\nssid = "Bus"\n'
    assert read(tmp_path, MINIMAL + row + row).startswith("hostapd.ssid: the same SSID and band")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_without_tls_the_broker_is_on_this_machine(tmp_path: Path, host: str) -> None:
    (tmp_path / "agent.toml").write_text(MINIMAL.replace("127.0.0.1", host))
    assert load(tmp_path / "agent.toml").mqtt.host == host
