"""*Connectivity by route and time*, looked at in a real browser."""

from __future__ import annotations

import csv
import urllib.request
from collections.abc import Callable

import pytest
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from tests.browser.district import ROUTES, Served, serving
from tests.browser.window import Window

pytestmark = [pytest.mark.real("chromium"), pytest.mark.slow]


def loaded(window: Window, url: str) -> None:
    window.driver.get(url)
    window.until(lambda: window.all("#map td"), "the map")


def columns(window: Window) -> list[str]:
    return [element.text for element in window.all("#map thead th")]


def test_the_answer_stands_in_one_sentence_above_the_map(window: Window, district: str) -> None:
    loaded(window, f"{district}/connectivity")
    assert window.text("#headline").startswith("Route 21 loses connectivity most: usable ")
    assert "Worst hour of any route: " in window.text("#headline")
    assert "of scheduled time reported" in window.text("#headline")
    routes = [e.text.split("\n")[0] for e in window.all("#map tbody th")]
    assert routes[:2] == ["21", "7"] and set(routes) == set(ROUTES)


def test_every_share_has_its_reported_share_and_n_and_silence_is_no_number(
    window: Window, district: str
) -> None:
    loaded(window, f"{district}/connectivity")
    cells = [element.text for element in window.all("#map td:not(.blank)")]
    silent = [text for text in cells if text.startswith("no data")]
    assert silent and all("silent" in text for text in silent)
    assert all("%" in text and "n " in text for text in cells if text not in silent)


def test_a_period_changes_the_answer_the_address_and_the_download(
    window: Window, district: str
) -> None:
    loaded(window, f"{district}/connectivity")
    assert "15\N{EN DASH}16" in columns(window)
    Select(window.one("select[name=period]")).select_by_value("AM")
    window.until(lambda: "15\N{EN DASH}16" not in columns(window), "a morning's map")
    assert "period=AM" in window.driver.current_url
    address = window.one("#csv").get_attribute("href") or ""
    with urllib.request.urlopen(address) as response:
        hours = {row["hour"] for row in csv.DictReader(response.read().decode().splitlines())}
    assert hours == {"6", "7", "8", ""}


def test_an_address_with_days_in_it_asks_for_those_days(window: Window, district: str) -> None:
    loaded(window, f"{district}/connectivity?from=2026-09-07&to=2026-09-08&period=PM")
    assert "Sep 7, 2026 to Tue, Sep 8, 2026, PM" in window.text("#range")
    assert window.one("input[name=from]").get_attribute("value") == "2026-09-07"
    assert window.all("#map td.few"), "two days are few"


def test_days_the_wrong_way_round_are_explained_and_the_last_answer_stays(
    window: Window, district: str
) -> None:
    loaded(window, f"{district}/connectivity")
    script = (
        "const f = document.getElementById('filters');"
        "f.elements.from.value = '2026-09-18'; f.elements.to.value = '2026-09-01';"
        "f.elements.to.dispatchEvent(new Event('change', {bubbles: true}));"
    )
    window.driver.execute_script(script)
    window.until(lambda: window.one("#problem").is_displayed(), "the explanation")
    assert "swap them" in window.text("#problem")
    assert window.all("#map td")
    window.complaints()  # the 400 that was asked for


def test_the_map_has_a_plain_twin_that_opens_by_keyboard(window: Window, district: str) -> None:
    loaded(window, f"{district}/connectivity")
    window.one("#plain summary").send_keys(Keys.ENTER)
    window.until(lambda: window.one("#plain-table").is_displayed(), "the plain table")
    names = [element.text for element in window.all("#plain-table tbody th")]
    assert names[-1] == "All routes" and set(names[:-1]) == set(ROUTES)


def test_the_wavy_line_follows_the_figure_that_is_printed(window: Window, district: str) -> None:
    loaded(window, f"{district}/connectivity")
    shown = {
        (int(e.text.split("\N{NARROW NO-BREAK SPACE}")[0]) < 90, e.get_attribute("class") == "low")
        for e in window.all("#map td:not(.none) small > span:first-child")
    }
    assert shown == {(True, True), (False, False)}


def test_a_row_says_how_many_of_its_trips_were_heard(window: Window, district: str) -> None:
    loaded(window, f"{district}/connectivity")
    notes = [element.text for element in window.all("#map tbody th small")]
    assert all(" of " in note and note.endswith("trips heard") for note in notes)


def test_simulated_data_says_so_on_screen_and_on_paper(window: Window, district: str) -> None:
    loaded(window, f"{district}/connectivity")
    assert window.text(".simulated") == "Simulated data"
    assert "simulated data" in window.text("#range")
    assert "whatever the hour" in window.text("#live-trips")
    window.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert window.one(".simulated").is_displayed()
        assert window.one("#map").is_displayed()
        assert not window.one("#filters").is_displayed()
    finally:
        window.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_days_without_trips_lead_to_days_that_have_them(window: Window, district: str) -> None:
    window.driver.get(f"{district}/connectivity?from=2026-07-01&to=2026-07-10")
    window.until(lambda: window.one("#empty").is_displayed(), "the empty state")
    assert "None of these days has been counted" in window.text("#empty")
    window.one("#empty button").click()
    window.until(lambda: window.all("#map td"), "the map")


def test_without_any_trip_it_says_what_is_missing(
    window: Window, free_port: Callable[[], int]
) -> None:
    with serving(Served(filled=False).application(), free_port()) as url:
        window.driver.get(f"{url}/connectivity")
        window.until(lambda: window.one("#empty").is_displayed(), "the empty state")
        assert "No trips are known yet" in window.text("#empty")
        assert "homeroute import gtfs" in window.text("#empty")
        assert "route, days, start and end" in window.text("#empty")
