"""The loop that takes what buses send does no arithmetic of a page or a report."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from homeroute_dashboards import pages
from homeroute_dashboards.pages import mounting, ribbon_answers
from homeroute_dashboards.reports import answering
from homeroute_dashboards.reports import mounting as reports
from tests.analytics.rows import MemoryArchive


@pytest.mark.parametrize(
    ("module", "name", "path"),
    [
        (answering, "answer", "/api/1/report/hotspots?format=html"),
        (answering, "answer", "/api/1/report/hotspots?format=csv"),
        (mounting, "connectivity", "/api/1/connectivity"),
        (mounting, "hotspots", "/api/1/hotspots"),
        (ribbon_answers, "answer", "/api/1/ribbon"),
    ],
)
def test_an_answer_is_computed_in_another_thread_and_asks_the_archive_in_the_loops(
    module: Any, name: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute = getattr(module, name)
    computing: set[threading.Thread] = set()
    asking: set[threading.Thread] = set()

    async def noted(*given: Any, **named: Any) -> Any:
        computing.add(threading.current_thread())
        return await compute(*given, **named)

    class Archive(MemoryArchive):
        async def query(self, sql: str, params: Any = ()) -> list[tuple[Any, ...]]:
            asking.add(threading.current_thread())
            return await super().query(sql, params)

    async def run() -> None:
        app, archive = web.Application(), Archive()
        zone = "America/Chicago"
        pages.mount(app, archive, district="springfield", timezone=zone, known=lambda _: True)
        reports.mount(app, archive, district="springfield", timezone=zone)
        async with TestClient(TestServer(app)) as client:
            answer = await client.get(path)
            assert answer.status == 200

    monkeypatch.setattr(module, name, noted)
    asyncio.run(run())
    assert asking == {threading.current_thread()}
    assert computing
    assert threading.current_thread() not in computing
