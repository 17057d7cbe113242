"""*Fleet now*, looked at in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from tests.browser.district import NOW_MS, Served, alert, device, serving
from tests.browser.window import Window

pytestmark = [pytest.mark.real("chromium"), pytest.mark.slow]


def rows(window: Window) -> list[str]:
    return [element.text for element in window.all("#rows tr > th")]


def loaded(window: Window, url: str) -> None:
    window.driver.get(url)
    window.until(lambda: window.all("#rows tr"), "a row")


def test_every_device_is_there_the_worst_first_and_each_state_in_a_word_and_a_shape(
    window: Window, district: str
) -> None:
    loaded(window, district)
    names = [name.split("\n")[0] for name in rows(window)]
    assert names[:4] == ["bus-06", "bus-05", "bus-10", "bus-02"]
    assert names[-2:] == ["bus-09", "bus-08"]
    assert len(window.all("#rows .state svg path")) == len(names)
    words = [element.text for element in window.all("#rows .state")]
    assert words[0] == "Offline" and words[-1] == "Parked"
    assert window.text("#counts li:first-child") == "1\nOffline"
    shapes = {element.get_attribute("d") for element in window.all("#counts .state path")}
    assert len(shapes) >= 5


def test_what_was_lost_or_waits_is_seen_beside_the_device(window: Window, district: str) -> None:
    loaded(window, district)
    by_name = {row.text.split("\n")[0]: row.text for row in window.all("#rows tr")}
    assert "backfilling" in by_name["bus-03"] and "18,204" in by_name["bus-03"]
    assert "3 batches missing" in by_name["bus-06"]
    assert [e.text for e in window.all("#rows .hot")] == ["No service", "120", "7"]
    assert [e.text for e in window.all("#rows .warm")] == ["Connected"]


def test_a_hole_is_filling_while_the_device_still_holds_batches_and_missing_when_it_does_not(
    window: Window, free_port: Callable[[], int]
) -> None:
    served = Served(filled=False)
    served.fleet["devices"] = [
        device("bus-01", seq_gaps=14, spooled=185),
        device("bus-02", seq_gaps=14, spooled=0),
        device("bus-03", "offline", seq_gaps=14, spooled=185),
    ]
    with serving(served.application(), free_port()) as url:
        loaded(window, url)
        said = {
            row.text.split("\n")[0]: "backfilling" in row.text for row in window.all("#rows tr")
        }
    assert said == {"bus-01": True, "bus-02": False, "bus-03": False}


def test_a_filled_hole_is_said_for_a_while_after_it_filled(
    window: Window, free_port: Callable[[], int]
) -> None:
    served = Served(filled=False)
    served.fleet["devices"] = [device("bus-01", backfilling=True, spooled=185)]
    with serving(served.application(), free_port()) as url:
        loaded(window, url)
        assert "backfilling" in window.text("#rows tr")
        served.fleet["devices"] = [device("bus-01")]
        window.until(lambda: "hole filled" in window.text("#rows tr"), "the filled hole")


def test_a_device_connected_a_moment_ago_says_what_one_waits_for(
    window: Window, free_port: Callable[[], int]
) -> None:
    served = Served(filled=False)
    silent: dict[str, Any] = {"age_s": None, "last_ms": None, "uplink_state": None}
    served.fleet["devices"] = [
        device("bus-01", state_since_ms=NOW_MS - 8_000, **silent),
        device("bus-02", state_since_ms=NOW_MS - 90_000, **silent),
        device("bus-03", state_since_ms=NOW_MS - 90_000),
    ]
    with serving(served.application(), free_port()) as url:
        loaded(window, url)
        said = [element.text for element in window.all("#rows .at-state small:not(.run)")]
    assert said == ["for 90 s", "first batch within a minute", "no batch yet"]


def test_only_a_simulated_fleet_says_that_it_drives_at_any_hour(
    window: Window, free_port: Callable[[], int]
) -> None:
    served = Served(filled=False)
    with serving(served.application(), free_port()) as url:
        loaded(window, url)
        assert "whatever the hour" in window.text("#ledger")
        served.fleet["simulated"] = False
        window.until(lambda: "whatever the hour" not in window.text("#ledger"), "a real fleet")


def test_the_strip_of_the_last_hour_can_be_read_without_seeing_it(
    window: Window, district: str
) -> None:
    loaded(window, district)
    label = window.one("#rows tr .strip").get_attribute("aria-label") or ""
    assert label.startswith("Last 60 minutes: usable ")


def test_a_silent_collector_is_said_at_once_and_forgotten_when_it_is_back(
    window: Window, springfield: Served, free_port: Callable[[], int]
) -> None:
    port = free_port()
    with serving(springfield.application(), port) as url:
        loaded(window, url)
        assert not window.one("#stale").is_displayed()
    window.until(lambda: window.one("#stale").is_displayed(), "the banner")
    assert "the collector does not answer" in window.text("#stale")
    assert "What you see is from 08:02:30" in window.text("#stale")
    assert window.text("#live-text") == "Not live"
    with serving(springfield.application(), port):
        window.until(lambda: not window.one("#stale").is_displayed(), "the banner's end")
        assert window.text("#live-text").startswith("Live")
    window.driver.get("about:blank")
    window.complaints()  # refused connections are what this test is about


def test_changes_arrive_by_themselves_and_keep_the_row_one_looks_at(
    window: Window, free_port: Callable[[], int]
) -> None:
    served = Served(filled=False)
    served.fleet["devices"] = [device("bus-01"), device("bus-02")]
    with serving(served.application(), free_port()) as url:
        loaded(window, url)
        kept = window.one("#rows tr:nth-child(1)")
        served.fleet["devices"] = [device("bus-01", clients=31), device("bus-03", "offline")]
        window.until(lambda: rows(window) == ["bus-03", "bus-01"], "the new rows")
        assert "31" in kept.text


def test_a_broken_broker_or_influxdb_or_clock_is_said_in_words(
    window: Window, free_port: Callable[[], int]
) -> None:
    served = Served(filled=False)
    served.fleet["broker"] = {"connected": False, "since_ms": NOW_MS, "problem": "refused."}
    served.fleet["influx"] = {"connected": False, "lag_s": 7300.0, "problem": "401."}
    served.fleet["clock_trusted"] = False
    with serving(served.application(), free_port()) as url:
        loaded(window, url)
        said = [element.text for element in window.all("#notices .notice")]
    assert len(said) == 3
    assert "clock is not trusted" in said[0]
    assert "No connection to the MQTT broker since 08:02:30" in said[1]
    assert "InfluxDB is behind by 2.0 h" in said[2] and "Nothing is lost" in said[2]


def test_an_empty_fleet_says_what_to_do_next(window: Window, free_port: Callable[[], int]) -> None:
    served = Served(filled=False)
    served.fleet["devices"] = []
    with serving(served.application(), free_port()) as url:
        window.driver.get(url)
        window.until(lambda: window.one("#empty").is_displayed(), "the empty state")
        assert "homeroute enroll bus-01" in window.text("#empty")
        assert not window.one("#fleet").is_displayed()


def test_names_are_text_and_never_markup(window: Window, free_port: Callable[[], int]) -> None:
    served = Served(filled=False)
    hostile = "<img src=x onerror=document.title='owned'>"
    served.fleet["devices"] = [device("bus-01", route=hostile, version=hostile)]
    with serving(served.application(), free_port()) as url:
        loaded(window, url)
        assert hostile in window.text("#rows tr")
        assert not window.all("#rows img")


def test_what_is_wrong_with_a_gateway_is_said_in_words_beside_it(
    window: Window, district: str
) -> None:
    loaded(window, district)
    by_name = {row.text.split("\n")[0]: row.text for row in window.all("#rows tr")}
    assert "undervoltage" in by_name["bus-04"] and "clock behind 94 s" in by_name["bus-04"]
    assert "filter open" in by_name["bus-07"]
    assert "poor" in by_name["bus-02"] and "LTE · FirstNet" in by_name["bus-02"]
    assert "on its run" in by_name["bus-06"] and "no run now" in by_name["bus-08"]
    assert "run" not in by_name["home-01"]


def test_devices_are_found_by_word_and_state_and_put_in_order(
    window: Window, district: str
) -> None:
    loaded(window, district)

    def chosen(box: str, value: str) -> None:
        Select(window.one(box)).select_by_value(value)

    window.one("#find").send_keys("t-mobile")
    assert [name.split("\n")[0] for name in rows(window)] == ["home-01"]
    assert window.text("#found") == "1 of 11 devices"
    window.one("#find").clear()
    window.one("#find").send_keys("undervoltage")
    assert rows(window) == ["bus-04"]
    window.one("#find").clear()
    window.one("#find").send_keys(" ")
    chosen("#only", "wrong")
    assert rows(window) == ["bus-06", "bus-05", "bus-10", "bus-04", "bus-07"]
    chosen("#only", "parked")
    assert rows(window) == ["bus-08"]
    chosen("#only", "")
    chosen("#order", "signal")
    assert rows(window)[:2] == ["bus-05", "bus-02"]
    chosen("#order", "device")
    assert rows(window)[0] == "bus-01"


def test_of_a_thousand_devices_the_first_are_shown_and_the_rest_when_asked_for(
    window: Window, free_port: Callable[[], int]
) -> None:
    served = Served(filled=False)
    served.fleet["devices"] = [device(f"bus-{number:04}") for number in range(1_000)]
    with serving(served.application(), free_port()) as url:
        loaded(window, url)
        assert len(rows(window)) == 200
        window.one("#show-all").click()
        assert len(window.all("#rows tr")) == 1_000


def test_what_fires_stands_above_with_what_to_do_and_stays_open_while_it_does(
    window: Window, free_port: Callable[[], int]
) -> None:
    served = Served(filled=False)
    with serving(served.application(), free_port()) as url:
        loaded(window, url)
        first = window.one("#alerts details")
        assert "Bus silent on its run bus-06" in first.text
        assert "fuse" not in first.text
        window.one("#alerts .todo").click()
        assert "supply and fuse" in first.text
        served.fleet["devices"] = [device("bus-01")]
        window.until(lambda: rows(window) == ["bus-01"], "the next answer")
        assert "supply and fuse" in first.text
        served.alerts["alerts"] = [
            alert("bus_silent", f"bus-{number:02}", "") for number in range(20)
        ]
        window.until(lambda: "and 14 more" in window.text("#alerts"), "the depot")
        assert len(window.all("#alerts details")) == 1
        served.alerts["alerts"] = []
        served.alerts["channels"] = [
            {"channel": "mail", "where": "smtp://mx:587", "waiting": 3, "problem": "it hung up"}
        ]
        window.until(lambda: "do not get through" in window.text("#alerts"), "the channel")


def test_a_device_s_page_tells_its_last_day_in_words_as_well_as_in_marks(
    window: Window, district: str
) -> None:
    loaded(window, district)
    window.one("#rows th a").click()
    window.until(lambda: window.all("#charts svg"), "the day")
    assert window.text("h1") == "bus-06"
    told = [element.text for element in window.all("#charts figcaption")]
    assert told[0].replace("\u202f", " ") == "State parked 20 h, online 3.6 h, offline 21 min"
    assert any(text.startswith("RSRP -118 to") for text in told)
    assert "Bus silent on its run" in window.text("#alerts")
    assert "undervoltage" not in window.text("#alerts")
    assert "clients: 10001" in window.text("#refusals")
    assert "yes, on its run" in window.text("#facts")


def test_an_unknown_device_s_page_says_so_and_leads_back(window: Window, district: str) -> None:
    window.driver.get(district + "/device/bus-99")
    assert window.text("h1") == "No device bus-99 is known here"
    assert "404" in " ".join(window.complaints())
    window.one("main a").click()
    window.until(lambda: window.all("#rows tr"), "the fleet")
    assert window.text("h1") == "Fleet now"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1280])
@pytest.mark.parametrize("path", ["/", "/connectivity", "/hotspots", "/device/bus-06"])
def test_a_page_fits_its_window(
    window: Window, district: str, path: str, width: int, scheme: str
) -> None:
    window.shape(width, scheme)
    window.driver.get(district + path)
    window.until(lambda: window.all("#rows tr, #map td, #charts svg"), "its table")
    assert window.width_needed() == width


def test_at_desk_width_the_whole_table_is_seen_without_scrolling(
    window: Window, district: str
) -> None:
    loaded(window, district)
    region = window.one("#fleet .scroll")
    script = "return arguments[0].scrollWidth - arguments[0].clientWidth"
    assert window.driver.execute_script(script, region) == 0


@pytest.mark.parametrize("width", [360, 500, 700])
def test_on_a_narrow_window_the_tabs_stay_within_the_margin(
    window: Window, district: str, width: int
) -> None:
    window.shape(width)
    loaded(window, district)
    assert window.one("nav a").location["x"] == window.one("h1").location["x"]


def test_the_first_tab_stop_skips_to_the_content(window: Window, district: str) -> None:
    loaded(window, district)
    window.one("body").send_keys(Keys.TAB)
    focused = window.driver.switch_to.active_element
    assert focused.text == "Skip to content"
    focused.send_keys(Keys.ENTER)
    assert window.driver.switch_to.active_element.get_attribute("id") == "main"
