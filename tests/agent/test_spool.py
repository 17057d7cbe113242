"""The spool: exact acknowledgements, the bound, full disks, broken files, the ledger."""

from __future__ import annotations

import logging
import stat
from pathlib import Path

import pytest

from homeroute_agent.spool import Batch, Ledger, Spool, SpoolError
from homeroute_agent.spool_file import Counters
from homeroute_agent.spool_records import Key
from homeroute_wire.messages import Receipt

STREAM = "00000000000000aa"
NOW_MS = 1_795_299_000_000


def batch(seq: int, points: int = 3, size: int = 300) -> Batch:
    return Batch(STREAM, seq, points, bytes(size))


def open_spool(folder: Path, max_bytes: int = 2**26) -> Spool:
    return Spool.open(folder / "spool.sqlite", max_bytes=max_bytes)


def holds(ledger: Ledger) -> bool:
    return ledger.sampled == ledger.stored + ledger.refused + ledger.dropped + ledger.spooled


def test_an_acknowledgement_deletes_exactly_the_batches_it_names(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    for seq in range(1, 5):
        spool.append(batch(seq), now_ms=NOW_MS)
        assert spool.take() is not None
    settlement = spool.settle([Receipt(STREAM, 3, 2, 1), Receipt(STREAM, 1, 3, 0)])
    assert settlement.settled == ((STREAM, 3), (STREAM, 1))
    assert [seq for _, seq, _ in spool.pending()] == [2, 4]
    assert spool.ledger() == Ledger(12, 5, 1, 0, 6, 2 * (300 + 96))


def test_an_acknowledgement_of_a_batch_never_sent_is_ignored(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append(batch(1), now_ms=NOW_MS)
    assert spool.settle([Receipt(STREAM, 1, 3, 0)]).settled == ()
    assert spool.pending() == [(STREAM, 1, 3)]


def test_an_acknowledgement_of_another_stream_is_ignored(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append(batch(1), now_ms=NOW_MS)
    spool.take()
    assert spool.settle([Receipt("00000000000000bb", 1, 3, 0)]).settled == ()
    assert spool.ledger().spooled == 3


def test_an_acknowledgement_whose_counts_do_not_add_up_is_ignored_and_told(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append(batch(1), now_ms=NOW_MS)
    spool.take()
    wrong = Receipt(STREAM, 1, 3, 1)
    assert spool.settle([wrong]).wrong == (wrong,)
    assert spool.ledger() == Ledger(3, 0, 0, 0, 3, 396)


def test_a_repeated_acknowledgement_counts_once(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append(batch(1), now_ms=NOW_MS)
    spool.take()
    receipt = Receipt(STREAM, 1, 3, 0)
    spool.settle([receipt, receipt])
    spool.settle([receipt])
    assert spool.ledger() == Ledger(3, 3, 0, 0, 0, 0)


def test_the_newest_unsent_batch_is_taken_first(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    for seq in range(1, 4):
        spool.append(batch(seq), now_ms=NOW_MS)
    taken: list[Key] = []
    while (next_one := spool.take(skip={(STREAM, 2)})) is not None:
        taken.append(next_one.key)
    assert taken == [(STREAM, 3), (STREAM, 1)]


def test_a_batch_stays_newer_than_those_before_it_when_they_are_gone(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append(batch(1), now_ms=NOW_MS)
    first = spool.take()
    assert first is not None
    spool.settle([Receipt(STREAM, 1, 3, 0)])
    spool.append(batch(2), now_ms=NOW_MS)
    second = spool.take(newer_than=first.id)
    assert second is not None and second.seq == 2


def test_what_was_taken_is_known_as_sent_after_a_restart(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append(batch(1), now_ms=NOW_MS)
    spool.append(batch(2), now_ms=NOW_MS)
    taken = spool.take()
    spool.close()
    assert open_spool(tmp_path).sent() == [taken]


def test_at_the_bound_the_oldest_unsent_batch_goes_and_is_counted(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, max_bytes=3 * 396)
    for seq in range(1, 6):
        spool.append(batch(seq), now_ms=NOW_MS)
    assert [seq for _, seq, _ in spool.pending()] == [3, 4, 5]
    assert spool.ledger() == Ledger(15, 0, 0, 6, 9, 3 * 396)


def test_at_the_bound_what_the_collector_may_have_is_never_dropped(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, max_bytes=2 * 396)
    spool.append(batch(1), now_ms=NOW_MS)
    spool.take()
    spool.append(batch(2), now_ms=NOW_MS)
    spool.take()
    spool.append(batch(3), now_ms=NOW_MS)
    assert [seq for _, seq, _ in spool.pending()] == [1, 2]
    assert spool.ledger() == Ledger(9, 0, 0, 3, 6, 2 * 396)


def test_a_batch_the_collector_says_it_has_not_may_be_dropped_again(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, max_bytes=396)
    spool.append(batch(1), now_ms=NOW_MS)
    spool.take()
    spool.release([(STREAM, 1)])
    assert spool.sent() == []
    spool.append(batch(2), now_ms=NOW_MS)
    assert [seq for _, seq, _ in spool.pending()] == [2]


def test_undated_samples_go_at_the_bound_after_every_unsent_batch(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, max_bytes=2 * 396)
    spool.append(batch(1), now_ms=NOW_MS)
    spool.append_undated("boot", 5, bytes(300))
    spool.append_undated("boot", 7, bytes(300))
    assert [row.points for row in spool.undated("boot")] == [5, 7]
    spool.append_undated("boot", 9, bytes(300))
    assert [row.points for row in spool.undated("boot")] == [7, 9]
    assert spool.ledger() == Ledger(24, 0, 0, 8, 16, 2 * 396)


def test_dating_moves_samples_into_batches_and_counts_what_is_missing(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append_undated("boot", 10, b"samples")
    (row,) = spool.undated("boot")
    spool.date(row, [batch(1, 6), batch(2, 3)], now_ms=NOW_MS)
    assert spool.undated("boot") == []
    assert spool.ledger() == Ledger(10, 0, 0, 1, 9, 2 * 396)


def test_dating_the_same_samples_twice_changes_nothing(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append_undated("boot", 2, b"samples")
    (row,) = spool.undated("boot")
    spool.date(row, [batch(1, 2)], now_ms=NOW_MS)
    before = spool.ledger()
    spool.date(row, [batch(2, 2)], now_ms=NOW_MS)
    assert spool.ledger() == before


def test_samples_of_a_boot_that_ended_undated_are_dropped_and_counted(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append_undated("boot-1", 4, b"a")
    spool.append_undated("boot-1", 5, b"b")
    spool.append_undated("boot-2", 6, b"c")
    assert spool.drop_undated_of_other_boots("boot-2") == 9
    assert spool.ledger() == Ledger(15, 0, 0, 9, 6, 97)


def test_a_full_disk_drops_new_points_counts_them_and_the_spool_lives(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append(batch(1), now_ms=NOW_MS)
    # The same error a full disk gives: SQLITE_FULL.
    pages = spool._file._db.execute("PRAGMA page_count").fetchone()[0]
    spool._file._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(SpoolError, match="database or disk is full"):
        spool.append(batch(2, points=7, size=100_000), now_ms=NOW_MS)
    full = spool.ledger()
    assert (full.sampled, full.dropped, full.spooled) == (10, 7, 3)
    assert spool.take() is not None  # what is there is still delivered
    spool._file._db.execute("PRAGMA max_page_count = 1000000")
    spool.append(batch(3), now_ms=NOW_MS)
    spool.close()
    after = open_spool(tmp_path).ledger()
    assert (after.sampled, after.dropped, after.spooled) == (13, 7, 6)
    assert holds(after)


def test_points_that_never_reached_the_spool_are_counted_with_the_next_that_do(
    tmp_path: Path,
) -> None:
    spool = open_spool(tmp_path)
    spool.drop(4)
    assert spool.ledger() == Ledger(4, 0, 0, 4, 0, 0)
    spool.append(batch(1), now_ms=NOW_MS)
    spool.close()
    assert open_spool(tmp_path).ledger() == Ledger(7, 0, 0, 4, 3, 396)


@pytest.mark.parametrize(
    "rubbish", [b"", b"\0" * 100, b"not a database, long enough to be one\n" * 9]
)
def test_a_file_that_is_no_spool_is_moved_aside_and_said(
    tmp_path: Path, rubbish: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "spool.sqlite").write_bytes(rubbish)
    spool = open_spool(tmp_path)
    assert spool.ledger() == Ledger(0, 0, 0, 0, 0, 0)
    if rubbish:
        assert (tmp_path / "spool.sqlite.corrupt-1").read_bytes() == rubbish
        assert "moved to spool.sqlite.corrupt-1; starting empty" in caplog.text
        assert "the ledger begins anew at 0" in caplog.text


def test_the_spool_after_a_corrupt_one_is_the_agents_alone_too(tmp_path: Path) -> None:
    (tmp_path / "spool.sqlite").write_bytes(b"rubbish " * 100)
    spool = open_spool(tmp_path)
    spool.append(batch(1), now_ms=NOW_MS)
    for file in (tmp_path / "spool.sqlite", tmp_path / "spool.sqlite-wal"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_broken_page_keeps_the_ledger_and_counts_what_was_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool = open_spool(tmp_path)
    for seq in range(1, 40):
        spool.append(batch(seq), now_ms=NOW_MS)
    spool.take()
    spool.settle([Receipt(STREAM, 39, 2, 1)])
    spool.close()
    file = tmp_path / "spool.sqlite"
    content = bytearray(file.read_bytes())
    content[4096:8192] = b"\xff" * 4096  # the root of the batches, not the ledger's page
    file.write_bytes(content)
    assert open_spool(tmp_path).ledger() == Ledger(117, 2, 1, 114, 0, 0)
    assert "the ledger goes on, what the file held counts as dropped" in caplog.text


def test_a_spool_that_breaks_while_in_use_is_replaced_and_the_agent_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool = open_spool(tmp_path)
    for seq in range(1, 400):
        spool.append(batch(seq), now_ms=NOW_MS)
    spool._file._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    spool._file._db.execute("PRAGMA shrink_memory")
    file = tmp_path / "spool.sqlite"
    with file.open("r+b") as raw:
        raw.seek(4096)
        raw.write(b"\xff" * (file.stat().st_size - 4096))
    spool.append(batch(400), now_ms=NOW_MS)
    assert "is corrupt" in caplog.text
    assert spool.ledger() == Ledger(1200, 0, 0, 1197, 3, 396)
    assert (tmp_path / "spool.sqlite.corrupt-1").exists()


def test_each_broken_file_is_kept_under_a_name_of_its_own(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / "spool.sqlite").write_bytes(b"rubbish " * 100)
        open_spool(tmp_path).close()
        assert (tmp_path / f"spool.sqlite.corrupt-{number}").exists()


def test_a_spool_of_another_version_is_kept_aside(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append(batch(1), now_ms=NOW_MS)
    spool._file._db.execute("PRAGMA user_version = 99")
    spool.close()
    assert open_spool(tmp_path).ledger() == Ledger(3, 0, 0, 3, 0, 0)
    assert (tmp_path / "spool.sqlite.corrupt-1").exists()


def test_a_second_agent_on_the_same_spool_is_refused(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    with pytest.raises(SpoolError, match="another agent uses it"):
        open_spool(tmp_path)
    spool.append(batch(1), now_ms=NOW_MS)
    assert spool.ledger().spooled == 3


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SpoolError, match=r"spool .*spool.sqlite: cannot open: "):
        open_spool(tmp_path / "file" / "state")


def test_only_the_agent_may_read_its_spool(tmp_path: Path) -> None:
    spool = open_spool(tmp_path / "state")
    spool.append(batch(1), now_ms=NOW_MS)
    for file in (tmp_path / "state").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


def test_the_clock_of_this_boot_is_remembered_and_appends_keep_the_time(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    assert spool.clock().saved_ms is None
    spool.remember_clock("boot", NOW_MS - 5000, NOW_MS)
    spool.append(batch(1), now_ms=NOW_MS + 60_000)
    spool.close()
    clock = open_spool(tmp_path).clock()
    assert (clock.boot, clock.offset_ms, clock.saved_ms) == ("boot", NOW_MS - 5000, NOW_MS + 60_000)


def test_a_broken_ledger_is_not_believed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spool = open_spool(tmp_path)
    spool._file._db.execute("UPDATE ledger SET stored = 5")
    spool._file._db.execute("PRAGMA user_version = 99")
    spool.close()
    caplog.set_level(logging.ERROR)
    spool = open_spool(tmp_path)
    assert spool._file._known == Counters()
