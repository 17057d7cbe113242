"""The follower's verdicts, against a small InfluxDB that answers what it is told to.

Real ones do not say 413 or 429 on demand; everything they do say is tested in
test_influx_real.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from homeroute_collector.influx import Chunk, Follower
from homeroute_collector.influx_delivery import Verdict, backoff_s, judge
from homeroute_collector.influx_targets import (
    RETRY_AFTER_BOUND_S,
    Answer,
    Influx1,
    Influx2,
    Target,
    retry_after_s,
)

NOW = 1_795_299_000_000
JSON = {"Content-Type": "application/json"}


@dataclass
class Source:
    """An archive of commits in memory: ``commits[0]`` is commit 1."""

    commits: list[list[str]]
    stored: int = 0
    moves: list[int] = field(default_factory=list)
    drained: asyncio.Event = field(default_factory=asyncio.Event)

    async def cursor(self) -> int:
        return self.stored

    async def advance(self, commit_id: int) -> None:
        await asyncio.sleep(0.01)
        self.stored = commit_id
        self.moves.append(commit_id)

    async def next_chunk(self, after: int, points: int) -> Chunk | None:
        await asyncio.sleep(0)
        if after >= len(self.commits):
            if self.stored == len(self.commits):
                self.drained.set()
            return None
        upto, lines = after, list[str]()
        while upto < len(self.commits) and (not lines or len(lines) < points):
            lines += self.commits[upto]
            upto += 1
        return Chunk(upto, lines, NOW - 5_000)


@dataclass
class Told:
    """Answers with ``script`` in turn, then 204; keeps the points it said 2xx to."""

    script: list[web.Response] = field(default_factory=list)
    bad: frozenset[str] = frozenset()
    bound: int = 10_000
    databases: set[str] | None = None
    points: list[str] = field(default_factory=list)
    requests: list[int] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)
    authorization: list[str | None] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)
    url: str = ""

    async def write(self, request: web.Request) -> web.Response:
        lines = (await request.text()).splitlines()
        self.requests.append(len(lines))
        self.urls.append(str(request.rel_url))
        self.authorization.append(request.headers.get("Authorization"))
        if self.script:
            return self.script.pop(0)
        if self.databases is not None and request.query["db"] not in self.databases:
            return web.json_response({"error": "database not found"}, status=404)
        if len(lines) > self.bound:
            return web.json_response({"message": "too large"}, status=413)
        good = [line for line in lines if line not in self.bad]
        self.points += good
        if len(good) < len(lines):
            return web.json_response({"code": "invalid", "message": "unable to parse"}, status=400)
        return web.Response(status=204)

    async def query(self, request: web.Request) -> web.Response:
        self.statements.append(request.query["q"])
        assert self.databases is not None
        self.databases.add("telemetry")
        return web.json_response({"results": [{"statement_id": 0}]})


@asynccontextmanager
async def serving(told: Told) -> AsyncIterator[Told]:
    app = web.Application(client_max_size=2**24)
    app.router.add_post("/write", told.write)
    app.router.add_post("/api/v2/write", told.write)
    app.router.add_post("/query", told.query)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    told.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield told
    finally:
        await runner.cleanup()


def lines(first: int, count: int) -> list[str]:
    return [f"wifi,device=bus-{i % 7} clients={i}i {NOW + i}" for i in range(first, first + count)]


@dataclass
class Sleeps:
    """Stands for asyncio.sleep: remembers, and only lets others run."""

    seconds: list[float] = field(default_factory=list)

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await asyncio.sleep(0.001)


async def until(ready: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not ready():
            await asyncio.sleep(0.001)


TWO: Callable[[str], Target] = lambda url: Influx2(url, "telemetry", org="district", token="secret")  # noqa: E731
ONE: Callable[[str], Target] = lambda url: Influx1(url, "telemetry", create_days=90)  # noqa: E731
BOTH = pytest.mark.parametrize("door", [ONE, TWO], ids=["1.x", "2.x"])


def follow(
    told: Told,
    source_of: Callable[[], Source],
    door: Callable[[str], Target],
    *,
    chunk_points: int = 50,
    then: Callable[[Follower, Source], Awaitable[None]] | None = None,
) -> tuple[Follower, Source, Sleeps]:
    """Run a follower until its source is drained (and ``then`` is done)."""
    sleeps = Sleeps()

    async def run() -> tuple[Follower, Source]:
        source = source_of()
        async with serving(told):
            target = door(told.url)
            follower = Follower(
                source, target, now_ms=lambda: NOW, sleep=sleeps, chunk_points=chunk_points
            )
            task = asyncio.create_task(follower.run())
            try:
                async with asyncio.timeout(20):
                    if then is not None:
                        await then(follower, source)
                    else:
                        await source.drained.wait()
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                await target.close()
        return follower, source

    return *asyncio.run(run()), sleeps


@BOTH
def test_every_point_is_written_once_and_the_cursor_moves_after_it(
    door: Callable[[str], Target],
) -> None:
    told = Told()
    commits = [lines(0, 30), lines(30, 40), lines(70, 10), lines(80, 200)]
    follower, source, _ = follow(told, lambda: Source(commits), door)
    assert told.points == lines(0, 280)
    assert source.moves[-1] == 4
    assert source.moves == sorted(source.moves)
    following = follower.following()
    assert (following.connected, following.problem, following.lag_s) == (True, None, 0.0)
    assert (following.written, following.rejected) == (280, 0)
    assert max(told.requests) <= 50 + 40
    assert all("precision=ms" in url for url in told.urls)


def test_2x_is_asked_with_bucket_org_and_token() -> None:
    told = Told()
    follow(told, lambda: Source([lines(0, 3)]), TWO)
    assert told.authorization == ["Token secret"]
    assert told.urls == ["/api/v2/write?org=district&bucket=telemetry&precision=ms"]


@BOTH
def test_a_request_too_large_is_halved(door: Callable[[str], Target]) -> None:
    told = Told(bound=7)
    follower, _, _ = follow(told, lambda: Source([lines(0, 50)]), door)
    assert sorted(told.points) == sorted(lines(0, 50))
    assert follower.following().rejected == 0


@BOTH
def test_bad_points_are_refused_alone_and_their_neighbours_written(
    door: Callable[[str], Target], caplog: pytest.LogCaptureFixture
) -> None:
    everything = lines(0, 120)
    told = Told(bad=frozenset(everything[i] for i in (0, 49, 77, 78)))
    follower, source, _ = follow(told, lambda: Source([everything]), door)
    assert set(told.points) == set(everything) - told.bad
    assert follower.following().rejected == 4
    assert follower.following().written == 116
    assert source.stored == 1
    assert "unable to parse" in caplog.text


@BOTH
def test_a_busy_server_is_waited_for_as_long_as_it_asks(door: Callable[[str], Target]) -> None:
    told = Told(
        script=[
            web.Response(status=429, headers={"Retry-After": "7"}),
            web.Response(status=503, headers={"Retry-After": "3"}),
            web.Response(status=500),
        ]
    )
    _, _, sleeps = follow(told, lambda: Source([lines(0, 3)]), door)
    assert sleeps.seconds[:2] == [7.0, 3.0]
    assert 0 <= sleeps.seconds[2] <= 1.5**3
    assert told.points == lines(0, 3)


@BOTH
@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_token_stays_and_shouts_once_until_it_is_mended(
    door: Callable[[str], Target], status: int, caplog: pytest.LogCaptureFixture
) -> None:
    told = Told(script=[web.Response(status=status) for _ in range(5)])
    follower, source, _ = follow(told, lambda: Source([lines(0, 3)]), door)
    assert told.points == lines(0, 3)
    assert source.stored == 1
    assert follower.following().problem is None
    assert sum(record.levelname == "ERROR" for record in caplog.records) == 1


def test_while_it_stays_the_problem_and_the_lag_are_shown() -> None:
    told = Told(script=[web.json_response({"error": "no"}, status=401) for _ in range(1_000)])
    seen = []

    async def look(follower: Follower, source: Source) -> None:
        await until(lambda: len(told.requests) >= 3)
        seen.append(follower.following())
        assert source.stored == 0

    follow(told, lambda: Source([lines(0, 3)]), ONE, then=look)
    assert not seen[0].connected
    assert "401" in str(seen[0].problem)
    assert seen[0].lag_s == 5.0


def test_a_missing_1x_database_is_created_where_that_is_allowed() -> None:
    told = Told(databases=set())
    follow(told, lambda: Source([lines(0, 3)]), ONE)
    # A file of a week: one of each day, its own choice, makes questions of weeks slow.
    wanted = 'CREATE DATABASE "telemetry" WITH DURATION 90d SHARD DURATION 7d'
    assert told.statements == [wanted]
    assert told.points == lines(0, 3)


def test_a_missing_1x_database_is_left_to_the_administrator_where_it_is_not() -> None:
    told = Told(databases=set())

    async def mend(_: Follower, source: Source) -> None:
        await until(lambda: len(told.requests) >= 4)
        assert told.databases is not None
        told.databases.add("telemetry")
        await source.drained.wait()

    follow(told, lambda: Source([lines(0, 3)]), lambda url: Influx1(url, "telemetry"), then=mend)
    assert told.statements == []
    assert told.points == lines(0, 3)


def test_points_older_than_the_servers_retention_are_counted_without_a_search() -> None:
    reason = "partial write: points beyond retention policy dropped=3"
    told = Told(script=[web.json_response({"error": reason}, status=400)])
    follower, source, _ = follow(told, lambda: Source([lines(0, 10)]), ONE)
    assert told.requests == [10]
    assert (follower.following().written, follower.following().rejected) == (7, 3)
    assert source.stored == 1


def test_a_lost_connection_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    sleeps = Sleeps()

    async def run() -> None:
        target = Influx1("http://127.0.0.1:9", "telemetry")
        follower = Follower(
            Source([lines(0, 3)]), target, now_ms=lambda: NOW + 60_000, sleep=sleeps
        )
        task = asyncio.create_task(follower.run())
        await until(lambda: len(sleeps.seconds) >= 5)
        assert follower.following().lag_s == 65.0
        assert follower.following().problem
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await target.close()

    asyncio.run(run())
    assert sum(record.levelname == "WARNING" for record in caplog.records) == 1


def test_rebuild_writes_everything_again_even_in_the_middle_of_a_chunk() -> None:
    told = Told(script=[web.Response(status=503) for _ in range(200)])

    async def again(follower: Follower, source: Source) -> None:
        await until(lambda: len(told.requests) >= 2)
        await follower.rebuild()
        told.script.clear()
        await until(lambda: len(told.points) == 60 and source.stored == 1)
        await follower.rebuild()
        await until(lambda: len(told.points) == 90 and source.stored == 1)

    follow(told, lambda: Source([lines(0, 30)]), ONE, then=again)
    assert told.points == lines(0, 30) * 3


def test_rebuild_while_a_chunk_is_being_written_is_not_undone_by_its_cursor() -> None:
    told = Told()
    source_at_rebuild = []

    async def again(follower: Follower, source: Source) -> None:
        await source.drained.wait()
        source.drained.clear()
        told.points.clear()
        source.commits.append(lines(30, 30))
        told.script.extend(web.Response(status=503) for _ in range(3))
        await until(lambda: not told.script)
        await follower.rebuild()
        source_at_rebuild.append(source.stored)
        await until(lambda: len(told.points) >= 60 and source.stored == 2)

    follow(told, lambda: Source([lines(0, 30)]), ONE, then=again)
    assert source_at_rebuild == [0]
    assert set(told.points) == set(lines(0, 60))


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, Verdict.ADVANCE),
        (204, Verdict.ADVANCE),
        (301, Verdict.STAY),
        (400, Verdict.HALVE),
        (401, Verdict.STAY),
        (403, Verdict.STAY),
        (404, Verdict.STAY),
        (413, Verdict.HALVE),
        (422, Verdict.HALVE),
        (429, Verdict.WAIT),
        (500, Verdict.WAIT),
        (503, Verdict.WAIT),
    ],
)
def test_each_status_has_one_verdict(status: int, verdict: Verdict) -> None:
    assert judge(Answer(status)) is verdict


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("12", 12.0),
        ("-5", 0.0),
        ("nan", None),
        ("1e99", RETRY_AFTER_BOUND_S),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("soon", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_within_bounds(
    header: str | None, seconds: float | None
) -> None:
    assert retry_after_s(header) == seconds


def test_backoff_has_full_jitter_and_a_bound() -> None:
    assert all(0 <= backoff_s(attempt) <= 1.5**10 for attempt in range(1, 200))
