"""`homeroute routes explain`, over a history that went through the real ingest."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from homeroute_analytics import legs, tables
from homeroute_analytics.legs import Leg
from homeroute_collector.archive import FILE_NAME, Archive
from homeroute_command import routes_explain
from homeroute_command.__main__ import main
from homeroute_simulators.planned_drive import PlannedDrive
from tests.simulators import filled

WHERE = filled.place(buses=4)
DAYS = [date(2026, 11, 4), date(2026, 11, 11)]
"""Two Wednesdays, one of which has substitutes."""

NOW_MS = 1_794_000_000_000
"""What the served collector's clock says."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("explained")
    filled.run(path, WHERE, DAYS, kinds=())
    (path / "collector.toml").write_text(
        f'district = "{WHERE.district.name}"\ndata_dir = "."\n'
        f'timezone = "{WHERE.district.timezone}"\n'
    )
    return path


def drives() -> Iterator[PlannedDrive]:
    for day in DAYS:
        yield from WHERE.drives(day)


def middle(drive: PlannedDrive) -> str:
    at_ms = (drive.depart_ms + drive.arrive_ms) // 2
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat()


@pytest.fixture
def explained(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[[str, str], dict[str, Any]]:
    def ask(device: str, time: str) -> dict[str, Any]:
        assert main(["routes", "explain", device, time, "--data", str(folder), "--json"]) == 0
        answer: dict[str, Any] = json.loads(capsys.readouterr().out)
        return answer

    return ask


def test_a_filled_history_has_the_legs_that_were_really_driven(folder: Path) -> None:
    async def read() -> list[Leg]:
        archive = Archive.open(
            folder / FILE_NAME, district=WHERE.district.name, extra_ddl=tables.DDL
        )
        try:
            return [leg for day in DAYS for leg in await legs.stored(archive.query, day)]
        finally:
            archive.close()

    found = {(leg.service_day, leg.trip): leg for leg in asyncio.run(read())}
    planned = {(d.day, d.trip.name): d for d in drives() if not d.excursion}
    assert set(found) == set(planned)
    assert {drive.substitute for drive in planned.values()} == {True, False}
    for key, drive in planned.items():
        leg = found[key]
        if leg.covered is not None:
            assert leg.device == drive.bus.device
            assert leg.source == ("gps" if drive.substitute else "assignment")


def test_a_drive_is_explained_by_the_trip_it_was(
    explained: Callable[[str, str], dict[str, Any]],
) -> None:
    told = next(d for d in drives() if not d.excursion and not d.substitute)
    found = explained(told.bus.device, middle(told))
    assert found["leg"]["trip"] == told.trip.name
    assert found["candidates"][0]["trip"] == told.trip.name
    assert found["candidates"][0]["verdict"] == "passes the gates"
    assert found["candidates"][0]["assigned"]
    assert found["then"].endswith("nearest in place and time")


def test_a_substitute_is_explained_and_what_it_should_have_driven_too(
    explained: Callable[[str, str], dict[str, Any]],
) -> None:
    told = next(d for d in drives() if d.substitute)
    found = explained(told.bus.device, middle(told))
    assert "by gps" in found["now"] and f"assigned to {told.trip.bus.device}" in found["now"]
    own = [c for c in found["candidates"] if c["assigned"]]
    assert own and all(c["verdict"].startswith("gate:") for c in own)


def test_people_read_it_in_lines(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = next(d for d in drives() if not d.excursion and not d.substitute)
    assert main(["routes", "explain", told.bus.device, middle(told), "--data", str(folder)]) == 0
    said = capsys.readouterr().out
    assert told.trip.name in said and "passes the gates" in said and "the assignment table" in said
    assert f"({WHERE.district.timezone})" in said


def test_a_zone_that_nobody_named_is_told_as_such(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = next(d for d in drives() if not d.excursion and not d.substitute)
    words = ["routes", "explain", told.bus.device, middle(told), "--data", str(folder), "--json"]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["timezone_assumed"] is False
    routes_explain._say(found | {"timezone_assumed": True})
    assert "nobody has named the district's)" in capsys.readouterr().out


@pytest.mark.parametrize("columns", ["50", "80", "100", "160"])
def test_no_letter_of_a_verdict_or_a_number_is_lost_however_narrow_the_terminal(
    columns: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    told = next(d for d in drives() if d.substitute)
    words = ["routes", "explain", told.bus.device, middle(told), "--data", str(folder)]
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["candidates"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert found
    for row in found:
        assert row["trip"] in said
        for word in row["verdict"].split():
            assert word in said
        if row["lateral_m"] is not None:
            assert f"{row['lateral_m']:.0f} m" in " ".join(said.split())


@pytest.mark.parametrize(
    ("device", "at", "said"),
    [("bus-99", "07:42", "bus-99"), ("bus-01", "noonish", "want now, 07:42 or 2026-11-09T07:42")],
)
def test_what_is_asked_wrongly_is_said(
    device: str, at: str, said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["routes", "explain", device, at, "--data", str(folder)]) == 2
    assert said in capsys.readouterr().err


def test_a_running_collector_is_asked_over_http(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = next(d for d in drives() if not d.excursion and not d.substitute)
    with _served(folder) as url:
        arguments = ["routes", "explain", told.bus.device, middle(told), "--url", url, "--json"]
        assert main(arguments) == 0
        assert json.loads(capsys.readouterr().out)["leg"]["trip"] == told.trip.name
        assert main(["routes", "explain", "bus-99", "--url", url]) == 2
        assert "`homeroute device list` has the names" in capsys.readouterr().err
        assert main(["routes", "explain", told.bus.device, "--url", url, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["time_ms"] == NOW_MS, "when none is given"
        assert main(["routes", "explain", "bus-01", "noonish", "--url", url]) == 2


class _served:  # noqa: N801 - reads as a verb
    """The mount over an archive, on a free port of the loopback, in a thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self.url = ""

    def __enter__(self) -> str:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()
        assert self._ready.wait(20)
        return self.url

    def __exit__(self, *_: object) -> None:
        assert self._loop is not None and self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        archive = Archive.open(
            self._folder / FILE_NAME, district=WHERE.district.name, extra_ddl=tables.DDL
        )

        class Standing:
            """What the mount needs of a collector."""

            timezone = WHERE.district.timezone
            timezone_assumed = False

            class clock:  # noqa: N801 - an attribute
                @staticmethod
                def now_ms() -> int:
                    return NOW_MS

        standing: Any = Standing
        standing.archive = archive
        app = web.Application()
        routes_explain.mount(app, standing)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()
        archive.close()
