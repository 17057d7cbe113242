"""Compares what Homeroute stored with what really happened, metric by metric.

Guarantees: nothing is compared that the truth says was lost (that is counted
beside, as missing); what was reported for time that was lost, or never was, is
an error like any other; the archive is only read. Does not: run while a
collector has the archive open.

The bounds are those of the issue that asked for this: sessions, bytes, learning
client-minutes, lookups and filter hits exact; seconds by uplink state within 0.5%, or within
what sampling every 10 s can know. docs/accuracy.md says what is not scored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from math import sqrt
from pathlib import Path
from statistics import NormalDist
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from homeroute_simulators import score_load
from homeroute_simulators.score_counts import count_blocks, count_minutes
from homeroute_simulators.score_sessions import match_sessions
from homeroute_simulators.score_uplink import DEVIATIONS, Levels, measure_uplink
from homeroute_simulators.score_wifi import count_clients

ACTIVE_SHARE, ACTIVE_LIKELY = 0.02, 0.01
"""Active client-minutes may differ by so much: bytes are noticed at the poll after them.
One in a hundred does (measured); of a few minutes that may be more than two in a hundred,
and three standard deviations of their count are allowed. From 900 minutes on 2% is more."""

MEMORY_LIMIT = "512MB"
"""Of the comparison's database. A year of 100 buses takes a tenth longer than with twice that,
and with half of it almost twice as long."""

ALL_RIGHT = 2 * NormalDist().cdf(DEVIATIONS) - 1
"""How likely a right archive is within a bound of that many deviations."""

STATES = ("no service", "connected", "usable")


@dataclass(frozen=True, slots=True)
class Metric:
    """One row of the table. ``truth`` and ``reported`` are of what was not lost.

    ``lost`` is the truth's part that nobody can report. ``error`` is what differs,
    added up without regard to sign; ``bound`` is how large it may be.
    """

    name: str
    unit: str
    truth: int
    reported: int
    lost: int
    error: float
    bound: float

    @property
    def within(self) -> bool:
        """Whether the metric is right."""
        return self.error <= self.bound

    @property
    def error_share(self) -> float | None:
        """The error as a share of the truth; None where the truth is nothing."""
        return round(self.error / self.truth, 6) if self.truth else None


@dataclass(frozen=True, slots=True)
class Score:
    """All of it. ``devices`` has each device's seconds by state, ``faults`` their count by kind."""

    district: str
    seed: int
    metrics: tuple[Metric, ...]
    devices: tuple[Levels, ...]
    faults: dict[str, int]

    @property
    def within(self) -> bool:
        """Whether every metric is within its bound."""
        return all(metric.within for metric in self.metrics)

    @property
    def deviations(self) -> float:
        """How far a device's seconds may be from what is likely: see :func:`each_of`."""
        return each_of(len(self.devices))

    def document(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        metrics = [
            {**asdict(metric), "error_share": metric.error_share, "within": metric.within}
            for metric in self.metrics
        ]
        return {
            "district": self.district,
            "seed": self.seed,
            "within": self.within,
            "metrics": metrics,
            "uplink": [level.document(self.deviations) for level in self.devices],
            "faults": self.faults,
        }


STAGES = ("truth", "uplink", "sessions", "Wi-Fi clients", "minutes", "filter hits")
"""What :func:`score` is at, one after the other."""


def score(truth: Path, archive: Path, *, progress: Callable[[str], None] = lambda _: None) -> Score:
    """Score an archive file against a truth file; ``progress`` is told each stage it begins.

    Raises :class:`~homeroute_simulators.truth.TruthError`, OSError, or
    :class:`~homeroute_simulators.score_load.ScoreError`.
    """
    with _workbench() as work:
        progress("truth")
        run = score_load.load(work, truth, archive)
        progress("uplink")
        devices = measure_uplink(work)
        metrics: list[Metric] = []
        compared = zip(STAGES[2:], (_sessions, _clients, _minutes, _hits), strict=True)
        for stage, compare in compared:
            progress(stage)
            metrics += compare(work)
        metrics += _uplink(devices)
        faults = dict(
            work.execute("SELECT kind, count(*) FROM fault GROUP BY 1 ORDER BY 1").fetchall()
        )
    return Score(run.district, run.seed, tuple(metrics), devices, faults)


def each_of(devices: int) -> float:
    """Deviations for each of so many devices' states, all of them together as sure as one.

    Of a thousand comparisons held to three deviations each, three fail by chance.
    """
    comparisons = max(1, 3 * devices)
    return NormalDist().inv_cdf(1 - (1 - ALL_RIGHT ** (1 / comparisons)) / 2)


@contextmanager
def _workbench() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database of its own for the comparison, on disk, so that memory stays bounded."""
    with TemporaryDirectory(prefix="homeroute-score-") as folder:
        config: dict[str, Any] = {
            "memory_limit": MEMORY_LIMIT,
            "threads": 2,
            "temp_directory": folder,
        }
        work = duckdb.connect(str(Path(folder, "work.duckdb")), config=config)
        try:
            yield work
        finally:
            work.close()


def _sessions(work: duckdb.DuckDBPyConnection) -> Iterator[Metric]:
    found = match_sessions(work)
    yield Metric(
        "sessions",
        "sessions",
        found.expected,
        found.matched + found.invented,
        found.lost,
        found.missing + found.invented,
        0,
    )
    for way, truth, reported, lost, error in (
        ("down", found.down_truth, found.down_reported, found.down_lost, found.down_error),
        ("up", found.up_truth, found.up_reported, found.up_lost, found.up_error),
    ):
        yield Metric(f"session bytes {way}", "bytes", truth, reported, lost, error, 0)

    for name, wrong in (("ends", found.ends_wrong), ("SSIDs", found.ssids_wrong)):
        right = found.matched - wrong
        yield Metric(f"session {name}", "sessions", found.matched, right, 0, wrong, 0)


def _clients(work: duckdb.DuckDBPyConnection) -> Iterator[Metric]:
    found = count_clients(work)
    right = found.samples - found.wrong
    yield Metric("Wi-Fi client counts", "samples", found.samples, right, 0, found.wrong, 0)


def active_bound(minutes: int) -> float:
    """How many of so many active client-minutes may be counted otherwise."""
    likely = ACTIVE_LIKELY * minutes
    return max(ACTIVE_SHARE * minutes, likely + 3 * sqrt(likely))


def _minutes(work: duckdb.DuckDBPyConnection) -> Iterator[Metric]:
    for name, count in count_minutes(work).items():
        yield Metric(
            name if name == "lookups" else f"{name} client-minutes",
            "lookups" if name == "lookups" else "min",
            count.truth,
            count.reported,
            count.lost,
            count.error,
            active_bound(count.truth) if name == "active" else 0,
        )


def _hits(work: duckdb.DuckDBPyConnection) -> Iterator[Metric]:
    count = count_blocks(work)
    yield Metric("filter hits", "hits", count.truth, count.reported, count.lost, count.error, 0)


def _uplink(devices: tuple[Levels, ...]) -> Iterator[Metric]:
    district = Levels.together(devices)
    lost = district.lost_ms // 1000
    for state, name in enumerate(STATES):
        truth_ms, reported_ms = district.truth_ms[state], district.reported_ms[state]
        error = abs(reported_ms - truth_ms) / 1000
        yield Metric(
            f"uplink {name}",
            "s",
            truth_ms // 1000,
            reported_ms // 1000,
            lost,
            error,
            district.bound_ms(state) / 1000,
        )
    yield Metric(
        "uplink misplaced",
        "s",
        sum(district.truth_ms) // 1000,
        (sum(district.truth_ms) - district.misplaced_ms) // 1000,
        lost,
        district.misplaced_ms / 1000,
        district.misplaced_bound_ms() / 1000,
    )
    right = district.samples - district.wrong
    yield Metric("uplink samples", "samples", district.samples, right, 0, district.wrong, 0)
    yield Metric(
        "uplink not reported",
        "s",
        0,
        district.unreported_ms // 1000,
        lost,
        district.unreported_ms / 1000,
        district.silence_bound_ms / 1000,
    )
    yield Metric(
        "uplink invented",
        "s",
        0,
        district.invented_ms // 1000,
        0,
        district.invented_ms / 1000,
        district.overrun_bound_ms / 1000,
    )
    outside = sum(not level.within(each_of(len(devices))) for level in devices)
    yield Metric("devices with uplink outside", "devices", 0, outside, 0, outside, 0)
