"""The spool under SIGKILL: whatever it said is done, is still so in the next life."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from homeroute_agent.spool import Spool

pytestmark = pytest.mark.slow

WORK = """
import random, sys
from pathlib import Path
from homeroute_agent.spool import Batch, Spool
from homeroute_wire.messages import Receipt

spool = Spool.open(Path(sys.argv[1]), max_bytes=40_000)
life = random.Random(sys.argv[2])
stream, seq, sampled, settled = sys.argv[2], 0, 0, 0
for batch in spool.sent():
    spool.settle([Receipt(*batch.key, batch.points, 0)])
    settled += batch.points
while True:
    seq += 1
    points = life.randint(1, 9)
    spool.append(Batch(stream, seq, points, bytes(life.randint(1, 900))), now_ms=1)
    sampled += points
    if life.random() < 0.9 and (taken := spool.take()) is not None and life.random() < 0.9:
        spool.settle([Receipt(*taken.key, taken.points, 0)])
        settled += taken.points
    print(sampled, settled, flush=True)
"""


def test_fifty_kills_lose_nothing_that_was_said_to_be_done(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    chance = random.Random(7)
    sampled_before = stored_before = 0
    for life in range(50):
        stream = f"{life:016x}"
        with subprocess.Popen(
            [sys.executable, "-c", WORK, str(path), stream], stdout=subprocess.PIPE, text=True
        ) as worker:
            assert worker.stdout is not None
            worker.stdout.readline()
            time.sleep(chance.uniform(0, 0.1))
            worker.kill()
            lines = [
                line for line in worker.stdout.read().splitlines(keepends=True) if "\n" in line
            ]
        spool = Spool.open(path, max_bytes=40_000)
        ledger = spool.ledger()
        assert ledger.sampled == sum(
            (ledger.stored, ledger.refused, ledger.dropped, ledger.spooled)
        ), f"life {life}"
        if lines:
            sampled, settled = map(int, lines[-1].split())
            assert ledger.sampled >= sampled_before + sampled
            assert ledger.stored >= stored_before + settled
        sampled_before, stored_before = ledger.sampled, ledger.stored
        spool.close()
    assert stored_before > 100
    assert not list(tmp_path.glob("*.corrupt-*"))
