"""The pages as `homeroute up` serves them: its guard, its headers, its archive."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.browser.window import Window
from tests.servers import responds, wait_until

pytestmark = [pytest.mark.real("chromium"), pytest.mark.slow]


@pytest.fixture
def homeroute(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[str]:
    """The address of a fresh `homeroute up`."""
    port = free_port()
    argv = [sys.executable, "-m", "homeroute_command", "up", "--district", "springfield"]
    argv += ["--data", str(tmp_path / "data"), "--port", str(port), "--broker-port", "0"]
    with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as child:
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until(lambda: responds(f"{url}/healthz"), "homeroute up", timeout_s=60)
            yield url
        finally:
            child.terminate()
            child.wait(20)


def test_a_fresh_installation_shows_both_pages_and_what_to_do_next(
    window: Window, homeroute: str
) -> None:
    window.driver.get(homeroute)
    window.until(lambda: window.one("#empty").is_displayed(), "the empty fleet")
    assert window.text(".district") == "springfield"
    assert "homeroute enroll bus-01" in window.text("#empty")
    assert window.text("#live-text").startswith("Live")
    assert not window.one(".simulated").is_displayed()
    window.one("nav a[href='/connectivity']").click()
    window.until(lambda: window.one("#empty").is_displayed(), "the empty connectivity page")
    assert "No trips are known yet" in window.text("#empty")
