"""From a week's trips in the archive to InfluxDB's `reporting`, and nothing hidden in it."""

from __future__ import annotations

import asyncio
import json
import threading
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from homeroute_analytics import publication, tables, weeks
from homeroute_analytics.aggregates import AGGREGATES as DECLARED
from homeroute_analytics.aggregates import audience
from homeroute_collector.archive import Archive
from homeroute_collector.config import Publish
from homeroute_collector.influx import Follower
from homeroute_collector.influx_aggregates import AggregateSource, Logged
from homeroute_collector.influx_targets import Influx1
from homeroute_command import keep_published
from homeroute_command.__main__ import main
from homeroute_command.followed import AGGREGATES
from homeroute_command.keep_published import publish_due
from tests.analytics.published_trips import MONDAY, ZONE, drive, ms
from tests.stores import InfluxDB

SETTLED_MS = ms(MONDAY + timedelta(days=14), 12)
LATER_MS = ms(MONDAY + timedelta(days=21), 12)
TUESDAY = MONDAY + timedelta(days=1)


def names(logged: tuple[Logged, ...]) -> set[str]:
    return {spec.name for group in logged for spec in group.specs}


def test_every_aggregate_is_followed_into_its_own_database() -> None:
    for name in DECLARED:
        assert name in names(getattr(AGGREGATES, audience(name)))
    assert not names(AGGREGATES.staff) & names(AGGREGATES.published)


def test_a_person_sees_what_is_published_and_how_much_is_hidden_but_never_which(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "collector.toml").write_text(
        f'district = "springfield"\ndata_dir = "."\ntimezone = "{ZONE}"\n'
    )
    archive = Archive.open(
        tmp_path / "archive.duckdb", district="springfield", extra_ddl=tables.DDL
    )

    async def drives() -> None:
        for number, (route, clients) in enumerate({"7": 6, "8": 22, "9": 23}.items()):
            await archive.transaction(
                lambda db, _, n=number, r=route, c=clients: drive(db, f"bus-{n}", r, clients=c)  # type: ignore[misc]
            )

    try:
        asyncio.run(drives())
    finally:
        archive.close()

    clock = SimpleNamespace(time_ns=lambda: SETTLED_MS * 1_000_000)
    monkeypatch.setattr("homeroute_command.publish.time", clock)

    def publish(*words: str) -> tuple[int, Any, str]:
        code = main(["publish", *words, "--data", str(tmp_path), "--json"])
        said = capsys.readouterr()
        return code, json.loads(said.out or "null"), said.err

    _, tried, _ = publish("--week", "2026-W46", "--dry-run")
    learning = {"table": "learning_week", "period": "AM", "shown": 2, "small": 1, "complement": 1}
    assert learning in tried["cells"]
    listed = publish("--list")[1]
    assert listed == {"weeks": [{"week": "2026-W46", "state": "due", "why": None}], "done": []}
    _, done, _ = publish()
    assert done["done"] == ["2026-W46"]
    (week,) = done["weeks"]
    assert week["state"] == "published"
    assert (week["min_clients"], week["small"] >= 1, week["complement"] >= 1) == (10, True, True)
    assert publish()[1] == {"weeks": [week], "done": []}
    code, _, err = publish("--week", "2026-W46", "--dry-run")
    assert (code, "was published, and is never computed again" in err) == (1, True)
    assert publish("--week", "2026-W46")[0] == 2
    assert main(["publish", "--list", "--data", str(tmp_path)]) == 0
    assert "published 2026-11-23" in capsys.readouterr().out


def test_a_week_that_two_find_due_is_published_by_the_first_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Archive.open(
        tmp_path / "archive.duckdb", district="springfield", extra_ddl=tables.DDL
    )

    async def told_before(*_: object, **__: object) -> list[date]:
        return [MONDAY]

    async def published() -> list[tuple[Any, ...]]:
        log = await archive.query("SELECT writing, rolled_ms FROM published_weeks")
        return log + await archive.query("SELECT route, client_trips FROM learning_week ORDER BY 1")

    async def run() -> None:
        settings = Publish()
        for number in range(3):
            await archive.transaction(
                lambda db, _, n=number: drive(db, f"bus-{n}", f"{n}", clients=20 + n)  # type: ignore[misc]
            )
        computed: list[threading.Thread] = []

        def tables_of(*given: Any) -> Any:
            computed.append(threading.current_thread())
            return weeks.tables(*given)

        monkeypatch.setattr(publication, "tables", tables_of)
        await publish_due(archive, settings, timezone=ZONE, now_ms=SETTLED_MS, failing={})
        # The loop that takes what buses send does not wait for it.
        assert computed
        assert threading.current_thread() not in computed
        first = await published()
        assert first[0][1] == SETTLED_MS
        assert ("all", 63) in first
        await archive.transaction(lambda db, _: drive(db, "bus-late", "0", clients=2, day=TUESDAY))
        monkeypatch.setattr(keep_published, "due", told_before)
        await publish_due(archive, settings, timezone=ZONE, now_ms=SETTLED_MS + 1, failing={})
        assert await published() == first

    try:
        asyncio.run(run())
    finally:
        archive.close()


def test_a_week_that_cannot_be_published_is_kept_in_sight_and_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    archive = Archive.open(
        tmp_path / "archive.duckdb", district="springfield", extra_ddl=tables.DDL
    )
    next_monday = MONDAY + timedelta(days=7)
    broken = {MONDAY}

    async def publish(query: Any, replace: Any, monday: date, **rest: Any) -> Any:
        if monday in broken:
            raise ValueError("the cells do not add up")
        return await publication.publish(query, replace, monday, **rest)

    async def run() -> None:
        failing: dict[date, str] = {}

        async def attempt() -> list[date]:
            return await publish_due(
                archive, Publish(), timezone=ZONE, now_ms=LATER_MS, failing=failing
            )

        for day in (MONDAY, next_monday):
            await archive.transaction(
                lambda db, _, d=day: drive(db, "bus-1", "7", clients=20, day=d)  # type: ignore[misc]
            )
        assert await attempt() == [next_monday]
        assert await attempt() == []
        assert failing == {MONDAY: "ValueError: the cells do not add up"}
        assert [record.levelname for record in caplog.records] == ["ERROR"]
        told = await keep_published.answer(
            archive, Publish(), {}, timezone=ZONE, now_ms=LATER_MS, failing=failing
        )
        assert told["weeks"][1] == {
            "week": "2026-W46", "state": "fails", "why": "ValueError: the cells do not add up"
        }  # fmt: skip
        broken.clear()
        assert await attempt() == [MONDAY]
        assert not failing

    monkeypatch.setattr(keep_published, "publish", publish)
    try:
        asyncio.run(run())
    finally:
        archive.close()


def test_weeks_that_cannot_be_read_are_told_once_and_stop_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked = []

    async def fails(*_: object, **__: object) -> None:
        asked.append(1)
        if len(asked) == 3:
            raise asyncio.CancelledError
        raise ValueError("the cells do not add up")

    monkeypatch.setattr(keep_published, "publish_due", fails)
    clock = SimpleNamespace(trusted=True, now_ms=lambda: SETTLED_MS)
    config = SimpleNamespace(publish=Publish())
    collector: Any = SimpleNamespace(
        archive=None, clock=clock, config=config, timezone=ZONE, failing_weeks={}
    )
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(keep_published.keep_published(collector, every_s=0))
    assert len(asked) == 3
    assert [record.levelname for record in caplog.records] == ["ERROR"]


@pytest.mark.slow
@pytest.mark.real("influxdb")
def test_a_settled_week_is_in_reporting_without_its_hidden_cells(
    influxdb: InfluxDB, tmp_path: Path
) -> None:
    archive = Archive.open(
        tmp_path / "archive.duckdb", district="springfield", extra_ddl=tables.DDL
    )
    source = AggregateSource(archive, "reporting", AGGREGATES.published, timezone=ZONE)

    async def run() -> None:
        for number, (route, clients) in enumerate({"7": 6, "8": 22, "9": 23, "10": 24}.items()):
            await archive.transaction(
                lambda db, _, n=number, r=route, c=clients: drive(  # type: ignore[misc]
                    db, f"bus-{n}", r, clients=c, hits={"games": c}
                )
            )
        attempt = partial(publish_due, archive, Publish(), timezone=ZONE, now_ms=SETTLED_MS)
        assert await attempt(failing={}) == [MONDAY]
        assert await attempt(failing={}) == []
        target = Influx1(influxdb.url, "reporting", create_days=1_826)
        follower = Follower(source, target, now_ms=lambda: SETTLED_MS)
        task = asyncio.create_task(follower.run())
        async with asyncio.timeout(20):
            while await source.cursor() < await source.newest():
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await target.close()

    try:
        asyncio.run(run())
    finally:
        archive.close()
    learning = influxdb.query("SELECT * FROM learning_week", database="reporting")
    assert {r["route"]: r["client_trips"] for r in learning} == {"9": 23, "10": 24, "all": 75}
    assert {(r["time"], r["week"], r["period"], r["district"]) for r in learning} == {
        (ms(MONDAY, 0), "2026-W46", "AM", "springfield")
    }
    blocks = influxdb.query("SELECT * FROM filter_week", database="reporting")
    assert {r["route"] for r in blocks} == {"9", "10", "all"}
