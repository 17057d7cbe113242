"""Every fault of a history, alone: told by the truth, seen in the archive, scored within bounds."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from homeroute_simulators import history
from homeroute_simulators.faults_wire import OPTIONAL
from homeroute_simulators.history_faults import ALL, LOSSY, MISHAPS, SOME, parse
from homeroute_simulators.score import Metric, score
from homeroute_simulators.truth import Block, Fault, Lost, read
from tests.simulators import filled

DAY = date(2026, 11, 17)


class Past:
    """A history with one kind of fault, and what became of it."""

    def __init__(self, folder: Path, kind: str) -> None:
        filled.history(folder, 3, days=5, buses=4, kinds=(kind,))
        self.folder = folder
        records = list(read(folder / "truth.jsonl.gz"))
        self.faults = [r for r in records if isinstance(r, Fault) and r.kind == kind]
        self.lost = [r for r in records if isinstance(r, Lost)]
        self.blocks = [r for r in records if isinstance(r, Block)]
        found = score(folder / "truth.jsonl.gz", folder / "archive.duckdb")
        self.metrics = {metric.name: metric for metric in found.metrics}
        self.outside = [metric.name for metric in found.metrics if not metric.within]

    def ask(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.folder / "archive.duckdb"), read_only=True) as archive:
            return archive.execute(sql, values).fetchall()

    def count(self, sql: str, *values: object) -> int:
        ((number,),) = self.ask(sql, *values)
        return int(number)

    def metric(self, name: str) -> Metric:
        return self.metrics[name]

    def within(self, measurement: str) -> int:
        """Points of a measurement in the faults' time."""
        return sum(
            self.count(
                f"SELECT count(*) FROM {measurement} WHERE device = ? AND time_ms >= ?"
                " AND time_ms < ?",
                *(fault.device, fault.start_ms, fault.end_ms),
            )
            for fault in self.faults
        )


@pytest.mark.slow
@pytest.mark.parametrize("kind", ALL)
def test_a_fault_is_told_and_the_score_holds(tmp_path: Path, kind: str) -> None:
    past = Past(tmp_path, kind)
    assert past.outside == []
    assert past.faults
    assert all(fault.detail for fault in past.faults)
    assert past.metric("sessions").truth > 200
    lossy = kind in LOSSY | {"no_power", "power_cut"}
    assert bool(past.metric("uplink usable").lost) == lossy
    CHECKS[kind](past)


def nothing_is_told(past: Past) -> None:
    assert past.within("uplink") == past.within("session") == 0


def less_is_told(past: Past) -> None:
    assert past.within("uplink") == 0
    assert past.metric("sessions").lost > 0


def all_is_told(past: Past) -> None:
    assert past.lost == []
    assert past.within("uplink") > 0


def told_in_time_without_service(past: Past) -> None:
    all_is_told(past)
    for fault in past.faults:
        rows = past.ask(
            "SELECT DISTINCT state FROM uplink WHERE device = ? AND time_ms >= ? AND time_ms < ?",
            *(fault.device, fault.start_ms, fault.end_ms),
        )
        assert rows == [(0,)]


def refused_for_its_date(past: Past) -> None:
    nothing_is_told(past)
    assert past.count("SELECT count(*) FROM refusals WHERE reason NOT LIKE '%ahead of%'") == 0
    refused = past.count("SELECT sum(refused) FROM batches")
    assert refused == past.count("SELECT sum(points) FROM refusals") > 0
    assert past.count("SELECT count(*) FROM uplink WHERE time_ms > 2000000000000") == 0


def stored_once(past: Past) -> None:
    all_is_told(past)
    again = past.count(
        "SELECT count(*) FROM (SELECT 1 FROM uplink GROUP BY device, time_ms HAVING count(*) > 1)"
    )
    assert again == 0


def a_reset_is_told_each_time(past: Past) -> None:
    assert past.count("SELECT sum(resets) FROM traffic WHERE role = 'wan'") == len(past.faults)
    assert {lost.of for lost in past.lost} == {"traffic"}


def no_position(past: Past) -> None:
    assert past.within("position") == 0
    assert past.within("uplink") > 0
    assert {lost.of for lost in past.lost} == {"position"}


def nothing_is_blocked(past: Past) -> None:
    assert past.lost == []
    for fault in past.faults:
        during = [
            block
            for block in past.blocks
            if block.device == fault.device and fault.start_ms <= block.time_ms < fault.end_ms
        ]
        assert during == []


def a_batch_is_missing_and_the_gap_shows(past: Past) -> None:
    assert past.within("uplink") == 0
    gaps = past.ask("SELECT stream FROM batches GROUP BY stream HAVING max(seq) > count(*)")
    assert len(gaps) == len(past.faults)


def later_fields_are_absent(past: Past) -> None:
    all_is_told(past)
    assert "temperature_c" in OPTIONAL
    streams = past.count("SELECT count(DISTINCT stream) FROM health WHERE temperature_c IS NULL")
    assert streams == len(past.faults)


def what_is_unknown_is_kept(past: Past) -> None:
    all_is_told(past)
    # A field of a known measurement is set aside, an unknown measurement refused and kept.
    assert past.count("SELECT count(DISTINCT stream) FROM extras") == len(past.faults)
    assert past.ask("SELECT DISTINCT measurement FROM refusals") == [("health_plus",)]


def two_tell_under_one_name(past: Past) -> None:
    all_is_told(past)
    # A second stream of the same name in the time of the first.
    assert past.count(
        "SELECT count(*) FROM (SELECT 1 FROM uplink GROUP BY device, time_ms"
        " HAVING count(DISTINCT stream) > 1)"
    )


CHECKS = {
    "no_power": nothing_is_told,
    "power_cut": less_is_told,
    "late": all_is_told,
    "no_coverage": told_in_time_without_service,
    "modem_flap": told_in_time_without_service,
    "clock_jump": refused_for_its_date,
    "duplicated": stored_once,
    "counter_reset": a_reset_is_told_each_time,
    "gps_loss": no_position,
    "filter_off": nothing_is_blocked,
    "full_disk": a_batch_is_missing_and_the_gap_shows,
    "older_agent": later_fields_are_absent,
    "newer_agent": what_is_unknown_is_kept,
    "cloned_card": two_tell_under_one_name,
}


def test_without_mishaps_a_day_is_what_it_always_was() -> None:
    where = filled.place(7, 20)
    assert all(past.mishap is None for past in history.plan(where, [DAY], kinds=SOME))
    clean = history.plan(where, [DAY], kinds=())
    assert not any(past.lossy or past.late or past.mishap for past in clean)


def test_with_all_a_quarter_of_the_drives_has_a_mishap_of_every_kind() -> None:
    where = filled.place(7, 100)
    drives = history.plan(where, [DAY, date(2026, 11, 18), date(2026, 11, 19)], kinds=ALL)
    kinds = Counter(past.mishap.kind for past in drives if past.mishap)
    assert set(kinds) == set(MISHAPS)
    assert 0.17 < kinds.total() / len(drives) < 0.28


def test_a_card_is_cloned_only_from_a_bus_of_whose_day_nothing_is_lost() -> None:
    drives = history.plan(filled.place(7, 60), [DAY], kinds=ALL)
    lossy = {past.planned.bus.device for past in drives if past.lossy}
    clones = [past for past in drives if past.mishap and past.mishap.kind == "cloned_card"]
    assert clones
    for past in clones:
        assert past.device != past.planned.bus.device
        assert past.device not in lossy


def test_faults_are_named_and_a_wrong_name_is_told_the_right_ones() -> None:
    assert parse("none") == ()
    assert parse("some") == SOME
    assert parse("all") == ALL
    assert parse("full-disk, no_power") == ("no_power", "full_disk")
    with pytest.raises(ValueError, match="'flood': want none, some, all, or a list of no_power"):
        parse("flood")
