"""`homeroute import` and `homeroute device` as typed: on a folder, and beside a collector."""

from __future__ import annotations

import argparse
import asyncio
import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from homeroute_analytics import import_feed, tables
from homeroute_analytics.feeds.gtfs import read
from homeroute_analytics.imports import ImportRefused
from homeroute_collector.archive import FILE_NAME, Archive
from homeroute_command import changing
from homeroute_command.__main__ import main
from homeroute_command.failure import Failure
from tests.analytics.feed_files import FEED, zipped
from tests.collector.serving import config, serving

Capture = pytest.CaptureFixture[str]


def run(capsys: Capture, *words: object) -> tuple[int, str, str]:
    code = main([str(word) for word in words])
    said = capsys.readouterr()
    return code, said.out, said.err


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize("what", ["gtfs", "routes", "fleet", "assignments", "calendar", "usage"])
def test_each_import_says_what_it_takes(what: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["import", what, "--help"])
    assert ended.value.code == 0
    assert "--dry-run" in capsys.readouterr().out


def test_a_dry_run_tells_what_the_import_then_does_and_keeps_nothing(
    tmp_path: Path, capsys: Capture
) -> None:
    Archive.open(
        _made(tmp_path / "data") / FILE_NAME, district="district", extra_ddl=tables.DDL
    ).close()
    words = ("import", "gtfs", zipped(tmp_path / "feed.zip"), "--data", tmp_path / "data", "--json")
    _, dry, _ = run(capsys, *words, "--dry-run")
    _, wet, _ = run(capsys, *words)
    _, again, _ = run(capsys, *words)
    told, did = json.loads(dry), json.loads(wet)
    assert told.pop("dry_run") is True
    assert did.pop("dry_run") is False
    assert told == did
    assert not did["unchanged"]
    assert json.loads(again)["unchanged"]


@pytest.mark.parametrize(
    "words",
    [
        ["report", "coverage"],
        ["publish", "--list"],
        ["device", "list"],
        ["device", "retire", "bus-01"],
        ["rollup", "--day", "2026-11-02"],
        ["routes", "explain", "bus-01", "07:42"],
        ["import", "fleet", "fleet.csv", "--dry-run"],
    ],
)
def test_a_mistyped_folder_is_told_and_no_archive_is_made_in_it(
    words: list[str], tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("fleet.csv").write_text("device,vehicle,from\nbus-01,101,2026-08-12\n")
    code, _, err = run(capsys, *words, "--data", "dtaa")
    assert (code, err.count("\n")) == (2, 1)
    assert "no archive in dtaa" in err
    assert not Path("dtaa").exists()


def test_what_is_wrong_is_told_line_by_line_and_nothing_is_imported(
    tmp_path: Path, capsys: Capture
) -> None:
    wrong = {
        "stop_times.txt": FEED["stop_times.txt"].replace("24:50:00", "late"),
        "stops.txt": FEED["stops.txt"].replace("-105.02\nd", "east\nd"),
    }
    data = tmp_path / "data"
    path = zipped(tmp_path / "feed.zip", wrong)
    code, _, err = run(capsys, "import", "gtfs", path, "--data", data)
    assert code == 2
    assert "nothing imported" in err
    assert "stops.txt:4: stop_lon: 'east' is no number from -180 to 180" in err
    assert "stop_times.txt:10: arrival_time: 'late' is no time; want HH:MM:SS" in err
    assert not (data / "archive.duckdb").exists()


@pytest.mark.parametrize(
    "begins", [b"PK\x03\x04\x14\x00\x06", b"\xd0\xcf\x11\xe0\xa1", b"%PDF-1.7"]
)
def test_what_is_no_text_is_told_in_words_and_not_printed(
    begins: bytes, tmp_path: Path, capsys: Capture
) -> None:
    path = tmp_path / "fleet.csv"
    path.write_bytes(begins + b"\x00\x1b[31m")
    code, _, err = run(capsys, "import", "fleet", path, "--data", tmp_path)
    assert (code, "want CSV" in err, err.isascii() and "\x1b" not in err) == (2, True, True)


def test_a_fleet_and_its_devices_are_kept_by_hand(tmp_path: Path, capsys: Capture) -> None:
    data = tmp_path / "data"
    fleet = tmp_path / "fleet.csv"
    fleet.write_text("device,vehicle,from\nbus-01,101,2026-08-12\n", encoding="utf-8")
    code, out, _ = run(capsys, "import", "fleet", fleet, "--data", data)
    assert (code, "1 rows are imported" in out) == (0, True)
    words = ("device", "replace", "bus-01", "bus-31", "--on", "2026-11-02", "--data", data)
    code, out, _ = run(capsys, *words, "--dry-run")
    assert "bus-31 takes its place; dry run: nothing was kept" in out
    run(capsys, *words)
    _, out, _ = run(capsys, "device", "list", "--data", data, "--on", "2026-11-02", "--json")
    listed = {row["device"]: row for row in json.loads(out)["devices"]}
    assert (listed["bus-01"]["vehicle"], listed["bus-31"]["vehicle"]) == (None, "101")
    assert (listed["bus-01"]["retired_day"], listed["bus-01"]["replaced_by"]) == (
        "2026-11-02",
        "bus-31",
    )
    _, out, _ = run(capsys, *words)
    told = "nothing changes; bus-01 is retired from 2026-11-02, replaced by bus-31 already\n"
    assert out == told
    _, out, _ = run(capsys, "device", "replace", "bus-01", "bus-31", "--data", data)
    assert out == told, "no --on: whenever it was"
    _, out, _ = run(capsys, "device", "retire", "bus-31", "--on", "2026-11-09", "--data", data)
    assert "bus-31 is retired from 2026-11-09 (vehicle 101)" in out
    _, out, _ = run(capsys, "device", "retire", "bus-31", "--on", "2026-11-09", "--data", data)
    assert out == "nothing changes; bus-31 is retired from 2026-11-09 already\n"
    _, out, _ = run(capsys, "device", "retire", "bus-31", "--on", "2026-11-10", "--data", data)
    assert "is retired from 2026-11-10" in out
    code, _, err = run(capsys, "device", "retire", "bus-99", "--data", data)
    assert (code, "never heard of" in err) == (2, True)
    empty = tmp_path / "empty.csv"
    empty.write_text("device,vehicle,from\n", encoding="utf-8")
    code, _, err = run(capsys, "import", "fleet", empty, "--data", data)
    assert (code, "no row below" in err) == (2, True)


@pytest.mark.parametrize(
    "chunk",
    [
        "nonsense",
        "{}",
        '{"device": "bus-01"}',
        '{"device": ["bus-01"], "vehicle": ["1"], "first_day": ["soon"], "last_day": [null]}',
        '{"device": ["a", "b"], "vehicle": ["1"], "first_day": ["2026-01-01"], "last_day": []}',
    ],
)
def test_rows_of_another_form_are_refused_in_one_line_and_nothing_of_them_is_kept(
    tmp_path: Path, chunk: str
) -> None:
    archive = Archive.open(tmp_path / FILE_NAME, district="district", extra_ddl=tables.DDL)
    sent = {"document": {"what": "fleet", "name": "fleet.csv", "tables": {"fleet": [chunk]}}}

    async def run() -> list[Any]:
        with pytest.raises(ImportRefused, match=r"fleet\.csv: rows of another form: .+") as refused:
            await changing.perform(archive, "import", sent, timezone="UTC", now_ms=0)
        assert "\n" not in str(refused.value)
        return await archive.query("SELECT * FROM fleet", [])

    try:
        assert asyncio.run(run()) == []
    finally:
        archive.close()


@pytest.mark.slow
def test_a_running_collector_imports_what_it_is_sent_under_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changing, "BODY_BOUND", 100_000)
    path = zipped(tmp_path / "feed.zip")

    def asking(url: str, body: dict[str, Any]) -> dict[str, Any]:
        args = argparse.Namespace(url=url, data=None, config=None, district=None, port=None)
        return changing.ask(args, "import", body)

    async def collector() -> None:
        body = {"document": asdict(import_feed.document(read(path))), "from_day": None}
        settings = config(tmp_path / "data", None)
        async with serving(
            settings, mount=[changing.mount], extra_ddl=tables.DDL, connected=False
        ) as (running, session):
            url = str(session._base_url)
            first = await asyncio.to_thread(asking, url, body)
            assert not first["unchanged"]
            assert (await asyncio.to_thread(asking, url, body))["unchanged"]
            assert await running.archive.query("SELECT count(*) FROM feeds") == [(1,)]
            with pytest.raises(Failure, match="ends on 2026-11-13, before 2027"):
                await asyncio.to_thread(asking, url, body | {"from_day": "2027-01-01"})
            headers = {"X-Homeroute": "1"}
            too_long = b" " * (changing.BODY_BOUND + 1)
            for data, status in ((b"[]", 400), (b"{", 400), (b"{}", 400), (too_long, 413)):
                async with session.post(changing.PATH + "import", data=data, headers=headers) as it:
                    assert it.status == status
            async with session.post(changing.PATH + "drop", data=b"{}", headers=headers) as it:
                assert it.status == 404
            async with session.post(changing.PATH + "import", data=b"{}") as it:
                assert it.status == 403

    asyncio.run(collector())


@pytest.mark.slow
def test_a_demonstration_lists_and_tries_and_says_in_one_line_that_it_takes_no_changes(
    tmp_path: Path,
) -> None:
    def asking(url: str, name: str, body: dict[str, Any]) -> dict[str, Any]:
        args = argparse.Namespace(url=url, data=None, config=None, district=None, port=None)
        return changing.ask(args, name, body)

    async def collector() -> None:
        body = {"document": asdict(import_feed.document(read(zipped(tmp_path / "feed.zip"))))}
        mount = partial(changing.mount, kept=False)
        async with serving(
            config(tmp_path / "data", None), mount=[mount], extra_ddl=tables.DDL, connected=False
        ) as (running, session):
            url = str(session._base_url)
            assert await asyncio.to_thread(asking, url, "devices", {}) is not None
            tried = await asyncio.to_thread(asking, url, "import", body | {"dry_run": True})
            assert not tried["unchanged"]
            for name, sent in (("import", body), ("retire", {"device": "bus-01"})):
                with pytest.raises(Failure, match="the demo runs there") as told:
                    await asyncio.to_thread(asking, url, name, sent)
                assert (told.value.exit_code, "\n" in str(told.value)) == (2, False)
            assert await running.archive.query("SELECT count(*) FROM feeds") == [(0,)]

    asyncio.run(collector())
