"""Puts the pages onto the collector's web application.

Guarantees: no inline script or style, no other host; the same question within a
few seconds is answered from memory, so that a wall of screens costs the archive
one query. Does not: set security headers or check the Host header; the
collector's application does, for everything it serves.
"""

from __future__ import annotations

import dataclasses
import hashlib
import mimetypes
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from homeroute_analytics.connectivity import Connectivity, connectivity
from homeroute_analytics.directors import Span
from homeroute_analytics.hotspots import Hotspot, Ladder, begun, hotspots
from homeroute_analytics.samples import Query
from homeroute_analytics.verdicts import LIMITS, Limits
from homeroute_collector.apart import aside
from homeroute_dashboards.district import District
from homeroute_dashboards.pages import answers, asked, recent, ribbon_answers
from homeroute_dashboards.pages.asked import Asked, AskError, Unknown
from homeroute_dashboards.pages.device_day import device_day
from homeroute_dashboards.pages.hotspot_answers import hotspots_json
from homeroute_dashboards.pages.layout import STATIC, not_known, nowhere, page
from homeroute_dashboards.pages.replies import Kept, replied
from homeroute_dashboards.pages.ribbon_answers import Planted
from homeroute_wire.signal import BARS, Bars

RECENT_S = 5.0
CONNECTIVITY_S = 30.0
"""How long an answer is kept; connectivity moves by the hour."""

DEVICE = "/device/{device}"

PAGES = {
    "/": ("fleet", "Fleet now"),
    "/hotspots": ("hotspots", "Take-home hotspots"),
    "/connectivity": ("connectivity", "Connectivity by route and time"),
}


class Archive(Protocol):
    """All the pages need of the archive."""

    async def query(self, sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Rows of one SELECT."""
        ...


def mount(
    app: web.Application,
    archive: Archive,
    *,
    district: str,
    timezone: str,
    known: Callable[[str], bool],
    timezone_assumed: bool = False,
    simulated: bool = False,
    ladder: Ladder | None = None,
    limits: Limits = LIMITS,
    bars: Bars = BARS,
    planted: Planted | None = None,
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
) -> None:
    """Add the pages, ``/static/…`` and what they ask for under ``/api/1``.

    ``known``: whether there is a device of that id. ``planted``: a simulated district's truth.
    """
    place = District(district, timezone, simulated, limits, bars, timezone_assumed)
    words = {"connectivity": answers.words(limits)}
    for path, (name, title) in PAGES.items():
        told = page(place, path, name, title, words.get(name))
        app.router.add_get(path, _serve(told, "text/html"))
    app.router.add_get(DEVICE, _device(place, known))
    app.middlewares.append(_astray(place))
    for file in STATIC.iterdir():
        if not file.name.endswith(".html"):
            kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
            app.router.add_get(f"/static/{file.name}", _serve(file.read_bytes(), kind))
    questions = _Questions(archive, place, known, now_ms, ladder or Ladder(), planted)
    app.router.add_get("/api/1/hotspots", questions.hotspots)
    app.router.add_get("/api/1/uplink/recent", questions.recent)
    app.router.add_get("/api/1/devices/{device}/day", questions.day)
    app.router.add_get("/api/1/connectivity", questions.connectivity)
    app.router.add_get("/api/1/connectivity.csv", questions.download)
    app.router.add_get("/api/1/ribbon", questions.ribbon)


def _device(
    place: District, known: Callable[[str], bool]
) -> Callable[[web.Request], Awaitable[web.Response]]:
    found = _serve(page(place, DEVICE, "device", "Device"), "text/html")

    async def respond(request: web.Request) -> web.Response:
        device = request.match_info["device"]
        if known(device):
            return await found(request)
        return _no_page(not_known(place, device))

    return respond


def _astray(place: District) -> Middleware:
    """A person at a wrong address is told so on a page; a program gets the API's own answer."""

    @web.middleware
    async def told(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPNotFound:
            person = "text/html" in request.headers.get("Accept", "")
            if not person or request.path.startswith(("/api/", "/static/")):
                raise
            return _no_page(nowhere(place, request.path))

    return told


def _no_page(body: bytes) -> web.Response:
    return web.Response(status=404, body=body, content_type="text/html", charset="utf-8")


def _serve(content: bytes, kind: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    etag = hashlib.sha256(content).hexdigest()[:16]

    async def respond(request: web.Request) -> web.Response:
        headers = {"Cache-Control": "no-cache", "ETag": f'"{etag}"'}
        if any(known.value == etag for known in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
        charset = "utf-8" if kind.startswith(("text/", "application/j")) else None
        return web.Response(body=content, content_type=kind, charset=charset, headers=headers)

    return respond


class _Questions:
    """The pages' own endpoints. All answers are JSON, but the download."""

    def __init__(
        self,
        archive: Archive,
        place: District,
        known: Callable[[str], bool],
        now_ms: Callable[[], int],
        ladder: Ladder,
        planted: Planted | None,
    ) -> None:
        self._archive = archive
        self._place = place
        self._known = known
        self._now_ms = now_ms
        self._recent = Kept(RECENT_S)
        self._days = Kept(RECENT_S)
        self._ladder = ladder
        self._hotspots = Kept(CONNECTIVITY_S)
        self._connectivity = Kept(CONNECTIVITY_S)
        self._planted = planted
        self._ribbons = Kept(CONNECTIVITY_S)

    async def recent(self, _request: web.Request) -> web.Response:
        now = self._now_ms()
        strips = await self._recent.get("", lambda: recent.marks(self._archive.query, now))
        return replied(
            {
                "start_ms": strips.start_ms,
                "step_ms": strips.scale.step_ms,
                "marks": strips.scale.marks,
                "now_ms": now,
                "devices": strips.devices,
            }
        )

    async def day(self, request: web.Request) -> web.Response:
        device, now = request.match_info["device"], self._now_ms()
        if not self._known(device):
            return replied({"error": f"device {device[:63]!r} has never been heard"}, status=404)
        found = await self._days.get(
            device, lambda: device_day(self._archive.query, device, now, self._place.bars)
        )
        return replied(dataclasses.asdict(found) | {"now_ms": now, "device": device})

    async def hotspots(self, _request: web.Request) -> web.Response:
        now, zone = self._now_ms(), self._place.timezone
        # Usage of today is told tomorrow.
        as_of = datetime.fromtimestamp(now / 1000, ZoneInfo(zone)).date() - timedelta(1)

        async def lent(query: Query) -> tuple[list[Hotspot], int]:
            rows = await hotspots(query, as_of, zone, self._ladder)
            return rows, await begun(query, rows)

        rows, waiting = await self._hotspots.get(as_of, lambda: aside(self._archive.query, lent))
        return replied(hotspots_json(rows, as_of, self._ladder, waiting) | {"now_ms": now})

    async def connectivity(self, request: web.Request) -> web.Response:
        try:
            question, found, known, outside, counted = await self._answer(request)
        except AskError as error:
            return replied({"error": str(error)}, status=400)
        first, last = known
        return replied(
            {
                "now_ms": self._now_ms(),
                "district": self._place.name,
                "timezone": self._place.timezone,
                "simulated": self._place.simulated,
                "from": question.first.isoformat(),
                "to": question.last.isoformat(),
                "period": question.period,
                "first_day": first and first.isoformat(),
                "last_day": last and last.isoformat(),
                "samples_outside": outside,
                "days_counted": counted,
                **answers.coverage_json(found.coverage, found.moved),
            }
        )

    async def ribbon(self, request: web.Request) -> web.Response:
        try:
            now, zone = self._now_ms(), self._place.timezone
            question = asked.read(request.query, zone, now, simulated=self._place.simulated)
            span = Span(question.first, question.last, period=question.period)
            route, trip = (request.query.get(name) or None for name in ("route", "trip"))
            found = await self._ribbons.get(
                (span, route, trip),
                lambda: aside(
                    self._archive.query,
                    lambda query: ribbon_answers.answer(
                        query, span, route, trip, self._planted, self._place.limits
                    ),
                ),
            )
        except Unknown as error:
            return replied({"error": str(error)}, status=404)
        except AskError as error:
            return replied({"error": str(error)}, status=400)
        return replied(found)

    async def download(self, request: web.Request) -> web.Response:
        try:
            question, found, *_ = await self._answer(request)
        except AskError as error:
            return web.Response(status=400, text=f"{error}\n")
        parts = ["connectivity", self._place.name, question.first, question.last, question.period]
        name = "-".join(str(p) for p in [*parts, "simulated" * self._place.simulated] if p)
        return web.Response(
            text=answers.coverage_csv(found.coverage, self._place.timezone),
            content_type="text/csv",
            headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
        )

    async def _answer(
        self, request: web.Request
    ) -> tuple[Asked, Connectivity, tuple[date | None, date | None], int, int]:
        now, zone = self._now_ms(), self._place.timezone
        question = asked.read(request.query, zone, now, simulated=self._place.simulated)

        async def ask(
            query: Query,
        ) -> tuple[Connectivity, tuple[date | None, date | None], int, int]:
            found = await connectivity(
                query,
                question.first,
                question.last,
                timezone=zone,
                now_ms=now,
                period=question.period,
            )
            known = await query("SELECT min(service_day), max(service_day) FROM legs", [])
            outside = counted = 0
            if not found.coverage.routes:
                ((outside,),) = await query(
                    "SELECT count(*) FROM uplink WHERE kind = 'bus' AND time_ms BETWEEN ? AND ?",
                    list(question.window_ms(zone, now)),
                )
                ((counted,),) = await query(
                    "SELECT count(*) FROM rollup_days WHERE day BETWEEN ? AND ?",
                    [question.first, question.last],
                )
            return found, (known[0][0], known[0][1]), outside, counted

        return question, *await self._connectivity.get(
            question, lambda: aside(self._archive.query, ask)
        )
