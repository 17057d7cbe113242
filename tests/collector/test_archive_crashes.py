"""The archive killed, cut short, out of disk and already open: nothing acked is lost."""

from __future__ import annotations

import asyncio
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from homeroute_collector.archive import Archive
from homeroute_collector.archive_records import ArchiveError
from tests.collector.batches import DISTRICT, STREAM

pytestmark = pytest.mark.slow


@contextmanager
def committing(path: Path, first: int, *more: str) -> Iterator[subprocess.Popen[str]]:
    """The program that commits, in a process of its own; killed at the end."""
    program = subprocess.Popen(
        [sys.executable, "-m", "tests.collector.committing", str(path), str(first), *more],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield program
    finally:
        program.kill()
        program.communicate()


def next_line(program: subprocess.Popen[str]) -> str:
    assert program.stdout is not None
    line = program.stdout.readline()
    assert line, "the program ended by itself"
    return line.strip()


def what_is_stored(path: Path) -> tuple[list[int], Archive]:
    """The batches in the archive, after checking that each is there whole and once."""
    archive = Archive.open(path, district=DISTRICT)

    async def read() -> list[int]:
        batches = await archive.query("SELECT seq, stored, refused FROM batches ORDER BY seq")
        assert all(row[1:] == (2, 1) for row in batches)
        points = await archive.query(
            "SELECT uptime_s, count(*) FROM health GROUP BY uptime_s ORDER BY uptime_s"
        )
        refusals = await archive.query(
            "SELECT seq, sum(points)::INT FROM refusals GROUP BY seq ORDER BY seq"
        )
        seqs = [row[0] for row in batches]
        assert points == [(seq, 2) for seq in seqs]
        assert refusals == [(seq, 1) for seq in seqs]
        return seqs

    return asyncio.run(read()), archive


def test_a_collector_killed_at_any_moment_has_all_it_acknowledged_once(tmp_path: Path) -> None:
    path = tmp_path / "archive.duckdb"
    chance = random.Random(7)
    acknowledged: set[int] = set()
    first = 1
    for _ in range(6):
        # It begins again at what it may not have had acknowledged, as a bus does.
        with committing(path, max(1, first - 8)) as program:
            for _ in range(chance.randint(9, 120)):
                acknowledged.add(int(next_line(program).split()[0]))
        seqs, archive = what_is_stored(path)
        assert acknowledged <= set(seqs)
        assert seqs == list(range(1, len(seqs) + 1))
        assert archive.totals == (2 * len(seqs), len(seqs))
        assert archive.seq_gaps("bus-07", STREAM) == 0
        archive.close()
        first = len(seqs) + 1


def test_a_log_cut_short_by_a_power_cut_opens_with_the_commits_before_the_cut(
    tmp_path: Path,
) -> None:
    path = tmp_path / "archive.duckdb"
    with committing(path, 1) as program:
        for _ in range(60):
            next_line(program)
    log = Path(f"{path}.wal")
    size = log.stat().st_size
    chance = random.Random(11)
    for cut in sorted(chance.randint(1, size) for _ in range(12)):
        copy = tmp_path / "copy" / path.name
        shutil.rmtree(copy.parent, ignore_errors=True)
        copy.parent.mkdir()
        shutil.copy(path, copy)
        Path(f"{copy}.wal").write_bytes(log.read_bytes()[:cut])
        seqs, archive = what_is_stored(copy)
        assert seqs == list(range(1, len(seqs) + 1))
        archive.close()


def test_a_full_disk_is_waited_out_and_nothing_is_acknowledged_until_then(tmp_path: Path) -> None:
    path = tmp_path / "archive.duckdb"
    Archive.open(path, district=DISTRICT).close()
    bound = path.stat().st_size + 65_536
    acknowledged: set[int] = set()
    with committing(path, 1, str(bound)) as program:
        while (line := next_line(program)) != "full":
            acknowledged.add(int(line.split()[0]))
        assert acknowledged, "it worked before the disk was full"
        assert program.stdin is not None
        program.stdin.write("\n")
        program.stdin.flush()
        for _ in range(40):
            seq, outcome = next_line(program).split()
            assert outcome == "stored"
            acknowledged.add(int(seq))
    seqs, archive = what_is_stored(path)
    archive.close()
    assert acknowledged <= set(seqs)


def test_an_archive_open_elsewhere_is_said_to_be_in_use(tmp_path: Path) -> None:
    path = tmp_path / "archive.duckdb"
    with committing(path, 1) as program:
        next_line(program)
        with pytest.raises(ArchiveError) as raised:
            Archive.open(path, district=DISTRICT)
    text = str(raised.value)
    assert text.startswith(f"open archive {path}: another process has it open; ")
    assert "HTTP API" in text
