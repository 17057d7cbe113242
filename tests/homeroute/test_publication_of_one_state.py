"""A week is published of one state, whoever writes its days meanwhile, wherever it is killed."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from homeroute_analytics import rollups
from homeroute_collector.validation import validate
from homeroute_command import rolling
from homeroute_wire.measurements import Filter
from homeroute_wire.schema import Point
from tests.collector.batches import batch
from tests.homeroute.rolled_states import (
    DAYS,
    SETTLED_MS,
    WEEK,
    ZONE,
    Made,
    fill,
    opened,
    publish,
    recorded,
    roll,
    states,
    swap,
)

pytestmark = pytest.mark.slow

MONDAY, TUESDAY = DAYS

States = dict[tuple[bool, ...], Made]


@pytest.fixture(scope="module")
def district(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, States]:
    """A folder whose days are rolled up as they were driven, and what its week can be made of."""
    folder = tmp_path_factory.mktemp("district")
    fill(folder)

    async def known() -> States:
        archive = opened(folder)
        try:
            return await states(archive)
        finally:
            await asyncio.to_thread(archive.close)

    return folder, asyncio.run(known())


@pytest.fixture
def folder(district: tuple[Path, States], tmp_path: Path) -> Path:
    shutil.copy(district[0] / "archive.duckdb", tmp_path / "archive.duckdb")
    return tmp_path


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_a_rollup_killed_between_any_two_writes_leaves_a_week_of_one_state(
    folder: Path, district: tuple[Path, States], writes: int
) -> None:
    killed = subprocess.run(
        [
            *(sys.executable, "-m", "tests.homeroute.rolled_states"),
            *(str(folder), str(MONDAY), str(writes)),
        ],
        check=False,
        timeout=60,
    )
    assert killed.returncode == -signal.SIGKILL

    async def published() -> tuple[list[Made], list[Made]]:
        archive = opened(folder)
        try:
            with recorded() as at_once:
                await publish(archive)
            await rolling.once(archive, ZONE, SETTLED_MS, failing={})
            with recorded() as later:
                assert await publish(archive) == [WEEK]
        finally:
            await asyncio.to_thread(archive.close)
        return at_once, later

    at_once, later = asyncio.run(published())
    known = district[1]
    assert at_once == [known[writes > 0, False]]
    assert later == [known[True, True]]


def test_a_day_whose_rollup_fails_after_its_legs_were_found_is_published_as_it_was(
    folder: Path, district: tuple[Path, States], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("the numbers do not add up")

    async def work() -> list[Made]:
        archive = opened(folder)
        try:
            await swap(archive)
            monkeypatch.setattr(rollups, "roll", fails)
            with pytest.raises(RuntimeError, match="do not add up"):
                await roll(archive, MONDAY)
            with recorded() as made:
                assert await publish(archive) == [WEEK]
        finally:
            await asyncio.to_thread(archive.close)
        return made

    assert asyncio.run(work()) == [district[1][False, False]]


def test_every_week_published_while_its_days_are_rolled_up_again_and_again_is_of_one_state(
    folder: Path, district: tuple[Path, States]
) -> None:
    async def work() -> list[Made]:
        archive = opened(folder)
        rolling_on = True

        async def correct() -> None:
            for _ in range(8):
                await swap(archive)
                await asyncio.gather(*(roll(archive, day) for day in DAYS))

        async def ask_by_hand() -> None:
            while rolling_on:
                await roll(archive, MONDAY)

        async def publishes() -> None:
            while rolling_on:
                await publish(archive)

        try:
            with recorded() as made:
                others = [asyncio.create_task(work()) for work in (ask_by_hand, publishes)]
                await correct()
                rolling_on = False
                await asyncio.gather(*others)
        finally:
            await asyncio.to_thread(archive.close)
        return made

    made = asyncio.run(work())
    known = {of: state for state, of in district[1].items()}
    assert len(made) > 8
    assert [known.get(week, "of two states") for week in made if week not in known] == []
    assert len(set(made)) > 1


def test_what_a_bus_uploads_after_its_day_was_rolled_up_is_published_with_the_rest_of_it_or_not(
    folder: Path, district: tuple[Path, States]
) -> None:
    async def work() -> list[Made]:
        archive = opened(folder)
        try:
            ((moment_ms,),) = await archive.query(
                "SELECT (start_ms + end_ms) // 2 FROM legs WHERE service_day = ? "
                "AND device = 'bus-03' ORDER BY start_ms LIMIT 1",
                [MONDAY],
            )
            blocked = Filter(category="games", action="blocked", hits=900, clients=1)
            payload = batch([Point(moment_ms, blocked)], stream="00000000000000ff")
            await archive.commit(
                validate("bus-03", payload, received_ms=SETTLED_MS, retention_days=3_660)
            )
            with recorded() as made:
                await publish(archive)
                await roll(archive, MONDAY)
                await publish(archive)
        finally:
            await asyncio.to_thread(archive.close)
        return made

    before, after = asyncio.run(work())
    assert before == district[1][False, False]
    assert max(count for trip, _ in after for _, count in trip.hits) >= 900
