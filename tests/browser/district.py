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
from homeroute_collector.alert_rules import RULES
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
    last_day(archive)
    lent(archive)
    found = legs.from_assignments(rows, DAYS, TIMEZONE)
    legs.put(archive.db, found)


def lent(archive: MemoryArchive) -> None:
    """Hotspots on every step of the ladder, told by two carriers' exports."""
    today = NOW.date()
    for name, first, last, used in (
        ("home-01", 100, 0, 0),
        ("home-02", 100, 0, 95),
        ("home-03", 70, 0, 64),
        ("home-04", 60, 20, 20),
        ("home-05", 30, 0, 12),
    ):
        for ago in range(last + 1, first + 1):
            size = 900_000_000 if ago > used else 1_000
            archive.db.execute(
                "INSERT INTO imported_usage (device, day, carrier, total_bytes) "
                "VALUES (?, ?, ?, ?)",
                [name, today - timedelta(ago), "T-Mobile" if name != "home-04" else "AT&T", size],
            )


def last_day(archive: MemoryArchive) -> None:
    """States, signal and backlog of bus-06 for a day: parked, online, dark since 07:40."""
    for minute in range(-24 * 60, 0):
        time_ms = NOW_MS + minute * 60_000
        driven = minute % 720 > 600 and minute < -22
        state = "offline" if minute >= -22 else "online" if driven else "parked"
        archive.row("device_status", time_ms, "bus-06", state=state)
        if driven:
            dead = minute % 40 < 8
            archive.row(
                "uplink",
                time_ms,
                "bus-06",
                state=0 if dead else 2,
                rsrp_dbm=-118.0 if dead else -92.0 + minute % 7,
                sinr_db=-5.0 if dead else 8.0,
                rtt_ms=60.0,
            )
            archive.row("agent", time_ms, "bus-06", spooled=400 + minute % 40 * 9 if dead else 0)
            archive.row("health", time_ms, "bus-06", undervoltage=False, temperature_c=51.0)


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
        "scheduled": True,
        "technology": "LTE",
        "carrier": "FirstNet",
        "rsrp_dbm": -91.0,
        "sinr_db": 9.5,
        "signal_bars": 3,
        "spool_bytes": 0,
        "config_version": 3,
        "undervoltage": False,
        "throttled": False,
        "clock_offset_ms": 40,
        "filter": "blocking",
        "two_devices": False,
    } | known


ABSENT: dict[str, Any] = {
    "uplink_state": None,
    "rtt_ms": None,
    "loss_ratio": None,
    "clients": None,
    "spooled": None,
    "technology": None,
    "carrier": None,
    "rsrp_dbm": None,
    "sinr_db": None,
    "signal_bars": None,
    "undervoltage": None,
    "throttled": None,
    "clock_offset_ms": None,
    "filter": None,
}
"""What is not known of a device that is not heard."""

PARKED = ABSENT | {
    "route": None,
    "age_s": 41_000.0,
    "state_since_ms": NOW_MS - 41_000_000,
    "scheduled": False,
}


def alert(rule: str, subject: str | None, detail: str, *, minutes: int = 9) -> dict[str, Any]:
    """One of ``/api/1/alerts``, with the rule's own words."""
    declared = RULES[rule]
    return {
        "rule": rule,
        "title": declared.title,
        "severity": declared.severity,
        "subject": subject,
        "state": "firing",
        "since_ms": NOW_MS - minutes * 60_000,
        "fired_ms": NOW_MS,
        "detail": detail,
        "todo": declared.todo,
    }


def alerts() -> dict[str, Any]:
    """What fires in the fleet below."""
    return {
        "now_ms": NOW_MS,
        "alerts": [
            alert("bus_silent", "bus-06", "last heard Fri 18 Sep 07:40"),
            alert("undervoltage", "bus-04", "undervoltage now"),
            alert("filter_canary", "bus-07", "dnsmasq did not block the canary"),
        ],
        "channels": [],
        "rules": [],
        "problem": None,
    }


def fleet() -> dict[str, Any]:
    """A fleet with one device in every state."""
    devices = [
        device("bus-01"),
        device(
            "bus-02",
            route="7",
            uplink_state=1,
            rtt_ms=812.0,
            loss_ratio=0.2,
            clients=22,
            signal_bars=1,
            rsrp_dbm=-112.0,
        ),
        device("bus-03", route="11", backfilling=True, spooled=18204, clients=9),
        device("bus-04", route="12", rtt_ms=44.0, undervoltage=True, clock_offset_ms=94_000),
        device(
            "bus-05",
            "degraded",
            route="15",
            uplink_state=0,
            rtt_ms=None,
            loss_ratio=1.0,
            signal_bars=0,
            rsrp_dbm=-119.0,
        ),
        device("bus-06", "offline", route="21", age_s=1312.0, seq_gaps=3, **ABSENT),
        device("bus-07", route="Lakeview Special", dropped=120, refused=7, filter="open"),
        device("bus-08", "parked", **PARKED),
        device("bus-09", "unscheduled", **PARKED | {"scheduled": None}),
        device("bus-10", "unknown", route=None, **ABSENT | {"age_s": None, "version": ""}),
        device(
            "home-01",
            kind="hotspot",
            route=None,
            clients=None,
            rtt_ms=92.0,
            scheduled=None,
            technology="5G",
            carrier="T-Mobile",
            signal_bars=4,
            filter=None,
        ),
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
        self.alerts = alerts()
        if filled:
            fill(self.archive)

    def application(self) -> web.Application:
        """An application guarded as the collector's is."""
        app = web.Application(middlewares=[guard(())])
        app.on_response_prepare.append(add_security_headers)
        app.router.add_get("/api/1/fleet", self._fleet)
        app.router.add_get("/api/1/alerts", self._alerts)
        app.router.add_get("/api/1/devices/{device}", self._device)
        pages.mount(
            app,
            self.archive,
            district="springfield",
            timezone=TIMEZONE,
            known=lambda name: name in {row["device"] for row in self.fleet["devices"]},
            simulated=True,
            now_ms=lambda: NOW_MS,
        )
        return app

    async def _fleet(self, _request: web.Request) -> web.Response:
        return web.json_response(self.fleet)

    async def _alerts(self, _request: web.Request) -> web.Response:
        return web.json_response(self.alerts)

    async def _device(self, request: web.Request) -> web.Response:
        name = request.match_info["device"]
        found = [row for row in self.fleet["devices"] if row["device"] == name]
        if not found:
            return web.json_response({"error": f"device {name!r} has never been heard"}, status=404)
        return web.json_response(found[0] | {"now_ms": NOW_MS} | BEHIND)


BEHIND: dict[str, Any] = {
    "batches": [
        {
            "received_ms": NOW_MS - n * 60_000,
            "sent_ms": NOW_MS - n * 60_000 - 900,
            "seq": 4_120 - n,
            "points": 36,
            "refused": 7 * (n == 2),
            "stored": 36,
            "bytes": 583,
        }
        for n in range(6)
    ],
    "refusals": [
        {
            "measurement": "wifi",
            "points": 7,
            "reason": "clients: 10001 is more than 10000",
            "newest_ms": NOW_MS - 120_000,
        }
    ],
}
"""What one device's page tells beside its row."""


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
