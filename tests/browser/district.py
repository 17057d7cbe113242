"""A served district for looking at the pages: known numbers, no collector.

``python -m tests.browser.district 8099`` serves it for a person's browser.
"""

from __future__ import annotations

import asyncio
import random
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from homeroute_analytics import legs
from homeroute_analytics.legs import Assignment, Period
from homeroute_collector.api_guard import add_security_headers, guard
from homeroute_dashboards import pages
from tests.analytics.rows import MemoryArchive

TIMEZONE = "America/Chicago"
NOW = datetime(2026, 9, 18, 8, 2, 30, tzinfo=ZoneInfo(TIMEZONE))
NOW_MS = int(NOW.timestamp() * 1000)
DAYS = [NOW.date() - timedelta(n) for n in range(13, -1, -1)]
ROUTES = ("4", "7", "11", "12", "15", "21", "Lakeview Special")
DRIVES: tuple[tuple[Period, float, int], ...] = (
    ("AM", 6.6, 55),
    ("AM", 7.75, 40),
    ("PM", 14.9, 70),
)
DEAD_SHARE = dict(zip(ROUTES, (0.02, 0.21, 0.07, 0.0, 0.012, 0.48, 0.11), strict=True))


def fill(archive: MemoryArchive) -> None:
    """Two school weeks of seven buses; bus-6 never reports its afternoons, one hour is silent."""
    chance = random.Random(7)
    rows = []
    for number, route in enumerate(ROUTES, 1):
        for period, start, minutes in DRIVES:
            at = int(start * 3600) + number * 120
            trip = f"{route}-{start}"
            rows.append(Assignment(f"bus-{number:02}", route, trip, period, at, at + minutes * 60))
        samples: dict[int, int] = {}
        dead = DEAD_SHARE[route]
        for leg in legs.from_assignments(rows[-3:], DAYS, TIMEZONE):
            if (number == 6 and leg.period == "PM") or chance.random() < 0.02:
                continue
            where = [chance.random() < dead for _ in range(80)]
            for second in range(leg.start_ms // 1000 - 300, leg.end_ms // 1000 + 120, 10):
                if second * 1000 < NOW_MS:
                    minute = (second - leg.start_ms // 1000) // 60
                    samples[second] = chance.choice((0, 0, 1)) if where[minute] else 2
        archive.uplink(f"bus-{number:02}", samples)
        archive.position(f"bus-{number:02}", dict.fromkeys(samples, 9.0))
    found = legs.from_assignments(rows, DAYS, TIMEZONE)
    asyncio.run(legs.store(archive.execute, found))


def device(name: str, state: str = "online", **known: Any) -> dict[str, Any]:
    """One device of ``/api/1/fleet``."""
    return {
        "device": name,
        "kind": "bus",
        "state": state,
        "state_since_ms": NOW_MS - 1_900_000,
        "age_s": 3.2,
        "last_ms": NOW_MS - 3200,
        "uplink_state": 2,
        "rtt_ms": 61.0,
        "loss_ratio": 0.0,
        "clients": 14,
        "route": "4",
        "spooled": 0,
        "dropped": 0,
        "refused": 0,
        "backfilling": False,
        "version": "0.1.0",
        "seq_gaps": 0,
    } | known


def fleet() -> dict[str, Any]:
    """A fleet with one device in every state."""
    devices = [
        device("bus-01"),
        device("bus-02", route="7", uplink_state=1, rtt_ms=812.0, loss_ratio=0.2, clients=22),
        device("bus-03", route="11", backfilling=True, spooled=18204, clients=9),
        device("bus-04", route="12", rtt_ms=44.0),
        device("bus-05", "degraded", route="15", uplink_state=0, rtt_ms=None, loss_ratio=1.0),
        device(
            "bus-06",
            "offline",
            route="21",
            age_s=1312.0,
            uplink_state=None,
            rtt_ms=None,
            loss_ratio=None,
            clients=None,
            spooled=None,
            seq_gaps=3,
        ),
        device("bus-07", route="Lakeview Special", dropped=120, refused=7),
        device("bus-08", "parked", route=None, age_s=41000.0, state_since_ms=NOW_MS - 41_000_000),
        device("bus-09", "unscheduled", route=None, clients=0),
        device("bus-10", "unknown", route=None, age_s=None, version="", spooled=None),
        device("home-01", kind="hotspot", route=None, clients=None, rtt_ms=92.0),
    ]
    return {
        "now_ms": NOW_MS,
        "district": "springfield",
        "simulated": True,
        "timezone": TIMEZONE,
        "clock_trusted": True,
        "broker": {"connected": True, "since_ms": NOW_MS, "problem": None},
        "influx": None,
        "ledger": {"received": 1_204_511, "stored": 1_204_504, "refused": 7},
        "devices": devices,
    }


class Served:
    """The pages over a filled archive; ``fleet`` is what the API says, and may be changed."""

    def __init__(self, *, filled: bool = True) -> None:
        self.archive = MemoryArchive()
        self.fleet = fleet()
        if filled:
            fill(self.archive)

    def application(self) -> web.Application:
        """An application guarded as the collector's is."""
        app = web.Application(middlewares=[guard(())])
        app.on_response_prepare.append(add_security_headers)
        app.router.add_get("/api/1/fleet", self._fleet)
        pages.mount(
            app,
            self.archive,
            district="springfield",
            timezone=TIMEZONE,
            simulated=True,
            now_ms=lambda: NOW_MS,
        )
        return app

    async def _fleet(self, _request: web.Request) -> web.Response:
        return web.json_response(self.fleet)


@contextmanager
def serving(app: web.Application, port: int) -> Iterator[str]:
    """Serve in a thread until the block ends; gives the address."""
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(app, shutdown_timeout=0.2)

    async def start() -> None:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()

    loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever, name="pages")
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


if __name__ == "__main__":
    web.run_app(Served().application(), host="127.0.0.1", port=int(sys.argv[1]))
