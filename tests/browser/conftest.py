"""A headless Chromium of the tests' own, and a district to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.browser.district import Served, serving
from tests.browser.window import Window


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    """One browser for all tests; nothing of it leaves this machine."""
    window = Window.open(tmp_path_factory.mktemp("chromium"))
    try:
        yield window
    finally:
        window.driver.quit()


@pytest.fixture
def window(chromium: Window) -> Iterator[Window]:
    """The browser, at desk size, with nothing in its log; a complaint there fails the test."""
    chromium.shape(1280)
    chromium.complaints()
    yield chromium
    complaints = chromium.complaints()
    chromium.driver.get("about:blank")
    assert complaints == []


@pytest.fixture(scope="session")
def springfield() -> Served:
    """Two filled weeks; for tests that only look."""
    return Served()


@pytest.fixture
def district(springfield: Served, free_port: Callable[[], int], tmp_path: Path) -> Iterator[str]:
    """The address of the filled district."""
    with serving(springfield.application(), free_port()) as url:
        yield url
