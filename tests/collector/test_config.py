"""The collector's settings: one clear line for every mistake, and all documented."""

from __future__ import annotations

from pathlib import Path

import pytest

from homeroute_collector.config import ConfigError, load, settings

LEAST = 'district = "springfield"\ndata_dir = "data"\n'

DOCUMENT = Path(__file__).parents[2] / "docs" / "collector-configuration.md"


def written(folder: Path, text: str) -> Path:
    path = folder / "collector.toml"
    path.write_text(text)
    return path


def mistake(folder: Path, text: str) -> str:
    path = written(folder, text)
    with pytest.raises(ConfigError) as raised:
        load(path)
    message = str(raised.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


def test_the_least_there_is_works_and_paths_are_the_file_s(tmp_path: Path) -> None:
    config = load(written(tmp_path, LEAST))
    assert config.data_dir == tmp_path / "data"
    assert (config.retention_days, config.clock, config.simulated) == (90, "sane", False)
    assert config.broker is None
    assert config.influx is None
    assert config.http.port == 8080


def test_everything_can_be_set(tmp_path: Path) -> None:
    text = LEAST + (
        'simulated = true\nretention_days = 30\ntimezone = "America/Chicago"\n'
        'clock = "synchronised"\n[broker]\nhost = "mqtt.example.org"\nport = 8883\n'
        'username = "collector"\npassword_file = "secret"\nca_file = "/etc/ca.pem"\n'
        '[http]\nhost = "0.0.0.0"\nport = 80\nallowed_hosts = ["pages.example.org"]\n'
        '[influx]\nurl = "http://127.0.0.1:8086"\nversion = 1\nusername = "u"\n'
        'password_file = "p"\n[archive]\nmemory_limit = "2GB"\nthreads = 4\n'
        "[refused]\nbound_bytes_per_device = 1000000\n"
    )
    config = load(written(tmp_path, text))
    assert config.broker is not None
    assert config.broker.password_file == tmp_path / "secret"
    assert config.broker.ca_file == Path("/etc/ca.pem")
    assert config.http.allowed_hosts == ("pages.example.org",)
    assert config.influx is not None
    assert config.influx.version == 1
    assert config.archive.memory_limit == "2GB"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("distrct = 'x'\n" + LEAST, "distrct: is no setting; did you mean 'district'?"),
        (
            LEAST + "[broker]\nhots = 'x'\n",
            "broker.hots: is no setting; did you mean 'broker.host'?",
        ),
        (LEAST + "[brokre]\nhost = 'x'\n", "brokre: is no setting; did you mean 'broker'?"),
        (LEAST + "zzz = 1\n", "zzz: is no setting"),
        (LEAST + "[verdicts]\nbar = 1.0\n", "verdicts.bar: input should be less than 1"),
        (
            LEAST + "[signal]\nsinr_bars_db = [-3.0, 1.0, 1.0, 13.0]\n",
            "signal: sinr_bars_db: want four rising limits",
        ),
        (
            LEAST.replace("data_dir", "data_dirr"),
            "data_dirr: is no setting; did you mean 'data_dir'?",
        ),
        ('district = "springfield"\n', "data_dir: is missing"),
        (LEAST + "retention_days = '90'\n", "retention_days: input should be a valid integer"),
        (LEAST + "retention_days = true\n", "retention_days: input should be a valid integer"),
        (LEAST + "simulated = 1\n", "simulated: input should be a valid boolean"),
        (LEAST + "clock = 'maybe'\n", "clock: input should be 'sane' or 'synchronised'"),
        (LEAST + "timezone = 'Mars/Base'\n", "timezone: 'Mars/Base' is no time zone known here"),
        (LEAST + "data_dir = 3\n", "is no TOML: "),
        ("district = 'A b'\ndata_dir = 'd'\n", "district: "),
        ("district = 'x'\ndata_dir = 3\n", "data_dir: want a path"),
        (LEAST + "[broker]\nhost = 'mqtt.example.org'\n", "broker: ca_file is needed"),
        (LEAST + "[broker]\nusername = 'c'\n", "broker: username and password_file go together"),
        (LEAST + "[influx]\ndatabase = 'x'\n", "influx.url: is missing"),
        (LEAST + "[alerts.webhook]\ntimeout_s = 3.0\n", "alerts.webhook.url_file: is missing"),
        (
            LEAST + "[alerts.webhook]\nurl_file = 'x'\nsecret = 'x'\n",
            "alerts.webhook.secret: is no setting; did you mean 'alerts.webhook.secret_file'?",
        ),
        (
            LEAST + "[alerts.mail]\nhost = 'mx.example.org'\nsecurity = 'none'\n"
            "sender = 'a@example.org'\nrecipients = ['b@example.org']\n",
            "alerts.mail: security none is for this machine only",
        ),
        (LEAST + "[alerts.rules.bus_silnt]\noff = true\n", "alerts.rules: 'bus_silnt' is no rule"),
        (
            LEAST + "[alerts.rules.bus_silent]\nthreshold = 3.0\n",
            "alerts.rules: bus_silent has no threshold to set",
        ),
        (LEAST + "[http]\nport = 70000\n", "http.port: input should be less than or equal"),
        ("= 3", "is no TOML: "),
    ],
)
def test_a_mistake_is_one_line_naming_file_and_key(tmp_path: Path, text: str, message: str) -> None:
    assert mistake(tmp_path, text).startswith(message)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read: No such file"):
        load(tmp_path / "none.toml")


def test_a_file_that_is_no_text_is_said(tmp_path: Path) -> None:
    path = tmp_path / "collector.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(path)


def test_every_setting_is_documented_with_its_default() -> None:
    rows = [line.split("|") for line in DOCUMENT.read_text().splitlines() if line.startswith("| `")]
    documented = {row[1].strip().strip("`"): row[2].strip().strip("`") for row in rows}
    expected = {name: _shown(default) for name, default in settings().items()}
    assert documented == expected


def _shown(default: object) -> str:
    if default is ...:
        return "required"
    if default in (None, (), ""):
        return "none"
    return str(default).lower() if isinstance(default, bool) else str(default)
