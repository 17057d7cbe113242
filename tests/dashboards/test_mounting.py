"""The pages over HTTP: what is served, how, and to whom."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote, unquote

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from homeroute_analytics.verdicts import Limits, fewest_clean
from homeroute_dashboards import pages
from homeroute_dashboards.pages import asked
from homeroute_dashboards.pages.answers import ENOUGH_DAYS, ENOUGH_TRIPS
from tests.analytics.rows import MemoryArchive
from tests.dashboards.reported import district

NOW_MS = 1_789_736_550_000


class CountingArchive(MemoryArchive):
    def __init__(self) -> None:
        super().__init__()
        self.queries = 0

    async def query(self, sql: str, params: Any = ()) -> list[tuple[Any, ...]]:
        self.queries += 1
        return await super().query(sql, params)


def visit(
    scene: Callable[[TestClient[Any, Any]], Awaitable[None]],
    archive: MemoryArchive | None = None,
    **place: Any,
) -> None:
    async def run() -> None:
        app = web.Application()
        settings = {"district": "springfield", "timezone": "America/Chicago"} | place
        settings.setdefault("known", lambda device: device == "bus-01")
        pages.mount(app, archive or MemoryArchive(), now_ms=lambda: NOW_MS, **settings)
        async with TestClient(TestServer(app)) as client:
            await scene(client)

    asyncio.run(run())


@pytest.mark.parametrize("path", ["/", "/connectivity"])
def test_a_page_needs_no_inline_script_or_style_and_no_other_host(path: str) -> None:
    async def scene(client: TestClient[Any, Any]) -> None:
        page = await (await client.get(path)).text()
        assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=", page)
        links = re.findall(r'(?:src|href)="([^"]+)"', page)
        assert all(link.startswith(("/", "#")) for link in links)
        for link in links:
            if link.startswith("/static/"):
                assert (await client.get(link)).status == 200

    visit(scene)


def test_scripts_and_styles_name_no_other_host_and_import_only_what_is_served() -> None:
    async def scene(client: TestClient[Any, Any]) -> None:
        known = [r.resource.canonical for r in client.app.router.routes() if r.resource]
        for path in (p for p in known if p.startswith("/static/")):
            response = await client.get(path)
            text = await response.text()
            hosts = set(re.findall(r"https?://[^\"'\s)]+", text))
            assert hosts <= {"http://www.w3.org/2000/svg"}, path
            for module in re.findall(r'from "\./([^"]+)"', text):
                assert f"/static/{module}" in known
            assert "innerHTML =" not in text

    visit(scene)


def test_a_districts_name_cannot_become_markup() -> None:
    async def scene(client: TestClient[Any, Any]) -> None:
        page = await (await client.get("/")).text()
        assert "<b>x" not in page and "&lt;b&gt;x" in page

    visit(scene, district="<b>x")


@pytest.mark.parametrize("simulated", [True, False])
def test_simulated_data_is_labelled_before_any_script_runs(simulated: bool) -> None:
    async def scene(client: TestClient[Any, Any]) -> None:
        for path in ("/", "/connectivity"):
            page = await (await client.get(path)).text()
            assert ('<span class="simulated">Simulated data</span>' in page) is simulated
        answer = await (await client.get("/api/1/connectivity")).json()
        assert answer["simulated"] is simulated
        download = await client.get("/api/1/connectivity.csv")
        assert ("simulated" in download.headers["Content-Disposition"]) is simulated

    visit(scene, simulated=simulated)


def test_a_file_the_browser_has_is_not_sent_again() -> None:
    async def scene(client: TestClient[Any, Any]) -> None:
        first = await client.get("/static/homeroute.css")
        again = await client.get(
            "/static/homeroute.css", headers={"If-None-Match": first.headers["ETag"]}
        )
        assert (first.status, again.status) == (200, 304)

    visit(scene)


def test_an_impossible_question_is_a_400_that_says_why() -> None:
    async def scene(client: TestClient[Any, Any]) -> None:
        for path in ("/api/1/connectivity", "/api/1/connectivity.csv"):
            response = await client.get(path, params={"from": "never"})
            assert response.status == 400
            assert "from 'never'" in await response.text()

    visit(scene)


@pytest.mark.parametrize("device", ["bus-99", "home-99", "BUS 7", "<b>x", "x" * 500, "..%2f"])
def test_an_unknown_device_s_page_is_a_404_that_says_so_and_leads_back(device: str) -> None:
    async def scene(client: TestClient[Any, Any]) -> None:
        answer = await client.get(f"/device/{quote(device, safe='%')}")
        page = await answer.text()
        assert (answer.status, answer.content_type) == (404, "text/html")
        assert html.escape(unquote(device)[:63]) in page and "<b>x" not in page
        assert "x" * 64 not in page
        assert '<a href="/">' in page and "<script" not in page
        day = await client.get(f"/api/1/devices/{quote(device, safe='%')}/day")
        assert (day.status, "never been heard" in (await day.json())["error"]) == (404, True)

    visit(scene)


@pytest.mark.parametrize("path", ["/hotspots/home-01", "/devices", "/device/", "/<b>x"])
def test_a_person_at_a_wrong_address_is_told_so_and_led_back(path: str) -> None:
    async def scene(client: TestClient[Any, Any]) -> None:
        answer = await client.get(path, headers={"Accept": "text/html,*/*"})
        page = await answer.text()
        assert (answer.status, answer.content_type) == (404, "text/html")
        assert "There is no such page" in page and '<a href="/">' in page and "<b>x" not in page
        assert (await client.get(path)).content_type == "text/plain"  # the guard makes it JSON
        told = await client.get("/api/1/nothing", headers={"Accept": "text/html"})
        assert (told.status, told.content_type) == (404, "text/plain")

    visit(scene)


def test_a_known_device_s_page_and_day_are_there() -> None:
    async def scene(client: TestClient[Any, Any]) -> None:
        for path in ("/device/bus-01", "/api/1/devices/bus-01/day"):
            assert (await client.get(path)).status == 200

    visit(scene)


def test_an_unknown_route_is_a_404_that_names_the_nearest() -> None:
    async def scene(client: TestClient[Any, Any]) -> None:
        days = {"from": "2026-11-02", "to": "2026-11-22"}
        answer = await client.get("/api/1/ribbon", params=days | {"route": "5 Elm"})
        said = (await answer.json())["error"]
        assert (answer.status, "nearest: '4 Elm'" in said) == (404, True)
        answer = await client.get("/api/1/ribbon", params=days | {"route": "4"})
        assert (await answer.json())["chosen"]["route"] == "4 Elm"
        gone = await client.get("/api/1/ribbon", params=days | {"route": "4", "trip": "4-NOON"})
        told = await gone.json()
        assert "trip '4-NOON' is not of these days" in told["instead"]
        assert told["chosen"]["trip"] == "4-AM"

    visit(scene, district(), simulated=True)


def test_the_page_names_the_numbers_by_which_is_judged_here_and_the_default_days() -> None:
    limits = Limits(fewest_passes=7, fewest_days=4, bar=0.5)

    async def scene(client: TestClient[Any, Any]) -> None:
        page = (await (await client.get("/connectivity")).text()).replace("\u202f", " ")
        clean = fewest_clean(limits)
        assert f"A verdict needs 7 passes on 4 days; good needs {clean} clean ones." in page
        assert "lies wholly under 50 %" in page
        assert f"fewer than {ENOUGH_TRIPS} trips or {ENOUGH_DAYS} days" in page
        assert "without dates both ask for the last 28 days, today included" in page
        assert f'data-days="{asked.DAYS}"' in page and "$" not in page

    visit(scene, limits=limits)


@pytest.mark.parametrize("assumed", [True, False])
def test_every_page_says_whose_clock_its_times_are_of(assumed: bool) -> None:
    async def scene(client: TestClient[Any, Any]) -> None:
        for path in (*pages.mounting.PAGES, "/device/bus-01", "/device/bus-99"):
            page = await (await client.get(path)).text()
            assert "Days and times are of America/Chicago" in page, path
            assert ("this machine&#x27;s: nobody has named" in page) is assumed, path

    visit(scene, timezone_assumed=assumed)


def test_the_same_question_asked_at_once_costs_the_archive_one_answer() -> None:
    archive = CountingArchive()

    async def scene(client: TestClient[Any, Any]) -> None:
        await asyncio.gather(*(client.get("/api/1/connectivity") for _ in range(5)))
        once = archive.queries
        await client.get("/api/1/connectivity", params={"period": "AM"})
        assert archive.queries == 2 * once

    visit(scene, archive)


def test_an_empty_archive_is_an_answer_without_routes() -> None:
    async def scene(client: TestClient[Any, Any]) -> None:
        answer = await (await client.get("/api/1/connectivity")).json()
        assert (answer["routes"], answer["headline"], answer["first_day"]) == ([], "", None)
        recent = await (await client.get("/api/1/uplink/recent")).json()
        assert recent["devices"] == {}

    visit(scene)


def test_the_last_hour_has_a_mark_each_half_minute_at_the_level_most_samples_reach() -> None:
    archive = MemoryArchive()
    now = NOW_MS // 30_000 * 30
    archive.uplink("bus-1", {now - 30 + n: 0 if n in {3, 14} else 2 for n in range(30)})
    archive.uplink("bus-1", {now - 90 + n * 10: 0 if n else 2 for n in range(3)})
    archive.uplink("bus-1", {now - 119 * 30: 2, now - 118 * 30: 1, now - 120 * 30: 0})

    async def scene(client: TestClient[Any, Any]) -> None:
        recent = await (await client.get("/api/1/uplink/recent")).json()
        strip = recent["devices"]["bus-1"]
        assert len(strip) == 120
        assert (strip[:3], strip[-4:]) == ("21-", "0-2-")
        assert recent["start_ms"] == (now - 119 * 30) * 1000

    visit(scene, archive)


@pytest.mark.parametrize(
    ("known_s", "marks", "step_ms"), [(200, 20, 15_000), (800, 60, 15_000), (1000, 120, 30_000)]
)
def test_a_young_fleets_strip_is_short_so_that_half_a_minute_of_no_service_shows(
    known_s: int, marks: int, step_ms: int
) -> None:
    archive = MemoryArchive()
    now = NOW_MS // 1000
    archive.uplink("bus-1", dict.fromkeys(range(now - known_s, now, 10), 2))
    archive.uplink("bus-2", dict.fromkeys(range(now - 90, now - 50, 10), 0))
    archive.uplink("bus-2", {now - 90_000: 2})

    async def scene(client: TestClient[Any, Any]) -> None:
        recent = await (await client.get("/api/1/uplink/recent")).json()
        assert (recent["marks"], recent["step_ms"]) == (marks, step_ms)
        assert {len(strip) for strip in recent["devices"].values()} == {marks}
        assert recent["devices"]["bus-2"].count("0") * step_ms >= 40_000

    visit(scene, archive)
