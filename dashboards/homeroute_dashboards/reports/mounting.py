"""Puts the reports onto the collector's web application: ``/api/1/report/{what}``.

Guarantees: a page of a report may show itself and do nothing else; errors are JSON in
one line. Does not: know users; as all of the API, it is for staff on localhost or
behind a proxy that knows them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from aiohttp import web

from homeroute_analytics.hotspots import Ladder
from homeroute_analytics.verdicts import LIMITS, Limits
from homeroute_collector.apart import aside
from homeroute_dashboards.district import District
from homeroute_dashboards.pages.asked import AskError, Unknown
from homeroute_dashboards.pages.mounting import Archive
from homeroute_dashboards.reports import answering
from homeroute_dashboards.reports.html import POLICY

PATH = "/api/1/report/"


def mount(
    app: web.Application,
    archive: Archive,
    *,
    district: str,
    timezone: str,
    timezone_assumed: bool = False,
    simulated: bool = False,
    ladder: Ladder | None = None,
    limits: Limits | None = None,
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
) -> None:
    """Add the reports."""
    where = District(
        district, timezone, simulated, limits or LIMITS, timezone_assumed=timezone_assumed
    )

    async def asked(request: web.Request) -> web.Response:
        what = request.match_info["what"]
        if what not in answering.NAMES:
            return _refused(404, f"no report {what[:40]!r}; want {', '.join(answering.NAMES)}")
        try:
            now = now_ms()
            # A term of verdicts is seconds of arithmetic, and buses are waiting for their acks.
            found = await aside(
                archive.query,
                lambda query: answering.answer(query, what, request.query, where, now, ladder),
            )
        except Unknown as error:
            return _refused(404, str(error))
        except AskError as error:
            return _refused(400, str(error))
        headers = {"Cache-Control": "no-store"}
        if found.content_type == "text/html":
            headers["Content-Security-Policy"] = POLICY
        elif found.content_type != "application/json":
            headers["Content-Disposition"] = f'attachment; filename="{found.name}"'
        charset = "utf-8" if "parquet" not in found.content_type else None
        return web.Response(
            body=found.body, content_type=found.content_type, charset=charset, headers=headers
        )

    app.router.add_get(PATH + "{what}", asked)


def _refused(status: int, why: str) -> web.Response:
    return web.Response(
        text=json.dumps({"error": why}), content_type="application/json", status=status
    )
