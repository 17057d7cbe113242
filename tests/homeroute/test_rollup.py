"""Rollups beside the collector: what is due, in what order, and what may expire."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from homeroute_analytics import rollup_order, tables
from homeroute_analytics.rollups import bounds
from homeroute_collector.archive import Archive
from homeroute_collector.archive_expiry import expire
from homeroute_collector.archive_records import Commit
from homeroute_collector.validation import validate
from homeroute_command import rolling
from homeroute_command.__main__ import main
from homeroute_simulators.filling_state import taught_days
from homeroute_wire.schema import Point
from tests.collector.batches import batch, uplink
from tests.simulators import filled

pytestmark = pytest.mark.slow

ZONE = "America/Chicago"
DAYS = taught_days(filled.place(), filled.BEFORE, 2)
MONDAY, TUESDAY = DAYS
NOW_MS = bounds(TUESDAY + timedelta(3), ZoneInfo(ZONE))[0] + 12 * 3_600_000
TODAY, YESTERDAY = TUESDAY + timedelta(3), TUESDAY + timedelta(2)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("history")
    filled.history(folder, days=2, kinds=())
    return folder


@pytest.fixture
def folder(history: Path, tmp_path: Path) -> Path:
    shutil.copy(history / "archive.duckdb", tmp_path / "archive.duckdb")
    (tmp_path / "collector.toml").write_text(
        f'district = "{filled.place().district.name}"\ndata_dir = "."\ntimezone = "{ZONE}"\n'
    )
    return tmp_path


def using(folder: Path, work: Callable[[Archive], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        archive = Archive.open(
            folder / "archive.duckdb", district=filled.place().district.name, extra_ddl=tables.DDL
        )
        try:
            return await work(archive)
        finally:
            await asyncio.to_thread(archive.close)

    return asyncio.run(run())


async def due(archive: Archive) -> tuple[date, ...]:
    return (await rollup_order.due(archive.query, timezone=ZONE, now_ms=NOW_MS)).days


async def trips(archive: Archive, day: date) -> list[tuple[Any, ...]]:
    return await archive.query(
        "SELECT trip, device, reported_s, client_trips FROM trip_day WHERE day = ? ORDER BY ALL",
        [day],
    )


def late(day: date, seconds: int = 43_200) -> Commit:
    moment = bounds(day, ZoneInfo(ZONE))[0] + seconds * 1000
    payload = batch([Point(moment, uplink())], stream="00000000000000ff")
    return validate("bus-01", payload, received_ms=NOW_MS, retention_days=3_660)


def test_every_day_with_points_is_due_once_and_again_when_late_data_comes(folder: Path) -> None:
    async def work(archive: Archive) -> None:
        assert await due(archive) == (TODAY, *reversed(DAYS))
        assert await rolling.once(archive, ZONE, NOW_MS)
        assert all([await trips(archive, day) for day in DAYS])
        # Silent days between the last one written and today are due once, yesterday till midnight.
        await archive.execute("DELETE FROM rollup_days WHERE day > ?", [TUESDAY])
        assert await due(archive) == (TODAY, YESTERDAY, YESTERDAY - timedelta(1))
        await rolling.once(archive, ZONE, NOW_MS)
        assert await due(archive) == (TODAY, YESTERDAY)
        # What a bus recorded on Monday, and uploads on Friday.
        await archive.commit(late(MONDAY))
        assert await due(archive) == (TODAY, YESTERDAY, MONDAY)

    using(folder, work)


def test_a_day_that_fails_is_left_due_and_does_not_stop_the_others(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repaired = []

    async def repair(
        query: object, transaction: object, day: date, *_: object, **__: object
    ) -> None:
        repaired.append(day)
        if day == MONDAY:
            raise RuntimeError("no legs today")

    monkeypatch.setattr(rolling, "attribute_day", repair)

    async def work(archive: Archive) -> None:
        assert not await rolling.once(archive, ZONE, NOW_MS)
        assert repaired == [TODAY, TUESDAY, MONDAY]
        assert await trips(archive, TUESDAY)
        assert not await trips(archive, MONDAY)
        assert MONDAY in await due(archive)

    using(folder, work)


def test_raw_points_of_an_unsealed_day_do_not_expire_and_a_sealed_days_aggregates_stay(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_ms = NOW_MS - 3_600_000

    async def work(archive: Archive) -> None:
        async def fail(*_: object, **__: object) -> None:
            raise RuntimeError("not now")

        monkeypatch.setattr(rolling, "attribute_day", fail)
        until_ms = await rolling.sealed_until(archive, ZONE, NOW_MS, before_ms)
        gone = await expire(archive, before_ms=before_ms, points_before_ms=until_ms)
        assert gone.points == 0
        monkeypatch.undo()
        until_ms = await rolling.sealed_until(archive, ZONE, NOW_MS, before_ms)
        # One day more is kept, from its midnight on.
        assert until_ms == bounds(TODAY - timedelta(1), ZoneInfo(ZONE))[0]
        held = await trips(archive, MONDAY)
        assert held
        gone = await expire(archive, before_ms=before_ms, points_before_ms=until_ms)
        assert gone.points > 10_000
        assert await due(archive) == (TODAY, YESTERDAY)
        assert await rolling.once(archive, ZONE, NOW_MS)
        assert await trips(archive, MONDAY) == held

    using(folder, work)


def test_by_hand_a_dry_run_tells_and_keeps_nothing_and_an_expired_day_keeps_what_it_has(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    between = ["--from", str(MONDAY), "--to", str(TUESDAY), "--data", str(folder)]
    assert main(["rollup", *between, "--dry-run", "--json"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["day"] for row in told if row["rows"]["trip_day"]] == [str(MONDAY), str(TUESDAY)]
    assert using(folder, lambda archive: trips(archive, MONDAY)) == []
    assert main(["rollup", *between]) == 0
    assert f"{MONDAY}: " in capsys.readouterr().out
    held = using(folder, lambda archive: trips(archive, MONDAY))
    assert len(held) == told[0]["rows"]["trip_day"]
    using(folder, lambda archive: expire(archive, before_ms=NOW_MS))
    assert main(["rollup", "--day", str(MONDAY), "--data", str(folder)]) == 1
    assert "its raw points have expired" in capsys.readouterr().err
    assert using(folder, lambda archive: trips(archive, MONDAY)) == held


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--from", "2026-11-09", "--to", "2026-11-02"], "is after"),
        (["--day", "2026-11-09", "--to", "2026-11-10"], "belongs to --from"),
    ],
)
def test_days_that_make_no_sense_are_told_so(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rollup", *words]) == 2
    assert said in capsys.readouterr().err
