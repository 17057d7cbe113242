"""Days of aggregates replaced whole in InfluxDB: a hidden cell vanishes, whatever fails.

The real InfluxDB 1.x deletes for us. For 2.x there is a small server of the same
paths, with its points in memory: VictoriaMetrics takes 2.x's writes but deletes no
stretch of time, and InfluxDB 2 is no package here.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web

from homeroute_collector.archive import Archive
from homeroute_collector.archive_ledger import Ledger
from homeroute_collector.archive_writer import Connection
from homeroute_collector.influx import Follower
from homeroute_collector.influx_aggregates import AggregateSource, Logged
from homeroute_collector.influx_targets import Influx1, Influx2, Target, rfc3339
from homeroute_wire.schema import Measurement, integer, real, spec_of, tag
from tests.collector.archives import opened
from tests.collector.batches import NOW_MS
from tests.stores import InfluxDB

FIRST = date(2026, 10, 30)  # the third day after has 25 hours


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell(Measurement):
    """A published cell."""

    NAME = "cell"
    CADENCE = "1 day"
    route: str = tag("route")
    clients: int = integer("clients", "clients")
    share: float | None = real("share", "ratio", minimum=0.0, maximum=1.0, optional=True)


SPEC = spec_of(Cell)
LOGGED = (Logged("cell_days", 1, (SPEC,)),)
ZONE = "America/Chicago"

DDL = (
    (
        "CREATE TABLE cell (day DATE, time_ms BIGINT, device VARCHAR, kind VARCHAR, "
        "route VARCHAR, clients BIGINT, share DOUBLE)"
    ),
    "CREATE SEQUENCE writings",
    (
        "CREATE TABLE cell_days (day DATE, writing BIGINT DEFAULT nextval('writings'), "
        "rolled_ms BIGINT)"
    ),
)


def start_ms(number: int) -> int:
    """Local midnight of the day that many days after the first."""
    day = datetime.combine(FIRST + timedelta(days=number), time(), ZoneInfo(ZONE))
    return int(day.timestamp() * 1000)


async def put(archive: Archive, number: int, cells: dict[str, int]) -> None:
    """Replace a day, as the rollups do: at its first and its last millisecond."""
    day = FIRST + timedelta(days=number)
    last_ms = start_ms(number + 1) - 1

    def run(connection: Connection, _: Ledger) -> None:
        connection.execute("DELETE FROM cell WHERE day = ?", [day])
        for place, (route, clients) in enumerate(cells.items()):
            time_ms = last_ms if place else start_ms(number)
            connection.execute(
                "INSERT INTO cell VALUES (?, ?, '', '', ?, ?, NULL)", [day, time_ms, route, clients]
            )
        connection.execute("INSERT INTO cell_days (day, rolled_ms) VALUES (?, ?)", [day, NOW_MS])

    await archive.transaction(run)


def source_of(archive: Archive) -> AggregateSource:
    return AggregateSource(archive, "reporting", LOGGED, timezone=ZONE)


@pytest.fixture
def archive(tmp_path: Path) -> Any:
    archive = opened(tmp_path, extra_ddl=DDL)
    yield archive
    archive.close()


@asynccontextmanager
async def followed(archive: Archive, target: Target) -> AsyncIterator[Follower]:
    follower = Follower(
        source_of(archive),
        target,
        now_ms=lambda: NOW_MS,
        sleep=lambda seconds: asyncio.sleep(min(seconds, 0.01)),
    )
    task = asyncio.create_task(follower.run())
    try:
        yield follower
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await target.close()


async def drained(archive: Archive) -> None:
    source = source_of(archive)
    async with asyncio.timeout(20):
        while await source.cursor() < await source.newest():
            await asyncio.sleep(0.01)


@pytest.mark.slow
@pytest.mark.real("influxdb")
def test_a_cell_published_earlier_and_hidden_now_vanishes_from_influxdb(
    influxdb: InfluxDB, archive: Archive
) -> None:
    async def run() -> None:
        await put(archive, 0, {"7": 12, "9": 40})
        await put(archive, 1, {"7": 15, "9": 44})
        async with followed(archive, Influx1(influxdb.url, "reporting", create_days=1826)):
            await drained(archive)
            assert influxdb.count("cell", database="reporting") == 4
            await put(archive, 0, {"9": 40})
            await drained(archive)

    asyncio.run(run())
    left = influxdb.query("SELECT * FROM cell ORDER BY time", database="reporting")
    assert [(r["time"], r["route"], r["clients"]) for r in left] == [
        (start_ms(0), "9", 40),
        (start_ms(1), "7", 15),
        (start_ms(2) - 1, "9", 44),
    ]
    [policy] = influxdb.query("SHOW RETENTION POLICIES ON reporting")
    assert policy["duration"] == "43824h0m0s"


@pytest.mark.slow
@pytest.mark.real("influxdb")
def test_influxdb_killed_while_days_are_replaced_ends_with_exactly_the_last_ones(
    influxdb: InfluxDB, archive: Archive
) -> None:
    async def run() -> None:
        target = Influx1(influxdb.url, "reporting", create_days=1826, timeout_s=5)
        async with followed(archive, target) as follower:
            for number in range(10):
                await put(archive, number, {"7": number, "9": 40})
            await drained(archive)
            influxdb.kill()
            for number in range(10):
                await put(archive, number, {"9": 50 + number})
            async with asyncio.timeout(10):
                while follower.following().connected:
                    await asyncio.sleep(0.01)
            await asyncio.to_thread(influxdb.start)
            await drained(archive)

    asyncio.run(run())
    left = influxdb.query("SELECT * FROM cell ORDER BY time", database="reporting")
    assert [(r["route"], r["clients"]) for r in left] == [("9", 50 + n) for n in range(10)]


@pytest.mark.slow
@pytest.mark.real("influxdb")
def test_rebuild_also_fills_an_empty_influxdb_with_aggregates(
    influxdb: InfluxDB, archive: Archive
) -> None:
    async def run() -> None:
        await put(archive, 0, {"7": 12})
        await put(archive, 1, {"7": 13})
        target = Influx1(influxdb.url, "reporting", create_days=1826)
        async with followed(archive, target) as follower:
            await drained(archive)
            influxdb.query("DROP DATABASE reporting")
            await follower.rebuild()
            await drained(archive)

    asyncio.run(run())
    assert influxdb.count("cell", database="reporting") == 2


@dataclass
class Two:
    """InfluxDB 2.x's write and delete: points by (line's head, ms); may be told to fail.

    As the real one: a deletion takes RFC 3339 and a predicate, is inclusive at both
    ends, says 204 where there is nothing, 404 for no such bucket and 400 for a
    predicate it cannot read.
    """

    script: list[int] = field(default_factory=list)
    points: dict[tuple[str, int], str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    buckets: dict[str, int] = field(default_factory=lambda: {"reporting": 0})
    may_create: bool = True
    url: str = ""

    def _verdict(self, request: web.Request) -> web.Response | None:
        self.asked.append(request.path.rpartition("/")[2])
        if request.headers.get("Authorization") != "Token secret":
            return web.json_response({"code": "unauthorized"}, status=401)
        if request.query["bucket"] not in self.buckets:
            return web.json_response({"code": "not found"}, status=404)
        status = self.script.pop(0) if self.script else 204
        return None if status == 204 else web.json_response({"message": "told to"}, status=status)

    async def write(self, request: web.Request) -> web.Response:
        refused = self._verdict(request)
        if refused is not None:
            return refused
        for line in (await request.text()).splitlines():
            head, values, time_ms = line.rsplit(" ", 2)
            self.points[head, int(time_ms)] = values
        return web.Response(status=204)

    async def orgs(self, request: web.Request) -> web.Response:
        return web.json_response({"orgs": [{"id": "0123", "name": request.query["org"]}]})

    async def create(self, request: web.Request) -> web.Response:
        if not self.may_create:
            return web.json_response({"code": "forbidden"}, status=403)
        wanted = await request.json()
        assert wanted["orgID"] == "0123"
        (rule,) = wanted["retentionRules"]
        assert rule["shardGroupDurationSeconds"] == 7 * 86_400
        self.buckets[wanted["name"]] = rule["everySeconds"]
        return web.json_response(wanted, status=201)

    async def delete(self, request: web.Request) -> web.Response:
        refused = self._verdict(request)
        if refused is not None:
            return refused
        wanted = json.loads(await request.text())
        predicate = re.fullmatch(r'_measurement="(\w+)"', wanted["predicate"])
        if predicate is None:
            return web.json_response({"code": "invalid"}, status=400)
        first, last = _ns(wanted["start"]), _ns(wanted["stop"])
        for head, time_ms in list(self.points):
            if head.startswith(predicate[1] + ",") and first <= time_ms * 1_000_000 <= last:
                del self.points[head, time_ms]
        return web.Response(status=204)


def _ns(text: str) -> int:
    whole, _, fraction = text.removesuffix("Z").partition(".")
    seconds = datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp()
    return int(seconds) * 1_000_000_000 + int(fraction.ljust(9, "0"))


@asynccontextmanager
async def serving(two: Two) -> AsyncIterator[Callable[[], Influx2]]:
    app = web.Application()
    app.router.add_post("/api/v2/write", two.write)
    app.router.add_post("/api/v2/delete", two.delete)
    app.router.add_get("/api/v2/orgs", two.orgs)
    app.router.add_post("/api/v2/buckets", two.create)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield lambda: Influx2(url, "reporting", org="district", token="secret", create_days=1_826)
    finally:
        await runner.cleanup()


def held(two: Two) -> list[tuple[str, str]]:
    return sorted((head.partition("route=")[2], values) for (head, _), values in two.points.items())


def test_on_2x_a_day_is_deleted_and_written_and_its_neighbours_stay(archive: Archive) -> None:
    two = Two()

    async def run() -> None:
        async with serving(two) as door, followed(archive, door()):
            await put(archive, 0, {"7": 12, "9": 40})
            await put(archive, 1, {"7": 15})
            await drained(archive)
            await put(archive, 0, {"9": 41})
            await drained(archive)

    asyncio.run(run())
    assert held(two) == [("7", "clients=15i"), ("9", "clients=41i")]
    assert two.asked == ["delete", "write"] * 3


@pytest.mark.parametrize(
    "script",
    [[503, 500, 429], [403, 403], [400, 400], [204, 503, 503], [204, 401, 204, 401]],
    ids=["busy", "forbidden", "no such predicate", "the write fails", "the token expires"],
)
def test_on_2x_nothing_is_written_before_the_day_is_empty_and_the_cursor_waits(
    archive: Archive, script: list[int]
) -> None:
    two = Two()

    async def run() -> None:
        await put(archive, 0, {"7": 12, "9": 40})
        async with serving(two) as door, followed(archive, door()):
            await drained(archive)
            two.script, two.asked = script, []
            await put(archive, 0, {"9": 41})
            await drained(archive)

    asyncio.run(run())
    assert held(two) == [("9", "clients=41i")]
    assert two.asked[0] == "delete"
    assert two.asked[-1] == "write"


def test_on_2x_a_stop_between_deletion_and_writing_is_made_good_by_the_next_start(
    archive: Archive,
) -> None:
    two = Two()

    async def run() -> None:
        async with serving(two) as door:
            await put(archive, 0, {"7": 12})
            async with followed(archive, door()):
                await drained(archive)
            await put(archive, 0, {"7": 13, "9": 41})
            two.script, two.asked = [204, *[503] * 50], []
            async with followed(archive, door()):
                async with asyncio.timeout(10):
                    while "write" not in two.asked:
                        await asyncio.sleep(0.001)
            assert two.points == {}
            two.script = []
            async with followed(archive, door()):
                await drained(archive)

    asyncio.run(run())
    assert held(two) == [("7", "clients=13i"), ("9", "clients=41i")]


def test_on_2x_a_missing_bucket_is_created_for_five_years(archive: Archive) -> None:
    two = Two(buckets={})

    async def run() -> None:
        await put(archive, 0, {"7": 12})
        async with serving(two) as door, followed(archive, door()):
            await drained(archive)

    asyncio.run(run())
    assert two.buckets == {"reporting": 1_826 * 86_400}
    assert held(two) == [("7", "clients=12i")]


def test_on_2x_a_bucket_the_token_may_not_create_is_waited_for(archive: Archive) -> None:
    two = Two(buckets={}, may_create=False)

    async def run() -> None:
        await put(archive, 0, {"7": 12})
        async with serving(two) as door, followed(archive, door()) as follower:
            async with asyncio.timeout(10):
                while "404" not in str(follower.following().problem):
                    await asyncio.sleep(0.001)
            assert await source_of(archive).cursor() == 0
            two.buckets["reporting"] = 0
            await drained(archive)

    asyncio.run(run())
    assert held(two) == [("7", "clients=12i")]


def test_a_time_is_written_to_the_last_nanosecond() -> None:
    assert rfc3339(1_795_299_000_123_456_789) == "2026-11-21T22:10:00.123456789Z"
