"""What a data directory remembers, and how an address is read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from homeroute_collector.broker import Site, SiteError, site


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("telemetry.example.org", "telemetry.example.org", 8883),
        ("telemetry.example.org:9883", "telemetry.example.org", 9883),
        ("203.0.113.7", "203.0.113.7", 8883),
        ("203.0.113.7:443", "203.0.113.7", 443),
        ("2001:db8::7", "2001:db8::7", 8883),
        ("[2001:db8::7]:443", "2001:db8::7", 443),
        ("[2001:db8::7]", "2001:db8::7", 8883),
        (" pi ", "pi", 8883),
    ],
)
def test_an_address_is_a_host_and_perhaps_a_port(text: str, host: str, port: int) -> None:
    assert site.parse_address(text) == (host, port)


@pytest.mark.parametrize(
    "text",
    ["", "a b", "host:", "host:0", "host:65536", "host:x", "mqtts://host", "[::1", "::g"],
)
def test_what_is_no_address_is_said(text: str) -> None:
    with pytest.raises(SiteError, match="address"):
        site.parse_address(text)


def test_a_site_is_remembered_and_written_only_when_it_changes(tmp_path: Path) -> None:
    assert site.recall(tmp_path) == Site()
    site.remember(tmp_path, Site("springfield", "203.0.113.7"))
    written = site.site_file(tmp_path).stat()
    site.remember(tmp_path, Site("springfield", "203.0.113.7"))
    assert site.site_file(tmp_path).stat().st_ino == written.st_ino
    assert site.recall(tmp_path) == Site("springfield", "203.0.113.7", 8883)


def test_a_damaged_file_and_an_impossible_district_are_said(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match="district 'Spring field'"):
        Site("Spring field")
    site.remember(tmp_path, Site("springfield"))
    site.site_file(tmp_path).write_text("[]")
    with pytest.raises(SiteError, match=r"site\.json"):
        site.recall(tmp_path)


def test_a_zone_is_kept_beside_what_a_folder_of_before_it_remembers(tmp_path: Path) -> None:
    site.remember(tmp_path, Site("springfield", "203.0.113.7"))
    file = site.site_file(tmp_path)
    file.write_text('{"district": "springfield", "host": "203.0.113.7", "port": 8883}')
    assert site.recall(tmp_path) == Site("springfield", "203.0.113.7")
    site.remember(tmp_path, replace(site.recall(tmp_path), timezone="America/Denver"))
    assert site.recall(tmp_path).timezone == "America/Denver"
