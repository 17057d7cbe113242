"""Replay: what a newer release understands moves over, and no point is lost or doubled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from homeroute_collector import refusals, validation, validators
from homeroute_collector.archive import Archive
from homeroute_collector.archive_records import Commit, Refusal
from homeroute_collector.archive_writer import Limits
from homeroute_collector.kept import pack, unpack
from homeroute_collector.replay import ALREADY_STORED, CHUNK
from homeroute_collector.validation import validate
from homeroute_wire.batch import BatchError, Header, frame
from homeroute_wire.measurements import FROM_DEVICES
from tests.collector.batches import (
    DISTRICT,
    NOW_MS,
    RETENTION_DAYS,
    STREAM,
    batch,
    minute,
    raw_batch,
    uplink,
)

LATER_MS = NOW_MS + 86_400_000


def received(payload: bytes, device: str = "bus-07") -> Commit:
    return validate(device, payload, received_ms=NOW_MS, retention_days=RETENTION_DAYS)


def within(folder: Path, use: Callable[[Archive], Awaitable[None]]) -> None:
    archive = Archive.open(
        folder / "archive.duckdb",
        district=DISTRICT,
        limits=Limits(window_s=0.0),
        now_ms=lambda: NOW_MS,
    )

    async def run() -> None:
        await use(archive)

    try:
        asyncio.run(run())
    finally:
        archive.close()


async def replayed(archive: Archive, device: str | None = None) -> refusals.Replayed:
    return await refusals.replay(
        archive, retention_days=RETENTION_DAYS, device=device, now_ms=lambda: LATER_MS
    )


def older(patch: pytest.MonkeyPatch, measurement: str, without: str | None = None) -> None:
    """Be a release that does not know a measurement, or one field of it."""
    if without is None:
        patch.delitem(FROM_DEVICES, measurement)
        return
    spec = FROM_DEVICES[measurement]
    fields = tuple(field for field in spec.fields if field.name != without)
    patch.setitem(FROM_DEVICES, measurement, replace(spec, fields=fields))
    model = validators._model(FROM_DEVICES[measurement])
    patch.setitem(validators._MODELS, measurement, model)


async def ledger(archive: Archive) -> list[tuple[Any, ...]]:
    return await archive.query("SELECT points, stored, refused FROM batches ORDER BY seq")


def test_an_unknown_measurement_moves_over_once_it_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def use(archive: Archive) -> None:
        with monkeypatch.context() as patch:
            older(patch, "position")
            await archive.commit(received(batch()))
            assert await replayed(archive) == refusals.Replayed(stored=0, refused=6, completed=0)
        assert await ledger(archive) == [(len(minute()), len(minute()) - 6, 6)]
        assert await replayed(archive) == refusals.Replayed(stored=6, refused=0, completed=0)
        assert await ledger(archive) == [(len(minute()), len(minute()), 0)]
        assert archive.totals == (len(minute()), 0)
        assert await archive.query(
            "SELECT DISTINCT commit_id, received_ms, stream, device, kind FROM position"
        ) == [(2, NOW_MS, STREAM, "bus-07", "bus")]
        assert await archive.query("SELECT * FROM commits ORDER BY 1") == [
            (1, NOW_MS, len(minute()) - 6),
            (2, LATER_MS, 6),
        ]
        assert await replayed(archive) == refusals.Replayed(stored=0, refused=0, completed=0)
        again = await archive.commit(received(batch()))
        assert again.outcome == "duplicate"
        assert again.receipt is not None
        assert (again.receipt.stored, again.receipt.refused) == (len(minute()), 0)

    within(tmp_path, use)


def test_a_whole_batch_moves_over_and_what_it_still_refuses_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    payload = raw_batch({"health": {"t": [NOW_MS, 1, 1], "uptime_s": [1, "x", 3]}}, seq=4)

    def unreadable(_: bytes) -> None:
        raise BatchError("not yet")

    async def use(archive: Archive) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(validation, "decode", unreadable)
            await archive.commit(received(payload))
        assert await ledger(archive) == [(3, 0, 3)]
        assert await archive.query("SELECT kind FROM devices") == [("",)]
        assert await replayed(archive) == refusals.Replayed(stored=2, refused=1, completed=0)
        assert await ledger(archive) == [(3, 2, 1)]
        [left] = await refusals.newest(archive)
        assert (left.measurement, left.points, left.seq) == ("health", 1, 4)
        assert await archive.query("SELECT uptime_s FROM health ORDER BY 1") == [(1,), (3,)]

    within(tmp_path, use)


def test_a_point_stored_already_is_not_stored_again(tmp_path: Path) -> None:
    rows = {"t": [NOW_MS, 0, 5], "uptime_s": [1, 2, 3]}

    async def use(archive: Archive) -> None:
        await archive.commit(received(raw_batch({"health": rows})))
        assert await ledger(archive) == [(3, 2, 1)]
        assert await replayed(archive) == refusals.Replayed(stored=0, refused=1, completed=0)
        assert await archive.query("SELECT uptime_s FROM health ORDER BY 1") == [(1,), (3,)]

    within(tmp_path, use)


def test_two_refused_points_with_one_identity_become_one_and_a_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def use(archive: Archive) -> None:
        with monkeypatch.context() as patch:
            older(patch, "health")
            for seq, times in ((1, [NOW_MS]), (2, [NOW_MS, 7])):
                columns = {"t": times, "uptime_s": [seq] * len(times)}
                await archive.commit(received(raw_batch({"health": columns}, seq=seq)))
        assert await replayed(archive) == refusals.Replayed(stored=2, refused=1, completed=0)
        [left] = await refusals.newest(archive)
        assert (left.reason, left.seq) == (ALREADY_STORED, 2)
        assert await ledger(archive) == [(1, 1, 0), (2, 1, 1)]

    within(tmp_path, use)


def test_a_time_refused_when_it_came_is_refused_for_good(tmp_path: Path) -> None:
    async def use(archive: Archive) -> None:
        rows = {"t": [NOW_MS + 3_600_000], "uptime_s": [1]}
        await archive.commit(received(raw_batch({"health": rows})))
        assert await replayed(archive) == refusals.Replayed(stored=0, refused=1, completed=0)

    within(tmp_path, use)


def test_garbage_and_a_household_s_contents_are_never_replayed(tmp_path: Path) -> None:
    async def use(archive: Archive) -> None:
        await archive.commit(received(b"garbage"))
        position = {"t": [NOW_MS], "lat": [1.5], "lon": [2.5], "fix": [3]}
        await archive.commit(received(raw_batch({"position": position}, kind="hotspot")))
        assert await replayed(archive) == refusals.Replayed(stored=0, refused=1, completed=0)
        assert len(await refusals.newest(archive)) == 2

    within(tmp_path, use)


def test_many_refusals_are_replayed_in_steps_and_of_one_device_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def use(archive: Archive) -> None:
        with monkeypatch.context() as patch:
            older(patch, "health")
            commits = [
                received(raw_batch({"health": {"t": [NOW_MS], "uptime_s": [1]}}, seq=seq), device)
                for seq in range(1, CHUNK + 3)
                for device in ("bus-07", "bus-08")
            ]
            # Each a time of its own, or all but one would be stored already.
            commits = [
                replace(commit, refusals=(_at(commit, NOW_MS + at),))
                for at, commit in enumerate(commits)
            ]
            await asyncio.gather(*(archive.commit(commit) for commit in commits))
        first = await replayed(archive, "bus-07")
        assert (first.stored, first.refused) == (CHUNK + 2, 0)
        second = await replayed(archive)
        assert (second.stored, second.refused) == (CHUNK + 2, 0)
        assert archive.totals == (2 * (CHUNK + 2), 0)

    within(tmp_path, use)


def _at(commit: Commit, time_ms: int) -> Refusal:
    return replace(commit.refusals[0], payload=pack([time_ms], {"uptime_s": [1]}))


def test_a_field_unknown_when_it_came_is_added_to_its_points(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {"t": [NOW_MS, 5], "uptime_s": [1, 2], "throttled": [True, None], "later": [7, 8]}

    async def use(archive: Archive) -> None:
        with monkeypatch.context() as patch:
            older(patch, "health", without="throttled")
            await archive.commit(received(raw_batch({"health": rows})))
            await archive.commit(received(raw_batch({"health": rows}), "bus-08"))
            assert (await replayed(archive)).completed == 0
        assert await archive.query("SELECT DISTINCT throttled FROM health") == [(None,)]
        assert await replayed(archive, "bus-07") == refusals.Replayed(0, 0, 2)
        assert await archive.query(
            "SELECT device, uptime_s, throttled, received_ms FROM health ORDER BY 1, 2"
        ) == [
            ("bus-07", 1, True, NOW_MS),
            ("bus-07", 2, None, NOW_MS),
            ("bus-08", 1, None, NOW_MS),
            ("bus-08", 2, None, NOW_MS),
        ]
        newest = archive.newest_commit_id
        assert await archive.query(
            "SELECT DISTINCT commit_id FROM health WHERE device = 'bus-07'"
        ) == [(newest,)]
        [(payload,)] = await archive.query("SELECT payload FROM extras WHERE device = 'bus-07'")
        assert unpack(payload)[1] == {"later": [7, 8]}
        assert (await replayed(archive, "bus-07")).completed == 0
        assert archive.totals == (4, 0)

    within(tmp_path, use)


def test_an_extra_is_gone_once_all_of_it_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def use(archive: Archive) -> None:
        with monkeypatch.context() as patch:
            older(patch, "uplink", without="sinr_db")
            await archive.commit(received(batch([(NOW_MS, uplink(sinr_db=12.5))])))
        assert (await replayed(archive)).completed == 1
        assert await archive.query("SELECT interface, sinr_db FROM uplink") == [("wwan0", 12.5)]
        assert await archive.query("SELECT count(*) FROM extras") == [(0,)]

    within(tmp_path, use)


def test_what_is_refused_is_listed_newest_first_with_its_contents(tmp_path: Path) -> None:
    payload = frame(Header(STREAM, 3, NOW_MS, 5), b"unreadable")

    async def use(archive: Archive) -> None:
        await archive.commit(received(raw_batch({"tyres": {"t": [NOW_MS]}})))
        await archive.commit(received(payload))
        newest, oldest = await refusals.newest(archive)
        assert (oldest.measurement, oldest.reason) == ("tyres", "unknown measurement")
        assert (newest.measurement, newest.points, newest.payload_bytes) == ("", 5, len(payload))
        assert await refusals.contents(archive, newest.id) == payload
        assert await refusals.contents(archive, 999) is None
        assert len(await refusals.newest(archive, limit=1)) == 1
        assert await refusals.newest(archive, device="bus-99") == []

    within(tmp_path, use)
