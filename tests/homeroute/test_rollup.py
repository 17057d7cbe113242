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

from homeroute_analytics import rollup_inputs, rollup_order, tables
from homeroute_analytics.attribution.days import Outcome, find_legs
from homeroute_analytics.rollups import bounds
from homeroute_collector.archive import Archive
from homeroute_collector.archive_expiry import expire
from homeroute_collector.archive_records import Commit
from homeroute_collector.validation import validate
from homeroute_command import rolling
from homeroute_command.__main__ import main
from homeroute_simulators.filling_state import taught_days
from homeroute_wire.measurements import Usage
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
        assert await rolling.once(archive, ZONE, NOW_MS, failing={})
        assert all([await trips(archive, day) for day in DAYS])
        # Silent days between the last one written and today are due once, yesterday till midnight.
        await archive.execute("DELETE FROM rollup_days WHERE day > ?", [TUESDAY])
        assert await due(archive) == (TODAY, YESTERDAY, YESTERDAY - timedelta(1))
        await rolling.once(archive, ZONE, NOW_MS, failing={})
        assert await due(archive) == (TODAY, YESTERDAY)
        # What a bus recorded on Monday, and uploads on Friday.
        await archive.commit(late(MONDAY))
        assert await due(archive) == (TODAY, YESTERDAY, MONDAY)
        # That a hotspot was used on Monday ends the idle days of every day since.
        used = Usage(carrier="x", down_bytes=1, up_bytes=1, active_hours=2)
        payload = batch([Point(bounds(TUESDAY, ZoneInfo(ZONE))[0], used)], kind="hotspot")
        await archive.commit(validate("home-01", payload, received_ms=NOW_MS, retention_days=3_660))
        assert await due(archive) == (TODAY, YESTERDAY, YESTERDAY - timedelta(1), *reversed(DAYS))

    using(folder, work)


def test_a_day_that_fails_is_left_due_told_and_does_not_stop_the_others(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    repaired = []

    async def repair(query: Any, day: date, timezone: str, **given: Any) -> Outcome:
        repaired.append(day)
        if day == MONDAY:
            raise RuntimeError("no legs today")
        return await find_legs(query, day, timezone, **given)

    async def fails(*_: object, **__: object) -> None:
        raise OSError("no archive today")

    monkeypatch.setattr(rolling, "find_legs", repair)

    async def work(archive: Archive) -> None:
        failing: dict[date, str] = {}
        assert not await rolling.once(archive, ZONE, NOW_MS, failing=failing)
        assert repaired == [TODAY, TUESDAY, MONDAY]
        assert await trips(archive, TUESDAY)
        assert not await trips(archive, MONDAY)
        # It alone is due again, however long it fails.
        assert await due(archive) == (TODAY, MONDAY)
        # Told once, not every minute of a year, and told again when it is over.
        await rolling.once(archive, ZONE, NOW_MS, failing=failing)
        assert failing == {MONDAY: "RuntimeError: no legs today"}
        assert [record.levelname for record in caplog.records] == ["ERROR"]
        before_ms = bounds(TUESDAY + timedelta(1), ZoneInfo(ZONE))[0]
        kept_ms = await rolling.sealed_until(archive, ZONE, NOW_MS, before_ms, failing=failing)
        assert kept_ms == bounds(MONDAY, ZoneInfo(ZONE))[0]
        monkeypatch.undo()
        with monkeypatch.context() as patched:
            # Where nobody can tell what is due, an earlier day may be: nothing expires.
            patched.setattr("homeroute_analytics.rollup_order.due", fails)
            assert (
                await rolling.sealed_until(archive, ZONE, NOW_MS, before_ms, failing=failing) == 0
            )
        with caplog.at_level("INFO"):
            assert await rolling.once(archive, ZONE, NOW_MS, failing=failing)
        assert not failing
        assert f"{MONDAY} is rolled up again" in caplog.text
        assert await due(archive) == (TODAY,)

    using(folder, work)


def test_raw_points_of_an_unsealed_day_do_not_expire_and_a_sealed_days_aggregates_stay(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_ms = NOW_MS - 3_600_000

    async def work(archive: Archive) -> None:
        async def fail(*_: object, **__: object) -> None:
            raise RuntimeError("not now")

        monkeypatch.setattr(rolling, "find_legs", fail)
        until_ms = await rolling.sealed_until(archive, ZONE, NOW_MS, before_ms, failing={})
        gone = await expire(archive, before_ms=before_ms, points_before_ms=until_ms)
        assert gone.points == 0
        monkeypatch.undo()
        until_ms = await rolling.sealed_until(archive, ZONE, NOW_MS, before_ms, failing={})
        # One day more is kept, from its midnight on.
        assert until_ms == bounds(TODAY - timedelta(1), ZoneInfo(ZONE))[0]
        held = await trips(archive, MONDAY)
        assert held
        gone = await expire(archive, before_ms=before_ms, points_before_ms=until_ms)
        assert gone.points > 10_000
        assert await due(archive) == (TODAY, YESTERDAY)
        assert await rolling.once(archive, ZONE, NOW_MS, failing={})
        assert await trips(archive, MONDAY) == held

    using(folder, work)


def test_a_corrected_assignment_makes_the_day_it_bears_on_due_and_changes_its_legs(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def before(archive: Archive) -> str:
        ((device,),) = await archive.query("SELECT min(device) FROM position")
        # Without its GPS, who drove what is what the table says.
        await archive.execute("DELETE FROM position WHERE device = ?", [device])
        await rolling.once(archive, ZONE, NOW_MS, failing={})
        assert await rollup_inputs.changed(archive.query, ZONE) == []
        ((trip,),) = await archive.query(
            "SELECT min(trip) FROM legs "
            "WHERE service_day = ? AND device = ? AND source = 'assignment'",
            [MONDAY, device],
        )
        assert (await driven(archive, MONDAY, trip))[0] == device
        return str(trip)

    async def driven(archive: Archive, day: date, trip: str) -> tuple[Any, ...]:
        query = "SELECT device, reported_s FROM trip_day WHERE day = ? AND trip = ?"
        (row,) = await archive.query(query, [day, trip])
        return row

    async def changed(archive: Archive) -> list[date]:
        return await rollup_inputs.changed(archive.query, ZONE)

    def imports(what: str, text: str, *more: str) -> str:
        path = tmp_path / f"{what}.csv"
        path.write_text(text)
        assert main(["import", what, str(path), "--data", str(folder), *more]) == 0
        return capsys.readouterr().out

    trip = using(folder, before)
    fleet = "device,vehicle,from\nbus-99,spare,2026-08-01\n"
    assert json.loads(imports("fleet", fleet, "--json"))["redone"] == []
    substitute = f"vehicle,trip,from,to\nspare,{trip},{MONDAY},{MONDAY}\n"
    said = imports("assignments", substitute, "--dry-run")
    assert f"1 past day would be computed anew: {MONDAY}\n" in said
    assert using(folder, changed) == []
    assert json.loads(imports("assignments", substitute, "--json"))["redone"] == [str(MONDAY)]

    # Monday is due already, and this bears on later days alone.
    used = f"device,day,total bytes\nhome-09,{TUESDAY},5\n"
    days = json.loads(imports("usage", used, "--dry-run", "--json"))["redone"]
    assert str(TUESDAY) in days and str(MONDAY) not in days

    async def after(archive: Archive) -> None:
        tuesday = await trips(archive, TUESDAY)
        assert await changed(archive) == [MONDAY]
        assert await rolling.once(archive, ZONE, NOW_MS, failing={})
        assert await driven(archive, MONDAY, trip) == ("bus-99", 0)
        assert await trips(archive, TUESDAY) == tuesday
        assert await changed(archive) == []

    using(folder, after)
    # The same again makes nothing due; nor does what bears on a day whose points have gone.
    assert json.loads(imports("assignments", substitute, "--json"))["redone"] == []
    using(folder, lambda archive: expire(archive, before_ms=NOW_MS))
    ended = ("device", "retire", "bus-99", "--on", str(MONDAY), "--data", str(folder), "--json")
    assert main([*ended]) == 0
    assert json.loads(capsys.readouterr().out)["redone"] == []


def test_by_hand_a_dry_run_tells_and_keeps_nothing_and_an_expired_day_keeps_what_it_has(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    between = ["--from", str(MONDAY), "--to", str(TUESDAY), "--data", str(folder)]
    assert main(["rollup", *between, "--dry-run", "--json"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["day"] for row in told if row["rows"]["trip_day"]] == [str(MONDAY), str(TUESDAY)]
    assert using(folder, lambda archive: trips(archive, MONDAY)) == []
    # Who drove what is found anew by a dry run, too, and not kept.
    count = "SELECT count(*) FROM legs WHERE service_day = ?"
    forget = "DELETE FROM legs WHERE service_day = ? AND trip = (SELECT min(trip) FROM legs)"
    ((legs,),) = using(folder, lambda archive: archive.query(count, [MONDAY]))
    using(folder, lambda archive: archive.execute(forget, [MONDAY]))
    for dry in (["--dry-run"], []):
        assert main(["rollup", "--day", str(MONDAY), "--data", str(folder), *dry]) == 0
        said = capsys.readouterr().out
        assert said.startswith(f"{MONDAY}: {'would write ' if dry else ''}")
        assert said.endswith(f"; {legs} legs, of them 1 new or changed; 0 removed\n")
        left = using(folder, lambda archive: archive.query(count, [MONDAY]))
        assert left == [(legs - bool(dry),)]
    held = using(folder, lambda archive: trips(archive, MONDAY))
    assert len(held) == told[0]["rows"]["trip_day"]
    using(folder, lambda archive: expire(archive, before_ms=NOW_MS))
    assert main(["rollup", "--day", str(MONDAY), "--data", str(folder)]) == 1
    assert "its raw points have expired" in capsys.readouterr().err
    assert using(folder, lambda archive: trips(archive, MONDAY)) == held


def test_a_day_yet_to_come_is_wrong_usage(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rollup", "--day", "2199-01-01", "--data", str(folder)]) == 2
    assert "2199-01-01: it is yet to come" in capsys.readouterr().err


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
