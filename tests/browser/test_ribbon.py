"""Along the route: the ribbon of one trip, looked at in a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from aiohttp import web
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from homeroute_collector.api_guard import add_security_headers, guard
from homeroute_dashboards import pages
from homeroute_simulators.planted import Planted
from tests.browser.district import serving
from tests.browser.window import Window
from tests.dashboards.reported import NOW_MS, ZONE, district

pytestmark = [pytest.mark.real("chromium"), pytest.mark.slow]


def application(**given: Any) -> web.Application:
    app = web.Application(middlewares=[guard(())])
    app.on_response_prepare.append(add_security_headers)
    pages.mount(
        app,
        district(),
        district="spring",
        timezone=ZONE,
        known=lambda _: True,
        now_ms=lambda: NOW_MS,
        **given,
    )
    return app


@pytest.fixture
def url(free_port: Callable[[], int]) -> Iterator[str]:
    """A simulated district, whose truth is known."""

    def planted(_: str, length_m: float) -> list[Planted]:
        return [Planted(520.0, 960.0, 0), Planted(960.0, length_m, 1)]

    with serving(application(simulated=True, planted=planted), free_port()) as address:
        yield f"{address}/connectivity?from=2026-11-02&to=2026-11-22"


def drawn(window: Window, url: str) -> None:
    window.driver.get(url)
    window.until(lambda: window.all("#ribbon .piece"), "the ribbon")


def states(window: Window) -> list[str]:
    return [(e.get_attribute("class") or "").split()[1] for e in window.all("#ribbon .piece")]


def test_the_trip_that_costs_most_is_drawn_with_a_word_for_every_state(
    window: Window, url: str
) -> None:
    drawn(window, url)
    assert states(window) == ["undriven", "mixed", "dead", "dead", "unreported", "mixed"]
    says = window.text("#ribbon-says")
    assert says.startswith("4 Elm, AM 06:40: ")
    for word in ("2 dead", "1 unreported", "1 not driven", "216 connected-client minutes"):
        assert word in says
    label = window.one("#ribbon .drawn").get_attribute("aria-label") or ""
    assert "dead from 0.50" in label


def test_a_dead_zone_is_told_by_metres_stops_minutes_and_n(window: Window, url: str) -> None:
    drawn(window, url)
    assert window.text("#ribbon .zones b") == "A"
    (zone,) = (
        e.text.replace("\N{NARROW NO-BREAK SPACE}", " ")
        for e in window.all("#beside ol:not(.stops-list) li")
    )
    assert "500 m between B & Main and C & Main" in zone
    assert "216 min client outage" in zone and "n 30 passes" in zone and "100 % reported" in zone


def test_what_is_found_lies_above_what_was_planted(window: Window, url: str) -> None:
    drawn(window, url)
    dead, weak = window.one("#ribbon .piece.dead").rect, window.one("#ribbon .weak.w0").rect
    assert dead["x"] <= weak["x"] <= dead["x"] + dead["width"]
    assert weak["y"] > dead["y"]
    assert "a real district does not know" in window.text("#ribbon figcaption")


def test_a_real_district_has_no_truth_beneath(window: Window, free_port: Callable[[], int]) -> None:
    with serving(application(), free_port()) as address:
        drawn(window, f"{address}/connectivity?from=2026-11-02&to=2026-11-22")
        assert (
            not window.all("#ribbon .planted") and "planted" not in window.text("#ribbon").lower()
        )


def test_another_route_stands_in_the_address_and_comes_back_with_it(
    window: Window, url: str
) -> None:
    drawn(window, url)
    Select(window.one("#which select[name=route]")).select_by_value("=7 Oak")
    window.until(lambda: "7 Oak" in window.text("#ribbon-says"), "the other route")
    assert "No dead zone is established" in window.text("#ribbon-says")
    drawn(window, window.driver.current_url)
    assert "7 Oak" in window.text("#ribbon-says")


def test_a_route_that_is_gone_gives_way_to_one_that_is_there(window: Window, url: str) -> None:
    drawn(window, f"{url}&route=nowhere")
    assert window.text("#ribbon-says").startswith("4 Elm")
    assert "route 'nowhere' is not in the timetable; nearest: " in window.text("#instead")
    Select(window.one("#which select[name=route]")).select_by_value("=7 Oak")
    window.until(lambda: not window.one("#instead").is_displayed(), "the notice goes")
    window.complaints()  # the 400 for the route that is gone


def test_every_segment_is_in_a_table_with_n_and_both_shares(window: Window, url: str) -> None:
    drawn(window, url)
    window.one("#pieces summary").send_keys(Keys.ENTER)
    window.until(lambda: window.one("#pieces-table").is_displayed(), "the table")
    rows = [
        [cell.text for cell in row.find_elements("css selector", "td")]
        for row in window.all("#pieces-table tbody tr")
    ]
    assert [row[0] for row in rows][:3] == ["not driven", "mixed", "dead"]
    assert rows[4][0] == "unreported" and rows[4][2] == "no data"
    assert rows[2][1] == "15 of 15"


def test_days_that_are_not_counted_yet_are_said_to_be(
    window: Window, free_port: Callable[[], int]
) -> None:
    held = district()
    leg = {"device": "bus-01", "service_day": date(2026, 11, 21), "route": "4 Elm", "trip": "x"}
    told = {"period": "AM", "start_ms": 0, "end_ms": 1, "source": "gps", "confidence": 1.0}
    held.add("legs", [leg | told])
    app = web.Application()
    pages.mount(
        app, held, district="spring", timezone=ZONE, known=lambda _: True, now_ms=lambda: NOW_MS
    )
    with serving(app, free_port()) as address:
        drawn(window, f"{address}/connectivity?from=2026-11-02&to=2026-11-22")
        assert "1 day of these is still being counted" in window.text("#waiting")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(window: Window, url: str, scheme: str) -> None:
    window.shape(400, scheme)
    drawn(window, url)
    assert window.width_needed() <= 400


def test_it_prints_with_the_name_of_its_trip(window: Window, url: str) -> None:
    drawn(window, url)
    window.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert window.one("#ribbon .piece.dead").is_displayed()
        assert not window.one("#which").is_displayed()
        assert "4 Elm" in window.text("#ribbon-says")
    finally:
        window.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
