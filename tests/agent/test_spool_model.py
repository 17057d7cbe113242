"""The spool against a naive model: random steps, the bound, and power cuts anywhere."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from homeroute_agent.spool import Batch, Spool
from homeroute_agent.spool_records import ROW_BYTES, Key
from homeroute_wire.messages import Receipt

pytestmark = pytest.mark.slow

STREAM = "00000000000000aa"
NOW_MS = 1_795_299_000_000
BOOTS = ("boot-1", "boot-2")

POINTS = st.integers(1, 9)
SIZES = st.integers(0, 900)


@dataclass
class Row:
    points: int
    size: int
    sent: bool = False


@dataclass
class Model:
    """What a spool is, without files: two ordered dicts and four counters."""

    bound: int
    sampled: int = 0
    stored: int = 0
    refused: int = 0
    dropped: int = 0
    batches: dict[Key, Row] = field(default_factory=dict)
    undated: list[tuple[str, Row]] = field(default_factory=list)

    @property
    def rows(self) -> list[Row]:
        return [*self.batches.values(), *(row for _, row in self.undated)]

    def room(self, size: int) -> bool:
        while sum(row.size for row in self.rows) + size > self.bound:
            unsent = next((key for key, row in self.batches.items() if not row.sent), None)
            if unsent is not None:
                self.dropped += self.batches.pop(unsent).points
            elif self.undated:
                self.dropped += self.undated.pop(0)[1].points
            else:
                return False
        return True

    def insert(self, key: Key, row: Row) -> None:
        if self.room(row.size):
            self.batches[key] = row
        else:
            self.dropped += row.points


class SpoolMachine(RuleBasedStateMachine):
    """Every rule does the same to the spool and to the model."""

    @initialize(bound=st.sampled_from([1_000, 3_000, 100_000]))
    def begin(self, bound: int) -> None:
        self.scratch = Path(tempfile.mkdtemp())
        self.life = 0
        self.seq = 0
        self.model = Model(bound)
        self.spool = self.reopen(self.scratch / "0" / "spool.sqlite")

    def reopen(self, path: Path) -> Spool:
        return Spool.open(path, max_bytes=self.model.bound)

    def batch(self, points: int, size: int) -> Batch:
        self.seq += 1
        return Batch(STREAM, self.seq, points, bytes(size))

    @rule(points=POINTS, size=SIZES)
    def append(self, points: int, size: int) -> None:
        batch = self.batch(points, size)
        self.spool.append(batch, now_ms=NOW_MS)
        self.model.sampled += points
        self.model.insert(batch.key, Row(points, size + ROW_BYTES))

    @rule(points=POINTS, size=SIZES, boot=st.sampled_from(BOOTS))
    def append_undated(self, points: int, size: int, boot: str) -> None:
        self.spool.append_undated(boot, points, bytes(size))
        self.model.sampled += points
        if self.model.room(size + ROW_BYTES):
            self.model.undated.append((boot, Row(points, size + ROW_BYTES)))
        else:
            self.model.dropped += points

    @rule(boot=st.sampled_from(BOOTS), keep=st.floats(0, 1), size=SIZES)
    def date(self, boot: str, keep: float, size: int) -> None:
        waiting = self.spool.undated(boot, limit=1)
        expected = next((entry for entry in self.model.undated if entry[0] == boot), None)
        assert [row.points for row in waiting] == ([expected[1].points] if expected else [])
        if expected is None:
            return
        kept = round(expected[1].points * keep)
        batches = [self.batch(kept, size)] if kept else []
        self.spool.date(waiting[0], batches, now_ms=NOW_MS)
        self.model.undated.remove(expected)
        self.model.dropped += expected[1].points - kept
        for batch in batches:
            self.model.insert(batch.key, Row(kept, size + ROW_BYTES))

    @rule(boot=st.sampled_from(BOOTS))
    def boot(self, boot: str) -> None:
        gone = [row for name, row in self.model.undated if name != boot]
        assert self.spool.drop_undated_of_other_boots(boot) == sum(row.points for row in gone)
        self.model.undated = [entry for entry in self.model.undated if entry[0] == boot]
        self.model.dropped += sum(row.points for row in gone)

    @rule(points=POINTS)
    def lose(self, points: int) -> None:
        self.spool.drop(points)
        self.spool.remember_clock(BOOTS[0], 0, NOW_MS)  # any write makes it durable
        self.model.sampled += points
        self.model.dropped += points

    @rule()
    def take(self) -> None:
        taken = self.spool.take()
        unsent = [key for key, row in self.model.batches.items() if not row.sent]
        assert (taken.key if taken else None) == (unsent[-1] if unsent else None)
        if taken:
            self.model.batches[taken.key].sent = True

    @rule(seq=st.integers(1, 60), share=st.floats(0, 1), off=st.sampled_from([0, 0, 0, 1]))
    def settle(self, seq: int, share: float, off: int) -> None:
        key = (STREAM, seq)
        row = self.model.batches.get(key)
        stored = round(row.points * share) if row else 1
        refused = (row.points - stored if row else 0) + off
        settlement = self.spool.settle([Receipt(*key, stored, refused)])
        exact = row is not None and row.sent and not off
        assert settlement.settled == ((key,) if exact else ())
        if exact:
            del self.model.batches[key]
            self.model.stored += stored
            self.model.refused += refused

    @rule(seq=st.integers(1, 60))
    def release(self, seq: int) -> None:
        self.spool.release([(STREAM, seq)])
        if (STREAM, seq) in self.model.batches:
            self.model.batches[STREAM, seq].sent = False

    @rule()
    def restart(self) -> None:
        self.spool.close()
        self.spool = self.reopen(self.scratch / str(self.life) / "spool.sqlite")

    @rule()
    def power_cut(self) -> None:
        """Go on from the files as they stand, without any farewell."""
        now, self.life = self.scratch / str(self.life), self.life + 1
        after = self.scratch / str(self.life)
        shutil.copytree(now, after)
        self.spool.close()
        self.spool = self.reopen(after / "spool.sqlite")

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "spool"):
            return
        ledger, model = self.spool.ledger(), self.model
        assert (ledger.sampled, ledger.stored, ledger.refused, ledger.dropped) == (
            model.sampled,
            model.stored,
            model.refused,
            model.dropped,
        )
        assert ledger.spooled == sum(row.points for row in model.rows)
        assert ledger.spool_bytes == sum(row.size for row in model.rows) <= model.bound
        assert ledger.sampled == sum(
            (ledger.stored, ledger.refused, ledger.dropped, ledger.spooled)
        )
        assert self.spool.pending() == [(*key, row.points) for key, row in model.batches.items()]
        assert {batch.key for batch in self.spool.sent()} == {
            key for key, row in model.batches.items() if row.sent
        }

    def teardown(self) -> None:
        if hasattr(self, "spool"):
            self.spool.close()
            shutil.rmtree(self.scratch)


TestSpool = SpoolMachine.TestCase
TestSpool.settings = settings(
    max_examples=25,
    stateful_step_count=30,
    suppress_health_check=[HealthCheck.too_slow],
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(st.integers(0, 2), min_size=3, max_size=12), share=st.floats(0, 1))
def test_a_log_torn_by_a_power_cut_leaves_a_sound_spool_whose_ledger_holds(
    steps: list[int], share: float
) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        path, copy = Path(scratch) / "spool.sqlite", Path(scratch) / "after" / "spool.sqlite"
        spool = Spool.open(path)
        for seq, step in enumerate(steps, 1):
            spool.append(Batch(STREAM, seq, 3, bytes(700)), now_ms=NOW_MS)
            if step and (taken := spool.take()) is not None and step == 2:
                spool.settle([Receipt(*taken.key, 2, 1)])
        log = Path(f"{path}-wal").read_bytes()
        copy.parent.mkdir()
        shutil.copy(path, copy)
        Path(f"{copy}-wal").write_bytes(log[: round(len(log) * share)])
        spool.close()
        after = Spool.open(copy)
        ledger = after.ledger()
        assert ledger.sampled == sum(
            (ledger.stored, ledger.refused, ledger.dropped, ledger.spooled)
        )
        assert ledger.sampled % 3 == 0
        assert ledger.dropped == 0
        after.close()
