"""The collector over HTTP, whole, before a real broker."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from homeroute_collector.api_guard import is_allowed_host
from homeroute_collector.collector import Collector
from homeroute_collector.presence_report import HISTORICAL_MS
from homeroute_collector.service import CannotStart
from homeroute_collector.timezones import system_timezone
from homeroute_wire.messages import Status
from tests.brokers import Mosquitto
from tests.collector.batches import DISTRICT, STREAM, raw_batch
from tests.collector.serving import (
    batch,
    config,
    get,
    ledger,
    now,
    offer,
    serving,
    until,
    uplink,
    wifi,
)

LEGS = """CREATE TABLE IF NOT EXISTS legs (device VARCHAR, service_day DATE, route VARCHAR,
    trip VARCHAR, period VARCHAR, start_ms BIGINT, end_ms BIGINT, source VARCHAR,
    confidence DOUBLE)"""


@pytest.mark.slow
def test_the_fleet_says_all_of_the_contract(mosquitto: Mosquitto, tmp_path: Path) -> None:
    async def run() -> None:
        settings = config(tmp_path / "data", mosquitto.port, simulated=True)
        async with serving(settings, extra_ddl=[LEGS]) as (collector, session):
            status, empty = await get(session, "/api/1/fleet")
            assert (status, empty["devices"]) == (200, [])
            birth = Status("online", STREAM, kind="bus", version="1.2.3", batch_s=60)
            collector.presence.heard("bus-07", birth)
            await offer(collector, batch(1, wifi(), uplink(), ledger()))
            await offer(collector, batch(4, wifi(clients=5), uplink(rtt_ms=61.5)))
            await collector.archive.execute(
                "INSERT INTO legs VALUES ('bus-07', '2026-11-22', '12', 't', 'AM', ?, ?, 'x', 1)",
                [now() - 1_000, now() + 60_000],
            )
            collector.presence.tick()
            _, fleet = await get(session, "/api/1/fleet")
            assert fleet["district"] == DISTRICT
            assert fleet["simulated"] is True
            assert fleet["timezone"] == "America/Chicago"
            assert fleet["timezone_assumed"] is False
            assert fleet["clock_trusted"] is True
            assert fleet["influx"] is None
            assert fleet["broker"]["connected"] is True
            assert fleet["ledger"] == {"received": 5, "stored": 5, "refused": 0}
            (bus,) = fleet["devices"]
            assert 0 <= bus.pop("age_s") < 5
            assert now() - 5_000 < bus.pop("last_ms") <= now()
            assert now() - 5_000 < bus.pop("state_since_ms") <= now()
            assert 0 <= bus.pop("uplink_age_s") < 5
            assert bus == {
                "device": "bus-07",
                "kind": "bus",
                "state": "online",
                "uplink_state": 2,
                "rtt_ms": 61.5,
                "loss_ratio": 0.0,
                "clients": 5,
                "route": "12",
                "spooled": 17,
                "dropped": 2,
                "refused": 1,
                "backfilling": False,
                "version": "1.2.3",
                "seq_gaps": 2,
                "technology": "lte",
                "carrier": "unknown",
                "spool_bytes": 900,
                "config_version": 0,
                "two_devices": False,
                **dict.fromkeys(("scheduled", "rsrp_dbm", "sinr_db", "signal_bars", "filter")),
                **dict.fromkeys(("undervoltage", "throttled", "clock_offset_ms")),
            }
            _, one = await get(session, "/api/1/devices/bus-07")
            assert [row["seq"] for row in one["batches"]] == [4, 1]
            assert one["batch_s"] == 60
            assert one["uplinks"][0]["interface"] == "wwan0"
            status, nobody = await get(session, "/api/1/devices/bus-99")
            assert (status, list(nobody)) == (404, ["error"])

    asyncio.run(run())


@pytest.mark.slow
def test_historical_batches_backfill_and_leave_the_live_state_alone(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    async def run() -> None:
        async with serving(config(tmp_path / "data", mosquitto.port)) as (collector, session):
            late = now() - HISTORICAL_MS - 60_000
            await offer(collector, batch(1, wifi(), uplink(), time_ms=late))
            _, fleet = await get(session, "/api/1/fleet")
            (bus,) = fleet["devices"]
            assert (bus["state"], bus["age_s"], bus["backfilling"]) == ("unknown", None, True)
            assert bus["clients"] is None

    asyncio.run(run())


@pytest.mark.slow
def test_every_known_device_has_a_status_point_and_a_restart_remembers(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    settings = config(tmp_path / "data", mosquitto.port)

    async def statuses(collector: Collector) -> list[tuple[Any, ...]]:
        return await collector.archive.query(
            "SELECT device, state, level FROM device_status ORDER BY time_ms", []
        )

    async def first() -> tuple[int, int]:
        async with serving(settings) as (collector, _):
            await offer(collector, batch(1, wifi(), uplink(state=0), ledger()))
            await offer(collector, batch(2, wifi(), uplink(state=0)))
            late = now() - 3_600_000
            await offer(collector, batch(1, wifi(), time_ms=late), device="bus-08")
            wanted = {("bus-07", "degraded", 1), ("bus-08", "unknown", 0)}
            async with asyncio.timeout(15):
                while not wanted <= set(await statuses(collector)):
                    await asyncio.sleep(0.05)
            pipeline = await collector.archive.query(
                "SELECT device, kind, received, stored FROM pipeline ORDER BY time_ms DESC LIMIT 1"
            )
            assert pipeline == [("collector", "collector", 6, 6)]
            bus = collector.presence.devices["bus-07"]
            return bus.state_since_ms, bus.newest_ms or 0

    async def second(since_ms: int, newest_ms: int) -> None:
        async with serving(settings) as (collector, session):
            _, fleet = await get(session, "/api/1/fleet")
            bus, other = fleet["devices"]
            assert bus["state"] == "degraded"
            # The first status after the change told of it: at most one status late.
            assert abs(bus["state_since_ms"] - since_ms) < 2_500
            assert bus["last_ms"] == newest_ms
            assert (bus["clients"], bus["spooled"], bus["version"]) == (3, 17, "1.2.3")
            assert (other["device"], other["state"]) == ("bus-08", "unknown")
            assert collector.presence.tick() == []

    asyncio.run(second(*asyncio.run(first())))


@pytest.mark.slow
def test_health_says_in_plain_words_what_is_wrong(mosquitto: Mosquitto, tmp_path: Path) -> None:
    async def run() -> None:
        async with serving(config(tmp_path / "data", mosquitto.port)) as (collector, session):
            assert await get(session, "/healthz") == (200, {"ok": True, "problems": []})
            mosquitto.stop()
            await until(lambda: not collector.mqtt.connected)
            status, health = await get(session, "/healthz")
            assert status == 503
            assert health["ok"] is False
            assert f"broker 127.0.0.1:{mosquitto.port}" in health["problems"][0]
            await asyncio.to_thread(mosquitto.start)
            await until(lambda: collector.mqtt.connected)
            assert (await get(session, "/healthz"))[0] == 200

    asyncio.run(run())


@pytest.mark.slow
def test_an_influxdb_that_is_down_is_a_problem_once_points_have_waited(
    mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("homeroute_collector.api_views.OUTAGE_BOUND_S", 0.05)
    influx = {"url": "http://127.0.0.1:9", "version": 1}

    async def run() -> None:
        settings = config(tmp_path / "data", mosquitto.port, influx=influx)
        async with serving(settings) as (collector, session):
            await offer(collector, batch(1, wifi()))
            assert collector.follower is not None
            following = collector.follower.following
            await until(lambda: following().problem and (following().lag_s or 0) > 0.05)
            status, health = await get(session, "/healthz")
            assert status == 503
            assert "InfluxDB takes no points" in health["problems"][0]
            _, fleet = await get(session, "/api/1/fleet")
            assert fleet["influx"]["connected"] is False
            assert fleet["influx"]["lag_s"] > 0
            assert "cannot connect to 127.0.0.1:9" in fleet["influx"]["problem"]
            headers = {"X-Homeroute": "1"}
            async with session.post("/api/1/influx/rebuild", headers=headers) as response:
                assert response.status == 200

    asyncio.run(run())


@pytest.mark.slow
def test_only_our_own_names_are_answered_and_only_intended_changes_made(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    def pages(app: web.Application, collector: Collector) -> None:
        async def page(_: web.Request) -> web.Response:
            return web.Response(text=collector.config.district)

        async def broken(_: web.Request) -> web.Response:
            raise RuntimeError("secret detail")

        app.router.add_get("/", page)
        app.router.add_get("/broken", broken)

    async def run() -> None:
        http = {"port": 0, "allowed_hosts": ["telemetry.district.example"]}
        settings = config(tmp_path / "data", mosquitto.port, http=http)
        async with serving(settings, mount=[pages]) as (_, session):
            for host, wanted in (
                ("127.0.0.1:8080", 200),
                ("localhost", 200),
                ("[::1]:8080", 200),
                ("Telemetry.District.example:80", 200),
                ("evil.example", 421),
                ("localhost.evil.example", 421),
                ("0.0.0.0", 421),
            ):
                async with session.get("/", headers={"Host": host}) as response:
                    assert response.status == wanted, host
                    assert "default-src 'self'" in response.headers["Content-Security-Policy"]
                    assert response.headers["X-Content-Type-Options"] == "nosniff"
                    assert "Server" not in response.headers
            for path in ("/api/1/influx/rebuild", "/api/1/refused/replay"):
                async with session.post(path) as response:
                    assert response.status == 403
            headers = {"X-Homeroute": "1"}
            async with session.post("/api/1/influx/rebuild", headers=headers) as response:
                assert response.status == 409
            async with session.get("/broken") as response:
                assert response.status == 500
                assert "secret detail" not in await response.text()
            async with session.delete("/healthz", headers=headers) as response:
                assert response.status == 405
                assert "GET" in response.headers["Allow"]

    asyncio.run(run())


@pytest.mark.slow
def test_what_was_refused_is_listed_and_replayed(mosquitto: Mosquitto, tmp_path: Path) -> None:
    async def run() -> None:
        async with serving(config(tmp_path / "data", mosquitto.port)) as (collector, session):
            await offer(collector, raw_batch({"tyres": {"t": [0], "bar": [2.5]}}, base=now()))
            _, listed = await get(session, "/api/1/refused?device=bus-07&limit=5")
            assert [row["measurement"] for row in listed["refused"]] == ["tyres"]
            assert (await get(session, "/api/1/refused?limit=x"))[0] == 400
            assert (await get(session, "/api/1/refused?device=../x"))[0] == 400
            headers = {"X-Homeroute": "1"}
            async with session.post(
                "/api/1/refused/replay", headers=headers, json={"device": "bus-07"}
            ) as response:
                assert response.status == 200
                assert await response.json() == {"stored": 0, "refused": 1, "completed": 0}
            async with session.post(
                "/api/1/refused/replay", headers=headers, data=b"[]"
            ) as response:
                assert response.status == 400

    asyncio.run(run())


@pytest.mark.slow
def test_tail_streams_what_is_committed_of_all_or_one_device(
    mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("homeroute_collector.api.HEARTBEAT_S", 0.2)

    async def run() -> None:
        async with serving(config(tmp_path / "data", mosquitto.port)) as (collector, session):
            async with session.get("/api/1/tail?device=bus-07") as one:
                assert one.headers["Content-Type"] == "application/x-ndjson"
                await offer(collector, batch(1, wifi()), device="bus-08")
                await offer(collector, batch(1, wifi(clients=9), uplink(rtt_ms=None)))
                line = json.loads(await _line(one))
                assert (line["device"], line["seq"], line["stored"]) == ("bus-07", 1, 2)
                assert line["measurements"]["wifi"]["clients"] == [9]
                assert len(collector.tail) == 1
            await until(lambda: not len(collector.tail), timeout_s=20)
            status, _ = await get(session, "/api/1/tail?device=no/such")
            assert status == 400

    asyncio.run(run())


async def _line(response: aiohttp.ClientResponse) -> bytes:
    while not (line := (await response.content.readline()).strip()):
        pass  # a heartbeat
    return line


@pytest.mark.slow
def test_a_stop_ends_listeners_and_keeps_what_was_handed_in(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    settings = config(tmp_path / "data", mosquitto.port)

    async def run() -> None:
        async with aiohttp.ClientSession() as outlasting:
            async with serving(settings) as (collector, session):
                listening = await outlasting.get(session._build_url("/api/1/tail"))
                await offer(collector, batch(1, wifi()))
                assert await listening.content.readline()
            async with asyncio.timeout(5):
                assert await listening.content.read() == b""
        async with serving(settings) as (collector, _):
            assert collector.archive.totals == (1, 0)

    asyncio.run(run())


def test_a_busy_port_is_said_in_one_line(tmp_path: Path, free_port: Callable[[], int]) -> None:
    port = free_port()
    settings = config(tmp_path / "data", free_port(), http={"port": port})

    async def run() -> None:
        async with serving(settings, connected=False):
            pass

    with socket.create_server(("127.0.0.1", port)), pytest.raises(CannotStart) as error:
        asyncio.run(run())
    assert str(error.value).startswith(f"open http://127.0.0.1:{port}: Address already in use")
    assert not (tmp_path / "data").exists()


def test_a_missing_token_file_names_its_key(tmp_path: Path, free_port: Callable[[], int]) -> None:
    influx = {"url": "http://127.0.0.1:9", "version": 2, "token_file": "absent"}
    settings = config(tmp_path, free_port(), influx=influx)

    async def run() -> None:
        async with serving(settings, connected=False):
            pass

    with pytest.raises(CannotStart, match=r"influx\.token_file: .*absent"):
        asyncio.run(run())


@pytest.mark.slow
def test_a_broker_that_is_absent_at_the_start_hinders_nothing_else(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    async def run() -> None:
        async with serving(config(tmp_path, free_port()), connected=False) as (_, session):
            await asyncio.sleep(0.2)
            status, health = await get(session, "/healthz")
            assert status == 503
            assert len(health["problems"]) == 1

    asyncio.run(run())


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("localhost", True),
        ("LOCALHOST:80", True),
        ("localhost.", True),
        ("127.0.0.2", True),
        ("[::1]", True),
        ("", False),
        ("10.0.0.1", False),
        ("127.0.0.1.evil.example", False),
        ("pages.example", True),
    ],
)
def test_a_host_header_is_ours_or_not(host: str, *, allowed: bool) -> None:
    assert is_allowed_host(host, {"pages.example"}) is allowed


def test_the_machine_s_zone_is_found_where_systems_keep_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TZ", raising=False)
    assert system_timezone(tmp_path) == "UTC"
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/localtime").symlink_to("/usr/share/zoneinfo/Europe/Paris")
    assert system_timezone(tmp_path) == "Europe/Paris"
    (tmp_path / "etc/timezone").write_text("America/Denver\n")
    assert system_timezone(tmp_path) == "America/Denver"
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert system_timezone(tmp_path) == "Asia/Tokyo"
