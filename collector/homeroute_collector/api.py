"""The collector over HTTP: JSON for programs, ``/healthz`` and ``/metrics`` for watchers.

Guarantees: :mod:`homeroute_collector.api_guard` stands before everything, pages
mounted by others included. Does not: know what a document says
(:mod:`homeroute_collector.api_views`).
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Callable, Sequence
from typing import Any

from aiohttp import web

from homeroute_collector import api_alerts, api_metrics, api_views, metrics, refusals
from homeroute_collector.api_guard import add_security_headers, guard, refused
from homeroute_collector.collector import Collector
from homeroute_collector.tail import Crowded
from homeroute_wire.schema import ID_PATTERN

Mount = Callable[[web.Application, Collector], None]
"""Adds routes to the application."""

HEARTBEAT_S = 15.0
"""An empty line this often lets a listener that has gone be noticed."""

BODY_BOUND = 65_536

ROWS_BOUND = 1_000
"""Refusals listed at once."""


def application(collector: Collector, mounts: Sequence[Mount] = ()) -> web.Application:
    """The whole application."""
    http = collector.config.http
    app = web.Application(
        middlewares=[guard([*http.allowed_hosts, http.host])], client_max_size=BODY_BOUND
    )
    app.on_response_prepare.append(add_security_headers)
    api = _Api(collector)
    app.on_shutdown.append(api.shut_down)
    app.add_routes(
        [
            web.get("/healthz", api.health),
            web.get("/metrics", api.metrics),
            web.get("/api/1/fleet", api.fleet),
            web.get("/api/1/devices/{device}", api.device),
            web.get("/api/1/alerts", api.alerts),
            web.post("/api/1/alerts/test", api.try_alerts),
            web.get("/api/1/tail", api.tail),
            web.get("/api/1/refused", api.refused),
            web.post("/api/1/refused/replay", api.replay),
            web.post("/api/1/influx/rebuild", api.rebuild),
        ]
    )
    for mount in mounts:
        mount(app, collector)
    return app


class _Api:
    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._replaying = asyncio.Lock()
        self._testing = asyncio.Lock()

    async def health(self, _: web.Request) -> web.Response:
        problems = api_views.problems(self._collector)
        return _json({"ok": not problems, "problems": problems}, status=503 if problems else 200)

    async def metrics(self, _: web.Request) -> web.Response:
        text = metrics.exposition(api_metrics.families(self._collector))
        return web.Response(body=text.encode(), headers={"Content-Type": metrics.CONTENT_TYPE})

    async def fleet(self, _: web.Request) -> web.Response:
        return _json(await api_views.fleet(self._collector))

    async def device(self, request: web.Request) -> web.Response:
        name = request.match_info["device"]
        found = await api_views.device(self._collector, name)
        return (
            refused(404, f"device {name[:63]!r} has never been heard")
            if found is None
            else _json(found)
        )

    async def alerts(self, _: web.Request) -> web.Response:
        return _json(api_alerts.alerts(self._collector))

    async def try_alerts(self, _: web.Request) -> web.Response:
        if self._testing.locked():
            return refused(409, "a test is being sent already")
        async with self._testing:
            return _json({"channels": await self._collector.alerts.test()})

    async def tail(self, request: web.Request) -> web.StreamResponse:
        try:
            device = _device_id(request.query.get("device"))
        except ValueError as error:
            return refused(400, str(error))
        try:
            with self._collector.tail.listen(device) as listener:
                response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
                await response.prepare(request)
                while (line := await _next(listener.line)) is not None:
                    await response.write(line)
                return response
        except Crowded as error:
            return refused(503, str(error))
        except ConnectionResetError:
            return web.Response()  # the listener has gone; nobody reads this

    async def refused(self, request: web.Request) -> web.Response:
        try:
            limit = int(request.query.get("limit", "100"))
            device = _device_id(request.query.get("device"))
        except ValueError as error:
            return refused(400, f"limit, device: {error}")
        rows = await refusals.newest(
            self._collector.archive, device=device, limit=min(max(limit, 1), ROWS_BOUND)
        )
        return _json(
            {
                "timezone": self._collector.timezone,
                "timezone_assumed": self._collector.timezone_assumed,
                "refused": [dataclasses.asdict(row) for row in rows],
            }
        )

    async def replay(self, request: web.Request) -> web.Response:
        try:
            body = await request.json() if request.can_read_body else {}
            device = _device_id(body.get("device"))
        except (ValueError, AttributeError) as error:
            return refused(400, f"want a JSON object, with a device or none: {error}")
        if self._replaying.locked():
            return refused(409, "a replay is running already")
        async with self._replaying:
            done = await refusals.replay(
                self._collector.archive,
                retention_days=self._collector.config.retention_days,
                device=device,
                now_ms=self._collector.clock.now_ms,
            )
        return _json(dataclasses.asdict(done))

    async def rebuild(self, _: web.Request) -> web.Response:
        follower = self._collector.follower
        if follower is None:
            return refused(409, "no [influx] in the collector's configuration")
        await follower.rebuild()
        writings = {}
        for database, fed in self._collector.aggregate_followers.items():
            writings[database] = await fed.source.newest()
            await fed.follower.rebuild()
        commits = self._collector.archive.newest_commit_id
        return _json({"rebuilding": True, "commits": commits, "writings": writings})

    async def shut_down(self, _: web.Application) -> None:
        self._collector.tail.close()


def _device_id(value: object) -> str | None:
    if value is None or (isinstance(value, str) and ID_PATTERN.fullmatch(value)):
        return value
    raise ValueError(f"{str(value)[:63]!r} is no device's id")


async def _next(line: Callable[[], Any]) -> bytes | None:
    try:
        async with asyncio.timeout(HEARTBEAT_S):
            found: bytes | None = await line()
            return found
    except TimeoutError:
        return b"\n"


def _json(document: Any, *, status: int = 200) -> web.Response:
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    return web.json_response(text=text, status=status)
