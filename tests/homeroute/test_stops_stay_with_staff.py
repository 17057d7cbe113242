"""Stops are where children wait: staff read their names, what is published never holds one."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from homeroute_analytics import tables
from homeroute_analytics.aggregates import AGGREGATES
from homeroute_collector.archive import Archive
from homeroute_collector.config import Publish
from homeroute_command.followed import AGGREGATES as FOLLOWED
from homeroute_command.keep_published import publish_due
from homeroute_dashboards import pages
from homeroute_dashboards.district import District
from homeroute_dashboards.reports import answering
from homeroute_dashboards.reports.header import RESTRICTED
from tests.analytics.published_trips import MONDAY, drive
from tests.dashboards.reported import DAYS, NOW_MS, ZONE, district

PLANTED = ("Quillfeather Lane", "Bramblewick Court", "Thistledown Way", "stop-4711", "stop-4712")
COPIED = (
    "feeds",
    "feed_routes",
    "feed_shapes",
    "feed_stops",
    "feed_trips",
    "segment_day",
    "trip_day",
)
WHEN = {"from": DAYS[0].isoformat(), "to": DAYS[-1].isoformat()}
STAFF = WHEN | {"route": "4 Elm"}


def planted(folder: Path) -> Archive:
    """A district with a dead zone between planted stops, and a week that may be published."""
    held = district()
    for stop, name in zip("ABC", PLANTED, strict=False):
        held.db.execute("UPDATE feed_stops SET name = ? WHERE stop = ?", [name, stop])
    held.db.execute(
        "UPDATE feed_trips SET call_stop = ? WHERE trip = '7-AM'", [[*PLANTED[3:], "z"]]
    )
    archive = Archive.open(folder / "archive.duckdb", district="spring", extra_ddl=tables.DDL)

    def copy(db: Any, _: object) -> None:
        for table in COPIED:
            rows = held.db.execute(f'SELECT * FROM "{table}"').fetchall()
            names = [column[0] for column in held.db.execute(f'FROM "{table}"').description]
            db.executemany(
                f'INSERT INTO "{table}" ({", ".join(names)}) '
                f"VALUES ({', '.join('?' * len(names))})",
                [list(row) for row in rows],
            )
        # A week that may be published has more to tell of its trips than the ribbon asks for.
        db.execute(
            "UPDATE trip_day SET active_client_min = 9, learning_client_min = 4, "
            "learning_client_min_strict = 3, learning_client_min_loose = 5, lookups = 60, "
            "classified_lookups = 40, definition = 'd1'"
        )
        for number, (route, clients) in enumerate({"1": 22, "2": 23, "3": 24}.items()):
            drive(db, f"bus-{number}", route, clients=clients, hits={"games": clients})

    asyncio.run(archive.transaction(copy))
    return archive


def holding(text: str) -> list[str]:
    return [name for name in PLANTED if name in text]


@pytest.mark.slow
def test_what_is_published_names_no_stop_and_the_staffs_report_does(tmp_path: Path) -> None:
    archive = planted(tmp_path)

    async def run() -> tuple[str, list[str]]:
        settled_ms = NOW_MS + 14 * 86_400_000
        publish = partial(publish_due, archive, Publish(), timezone=ZONE, failing={})
        assert MONDAY in await publish(now_ms=settled_ms)
        sent = ""
        for logged in FOLLOWED.published:
            for spec in logged.specs:
                rows = await archive.query(f'SELECT * FROM "{spec.name}"', [])
                assert rows or spec.name != "learning_week"
                sent += str(rows)
        place = District("spring", ZONE, simulated=False, version="9.9")
        told = [
            (
                await answering.answer(
                    archive.query, "coverage", STAFF | {"format": form} | more, place, NOW_MS
                )
            ).body.decode()
            for form, more in (
                ("json", {}), ("html", {}), ("geojson", {}), ("csv", {"section": "dead_zones"})
            )
        ]  # fmt: skip
        return sent, told

    try:
        sent, told = asyncio.run(run())
    finally:
        archive.close()
    assert holding(sent) == []
    for body in told:
        assert holding(body)
    assert all(RESTRICTED.split(".")[0] in body for body in told[:3])


def test_no_aggregate_has_a_column_for_a_stop() -> None:
    for name, spec in AGGREGATES.items():
        columns = {column.name for column in spec.columns}
        assert not [c for c in columns if "stop" in c or c == "where"], name


@pytest.mark.slow
def test_only_the_ribbon_of_the_pages_answers_holds_a_stop(tmp_path: Path) -> None:
    archive = planted(tmp_path)

    async def run() -> None:
        app = web.Application()
        pages.mount(
            app,
            archive,
            district="spring",
            timezone=ZONE,
            known=lambda _: True,
            now_ms=lambda: NOW_MS,
        )
        async with TestClient(TestServer(app)) as client:
            asked = "?" + "&".join(f"{name}={value}" for name, value in WHEN.items())
            for path in ("/", "/connectivity", "/hotspots", "/api/1/hotspots",
                         "/api/1/uplink/recent", f"/api/1/connectivity{asked}",
                         f"/api/1/connectivity.csv{asked}"):  # fmt: skip
                answer = await client.get(path)
                assert answer.status == 200, path
                assert holding(await answer.text()) == [], path
            ribbon = await client.get(f"/api/1/ribbon{asked}&route=4 Elm")
            (zone,) = json.loads(await ribbon.text())["ribbon"]["dead"]
            assert zone["where"] == "between Bramblewick Court and Thistledown Way"

    try:
        asyncio.run(run())
    finally:
        archive.close()
