"""Whose zone counts: the one that is typed, the settings file's, the remembered one."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from homeroute_collector.broker import Site, site
from homeroute_collector.config import ConfigError
from homeroute_command.configured import configuration


def asked(data: Path, **more: object) -> argparse.Namespace:
    return argparse.Namespace(
        **({"data": data, "config": None, "district": None, "port": None} | more)
    )


def test_a_zone_is_typed_or_of_the_settings_file_or_remembered_in_that_order(
    tmp_path: Path,
) -> None:
    assert configuration(asked(tmp_path)).timezone is None
    site.remember(tmp_path, Site("springfield", timezone="America/Denver"))
    assert configuration(asked(tmp_path)).timezone == "America/Denver"
    (tmp_path / "collector.toml").write_text(
        'district = "springfield"\ndata_dir = "."\ntimezone = "America/Chicago"\n'
    )
    assert configuration(asked(tmp_path)).timezone == "America/Chicago"
    typed = asked(tmp_path, timezone="America/Boise")
    assert configuration(typed).timezone == "America/Boise"


def test_a_zone_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"timezone: .*'Denver' is no time zone"):
        configuration(asked(tmp_path, timezone="Denver"))
