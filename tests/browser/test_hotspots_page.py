"""*Take-home hotspots*, looked at in a real browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.browser.district import Served, serving
from tests.browser.window import Window

pytestmark = [pytest.mark.real("chromium"), pytest.mark.slow]


def test_the_unused_stand_apart_from_those_of_which_nothing_is_known(
    window: Window, district: str
) -> None:
    window.driver.get(district + "/hotspots")
    window.until(lambda: window.all("#rows tr"), "a row")
    told = [" ".join(row.text.split()) for row in window.all("#rows tr")]
    standings = [element.text for element in window.all("#rows .state")]
    assert standings == ["Line may end", "Notice due", "Idle", "Used", "Not reporting"]
    assert told[0].startswith("home-02 Line may end 95 d 95 0")
    assert told[-1].startswith("home-04 Not reporting 20 d 0 20")
    assert "2 of 5 lent hotspots have been unused" in window.text("#headline")
    assert "not the same as unused" in window.text("#headline")
    assert "not law" in window.text("#ladder")


def test_without_hotspots_it_says_where_they_would_come_from(
    window: Window, free_port: Callable[[], int]
) -> None:
    with serving(Served(filled=False).application(), free_port()) as url:
        window.driver.get(url + "/hotspots")
        window.until(lambda: window.one("#empty").is_displayed(), "the empty state")
        assert "homeroute import usage" in window.text("#empty")
